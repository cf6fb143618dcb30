package supervisor

import (
	"context"

	"claudeops/internal/execution"
	"claudeops/internal/journal"
	"claudeops/internal/process"
)

// Runners starts the processes that run executions, and reaches them.
type Runners interface {
	// Spawn starts the runner of an execution whose journal holds its first event and whose
	// spec.json is written. The id is the zero one when the runner has ended already.
	Spawn(id string) (process.ID, error)
	// Alive reports whether that very process still runs.
	Alive(runner process.ID) bool
	// Begun reports whether a runner of the execution may have come so far as to start the agent.
	Begun(id string) bool
	// Dial connects to the runner. It fails at once when none listens.
	Dial(ctx context.Context, id string) (Link, error)
	// KillMarked ends whatever carries the execution's id, until nothing of it is left.
	KillMarked(ctx context.Context, id string) (killed int, err error)
}

// Link is the connection to one runner.
type Link interface {
	// Run has h told of what happens, beginning with every event but log lines that the runner
	// has written so far. It returns nil after the last event, an error when the runner is gone
	// without it or ctx has ended, and gives the connection up.
	Run(ctx context.Context, h Handler) error
	// Watch asks for notices of growth, the first at once, or asks for no more.
	Watch(on bool)
	// Cancel asks the runner to stop the agent. The outcome is the last event.
	Cancel(by, reason string) error
}

// Handler is told by a Link, one call at a time.
type Handler interface {
	Grew(journal.Position)
	Event(line []byte, e *execution.Event, at journal.Position)
}

func bootID() (string, error) { return process.BootID() }
