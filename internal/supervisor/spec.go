package supervisor

import (
	"time"

	"claudeops/internal/agent"
)

// spec is what spec.json holds.
type spec struct {
	ExecutionID, Agent   string
	Driver               string
	Argv, Env            []string
	Workdir              string
	Timeout, IdleTimeout time.Duration
	StopSignal           string
	StopGrace            time.Duration
	MaxOutput            int64
	Secrets              []string
	Mask                 []string
}

func newSpec(id string, d *agent.Definition, inv *agent.Invocation) spec {
	return spec{
		ExecutionID: id, Agent: d.Name, Driver: inv.Driver, Argv: inv.Argv, Env: inv.Env, Workdir: inv.Workdir,
		Timeout: d.Timeout, IdleTimeout: d.IdleTimeout, StopSignal: d.Stop.Signal, StopGrace: d.Stop.Grace,
		MaxOutput: d.MaxOutput, Secrets: inv.Secrets, Mask: inv.Mask,
	}
}
