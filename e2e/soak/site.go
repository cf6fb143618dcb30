package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/internal/run/process"
)

// site is a house under test: what runs in it, what befalls it, and what came of that.
type site struct {
	*house
	name        string
	serverFalls bool // its server is killed; otherwise it lives as long as the soak, and its curves are judged
	retention   retention
	ways        *ways
	control     *client.Client // ours, to ask and to cancel with
	out         io.Writer
	hold        hold
	curves      curves

	mu    sync.Mutex // guards what follows
	runs  map[string]*run
	doom  map[string]bool // executions whose runner we have killed, known to us by then or not
	dealt map[string]int  // faults, by name
	found []string        // what was wrong, outside of any execution, since the last round
	sum   totals
	// stormed are the events that crowds were given, each client's counted.
	stormed int64
}

// run is one execution, from its plan to its end.
type run struct {
	plan     *plan
	id       string
	tally    string // file
	readings []*reading
	kept     digest    // what its journal held when it had ended
	ended    time.Time // as its last event says
	pinned   bool
	befell   struct{ agentKilled atomic.Bool }
	cancel   chan struct{} // closed when it was asked to end
	err      error
}

func openSite(ctx context.Context, p programs, dir, name string, serverFalls bool, keep retention, seed uint64, out io.Writer, args ...string) (*site, error) {
	h, err := newHouse(p, dir, append(args, keep.flags()...)...)
	if err != nil {
		return nil, err
	}
	s := &site{house: h, name: name, serverFalls: serverFalls, retention: keep, out: out, runs: map[string]*run{}, doom: map[string]bool{}, dealt: map[string]int{}}
	if err := h.defineAll(); err != nil {
		return nil, err
	}
	if err := h.serve(ctx); err != nil {
		h.kill()
		return nil, err
	}
	if s.ways, err = openWays(h.listen, seed); err == nil {
		s.control, err = h.client(h.listen)
	}
	if err != nil {
		h.kill()
		return nil, err
	}
	return s, nil
}

