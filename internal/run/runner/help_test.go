package runner_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/logtext"
	"github.com/claudeops/claudeops/internal/run/control"
	"github.com/claudeops/claudeops/internal/run/process"
)

// patience is how long anything may take before a test gives up.
const patience = 60 * time.Second

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// scene is a data directory with one execution in it.
type scene struct {
	t       testing.TB
	dataDir string
	dir     string
	id      string
	spec    control.Spec
	pid     int // of the runner
	link    *control.Link
	heard   *heard
}

// newScene queues an execution of one of the agents in agents_test.go.
func newScene(t testing.TB, agent ...string) *scene {
	t.Helper()
	s := &scene{t: t, dataDir: t.TempDir(), id: strings.ToLower(ulid.Make().String())}
	s.dir = filepath.Join(s.dataDir, "executions", s.id)
	s.spec = control.Spec{ExecutionID: s.id, Agent: "test", Driver: "command", Argv: append([]string{self(t), "agent"}, agent...),
		Env: []string{"PATH=" + os.Getenv("PATH"), "LANG=C"}, StopGrace: 500 * time.Millisecond}
	store, err := journal.OpenDir(s.dataDir)
	must(t, err)
	w, err := store.Create(s.id)
	must(t, err)
	line, err := json.Marshal(execution.Event{Type: execution.TypeQueued, ExecutionID: s.id, Seq: 1, Timestamp: execution.At(time.Now()), AgentType: "test", Config: json.RawMessage(`{}`), Trigger: &execution.Trigger{Kind: "api", User: "test"}})
	must(t, err)
	_, err = w.Append(append(line, '\n'), 1)
	must(t, err)
	must(t, w.Close())
	must(t, store.Close())
	return s
}

func self(t testing.TB) string {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	return exe
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// spawn starts the runner.
func (s *scene) spawn() *scene {
	s.t.Helper()
	must(s.t, control.WriteSpec(s.dir, &s.spec))
	pid, err := control.Spawn(self(s.t), s.dataDir, s.id, nil)
	must(s.t, err)
	s.pid = pid
	s.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		s.goneBy(ctx, pid)
		if s.t.Failed() {
			_, _ = process.KillMarked(ctx, s.id)
			if b, err := os.ReadFile(filepath.Join(s.dir, "runner.log")); err == nil && len(b) > 0 {
				s.t.Logf("runner.log: %s", b)
			}
		}
	})
	return s
}

