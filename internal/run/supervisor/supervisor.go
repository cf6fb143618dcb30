// Package supervisor owns the lives of executions: it accepts them, queues them, has runners started
// for them, adopts those that outlived a server, and settles those whose runner is gone, so that
// every execution ends with exactly one true last event. It keeps the state of all that has not
// ended, and tells of what happens to them.
//
// It never starts, signals or reads an agent itself (its runner does), delivers no log line, and
// keeps no truth of its own: what it knows it can read from the data directory again.
package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/rundir"
	"github.com/claudeops/claudeops/internal/run/agent"
	"github.com/claudeops/claudeops/internal/run/budget"
	"github.com/claudeops/claudeops/protocol"
)

// DefaultMaxRunning is how many executions run at a time where the operator sets nothing else. A
// runner takes some 10 MB beside its agent, so that as many can be had on any machine in use.
const DefaultMaxRunning = 256

// Catalogue says what can be run.
type Catalogue interface {
	Get(name string) (*agent.Definition, bool)
	List() []*agent.Definition
	// Subscribe has changed called whenever a definition came, changed or went.
	Subscribe(changed func()) (cancel func())
}

// Options are what a Supervisor is made of. All but the limits, Log and Runners are needed.
type Options struct {
	DataDir    string // with active/ and executions/ in it; its lock is the caller's
	Executable string // the program that is a runner when called as such; needed unless Runners is set
	Catalogue  Catalogue
	Store      journal.Store
	Index      *index.Index
	Log        *slog.Logger // nil: nowhere

	Prices string // file with prices of models, for runners; empty: prices.json in DataDir, where there is one

	MaxRunning int  // executions that run at a time; 0: DefaultMaxRunning; below 0: no limit
	Drain      bool // start nothing: what is new is queued, what runs goes on
	MaxQueued  int  // executions that wait; 0: as protocol.DefaultLimits; below 0: no limit

	// Bound is told of each execution of an earlier server's that ends when its caller stays away, as
	// it is found. It must not block. Nil: nobody wants to know.
	Bound func(user, executionID string)

	// Changed is told of each execution whose journal was removed, or lost its log lines: who has it open
	// reads what was. It must not block. Nil: nobody wants to know.
	Changed func(executionID string)

	// Reached is told of each step of a removal. It is for tests that die there. Nil: nobody.
	Reached func(step string)

	// URL is where this server is reached by agents, in CLAUDEOPS_URL. Nil: they are not told.
	URL func() string

	// Token makes the token of an execution that nobody in particular started. Nil: there is none.
	Token func(executionID string) (string, error)

	Secrets Secrets // nil: definitions can name none
	Runners Runners // nil: processes started from Executable
}

// Supervisor is safe for concurrent use. It works from Start to Stop.
type Supervisor struct {
	options Options
	log     *slog.Logger
	runners Runners
	boot    string // of the machine, now
	ids     *idSource
	indexer *indexer
	recent  *recent
	told    subscribers

	ctx    context.Context // ends with Stop; runners outlive it
	cancel context.CancelCauseFunc
	work   sync.WaitGroup // everything begun under mu while state is serving

	// spawning bounds how many runners are between their start and their first sign of life, so
	// that a long queue let loose does not make each of them slow.
	spawning chan struct{}

	ledger   *budget.Ledger
	warned   sync.Map // which budgets the operator was warned of
	counted  counted
	claims   claims
	keeping  claims     // by execution: who pins it, or takes from it
	resuming sync.Mutex // one look at a time at an execution that nothing marks as active

	mu          sync.RWMutex // guards what follows
	state       state
	live        map[string]*live // all executions whose end is not in the index yet
	queue       queue
	unsubscribe func() // from the catalogue
	waking      *time.Timer
}

type state int

const (
	made state = iota
	serving
	stopped
)

// errStopped is the cause with which everything of a stopped supervisor ends.
var errStopped = errors.New("the supervisor is stopped")