// close ends everything that the site has started.
func (s *site) close() error {
	var errs []error
	if s.control != nil {
		errs = append(errs, s.control.Close())
	}
	if s.ways != nil {
		errs = append(errs, s.ways.close())
	}
	s.signal(syscall.SIGCONT)
	errs = append(errs, s.stop())
	for _, r := range s.runners() {
		_ = r.Signal(syscall.SIGKILL)
	}
	for id := range marked() {
		if s.ours(id) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			_, err := process.KillMarked(ctx, id)
			cancel()
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (s *site) say(format string, args ...any) {
	fmt.Fprintf(s.out, "%s %s: %s\n", time.Now().UTC().Format("15:04:05"), s.name, fmt.Sprintf(format, args...))
}

func (s *site) find(id string) *run {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.runs[id]
}

// ours reports whether an execution is one of this house.
func (s *site) ours(id string) bool {
	_, err := os.Stat(filepath.Join(s.data(), "executions", id))
	return err == nil && id != ""
}

// marks gives a function that reports whether a process carries an execution's id.
func (s *site) marks(id string) func(pid int) bool {
	return func(pid int) bool {
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		return err == nil && strings.Contains(string(env), process.Marker+"="+id)
	}
}

// lost notes that we kill the runner of an execution.
func (s *site) lost(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doom[id] = true
}

func (s *site) wasLost(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.doom[id]
}

// wrong notes what is wrong outside of any execution.
func (s *site) wrong(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.found = append(s.found, fmt.Sprintf(format, args...))
}

func (s *site) count(fault string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dealt[fault]++
}

// round is one round: what is planned for it.
type round struct {
	length  time.Duration
	plans   []*plan
	faults  []fault
	changes []change
	storm   int // readers who are all dropped at once
	silent  int // clients who subscribe and are never heard of again
}

func planRound(random *rand.Rand, length time.Duration, executions int, serverFalls, clockJumps bool) *round {
	r := &round{length: length}
	for range executions {
		r.plans = append(r.plans, planExecution(random, length))
	}
	r.faults = planFaults(random, length, serverFalls, clockJumps)
	r.changes = planWeather(random, length)
	r.silent = random.IntN(4)
	return r
}

// reason is what the runs that we cancel are cancelled for.
const reason = "the soak has seen enough"

// play carries a round out and sees everything of it to its end. The error is trouble of the soak itself
// or of the server as a whole; what is wrong with an execution is the oracle's to say.
func (s *site) play(ctx context.Context, r *round) ([]*run, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.ways.worsen()
	begun := time.Now()
	drained := make(chan struct{})
	runs := make([]*run, len(r.plans))
	var work sync.WaitGroup
	for i, p := range r.plans {
		runs[i] = &run{plan: p, cancel: make(chan struct{})}
		work.Go(func() { s.perform(ctx, runs[i], begun, drained) })
	}
	weather, stop := context.WithCancel(ctx)
	defer stop()
	var changing sync.WaitGroup
	changing.Go(func() { s.ways.play(weather, begun, r.changes) })
	var storm func() (*run, error)
	if r.storm > 0 {
		storm = s.storm(ctx, r.storm, r.length)
	}
	err := s.goSilent(ctx, r.silent)
	err = errors.Join(err, play(ctx, s, begun, r.faults))
	if err == nil {
		later(ctx, time.Until(begun.Add(r.length)))
	}
	stop()
	changing.Wait()
	s.ways.heal()
	close(drained)
	if storm != nil {
		crowd, stormErr := storm()
		err = errors.Join(err, stormErr)
		if crowd != nil {
			runs = append(runs, crowd)
		}
	}
	// What is left has minutes: a reader may have much to catch up with, on a busy machine.
	over := make(chan struct{})
	go func() { // ends with the work
		work.Wait()
		close(over)
	}()
	if err == nil {
		select {
		case <-over:
		case <-time.After(5*time.Minute + r.length):
			err = fmt.Errorf("not everything of the round came to its end: %s", s.unfinished(runs))
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	cancel()
	<-over
	return runs, err
}

// unfinished says what is still under way.
func (s *site) unfinished(runs []*run) string {
	var left []string
	for _, r := range runs {
		for _, reading := range r.readings {
			select {
			case <-reading.done:
			default:
				left = append(left, fmt.Sprintf("%s (%s) %v", r.id, r.plan.agent, reading.manner))
			}
		}
	}
	slices.Sort(left)
	return strings.Join(left, "; ")
}

// perform carries one plan out.
func (s *site) perform(ctx context.Context, r *run, begun time.Time, drained <-chan struct{}) {
	if !later(ctx, time.Until(begun.Add(r.plan.at))) {
		r.err = context.Cause(ctx)
		return
	}
	config := map[string]string{}
	for name, value := range r.plan.config {
		config[name] = value
	}
	if r.plan.lines {
		r.tally = filepath.Join(s.tallies(), fmt.Sprintf("%016x", r.plan.seed))
		config["tally"] = r.tally
	}
	ack, err := s.execute(ctx, r.plan.agent, config, fmt.Sprintf("soak-%016x-%d", r.plan.seed, r.plan.at))
	if err != nil {
		r.err = fmt.Errorf("execute: %w", err)
		return
	}
	r.id = ack
	s.mu.Lock()
	s.runs[r.id] = r
	s.mu.Unlock()
	var work sync.WaitGroup
	for _, m := range r.plan.readers {
		r.readings = append(r.readings, &reading{manner: m, got: newDigest(), done: make(chan struct{})})
	}
	for _, reading := range r.readings {
		work.Go(func() {
			select {
			case <-drained:
			case <-time.After(reading.late):
			}
			reading.follow(ctx, s.house, s.ways, r.id, drained)
		})
	}
	work.Go(func() { r.err = s.endIt(ctx, r, begun, drained) })
	work.Wait()
}

// execute starts an execution, however often the server is away or says that it can't for now.
func (s *site) execute(ctx context.Context, agent string, config map[string]string, key string) (string, error) {
	for {
		ack, err := s.control.Execute(ctx, agent, config, client.WithIdempotencyKey(key))
		var refused *client.Error
		if err == nil || !errors.As(err, &refused) || !refused.Retryable {
			return ack.ExecutionID, err
		}
		if !later(ctx, max(refused.RetryAfter, 50*time.Millisecond)) {
			return "", context.Cause(ctx)
		}
	}
}

// endIt cancels a run when its plan says so, or the round is over.
func (s *site) endIt(ctx context.Context, r *run, begun time.Time, drained <-chan struct{}) error {
	switch {
	case r.plan.cancelAt > 0:
		later(ctx, time.Until(begun.Add(r.plan.cancelAt)))
	case r.plan.endless:
		select {
		case <-drained:
		case <-ctx.Done():
		}
	default:
		return nil
	}
	for {
		_, err := s.control.Cancel(ctx, r.id, reason)
		var refused *client.Error
		if err == nil {
			close(r.cancel)
			return nil
		}
		if !errors.As(err, &refused) || !refused.Retryable {
			return fmt.Errorf("cancel: %w", err)
		}
		if !later(ctx, max(refused.RetryAfter, 50*time.Millisecond)) {
			return context.Cause(ctx)
		}
	}
}
