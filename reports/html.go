package reports

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
)

//go:embed assets/report.html
var pageSource string

//go:embed assets/report.css
var pageStyle string

//go:embed assets/report.js
var pageScript string

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"style":  func() template.CSS { return template.CSS(pageStyle) }, //nolint:gosec // our own file
	"script": func() template.JS { return template.JS(pageScript) },  //nolint:gosec // our own file
	"policy": func() string { return pagePolicy },
	"packed": func(c columns) template.HTML { return template.HTML(c.Data) }, //nolint:gosec // the URL-safe base64 alphabet, see deflated
}).Parse(pageSource))

// pagePolicy forbids a page to load anything and to run any script but ours:
// escaping is what keeps untrusted text harmless, and this holds if it fails.
var pagePolicy = fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", hashOf(pageStyle), hashOf(pageScript))

func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// HTML writes the page of a run: one file that loads nothing from elsewhere and
// reads without scripts, but for zooming in the timeline. O(operations), and its
// size is bounded however long the history is.
func HTML(w io.Writer, r *Run) error {
	p, err := newPage(r)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		return fmt.Errorf("making the page: %w", err)
	}
	_, err = b.WriteTo(w)
	return err
}
