// Package acp is the kind of agent that speaks the Agent Client Protocol (opencode, Copilot, goose and
// others): its key of a definition, a small client of the protocol's JSON-RPC, and the driver that reads
// what the agent tells (docs/claude.md has the table). It declares no file system and no terminal: the
// agent runs its commands itself, inside the execution's process tree.
package acp

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/claudeops/claudeops/internal/run/approval"
	"github.com/claudeops/claudeops/internal/run/kind"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
)

//go:embed schema.json
var schema string

// Kind is the kind.
func Kind() kind.Kind {
	return kind.Kind{
		Name: "acp", Title: "ACP agent",
		Schema: schema,
		Needs:  map[string]string{"prompt": "is the prompt", "command.0": "is the program to run"},
		Start:  start,

		NextTurn: kind.Resume,
		Runs: func(value any) []kind.Row {
			fields, _ := value.(map[string]any)
			rows := []kind.Row{{Label: "Command", Text: kind.Quote(kind.Words(fields["command"]))}}
			for _, f := range []struct{ name, label string }{{"prompt", "Prompt"}, {"mode", "Mode"}, {"approvals", "Approvals"}} {
				if text, _ := fields[f.name].(string); text != "" {
					rows = append(rows, kind.Row{Label: f.label, Text: text})
				}
			}
			return rows
		},
		Driver: Driver{},
	}
}

// Options are the key's value with the parameters in place.
type Options struct {
	Command    []string        `json:"command"`
	Prompt     string          `json:"prompt"`
	Mode       string          `json:"mode,omitempty"`
	Approvals  approval.Mode   `json:"approvals,omitempty"`
	MCPServers json.RawMessage `json:"mcpServers,omitempty"`
	Resume     string          `json:"resume,omitempty"`
}

func start(value any, _ kind.Context) (kind.Start, error) {
	var o Options
	if err := kind.Decode(value, &o); err != nil {
		return kind.Start{}, err
	}
	if len(o.Command) == 0 {
		return kind.Start{}, errors.New("acp.command is empty: give the program and its arguments, like [opencode, acp]")
	}
	raw, err := kind.Options(o)
	if err != nil {
		return kind.Start{}, err
	}
	return kind.Start{Argv: o.Command, Options: raw}, nil
}

// Driver runs an agent that speaks the protocol.
type Driver struct{}

// Command starts the agent with its stdin open.
func (Driver) Command(inv driver.Invocation) (driver.Command, error) {
	if _, err := readOptions(inv.Options); err != nil {
		return driver.Command{}, err
	}
	return driver.Command{Argv: inv.Argv, Env: inv.Env, Stdin: true}, nil
}

func readOptions(raw json.RawMessage) (Options, error) {
	var o Options
	if len(raw) == 0 {
		return o, errors.New("the agent's options are missing")
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		return o, fmt.Errorf("read the agent's options: %w", err)
	}
	return o, nil
}

// Open begins a run.
func (Driver) Open(inv driver.Invocation, s driver.Session) driver.Agent {
	o, err := readOptions(inv.Options)
	return newAgent(o, err, inv, s)
}
