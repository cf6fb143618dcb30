// Package notify tells people what happened: a run failed, an approval waits, an agent has not
// succeeded for a day. Rules in one file decide what becomes a message and for whom; a message waits
// in an outbox on disk until its channel has taken it. The package decides nothing about executions
// and reads no journal itself.
package notify

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
)

// Runs is what the notifier reads of executions.
type Runs interface {
	// Active lists what is queued or runs.
	Active(ctx context.Context) ([]execution.Record, error)
	// EndedSince lists what has ended then or later, in any order.
	EndedSince(ctx context.Context, t time.Time) ([]execution.Record, error)
	// Last gives an agent's newest executions of these states, the newest first; any state when none is given.
	Last(ctx context.Context, agent string, n int, states ...execution.Status) ([]execution.Record, error)
	// LastLines gives the last log lines of an execution.
	LastLines(ctx context.Context, id string, n int) ([]string, error)
}

// Agent is what rules select by.
type Agent struct {
	Name, Title string
	Tags        []string
}

// Options of a Notifier. All but Log, Secret and LowDisk are required.
type Options struct {
	// File is notifications.yaml. It need not exist; it is read again when it changes.
	File string
	// Outbox is the directory of messages that wait. It is made when it is not there.
	Outbox string
	Runs   Runs
	// Agents lists what can be run now.
	Agents func() []Agent
	// Link gives the page's address of an execution; an empty id: of the page itself.
	Link func(executionID string) string
	// LowDisk says whether the data directory's disk is low, and in words how much is free. Nil: never.
	LowDisk func() (low bool, words string)
	// Secret gives a secret of the server's store by its name. Nil: there is no store.
	Secret func(name string) (string, error)
	Log    *slog.Logger
}

// Notifier watches executions and sends messages. New makes it, Start begins, Stop ends it.
type Notifier struct {
	opts   Options
	log    *slog.Logger
	box    *outbox
	config *configFile

	mu      sync.Mutex // guards arrived
	arrived []arrival
	signal  chan struct{} // has room for one: something has arrived

	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup
	once    sync.Once
}

// arrival is an event that rules may be about.
type arrival struct {
	event execution.Event
	rec   execution.Record
}

// New opens the outbox and reads the file. What is wrong with the file is no error: it is told by
// Problems and in the log, and the rules of the last good one hold.
func New(opts Options) (*Notifier, error) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.LowDisk == nil {
		opts.LowDisk = func() (bool, string) { return false, "" }
	}
	box, err := openOutbox(opts.Outbox, opts.Log)
	if err != nil {
		return nil, err
	}
	n := &Notifier{opts: opts, log: opts.Log, box: box, signal: make(chan struct{}, 1)}
	n.config = newConfigFile(opts.File, n.resolve, opts.Log)
	n.ctx, n.stop = context.WithCancel(context.Background())
	return n, nil
}

// Start begins to watch and to send. What ended while no server ran is made up for.
func (n *Notifier) Start() {
	n.running.Go(n.watch)
	n.running.Go(n.deliver)
}

// Stop ends both and waits. What is in the outbox stays for the next start. Safe to call twice and
// before Start.
func (n *Notifier) Stop() {
	n.once.Do(n.stop)
	n.running.Wait()
}

// Event takes note of an event. It never blocks: it may be called from where executions are run.
func (n *Notifier) Event(e *execution.Event, rec execution.Record) {
	switch {
	case e.Terminal(), e.Type == execution.TypeApproval, e.Type == execution.TypeCost:
	default:
		return
	}
	n.mu.Lock()
	n.arrived = append(n.arrived, arrival{*e, rec})
	n.mu.Unlock()
	select {
	case n.signal <- struct{}{}:
	default:
	}
}

func (n *Notifier) take() []arrival {
	n.mu.Lock()
	defer n.mu.Unlock()
	taken := n.arrived
	n.arrived = nil
	return taken
}

// Test sends a message over a channel at once, and says what the channel answered.
func (n *Notifier) Test(ctx context.Context, channel string) error {
	c, err := n.config.current().channel(channel)
	if err != nil {
		return err
	}
	return c.send(ctx, Message{
		ID: newID(), Kind: "test", Title: "ClaudeOps: a test message", Body: "This channel works.", Link: n.opts.Link(""), CreatedAt: time.Now().UTC(),
	})
}

// resolve gives a value that a configuration names instead of holding it.
func (n *Notifier) resolve(name string) (string, error) {
	if n.opts.Secret == nil {
		return "", errors.New("this server keeps no secrets: use {file: PATH}")
	}
	return n.opts.Secret(name)
}