// goneBy waits until the runner is gone, and kills it if it does not go.
func (s *scene) goneBy(ctx context.Context, pid int) {
	id, err := process.Find(pid)
	for err == nil && id.Alive() {
		if ctx.Err() != nil {
			s.t.Errorf("the runner %d lives on", pid)
			_ = id.Signal(syscall.SIGKILL)
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// dial connects, and listens in the background until the runner is gone.
func (s *scene) dial() *scene {
	s.t.Helper()
	link, err := control.Dial(testContext(s.t), s.dataDir, s.id)
	if errors.Is(err, control.ErrNotRunning) && s.ended() {
		return s // it was quicker
	}
	must(s.t, err)
	s.link = link
	s.heard = listen(s.t, link)
	return s
}

func (s *scene) ended() bool {
	events := s.events()
	return len(events) > 0 && events[len(events)-1].Terminal()
}

// run spawns, waits for the end, and gives all events.
func (s *scene) run() []execution.Event {
	s.t.Helper()
	return s.spawn().dial().wait()
}

// wait waits until the runner is gone, checks what must hold for every execution, and gives all events.
func (s *scene) wait() []execution.Event {
	s.t.Helper()
	if s.heard != nil {
		s.heard.wait(testContext(s.t))
		if s.heard.err != nil {
			s.t.Fatalf("link: %v", s.heard.err)
		}
	}
	s.goneBy(testContext(s.t), s.pid)
	events := s.events()
	s.check(events)
	return events
}

// check is what must hold for every execution that has ended.
func (s *scene) check(events []execution.Event) {
	s.t.Helper()
	started := false
	for i, e := range events {
		if e.Seq != uint64(i)+1 {
			s.t.Fatalf("event %d has seq %d", i+1, e.Seq)
		}
		if e.ExecutionID != s.id {
			s.t.Fatalf("event %d is of execution %q", e.Seq, e.ExecutionID)
		}
		switch e.Type {
		case execution.TypeStarted:
			if started || i != 1 {
				s.t.Errorf("event %d: started out of place", e.Seq)
			}
			started = true
		}
		if e.Terminal() != (i == len(events)-1) {
			s.t.Errorf("event %d of %d: %s is out of place", e.Seq, len(events), e.Type)
		}
	}
	last := events[len(events)-1]
	if last.DurationMs == nil || last.ProcessesReaped == nil || last.Cost == nil {
		s.t.Errorf("last event lacks a field: %+v", last)
	}
	left, err := process.Marked(s.id)
	must(s.t, err)
	if len(left) > 0 {
		s.t.Errorf("processes left: %+v", left)
	}
	for _, name := range []string{"workspace", "result.json", "spec.json", "runner.sock"} {
		if _, err := os.Lstat(filepath.Join(s.dir, name)); !errors.Is(err, os.ErrNotExist) {
			s.t.Errorf("%s is left behind (%v)", name, err)
		}
	}
	if s.heard != nil {
		s.heard.compare(s.t, events)
	}
}

// lines gives the journal's lines, each with its '\n'.
func (s *scene) lines() [][]byte {
	s.t.Helper()
	store, err := journal.OpenDir(s.dataDir)
	must(s.t, err)
	defer store.Close()
	r, err := store.Open(s.id)
	must(s.t, err)
	defer r.Close()
	var all []byte
	buf := make([]byte, 4<<20)
	for at := (journal.Position{}); ; {
		n, next, gap, err := r.Read(at, journal.Position{}, buf)
		must(s.t, err)
		if gap != nil {
			s.t.Fatalf("journal has a gap: %+v", gap)
		}
		if n == 0 {
			return bytes.SplitAfter(all, []byte("\n"))[:bytes.Count(all, []byte("\n"))]
		}
		all = append(all, buf[:n]...)
		at = next
	}
}

func (s *scene) events() []execution.Event {
	s.t.Helper()
	lines := s.lines()
	events := make([]execution.Event, len(lines))
	for i, line := range lines {
		if err := json.Unmarshal(line, &events[i]); err != nil {
			s.t.Fatalf("event %d is not valid JSON: %v: %.200q", i+1, err, line)
		}
	}
	return events
}

// text is what the agent wrote, as the raw download gives it; of one stream, or of all with "".
func (s *scene) text(stream execution.Stream) []byte {
	s.t.Helper()
	var text []byte
	for _, line := range s.lines() {
		if stream == "" || bytes.Contains(line, []byte(`"stream":"`+stream+`"`)) || stream == execution.Stdout && bytes.HasPrefix(line, []byte(`{"type":"execution:progress"`)) {
			text = logtext.Append(text, line)
		}
	}
	return text
}

// until waits until a log line with that text is in the journal, and gives its event.
func (s *scene) until(text string) execution.Event {
	s.t.Helper()
	ctx := testContext(s.t)
	for {
		for _, e := range s.events() {
			if e.Type == execution.TypeLog && e.Message != nil && strings.Contains(*e.Message, text) {
				return e
			}
			if e.Terminal() {
				s.t.Fatalf("the execution ended (%s %s %s) before a line with %q", e.Type, e.Reason, e.Error, text)
			}
		}
		if ctx.Err() != nil {
			s.t.Fatalf("no line with %q", text)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// heard is a Handler that keeps what it hears.
type heard struct {
	mu     sync.Mutex
	events []execution.Event
	lines  [][]byte
	grew   []journal.Position
	at     []journal.Position
	stalls []string
	caught []int // how many events had come when it was said that these were all
	news   chan struct{}
	done   chan struct{}
	err    error
}

func listen(t testing.TB, link *control.Link) *heard {
	h := &heard{news: make(chan struct{}, 1), done: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(h.done)
		h.err = link.Run(ctx, h)
	}()
	t.Cleanup(func() { cancel(); <-h.done })
	return h
}

func (h *heard) told() {
	select {
	case h.news <- struct{}{}:
	default:
	}
}

func (h *heard) CaughtUp() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.caught = append(h.caught, len(h.events))
	h.told()
}

func (h *heard) Grew(at journal.Position) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.grew = append(h.grew, at)
	h.told()
}

func (h *heard) Event(line []byte, e *execution.Event, at journal.Position) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, *e)
	h.lines = append(h.lines, bytes.Clone(line))
	h.at = append(h.at, at)
	h.told()
}

func (h *heard) Stalled(why string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stalls = append(h.stalls, why)
	h.told()
}

func (h *heard) wait(ctx context.Context) {
	select {
	case <-h.done:
	case <-ctx.Done():
		h.err = errors.New("the runner went on for too long")
	}
}

// until waits for an event of a type.
func (h *heard) until(t testing.TB, kind string) execution.Event {
	t.Helper()
	return *waitFor(t, h, func() *execution.Event {
		for i := range h.events {
			if h.events[i].Type == kind {
				return &h.events[i]
			}
		}
		return nil
	})
}

// waitFor waits until look, called under h's lock, gives something.
func waitFor[T any](t testing.TB, h *heard, look func() *T) *T {
	t.Helper()
	ctx := testContext(t)
	for {
		h.mu.Lock()
		v := look()
		h.mu.Unlock()
		if v != nil {
			return v
		}
		select {
		case <-h.news:
		case <-h.done:
			h.mu.Lock()
			defer h.mu.Unlock()
			if v := look(); v != nil {
				return v
			}
			t.Fatal("the runner went before that was heard")
		case <-ctx.Done():
			t.Fatal("that was never heard")
		}
	}
}

// compare checks that what was heard is every event but queued and log lines, with its place.
func (h *heard) compare(t testing.TB, events []execution.Event) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	i := 0
	for _, e := range events {
		if e.Type == execution.TypeQueued || e.Type == execution.TypeLog {
			continue
		}
		if i >= len(h.events) {
			t.Errorf("not told of event %d (%s)", e.Seq, e.Type)
			return
		}
		if got := h.events[i]; got.Seq != e.Seq || got.Type != e.Type || h.at[i].Seq != e.Seq {
			t.Errorf("told of event %d (%s) where %d (%s) was due", got.Seq, got.Type, e.Seq, e.Type)
			return
		}
		i++
	}
	if i != len(h.events) {
		t.Errorf("told of %d events, %d are in the journal", len(h.events), i)
	}
}

// program finds a program that a test needs.
func program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: apt-get install coreutils bash util-linux", err)
	}
	return path
}
