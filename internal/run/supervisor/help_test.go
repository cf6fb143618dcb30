package supervisor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/datadir"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/run/agent"
	"github.com/claudeops/claudeops/internal/run/control/controltest"
	"github.com/claudeops/claudeops/internal/run/runner"
	"github.com/claudeops/claudeops/internal/run/supervisor"
)

// TestMain is also what the processes of these tests begin with: runners, agents, servers.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "runner":
			os.Exit(runner.Main(os.Args[2], os.Args[3]))
		case "agent":
			os.Exit(actAgent(os.Args[2:]))
		case "remove":
			os.Exit(actRemover(os.Args[2:]))
		case "serve":
			os.Exit(actServer(os.Args[2], os.Args[3]))
		}
	}
	goleak.VerifyTestMain(controltest.AfterRunners{M: m})
}

// catalogue is a set of agents that a test may change.
type catalogue struct {
	mu      sync.Mutex
	agents  map[string]*agent.Definition
	changed map[int]func()
	next    int
}

func newCatalogue(t testing.TB, sources ...string) *catalogue {
	t.Helper()
	c := &catalogue{agents: make(map[string]*agent.Definition), changed: make(map[int]func())}
	for _, source := range sources {
		c.put(t, source)
	}
	return c
}

func (c *catalogue) put(t testing.TB, source string) {
	t.Helper()
	d, problems := agent.Parse("test.yaml", []byte(source))
	if d == nil {
		t.Fatalf("definition %q: %v", source, problems)
	}
	c.mu.Lock()
	c.agents[d.Name] = d
	var fns []func()
	for _, fn := range c.changed {
		fns = append(fns, fn)
	}
	c.mu.Unlock()
	for _, fn := range fns {
		fn()
	}
}

func (c *catalogue) drop(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.agents, name)
}

func (c *catalogue) Get(name string) (*agent.Definition, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d, ok := c.agents[name]
	return d, ok
}

func (c *catalogue) List() []*agent.Definition {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []*agent.Definition
	for _, d := range c.agents {
		list = append(list, d)
	}
	return list
}

func (c *catalogue) Subscribe(fn func()) func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := c.next
	c.next++
	c.changed[id] = fn
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.changed, id)
	}
}

const (
	freeAgent = "name: free\ncommand: [\"true\"]\nparameters: {type: object, properties: {n: {type: integer}, secret: {type: string, writeOnly: true}}}\n"
	oneAgent  = "name: one\ncommand: [\"true\"]\nconcurrency: 1\n"
	twoAgent  = "name: two\ncommand: [\"true\"]\nconcurrency: 2\n"
)

// world is a data directory, the machine it is on, and one server after another.
type world struct {
	t         testing.TB
	dir       string
	machine   *machine
	catalogue *catalogue
	options   supervisor.Options // what a test changes before start

	reached func(step string) // what a removal has come to

	realRunners bool // leave Options.Runners nil

	server *server
}

// server is one life of a server.
type server struct {
	*supervisor.Supervisor
	index *index.Index
	store *journal.Files
	log   *logBuffer
}

func newWorld(t testing.TB) *world {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	d, err := datadir.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	w := &world{t: t, dir: dir, machine: newMachine(t, dir), catalogue: newCatalogue(t, freeAgent, oneAgent, twoAgent)}
	t.Cleanup(w.stop)
	return w
}

// start begins a server's life.
func (w *world) start() *server {
	w.t.Helper()
	s := w.open()
	if err := s.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return s
}

// openReal is open with runners started from executable.
func (w *world) openReal(executable string) *server {
	w.options.Executable, w.realRunners = executable, true
	return w.open()
}

