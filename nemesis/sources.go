package nemesis

import "fmt"

// Sources are kinds, profiles, and kinds with shapes and a rhythm, each as a text. In
// a document the last may be written, and are stored, as a [Source] field by field.
type Sources []string

// UnmarshalYAML reads texts, and Sources field by field.
func (s *Sources) UnmarshalYAML(decode func(any) error) error {
	var list []sourceText
	if err := decode(&list); err != nil {
		return err
	}
	*s = nil
	for _, one := range list {
		*s = append(*s, string(one))
	}
	return nil
}

// MarshalYAML writes what has a rhythm field by field.
func (s Sources) MarshalYAML() (any, error) {
	var list []any
	for _, text := range s {
		if src, err := ParseSource(text); err == nil && text != src.Kind {
			list = append(list, src)
		} else {
			list = append(list, text)
		}
	}
	return list, nil
}

type sourceText string

func (s *sourceText) UnmarshalYAML(decode func(any) error) error {
	var text string
	if decode(&text) == nil {
		*s = sourceText(text)
		return nil
	}
	var src Source
	if err := decode(&src); err != nil {
		return fmt.Errorf("an entry of nemesis is a name, or a kind with shapes, every, for, first, until and skew: %w", err)
	}
	*s = sourceText(src.String())
	return nil
}

// Tidy is each text in the form that ParseSource gives it, and once. An unknown name
// stays as it is.
func (s Sources) Tidy() Sources {
	var tidy Sources
	seen := map[string]bool{}
	for _, text := range s {
		if src, err := ParseSource(text); err == nil {
			text = src.String()
		}
		if !seen[text] {
			tidy = append(tidy, text)
		}
		seen[text] = true
	}
	return tidy
}
