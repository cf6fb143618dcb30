// Package command is the kind of agent that is a program with its arguments.
package command

import (
	"github.com/claudeops/claudeops/internal/run/kind"
	"github.com/claudeops/claudeops/internal/run/kind/program"
)

const schema = `{
  "description": "The program and its arguments. {{parameter}} is replaced by the parameter's value, as literal bytes and never by a shell: a whole element or a part of one. An element that is only {{parameter}} is left out when that parameter is not given. Values other than text are given as JSON. Put -- before a parameter that stands where a file or another operand does, so that no value is taken for an option. \\{{ is a literal {{.",
  "type": "array",
  "minItems": 1,
  "prefixItems": [{ "type": ["string", "number", "boolean"], "not": { "const": "" } }],
  "items": { "type": ["string", "number", "boolean"] },
  "examples": [["df", "-h", "--", "{{path}}"]]
}`

// Kind is the kind.
func Kind() kind.Kind {
	return kind.Kind{
		Name: "command", Title: "Command", Free: true,
		Aliases: []string{"cmd", "run", "exec", "args", "argv"},
		Schema:  schema,
		Read:    read,
		Needs:   map[string]string{"0": "is the program to run"},
		Start: func(value any, _ kind.Context) (kind.Start, error) {
			return kind.Start{Argv: kind.Words(value)}, nil
		},
		Runs: func(value any) []kind.Row {
			return []kind.Row{{Label: "Command", Text: kind.Quote(kind.Words(value))}}
		},
		Driver: program.Driver{},
	}
}

func read(n kind.Node) (any, bool) {
	switch {
	case n.Shape() == kind.Text:
		n.Fail("must be a list of the program and its arguments, like [df, -h, /]; for a line of shell use shell")
		return nil, false
	case n.Shape() != kind.List:
		n.Fail("must be a list of the program and its arguments, like [df, -h, /], this is %s", n.Describe())
		return nil, false
	case len(n.Items()) == 0:
		n.Fail("is empty: give the program and its arguments, like [df, -h, /]")
		return nil, false
	}
	words, whole := []any{}, true
	for i, item := range n.Items() {
		word, ok := item.Literal()
		if ok && i == 0 && word == "" {
			item.Fail("is empty: the first element is the program to run")
			ok = false
		}
		whole = whole && ok
		words = append(words, word)
	}
	return words, whole
}
