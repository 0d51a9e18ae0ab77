package reports

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/mlcheck/mlcheck/checker"
)

// storiesPerProperty is how many findings of a property the texts tell; the
// page has the rest.
const storiesPerProperty = 3

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Properties []junitProperty `xml:"properties>property,omitempty"`
	Cases      []junitCase     `xml:"testcase"`
	Out        string          `xml:"system-out,omitempty"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Failure *junitMessage `xml:"failure"`
	Error   *junitMessage `xml:"error"`
	Skipped *junitMessage `xml:"skipped"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr,omitempty"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// JUnit writes the results for continuous integration, a test case for each
// property. A violated claim fails, a claim that stayed unknown is an error, and
// what was not decided is skipped. A property that nobody claimed never turns a
// build red, but it passes only if it holds: violated, it is skipped with its
// findings in the output. The suite is red exactly if the run's verdict is not
// holds.
func JUnit(w io.Writer, res *checker.Results, name string) error {
	suite := junitSuite{Name: cmp.Or(visible(name), "mlcheck"), Out: visible(res.Why)}
	suite.Properties = []junitProperty{{"seed", fmt.Sprint(res.Seed)}, {"repeat", visible(res.Repeat)}}
	for _, p := range properties(res) {
		suite.add(junitOf(p, suite.Name))
	}
	if suite.Failures+suite.Errors == 0 && res.Verdict != checker.Holds {
		suite.add(junitRun(res, suite.Name))
	}
	all := junitSuites{
		Tests: suite.Tests, Failures: suite.Failures, Errors: suite.Errors, Skipped: suite.Skipped,
		Suites: []junitSuite{suite},
	}
	b, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding JUnit: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, b)
	return err
}

func (s *junitSuite) add(c junitCase) {
	s.Cases = append(s.Cases, c)
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
}

func junitOf(p property, class string) junitCase {
	c := junitCase{Class: class, Name: visible(p.Name)}
	msg := &junitMessage{Message: junitWords(p)}
	switch v := p.verdict(); {
	case p.broken():
		msg.Type, msg.Text = "violated", stories(p)
		c.Failure = msg
	case v == checker.Holds:
		c.Out = msg.Message
	case v == checker.NotDecided || !p.Claimed || p.observed():
		c.Skipped, c.Out = &junitMessage{Message: msg.Message}, stories(p)
	default:
		msg.Type = string(v)
		c.Error = msg
	}
	return c
}

// junitRun is the case of a run that is no pass though no property says why:
// nothing was decided, a fault was absent, or it was interrupted.
func junitRun(res *checker.Results, class string) junitCase {
	msg := &junitMessage{Message: visible(res.Why), Type: string(res.Verdict)}
	c := junitCase{Class: class, Name: "the run as a whole"}
	if res.Verdict == checker.Violated {
		c.Failure = msg
	} else {
		c.Error = msg
	}
	return c
}

func junitWords(p property) string {
	parts := []string{p.standing(), string(p.verdict())}
	if f := p.figures(); f != "" {
		parts = append(parts, f)
	}
	s := strings.Join(parts, ", ")
	if p.Reason != "" {
		s += ": " + visible(p.Reason)
	}
	return s
}

// stories tells a property's first findings, and how many it does not tell.
func stories(p property) string {
	var b strings.Builder
	for i, f := range p.Findings {
		if i == storiesPerProperty {
			break
		}
		fmt.Fprintf(&b, "%s [%s] %s\n", visible(f.Label), visible(f.ID), visible(f.Story))
	}
	if n := untold(p, storiesPerProperty); n > 0 {
		fmt.Fprintf(&b, "%s more: see %s\n", count(n), htmlFile)
	}
	return b.String()
}

// untold is how many violations are not shown when only the first most findings are.
func untold(p property, most int) int {
	return max(p.Violations, len(p.Findings)) - min(len(p.Findings), most)
}
