// Package schedule starts agents when their definitions' schedules say so: each due time gives
// exactly one execution, or one recorded skip with its reason, over restarts, crashes, clock jumps and
// daylight saving. It keeps a log of what was due in the data directory, and never runs, reads or
// judges an execution itself.
package schedule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/run/agent"
	"github.com/claudeops/claudeops/protocol"
)

const (
	// longestWait is how long the clock is not looked at: it may have been set, or the machine suspended.
	longestWait = 30 * time.Second
	// retryWait is when a start is tried again that failed for a reason that passes.
	retryWait = 10 * time.Second
	// onTime is how long after its due time a run may begin and is not missed.
	onTime = 2 * time.Minute
	// shown is how many due times to come are told of each schedule.
	shown = 10
)

// Catalogue says which schedules there are.
type Catalogue interface {
	Get(name string) (*agent.Definition, bool)
	List() []*agent.Definition
	Subscribe(changed func()) (cancel func())
}

// Request is a run of an agent that is to be started.
type Request struct {
	Agent      string
	Parameters json.RawMessage
	Key        string // the same gives the same execution; empty for a run out of turn
	User       string // on whose behalf; empty for the scheduler's own
	Manual     bool
}

// Runs starts executions and knows how they stand.
type Runs interface {
	// Start gives the execution's record once it is stored. With a key that was used before it gives
	// the execution of that time, whatever has become of the agent.
	Start(ctx context.Context, request Request) (protocol.Record, error)
	// Running reports whether an execution has not ended. One that is not known has.
	Running(ctx context.Context, id string) (bool, error)
	// Cancel asks an execution to end.
	Cancel(ctx context.Context, id, reason string) error
}

// Options are what a Scheduler is made of.
type Options struct {
	DataDir   string
	Catalogue Catalogue
	Runs      Runs
	Now       func() time.Time // nil: time.Now
	Log       *slog.Logger     // nil: nowhere
}

// Key names one schedule: an agent, and the place of the schedule in its definition, from 0.
type Key struct {
	Agent string
	N     int
}

func (k Key) String() string { return fmt.Sprintf("%s/%d", k.Agent, k.N) }

// Scheduler is safe for concurrent use. It works from Start to Stop.
type Scheduler struct {
	options Options
	log     *slog.Logger
	wake    chan struct{}

	ctx     context.Context
	stop    context.CancelFunc
	done    sync.WaitGroup
	forget  func()
	started bool

	mu     sync.Mutex // held through a step, so that what is told is true
	file   *file
	states map[Key]*state
	failed map[Key]string // why a start is tried again
}

// Open reads what is known of earlier due times. It starts nothing.
func Open(options Options) (*Scheduler, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	f, states, err := openFile(filepath.Join(options.DataDir, File), options.Log)
	if err != nil {
		return nil, fmt.Errorf("open the log of schedules: %w", err)
	}
	s := &Scheduler{options: options, log: options.Log, wake: make(chan struct{}, 1), file: f, states: states, failed: map[Key]string{}}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// Start begins to start what is due. Call it once.
func (s *Scheduler) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started || s.ctx.Err() != nil {
		return
	}
	s.started = true
	s.forget = s.options.Catalogue.Subscribe(s.Wake)
	s.done.Go(s.run)
}

// Stop ends the scheduler and waits for it. It is safe twice, and before Start.
func (s *Scheduler) Stop() error {
	s.mu.Lock()
	forget := s.forget
	s.forget = nil
	s.stop()
	s.mu.Unlock()
	if forget != nil {
		forget()
	}
	s.done.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.file.close()
}

// Wake has the scheduler look now: an execution has ended, or a definition changed.
func (s *Scheduler) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *Scheduler) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-timer.C:
		case <-s.wake:
		}
		wait := s.Step(s.ctx)
		timer.Reset(wait)
	}
}

