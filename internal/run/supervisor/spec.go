package supervisor

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/claudeops/claudeops/internal/run/agent"
	"github.com/claudeops/claudeops/internal/run/control"
	"github.com/claudeops/claudeops/internal/run/pricing"
)

// newSpec says to the runner what it is to do.
func (s *Supervisor) newSpec(id string, d *agent.Definition, inv *agent.Invocation) *control.Spec {
	grace := d.Stop.Grace
	if grace == 0 {
		grace = -1 // to a definition 0 is no grace at all, to a runner it is the usual one
	}
	stopTo := control.StopTree
	if d.Stop.ToMain {
		stopTo = control.StopMain
	}
	return &control.Spec{
		ExecutionID: id, Agent: d.Name, Driver: inv.Driver, Argv: inv.Argv, Env: inv.Env, EnvFrom: inv.EnvFrom, Workdir: inv.Workdir,
		Timeout: d.Timeout, IdleTimeout: d.IdleTimeout, StopSignal: d.Stop.Signal, StopGrace: grace, StopTo: stopTo,
		MergeOutput: d.MergeOutput, PlainLines: d.PlainLines, OpenStdin: d.OpenStdin, Limits: control.Limits(d.Limits),
		Sandbox: inv.Sandbox, Options: inv.Options, Settings: d.Settings, Account: inv.Account, MaxOutput: d.MaxOutput, Secrets: inv.Secrets, Patterns: d.MaskPatterns, Warnings: inv.Warnings,
		Budget: runBudget(d.Budget),
		Prices: cmp.Or(s.options.Prices, pricing.InDataDir(s.options.DataDir)),
	}
}

func runBudget(b agent.Budget) *control.Budget {
	if b.USD == nil {
		return nil
	}
	return &control.Budget{USD: *b.USD, Notional: b.Notional}
}

// What an agent finds in its environment to reach this server.
const (
	urlVariable   = "CLAUDEOPS_URL"
	tokenVariable = "CLAUDEOPS_TOKEN"
)

// connect lets an execution's agent reach this server: with a token of its own, which is masked in what
// it writes. What a server further up has set is not passed on, and a definition's own values stay.
func (s *Supervisor) connect(spec *control.Spec, request Request) error {
	token := request.Token
	if token == nil {
		token = s.options.Token
	}
	if s.options.URL == nil || token == nil {
		return nil
	}
	text, err := token(spec.ExecutionID)
	if err != nil {
		return fmt.Errorf("make the token of %s: %w", spec.ExecutionID, err)
	}
	env := slices.DeleteFunc(slices.Clone(spec.Env), func(entry string) bool {
		name, value, _ := strings.Cut(entry, "=")
		return (name == urlVariable || name == tokenVariable) && value == os.Getenv(name)
	})
	for name, value := range map[string]string{urlVariable: s.options.URL(), tokenVariable: text} {
		if !slices.ContainsFunc(env, func(entry string) bool { return strings.HasPrefix(entry, name+"=") }) {
			env = append(env, name+"="+value)
		}
	}
	slices.Sort(env)
	spec.Env = env
	spec.Secrets = append(slices.Clone(spec.Secrets), text)
	return nil
}
