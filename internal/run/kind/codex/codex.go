// Package codex is the kind of agent that is OpenAI's Codex CLI, run headless (codex exec --json): its
// key of a definition and the driver that reads its events (docs/claude.md has the table). Codex asks for
// no approvals and reports no cost: tokens are told, and priced only where the definition names the model.
package codex

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/claudeops/claudeops/internal/run/kind"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
)

//go:embed schema.json
var schema string

// Kind is the kind.
func Kind() kind.Kind {
	return kind.Kind{
		Name: "codex", Title: "Codex",
		Schema: schema,
		Check:  check,
		Needs:  map[string]string{"prompt": "is the prompt"},
		Start:  start,

		NextTurn: kind.Resume,
		Account:  []string{"HOME", "CODEX_HOME", "OPENAI_API_KEY", "CODEX_API_KEY"},
		Runs: func(value any) []kind.Row {
			fields, _ := value.(map[string]any)
			var rows []kind.Row
			for _, f := range []struct{ name, label string }{{"prompt", "Prompt"}, {"model", "Model"}, {"sandbox", "Sandbox"}, {"executable", "Executable"}} {
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
	Prompt     string   `json:"prompt"`
	Executable string   `json:"executable,omitempty"`
	Model      string   `json:"model,omitempty"`
	Sandbox    string   `json:"sandbox,omitempty"`
	Resume     string   `json:"resume,omitempty"`
	ExtraArgs  []string `json:"extraArgs,omitempty"`
}

// ownFlags are those that a definition has a field for, or that the driver needs as they are.
var ownFlags = map[string]string{"--json": "", "-C": ": use workdir", "--cd": ": use workdir", "-m": ": use model", "--model": ": use model",
	"-s": ": use sandbox", "--sandbox": ": use sandbox"}

func check(value any) []kind.Problem {
	fields, _ := value.(map[string]any)
	var problems []kind.Problem
	for i, arg := range kind.Words(fields["extraArgs"]) {
		name, _, _ := strings.Cut(arg, "=")
		if field, ours := ownFlags[name]; ours {
			problems = append(problems, kind.Problem{Path: fmt.Sprintf("extraArgs.%d", i), Message: name + " is set by ClaudeOps" + field})
		}
	}
	return problems
}

func start(value any, _ kind.Context) (kind.Start, error) {
	var o Options
	if err := kind.Decode(value, &o); err != nil {
		return kind.Start{}, err
	}
	if strings.HasPrefix(o.Resume, "-") {
		return kind.Start{}, fmt.Errorf("codex.resume: %.80q is no thread's id", o.Resume)
	}
	raw, err := kind.Options(o)
	if err != nil {
		return kind.Start{}, err
	}
	executable := o.Executable
	if executable == "" {
		executable = "codex"
	}
	argv := []string{executable, "exec", "--json", "--skip-git-repo-check"}
	if o.Sandbox != "" {
		argv = append(argv, "--sandbox", o.Sandbox)
	}
	if o.Model != "" {
		argv = append(argv, "--model", o.Model)
	}
	return kind.Start{Argv: append(argv, o.ExtraArgs...), Options: raw}, nil
}

// Driver runs Codex.
type Driver struct{}

// Install says what to do when the CLI is not there.
func (Driver) Install() string {
	return "install Codex with `npm install -g @openai/codex`, or give its path as codex.executable"
}

// Command gives the command line; the prompt goes over stdin.
func (Driver) Command(inv driver.Invocation) (driver.Command, error) {
	o, err := readOptions(inv.Options)
	if err != nil {
		return driver.Command{}, err
	}
	argv := append(append([]string(nil), inv.Argv...), "-C", inv.Workdir)
	if o.Resume != "" {
		argv = append(argv, "resume", o.Resume)
	}
	return driver.Command{Argv: append(argv, "-"), Env: inv.Env, Stdin: true}, nil
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
