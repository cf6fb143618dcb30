// Package builtin is the kind of agent that is a part of this program, started as a process of its
// own by a subcommand.
package builtin

import (
	_ "embed"

	"github.com/claudeops/claudeops/internal/run/kind"
	"github.com/claudeops/claudeops/internal/run/kind/program"
)

// SystemHealth is the name of the health check, as an agent and as a builtin.
const SystemHealth = "system-health"

//go:embed system-health.yaml
var systemHealth []byte

const schema = `{
  "description": "A part of ClaudeOps itself. Its parameters are there already; parameters may change their defaults.",
  "enum": ["system-health"]
}`

// Kind is the kind.
func Kind() kind.Kind {
	return kind.Kind{
		Name: "builtin", Title: "Built in", Free: true,
		Schema: schema,
		Read:   read,
		Script: true,
		Base:   func(any) []byte { return systemHealth },
		Agents: [][]byte{systemHealth},
		Start: func(value any, c kind.Context) (kind.Start, error) {
			name, _ := value.(string)
			return kind.Start{Argv: []string{c.Executable, "builtin", name}}, nil
		},
		Runs: func(value any) []kind.Row {
			name, _ := value.(string)
			return []kind.Row{{Label: "Built in", Text: name}}
		},
		Driver: program.Driver{},
	}
}

func read(n kind.Node) (any, bool) {
	name, ok := n.Text()
	if ok && name != SystemHealth {
		n.Fail("there is no builtin %.80q; there is %s", name, SystemHealth)
		return nil, false
	}
	return name, ok
}