func (w *world) open() *server {
	w.t.Helper()
	w.stop()
	s := &server{log: &logBuffer{}}
	var err error
	if s.store, err = journal.OpenDir(w.dir); err != nil {
		w.t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if s.index, err = index.Open(filepath.Join(w.dir, "index.sqlite"), index.WithLog(log)); err != nil {
		w.t.Fatal(err)
	}
	options := w.options
	options.DataDir, options.Catalogue, options.Index, options.Log = w.dir, w.catalogue, s.index, log
	options.Reached = func(step string) {
		if w.reached != nil {
			w.reached(step)
		}
	}
	if options.Store == nil {
		options.Store = s.store
	}
	if options.Runners == nil && !w.realRunners {
		options.Runners = w.machine
	}
	if s.Supervisor, err = supervisor.Open(options); err != nil {
		w.t.Fatal(err)
	}
	w.server = s
	return s
}

// stop ends the server's life; runners live on.
func (w *world) stop() {
	w.t.Helper()
	s := w.server
	if s == nil {
		return
	}
	w.server = nil
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		w.t.Error(err)
	}
	if err := s.index.Close(); err != nil {
		w.t.Error(err)
	}
	if err := s.store.Close(); err != nil {
		w.t.Error(err)
	}
	if w.t.Failed() {
		w.t.Logf("the server's log:\n%s", s.log)
	}
}

type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

var me = execution.Trigger{Kind: "api", User: "me"}

func (s *server) execute(t testing.TB, agentType string) string {
	t.Helper()
	rec, existing, err := s.Execute(t.Context(), supervisor.Request{AgentType: agentType, Trigger: me})
	if err != nil {
		t.Fatal(err)
	}
	if existing {
		t.Fatal("a new execution is said to be an old one")
	}
	return rec.ExecutionID
}

func (s *server) get(t testing.TB, id string) execution.Record {
	t.Helper()
	rec, err := s.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// until waits until the execution's record is as wanted. What waits for an event is woken by it;
// states that no event tells (the place in line) are looked at now and then.
func (s *server) until(t testing.TB, id, what string, ok func(execution.Record) bool) execution.Record {
	t.Helper()
	news := make(chan struct{}, 1)
	cancel := s.Lifecycle(func([]byte, *execution.Event, execution.Record) {
		select {
		case news <- struct{}{}:
		default:
		}
	})
	defer cancel()
	deadline := time.Now().Add(patience)
	for {
		rec := s.get(t, id)
		if ok(rec) {
			return rec
		}
		if time.Now().After(deadline) {
			text, _ := json.MarshalIndent(rec, "", " ")
			t.Fatalf("waited in vain until %s: %s", what, text)
		}
		select {
		case <-news:
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (s *server) untilStatus(t testing.TB, id string, status execution.Status) execution.Record {
	t.Helper()
	return s.until(t, id, "it is "+string(status), func(rec execution.Record) bool { return rec.Status == status })
}

// untilRetired waits until nothing of an ended execution is active any more.
func (w *world) untilRetired(id string) {
	w.t.Helper()
	eventually(w.t, "the execution is retired", func() bool {
		_, err := os.Lstat(filepath.Join(w.dir, "active", id))
		return os.IsNotExist(err)
	})
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// journalTypes reads an execution's journal from the disk: the types of its events, which must be
// numbered without a hole.
func (w *world) journalTypes(id string) []string {
	w.t.Helper()
	var types []string
	for i, e := range w.journalEvents(id) {
		if e.Seq != uint64(i+1) {
			w.t.Fatalf("event %d of %s has seq %d", i+1, id, e.Seq)
		}
		types = append(types, e.Type)
	}
	return types
}

func (w *world) journalEvents(id string) []execution.Event {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, "executions", id, "events.ndjson"))
	if err != nil {
		w.t.Fatal(err)
	}
	var events []execution.Event
	for line := range strings.Lines(string(text)) {
		var e execution.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			w.t.Fatalf("journal of %s: %v in %q", id, err, line)
		}
		events = append(events, e)
	}
	return events
}

// checkOneEnd checks that a journal has exactly one last event, and that it is the last.
func (w *world) checkOneEnd(id string) {
	w.t.Helper()
	types := w.journalTypes(id)
	for i, name := range types {
		if terminal := execution.IsTerminalType(name); terminal != (i == len(types)-1) {
			w.t.Fatalf("journal of %s: %v: event %d of %d", id, types, i+1, len(types))
		}
	}
}

func short(id string) string { return fmt.Sprintf("…%s", id[len(id)-6:]) }