// Open makes a supervisor. It touches nothing before Start.
func Open(options Options) (*Supervisor, error) {
	switch {
	case options.DataDir == "":
		return nil, errors.New("open supervisor: no data directory given")
	case options.Catalogue == nil || options.Store == nil || options.Index == nil:
		return nil, errors.New("open supervisor: catalogue, store and index are needed")
	case options.Runners == nil && options.Executable == "":
		return nil, errors.New("open supervisor: the executable that runners are started from is needed")
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.MaxRunning == 0 {
		options.MaxRunning = DefaultMaxRunning
	}
	if options.MaxQueued == 0 {
		options.MaxQueued = protocol.DefaultLimits().MaxQueuedExecutions
	}
	boot, err := bootID()
	if err != nil {
		return nil, fmt.Errorf("open supervisor: %w", err)
	}
	ledger, err := budget.Open(options.DataDir, time.Now)
	if err != nil {
		return nil, fmt.Errorf("open supervisor: %w", err)
	}
	s := &Supervisor{
		options: options, log: options.Log, runners: options.Runners, boot: boot, ledger: ledger,
		ids: newIDSource(), recent: newRecent(), live: make(map[string]*live),
		spawning: make(chan struct{}, max(4, 2*runtime.GOMAXPROCS(0))),
		claims:   claims{pending: make(map[claimKey]chan struct{})},
		keeping:  claims{pending: make(map[claimKey]chan struct{})},
	}
	if s.runners == nil {
		s.runners = &processes{executable: options.Executable, dataDir: options.DataDir, secrets: options.Secrets}
	}
	s.queue = newQueue(options.MaxRunning, s.concurrency)
	if options.Drain {
		s.queue.drained = drainReason
	}
	s.indexer = newIndexer(s)
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	return s, nil
}

// concurrency is how many executions of an agent may run at a time, 0 for as many as the server
// allows. known is false for an agent whose definition is gone.
func (s *Supervisor) concurrency(name string) (limit int, known bool) {
	d, ok := s.options.Catalogue.Get(name)
	if !ok {
		return 0, false
	}
	return d.Concurrency, true
}

// Start adopts the executions that run, settles those that died while nobody looked, queues those
// that were waiting, and begins to accept new ones. ctx bounds the start only.
func (s *Supervisor) Start(ctx context.Context) error {
	s.mu.Lock()
	if s.state != made {
		s.mu.Unlock()
		return errors.New("start supervisor: it was started or stopped before")
	}
	s.mu.Unlock()
	if err := s.prepareIndex(ctx); err != nil {
		return fmt.Errorf("start supervisor: %w", err)
	}
	if err := s.loadSpent(ctx); err != nil {
		return fmt.Errorf("start supervisor: %w", err)
	}
	s.loadLimits()
	s.mu.Lock()
	if s.state != made {
		s.mu.Unlock()
		return errors.New("start supervisor: it was started or stopped before")
	}
	s.state = serving
	s.work.Go(s.indexer.run)
	s.work.Go(s.watchAnswers)
	s.mu.Unlock()
	if err := s.resumeAll(ctx); err != nil {
		return errors.Join(fmt.Errorf("start supervisor: %w", err), s.Stop(context.WithoutCancel(ctx)))
	}
	unsubscribe := s.options.Catalogue.Subscribe(s.schedule) // a limit may have been raised
	s.mu.Lock()
	if s.state != serving {
		s.mu.Unlock()
		unsubscribe()
		return fmt.Errorf("start supervisor: %w", errStopped)
	}
	s.unsubscribe = unsubscribe
	s.queue.open = true
	s.work.Go(s.continueLimited)
	s.mu.Unlock()
	s.schedule()
	return nil
}

// Ready reports whether executions are accepted.
func (s *Supervisor) Ready() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.state == serving && s.queue.open
}

// Stop ends the intake, lets go of the runners, which run on, and returns when nothing of the
// supervisor does. Executions that wait are started by the next server. It is safe to call twice,
// and before Start.
func (s *Supervisor) Stop(ctx context.Context) error {
	s.mu.Lock()
	s.state = stopped
	s.queue.open = false
	unsubscribe := s.unsubscribe
	s.unsubscribe = nil
	if s.waking != nil {
		s.waking.Stop()
	}
	s.mu.Unlock()
	if unsubscribe != nil {
		unsubscribe()
	}
	s.cancel(errStopped)
	done := make(chan struct{})
	go func() { // ends with the work; when ctx is over before, whoever called gives up waiting
		s.work.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop supervisor: %w", context.Cause(ctx))
	}
}

// enter lets the caller's work begin if the supervisor accepts any. done must be called at its end.
func (s *Supervisor) enter() (done func(), err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.state != serving || !s.queue.open {
		what := "starting"
		if s.state == stopped {
			what = "shutting down"
		}
		return nil, fault.New(protocol.Unavailable, "the server is %s; try again in a moment", what)
	}
	s.work.Add(1)
	return s.work.Done, nil
}

// find gives an execution whose end is not in the index yet.
func (s *Supervisor) find(id string) *live {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.live[id]
}

func (s *Supervisor) activeDir() string { return filepath.Join(s.options.DataDir, rundir.ActiveDir) }