// Step does what is due now, and says how long nothing will be.
func (s *Scheduler) Step(ctx context.Context) (wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.options.Now()
	wait = longestWait
	there := map[Key]bool{}
	for _, d := range s.options.Catalogue.List() {
		for n := range d.Schedules {
			key := Key{d.Name, n}
			there[key] = true
			next, err := s.stepOne(ctx, key, &d.Schedules[n], now)
			if err != nil {
				if ctx.Err() == nil {
					s.log.Warn("a scheduled run could not be started yet", "schedule", key.String(), "error", err)
				}
				s.failed[key] = err.Error()
				wait = min(wait, retryWait)
				continue
			}
			delete(s.failed, key)
			if !next.IsZero() {
				wait = min(wait, max(next.Sub(now), time.Millisecond))
			}
		}
	}
	for key, st := range s.states {
		if there[key] || st.gone {
			continue
		}
		if err := s.vanish(ctx, key, st, now); err != nil {
			s.log.Warn("the end of a schedule could not be recorded yet", "schedule", key.String(), "error", err)
			wait = min(wait, retryWait)
		}
	}
	return wait
}

// vanish notes that a schedule is not in its definition any more. What had begun is finished.
func (s *Scheduler) vanish(ctx context.Context, key Key, st *state, now time.Time) error {
	if !st.starting.IsZero() {
		if err := s.start(ctx, key, nil, st, st.starting, now); err != nil {
			return err
		}
	}
	for len(st.waiting) > 0 {
		if err := s.record(key, entry{Type: typeDue, Due: st.waiting[0], Outcome: Skipped, Reason: "the schedule is not in the agent's definition any more"}, now); err != nil {
			return err
		}
	}
	return s.record(key, entry{Type: typeGone}, now)
}

// specOf changes when due times do, so that those of another expression are not taken for missed.
func specOf(schedule *agent.Schedule) string {
	spec := schedule.Cron.String() + " | " + schedule.Zone.String()
	if !schedule.Enabled {
		spec += " | off"
	}
	return spec
}

// Pause keeps a schedule from starting anything. It stays so over reloads and restarts; due times of
// the pause are not recorded.
func (s *Scheduler) Pause(key Key, by string) error { return s.setPaused(key, by, true) }

// Resume goes on from now.
func (s *Scheduler) Resume(key Key, by string) error { return s.setPaused(key, by, false) }

func (s *Scheduler) setPaused(key Key, by string, paused bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.find(key); err != nil {
		return err
	}
	if st := s.states[key]; st != nil && st.paused == paused || st == nil && !paused {
		return nil
	}
	kind := typeResumed
	if paused {
		kind = typePaused
	}
	if err := s.record(key, entry{Type: kind, By: by}, s.options.Now()); err != nil {
		return fault.Wrap(protocol.Unavailable, err, "the schedule could not be changed: %v", err)
	}
	s.Wake()
	return nil
}

// Run starts a schedule's run out of turn, with its parameters.
func (s *Scheduler) Run(ctx context.Context, key Key, user string) (protocol.Record, error) {
	schedule, err := s.find(key)
	if err != nil {
		return protocol.Record{}, err
	}
	return s.options.Runs.Start(ctx, Request{Agent: key.Agent, Parameters: schedule.Parameters, User: user, Manual: true})
}

// find gives a schedule of the definitions as they are.
func (s *Scheduler) find(key Key) (*agent.Schedule, error) {
	d, ok := s.options.Catalogue.Get(key.Agent)
	if !ok {
		return nil, fault.New(protocol.NotFound, "there is no agent %.100q; GET /api/agents lists them", key.Agent)
	}
	if key.N < 0 || key.N >= len(d.Schedules) {
		return nil, fault.New(protocol.NotFound, "%s has no schedule %d; it has %d, counted from 0", key.Agent, key.N, len(d.Schedules))
	}
	return &d.Schedules[key.N], nil
}

// ZoneName is the name of a zone, also of the server's own, which Go calls Local.
func ZoneName(zone *time.Location) string {
	if zone != time.Local {
		return zone.String()
	}
	if name := os.Getenv("TZ"); name != "" && !strings.HasPrefix(name, ":") {
		return name
	}
	if target, err := os.Readlink("/etc/localtime"); err == nil {
		if _, name, ok := strings.Cut(target, "zoneinfo/"); ok {
			return name
		}
	}
	if _, offset := time.Now().Zone(); offset == 0 {
		return "UTC"
	}
	return zone.String()
}

// passes reports whether a start that failed may succeed later without anybody's doing.
func passes(err error) bool {
	switch fault.CodeOf(err) {
	case protocol.Unavailable, protocol.LimitReached, protocol.RateLimited, protocol.Internal:
		return true
	}
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
