package supervisor_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/run/control"
	"github.com/claudeops/claudeops/internal/run/process"
	"github.com/claudeops/claudeops/internal/run/supervisor"
	"github.com/claudeops/claudeops/protocol"
)

// machine is a machine on which runners live, beyond the life of any server: they are goroutines
// that honour the runner's contract over the real journal, and do what the test tells them.
type machine struct {
	t       testing.TB
	dataDir string
	store   *journal.Files // the runners' own, as of other processes

	mu        sync.Mutex             // guards what follows
	runners   map[string]*fakeRunner // by execution: the one that has the journal, or had it last
	all       map[process.ID]*fakeRunner
	nextPID   int
	spawns    map[string]int        // how often a runner was started
	ran       map[string]int        // how often an agent was started
	began     []string              // whose agents were started, in order
	dials     map[string]int        // how often a server has tried to reach a runner
	auto      func(r *fakeRunner)   // what a runner does by itself; nil: nothing
	spawnErr  func(id string) error // fails a start
	marked    map[string]int        // processes that outlive their runner
	killErr   error                 // EndLost fails with this
	survivors []process.Info        // what EndLost can't end
	changed   chan struct{}         // closed and replaced when anything above changes
	processes sync.WaitGroup
}

func newMachine(t testing.TB, dataDir string) *machine {
	t.Helper()
	store, err := journal.OpenDir(dataDir)
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{
		t: t, dataDir: dataDir, store: store, nextPID: 1000,
		runners: make(map[string]*fakeRunner), all: make(map[process.ID]*fakeRunner), spawns: make(map[string]int), ran: make(map[string]int), dials: make(map[string]int),
		marked: make(map[string]int), changed: make(chan struct{}),
	}
	t.Cleanup(func() {
		m.mu.Lock()
		for _, r := range m.all {
			r.kill()
		}
		m.mu.Unlock()
		m.processes.Wait()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// fakeRunner is one runner process.
type fakeRunner struct {
	m   *machine
	id  string
	pid process.ID

	mu      sync.Mutex // guards what follows
	w       journal.Writer
	history []told
	links   map[*fakeLink]struct{}
	alive   bool
	ready   bool          // it listens
	begun   chan struct{} // closed when it has the journal and listens
	dead    chan struct{}
	cancel  *cancelled
	end     *over
	inputs  []supervisor.Input
	deaf    bool // it refuses input
	changed chan struct{}
}

type told struct {
	line []byte
	e    *execution.Event
	at   journal.Position
}

type cancelled struct{ by, reason string }

// over is an end that the server asked for.
type over struct {
	reason execution.Reason
	text   string
}

func (m *machine) wakeLocked() {
	close(m.changed)
	m.changed = make(chan struct{})
}

func (r *fakeRunner) wakeLocked() {
	close(r.changed)
	r.changed = make(chan struct{})
}

func (m *machine) Spawn(id string) (process.ID, error) {
	m.mu.Lock()
	spawnErr := m.spawnErr
	m.mu.Unlock()
	if spawnErr != nil {
		if err := spawnErr(id); err != nil {
			return process.ID{}, err
		}
	}
	r := m.launch(id, nil)
	select {
	case <-r.begun:
		return r.pid, nil
	case <-r.dead:
		return process.ID{}, errors.New("it ended before it began")
	}
}

// launch starts a runner that gets to its journal once hold is closed.
func (m *machine) launch(id string, hold <-chan struct{}) *fakeRunner {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.nextPID++
	r := &fakeRunner{
		m: m, id: id, pid: process.ID{PID: m.nextPID, Start: 1, Boot: "fake"},
		alive: true, begun: make(chan struct{}), dead: make(chan struct{}), changed: make(chan struct{}),
	}
	m.all[r.pid] = r
	m.spawns[id]++
	m.processes.Go(func() { r.main(hold) })
	m.wakeLocked()
	return r
}

func (r *fakeRunner) main(hold <-chan struct{}) {
	if hold != nil {
		select {
		case <-hold:
		case <-r.dead:
			return
		}
	}
	w, _, err := r.m.store.Append(r.id)
	if err != nil || w.Head().Seq != 1 {
		if err == nil {
			w.Close()
		}
		r.kill() // another runner has it, or had it
		return
	}
	r.mu.Lock()
	if !r.alive {
		r.mu.Unlock()
		w.Close()
		return
	}
	r.w = w
	r.mu.Unlock()
	r.m.mu.Lock()
	r.m.ran[r.id]++
	r.m.began = append(r.m.began, r.id)
	auto := r.m.auto
	r.m.mu.Unlock()
	r.event(&execution.Event{Type: execution.TypeStarted, AgentType: "test", Command: []string{"test"}, Workdir: "/", PID: r.pid.PID, Host: "fake"})
	r.mu.Lock()
	r.ready = true
	r.mu.Unlock()
	r.m.mu.Lock()
	r.m.runners[r.id] = r
	r.m.wakeLocked()
	r.m.mu.Unlock()
	close(r.begun)
	if auto != nil {
		auto(r)
	}
}

// event appends an event that is not a log line.
func (r *fakeRunner) event(e *execution.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.alive || r.w == nil {
		return
	}
	e.ExecutionID, e.Timestamp, e.Seq = r.id, execution.At(time.Now()), r.w.Head().Seq+1
	line, err := json.Marshal(e)
	if err != nil {
		r.m.t.Error(err)
		return
	}
	line = append(line, '\n')
	at, err := r.w.Append(line, 1)
	if err == nil {
		err = r.w.Sync()
	}
	if err != nil {
		r.m.t.Errorf("runner of %s: %v", r.id, err)
		return
	}
	r.history = append(r.history, told{line, e, at})
	if e.Terminal() {
		r.exitLocked()
	}
	r.wakeLocked()
}

// log appends n log lines.
func (r *fakeRunner) log(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.alive {
		return
	}
	var lines []byte
	for i := range n {
		message := "line"
		line, err := json.Marshal(&execution.Event{
			Type: execution.TypeLog, ExecutionID: r.id, Seq: r.w.Head().Seq + uint64(i) + 1, Timestamp: execution.At(time.Now()),
			Level: execution.Info, Stream: execution.Stdout, Message: &message,
		})
		if err != nil {
			r.m.t.Error(err)
		}
		lines = append(append(lines, line...), '\n')
	}
	if _, err := r.w.Append(lines, n); err != nil {
		r.m.t.Errorf("runner of %s: %v", r.id, err)
	}
	r.wakeLocked()
}

func (r *fakeRunner) progress(percent float64, message string) {
	r.event(&execution.Event{Type: execution.TypeProgress, Progress: &percent, Message: &message})
}

func (r *fakeRunner) cost(usd float64) {
	estimated := false
	r.event(&execution.Event{Type: execution.TypeCost, USD: &usd, Tokens: &execution.Tokens{Input: 10, Output: 5}, Model: "m", Estimated: &estimated})
}

func (r *fakeRunner) complete() {
	zero, code, ms, cost := 0, 0, int64(1), 0.25
	r.event(&execution.Event{Type: execution.TypeCompleted, ExitCode: &code, DurationMs: &ms, Cost: &cost, ProcessesReaped: &zero, Result: json.RawMessage(`{"ok":true}`)})
}

func (r *fakeRunner) endCancelled() {
	r.mu.Lock()
	c := r.cancel
	r.mu.Unlock()
	if c == nil {
		r.m.t.Errorf("runner of %s was not cancelled", r.id)
		return
	}
	zero, ms, cost := 0, int64(1), 0.0
	r.event(&execution.Event{Type: execution.TypeCancelled, By: c.by, Reason: c.reason, DurationMs: &ms, Cost: &cost, ProcessesReaped: &zero})
}

// endOver ends as the server asked.
func (r *fakeRunner) endOver(cost float64) {
	r.mu.Lock()
	end := r.end
	r.mu.Unlock()
	if end == nil {
		r.m.t.Errorf("runner of %s was not asked to end", r.id)
		return
	}
	zero, ms := 0, int64(1)
	r.event(&execution.Event{Type: execution.TypeFailed, Reason: string(end.reason), Error: end.text, DurationMs: &ms, Cost: &cost, ProcessesReaped: &zero})
}

// asked waits until the server asks for the end.
func (r *fakeRunner) asked() over {
	r.m.t.Helper()
	for {
		r.mu.Lock()
		end, changed := r.end, r.changed
		r.mu.Unlock()
		if end != nil {
			return *end
		}
		r.m.wait(changed, "an end of "+r.id)
	}
}

// kill is kill -9.
func (r *fakeRunner) kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.exitLocked()
	r.wakeLocked()
}

func (r *fakeRunner) exitLocked() {
	if !r.alive {
		return
	}
	r.alive = false
	close(r.dead)
	if r.w != nil {
		if err := r.w.Close(); err != nil {
			r.m.t.Error(err)
		}
	}
}

// wasCancelled waits until somebody asks the runner to stop.
func (r *fakeRunner) wasCancelled() cancelled {
	r.m.t.Helper()
	for {
		r.mu.Lock()
		c, changed := r.cancel, r.changed
		r.mu.Unlock()
		if c != nil {
			return *c
		}
		r.m.wait(changed, "a cancellation of "+r.id)
	}
}

// runner waits until the execution's agent runs.
func (m *machine) runner(id string) *fakeRunner {
	m.t.Helper()
	for {
		m.mu.Lock()
		r, changed := m.runners[id], m.changed
		m.mu.Unlock()
		if r != nil {
			return r
		}
		m.wait(changed, "the runner of "+id)
	}
}

// dialled waits until a server has tried to reach the execution's runner so often.
func (m *machine) dialled(id string, times int) {
	m.t.Helper()
	for {
		m.mu.Lock()
		n, changed := m.dials[id], m.changed
		m.mu.Unlock()
		if n >= times {
			return
		}
		m.wait(changed, fmt.Sprintf("attempt %d to reach the runner of %s", times, id))
	}
}

// patience is for how long a test waits for what must come.
const patience = 30 * time.Second

func (m *machine) wait(signal <-chan struct{}, what string) {
	m.t.Helper()
	select {
	case <-signal:
	case <-time.After(patience):
		m.t.Fatalf("waited in vain for %s", what)
	}
}

func (m *machine) ranTimes(id string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ran[id]
}

func (m *machine) set(change func(m *machine)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
}

func (m *machine) Alive(id process.ID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.all[id]
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.alive
}

func (m *machine) Begun(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ran[id] > 0
}

func (m *machine) EndLost(_ context.Context, id string, _ process.ID) (process.Remains, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.killErr != nil {
		return process.Remains{}, m.killErr
	}
	n := m.marked[id]
	delete(m.marked, id)
	return process.Remains{Ended: n, Survivors: m.survivors}, nil
}

var errRefused = errors.New("connection refused")

func (m *machine) Dial(_ context.Context, id string) (supervisor.Link, error) {
	m.mu.Lock()
	r := m.runners[id]
	m.dials[id]++
	m.wakeLocked()
	m.mu.Unlock()
	if r == nil {
		return nil, errRefused
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ready || !r.alive {
		return nil, errRefused
	}
	link := &fakeLink{r: r}
	if r.links == nil {
		r.links = make(map[*fakeLink]struct{})
	}
	r.links[link] = struct{}{}
	return link, nil
}

// fakeLink is a connection to a fakeRunner.
type fakeLink struct {
	r     *fakeRunner
	watch bool // guarded by r.mu
	asked bool // the next notice goes out whatever it says; guarded by r.mu
}

func (l *fakeLink) Run(ctx context.Context, h supervisor.Handler) error {
	r := l.r
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.links, l)
	}()
	next, noticed, behind := 0, journal.Position{}, true
	for {
		r.mu.Lock()
		news, alive, changed := r.history[next:], r.alive, r.changed
		head, grew := r.w.Head(), l.watch && (l.asked || r.w.Head().Seq > noticed.Seq)
		l.asked = false
		r.mu.Unlock()
		next += len(news)
		if grew {
			noticed = head
			h.Grew(head)
		}
		for _, n := range news {
			h.Event(n.line, n.e, n.at)
			if n.e.Terminal() {
				return nil
			}
		}
		if behind {
			behind = false
			h.CaughtUp()
		}
		if !alive {
			return errors.New("read the runner's socket: EOF")
		}
		if len(news) > 0 {
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (l *fakeLink) Watch(on bool) {
	l.r.mu.Lock()
	defer l.r.mu.Unlock()
	l.watch, l.asked = on, on
	l.r.wakeLocked()
}

func (l *fakeLink) End(reason execution.Reason, text string) error {
	l.r.mu.Lock()
	defer l.r.mu.Unlock()
	if !l.r.alive {
		return errors.New("write to the runner's socket: broken pipe")
	}
	if l.r.end == nil {
		l.r.end = &over{reason, text}
	}
	l.r.wakeLocked()
	return nil
}

func (l *fakeLink) Ping(ctx context.Context) error {
	l.r.mu.Lock()
	defer l.r.mu.Unlock()
	if !l.r.alive {
		return control.ErrNotRunning
	}
	return nil
}

func (m *machine) Signal(process.ID, syscall.Signal) error { return nil }

func (l *fakeLink) Input(_ context.Context, in supervisor.Input) error {
	l.r.mu.Lock()
	defer l.r.mu.Unlock()
	if !l.r.alive {
		return control.ErrNotRunning
	}
	if l.r.deaf {
		return fault.New(protocol.Conflict, "the agent's stdin is closed")
	}
	l.r.inputs = append(l.r.inputs, in)
	return nil
}

func (l *fakeLink) Cancel(by, reason string) error {
	l.r.mu.Lock()
	defer l.r.mu.Unlock()
	if !l.r.alive {
		return errors.New("write to the runner's socket: broken pipe")
	}
	if l.r.cancel == nil {
		l.r.cancel = &cancelled{by, reason}
	}
	l.r.wakeLocked()
	return nil
}

// fileMode gives the permissions of a file of an execution.
func (m *machine) file(id, name string) (os.FileInfo, error) {
	return os.Stat(filepath.Join(m.dataDir, "executions", id, name))
}
