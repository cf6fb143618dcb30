// Package script is the kind of agent that is a script for /bin/sh: the key shell of a definition.
package script

import (
	"strings"

	"github.com/claudeops/claudeops/internal/run/kind"
	"github.com/claudeops/claudeops/internal/run/kind/program"
)

const schema = `{
  "description": "A script for /bin/sh. Parameters are in the environment: \"$CLAUDEOPS_PARAM_NAME\" each (upper case, - becomes _), all as JSON in CLAUDEOPS_CONFIG.",
  "type": "string",
  "pattern": "\\S",
  "examples": ["df -h \"$CLAUDEOPS_PARAM_PATH\""]
}`

// Kind is the kind.
func Kind() kind.Kind {
	return kind.Kind{
		Name: "shell", Title: "Shell script", Free: true,
		Aliases: []string{"script", "bash", "sh"},
		Schema:  schema,
		Read:    read,
		Script:  true,
		Start: func(value any, _ kind.Context) (kind.Start, error) {
			text, _ := value.(string)
			return kind.Start{Argv: []string{"/bin/sh", "-c", text}}, nil
		},
		Runs: func(value any) []kind.Row {
			text, _ := value.(string)
			return []kind.Row{{Label: "Script", Text: text}}
		},
		Driver: program.Driver{},
	}
}

func read(n kind.Node) (any, bool) {
	text, ok := n.Text()
	if ok && strings.TrimSpace(text) == "" {
		n.Fail("is empty: give the script that /bin/sh is to run")
		return nil, false
	}
	return text, ok
}
