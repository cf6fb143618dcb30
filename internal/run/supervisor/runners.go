package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/rundir"
	"github.com/claudeops/claudeops/internal/run/control"
	"github.com/claudeops/claudeops/internal/run/process"
	"github.com/claudeops/claudeops/internal/trust/secrets/source"
)

// Runners starts the processes that run executions, and reaches them.
type Runners interface {
	// Spawn starts the runner of an execution whose journal holds its first event and whose
	// spec.json is written, and returns when the runner has the journal. The id is the zero one
	// when the runner has ended since. After an error there is no runner.
	Spawn(id string) (process.ID, error)
	// Alive reports whether that very process still runs.
	Alive(runner process.ID) bool
	// Signal sends a signal to exactly that process; process.ErrGone when it exists no more.
	Signal(runner process.ID, sig syscall.Signal) error
	// Begun reports whether a runner of the execution may have come so far as to start the agent.
	Begun(id string) bool
	// Dial connects to the runner. It fails at once when none listens.
	Dial(ctx context.Context, id string) (Link, error)
	// EndLost ends what is left of an execution whose runner is dead or can't be reached. runner is the
	// zero one when nobody knows it.
	EndLost(ctx context.Context, id string, runner process.ID) (process.Remains, error)
}

// Link is the connection to one runner.
type Link interface {
	// Run has h told of what happens, beginning with every event but log lines that the runner
	// has written so far. It returns nil after the last event, an error when the runner is gone
	// without it or ctx has ended, and gives the connection up.
	Run(ctx context.Context, h Handler) error
	// Watch asks for notices of growth, the first at once, or asks for no more.
	Watch(on bool)
	// Ping waits for a sign of life.
	Ping(ctx context.Context) error
	// Input passes on what a person sends to the agent, and waits until it was taken or refused.
	Input(ctx context.Context, in Input) error
	// Cancel asks the runner to stop the agent. The outcome is the last event.
	Cancel(by, reason string) error
	// End asks the runner to stop the agent and to end the execution as failed.
	End(reason execution.Reason, text string) error
}

// Input is what a person sends to a running agent.
type Input = control.Input

// Handler is told by a Link, one call at a time.
type Handler = control.Handler

// processes are runners as they should be: processes of their own that outlive the server.
type processes struct {
	executable string
	dataDir    string
	secrets    Secrets
}

// Secrets fetches values that agents are given.
type Secrets interface {
	Resolve(ctx context.Context, from source.Value) (string, error)
}

// fetchError is why an agent can't be given a value. Trying again at once does not help.
type fetchError struct {
	name string
	err  error
}

func (e *fetchError) Error() string { return fmt.Sprintf("env.%s: %v", e.name, e.err) }
func (e *fetchError) Unwrap() error { return e.err }

// fetch gives the values that the execution's agent is to have beside those in its spec.
func (p *processes) fetch(id string) (map[string]string, error) {
	from, err := control.ReadEnvFrom(filepath.Join(p.dataDir, "executions", id))
	if err != nil || len(from) == 0 {
		return nil, nil // the runner says what is wrong with its spec
	}
	values := make(map[string]string, len(from))
	for name, of := range from {
		if p.secrets == nil {
			return nil, &fetchError{name, errors.New("this server has no store of secrets")}
		}
		if values[name], err = p.secrets.Resolve(context.Background(), of); err != nil {
			return nil, &fetchError{name, err}
		}
	}
	return values, nil
}

func (p *processes) Spawn(id string) (process.ID, error) {
	values, err := p.fetch(id)
	if err != nil {
		return process.ID{}, err
	}
	pid, err := control.Spawn(p.executable, p.dataDir, id, values)
	if err != nil {
		return process.ID{}, err
	}
	found, err := process.Find(pid)
	if errors.Is(err, process.ErrGone) {
		return process.ID{}, nil
	}
	if err != nil {
		return process.ID{PID: pid}, nil // it runs all the same
	}
	return found, nil
}

func (p *processes) Alive(id process.ID) bool { return id.Start != 0 && id.Alive() }

func (p *processes) Signal(id process.ID, sig syscall.Signal) error { return id.Signal(sig) }

// Begun looks for the workspace, which a runner makes before it starts the agent.
func (p *processes) Begun(id string) bool {
	_, err := os.Lstat(filepath.Join(p.dataDir, rundir.ExecutionsDir, id, rundir.Workspace))
	return !errors.Is(err, os.ErrNotExist)
}

func (p *processes) Dial(ctx context.Context, id string) (Link, error) {
	link, err := control.Dial(ctx, p.dataDir, id)
	if err != nil {
		return nil, err // not link: that would be a Link that is not nil
	}
	return link, nil
}

func (p *processes) EndLost(ctx context.Context, id string, runner process.ID) (process.Remains, error) {
	seen, err := process.ReadTrace(filepath.Join(p.dataDir, "executions", id, control.TraceFile))
	if err != nil {
		return process.Remains{}, err
	}
	return process.EndLost(ctx, process.Lost{ID: id, Runner: runner, Seen: seen})
}

func bootID() (string, error) { return process.BootID() }
