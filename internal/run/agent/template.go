package agent

import (
	"regexp"
	"strings"
)

// template is text with {{parameter}} places in it. Only what looks like a parameter's name
// between the braces is one: docker's {{.Names}} stays as it is. \{{ is a literal {{.
type template struct {
	text  string // the text, when there are no places
	parts []part // otherwise: texts and places in turn
}

type part struct {
	text  string // literal bytes, when name is empty
	name  string // the parameter, dotted for one inside an object
	start int    // byte offset of the place in the source
}

var placePattern = regexp.MustCompile(`\\?\{\{[ \t]*([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*\}\}`)

func parseTemplate(source string) template {
	var parts []part
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			parts = append(parts, part{text: literal.String()})
			literal.Reset()
		}
	}
	at, places := 0, false
	for _, m := range placePattern.FindAllStringSubmatchIndex(source, -1) {
		literal.WriteString(source[at:m[0]])
		at = m[1]
		if source[m[0]] == '\\' {
			literal.WriteString(source[m[0]+1 : m[1]])
			continue
		}
		flush()
		parts = append(parts, part{name: source[m[2]:m[3]], start: m[0]})
		places = true
	}
	literal.WriteString(source[at:])
	if !places {
		return template{text: literal.String()}
	}
	flush()
	return template{parts: parts}
}

// constant reports whether the text is the same whatever the parameters.
func (t template) constant() bool { return t.parts == nil }

// names lists the parameters the text refers to.
func (t template) names() []string {
	var names []string
	for _, p := range t.parts {
		if p.name != "" {
			names = append(names, p.name)
		}
	}
	return names
}

// fill puts the parameters' text in place, byte for byte. It is absent when the whole text is one
// place and that parameter was not given; inside longer text a missing parameter is empty.
func (t template) fill(lookup func(name string) (string, bool)) (text string, absent bool) {
	if t.constant() {
		return t.text, false
	}
	if len(t.parts) == 1 {
		value, ok := lookup(t.parts[0].name)
		return value, !ok
	}
	var b strings.Builder
	for _, p := range t.parts {
		if p.name == "" {
			b.WriteString(p.text)
			continue
		}
		value, _ := lookup(p.name)
		b.WriteString(value)
	}
	return b.String(), false
}
