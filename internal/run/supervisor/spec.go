package supervisor

import (
	"cmp"

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
		ExecutionID: id, Agent: d.Name, Driver: inv.Driver, Argv: inv.Argv, Env: inv.Env, Workdir: inv.Workdir,
		Timeout: d.Timeout, IdleTimeout: d.IdleTimeout, StopSignal: d.Stop.Signal, StopGrace: grace, StopTo: stopTo,
		MergeOutput: d.MergeOutput, PlainLines: d.PlainLines, OpenStdin: d.OpenStdin, Limits: control.Limits(d.Limits),
		Sandbox: inv.Sandbox, Options: inv.Options, Settings: d.Settings, MaxOutput: d.MaxOutput, Secrets: inv.Secrets, Patterns: d.MaskPatterns, Warnings: inv.Warnings,
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
