package engine

import (
	"archive/tar"
	"bytes"
	"fmt"
)

// File is a file to be put into an image or a container.
type File struct {
	Name string // without a leading slash
	Mode int64
	Body []byte
}

// Tar packs files in their order, owned by root.
func Tar(files ...File) (*bytes.Buffer, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range files {
		head := &tar.Header{Name: f.Name, Mode: f.Mode, Size: int64(len(f.Body)), Typeflag: tar.TypeReg}
		if err := w.WriteHeader(head); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.Name, err)
		}
		if _, err := w.Write(f.Body); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.Name, err)
		}
	}
	return &buf, w.Close()
}
