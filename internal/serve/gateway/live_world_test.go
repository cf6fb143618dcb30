package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/retention"
	"github.com/claudeops/claudeops/internal/record/search"
	"github.com/claudeops/claudeops/internal/run/agent"
	"github.com/claudeops/claudeops/internal/run/budget"
	"github.com/claudeops/claudeops/internal/run/supervisor"
	"github.com/claudeops/claudeops/internal/serve/gateway"
	"github.com/claudeops/claudeops/internal/trust/audit"
	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

// world stands in for the supervisor: real journals on disk, and executions that do what a test says.
type world struct {
	t     testing.TB
	store *journal.Files

	mu        sync.Mutex
	count     int
	records   map[string]*execution.Record
	writers   map[string]journal.Writer
	watchers  map[string]map[int]func(journal.Position)
	listeners map[int]func([]byte, *execution.Event, execution.Record)
	keys      map[string]string
	order     sync.Mutex // one event at a time, as a runner writes them
}

func (w *world) id() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count++
	return fmt.Sprintf("01jd3kq7f0%016d", w.count)
}

// begin makes an execution that has its first event.
func (w *world) begin(agentType string) string {
	id := w.id()
	writer, err := w.store.Create(id)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	w.records[id] = &execution.Record{}
	w.writers[id] = writer
	w.mu.Unlock()
	w.emit(id, &execution.Event{Type: execution.TypeQueued, AgentType: agentType, Config: json.RawMessage(`{}`), Trigger: &execution.Trigger{Kind: "api", User: "owner"}})
	return id
}

func (w *world) emit(id string, events ...*execution.Event) {
	w.order.Lock()
	defer w.order.Unlock()
	w.mu.Lock()
	writer, rec := w.writers[id], w.records[id]
	w.mu.Unlock()
	var batch []byte
	head := writer.Head()
	var lines [][]byte
	for i, e := range events {
		e.ExecutionID, e.Seq, e.Timestamp = id, head.Seq+uint64(i)+1, execution.At(time.Now())
		line, err := json.Marshal(e)
		if err != nil {
			w.t.Error(err)
		}
		lines = append(lines, append(line, '\n'))
		batch = append(batch, lines[i]...)
	}
	position, err := writer.Append(batch, len(events))
	if err != nil {
		w.t.Error(err)
	}
	for i, e := range events {
		w.mu.Lock()
		rec.Apply(e)
		snapshot := *rec
		var told []func([]byte, *execution.Event, execution.Record)
		for _, l := range w.listeners {
			told = append(told, l)
		}
		w.mu.Unlock()
		if e.Type != execution.TypeLog {
			for _, tell := range told {
				tell(lines[i], e, snapshot)
			}
		}
	}
	w.mu.Lock()
	var grew []func(journal.Position)
	for _, g := range w.watchers[id] {
		grew = append(grew, g)
	}
	w.mu.Unlock()
	for _, g := range grew {
		g(position)
	}
}

// log emits n numbered lines.
func (w *world) log(id string, n int) {
	for range n {
		text := "line"
		w.emit(id, &execution.Event{Type: execution.TypeLog, Level: execution.Info, Stream: execution.Stdout, Message: &text})
	}
}

func (w *world) finish(id string) {
	code, cost, ms, reaped := 0, 0.0, int64(5), 0
	w.emit(id, &execution.Event{Type: execution.TypeCompleted, ExitCode: &code, Cost: &cost, DurationMs: &ms, ProcessesReaped: &reaped})
}

func (w *world) Execute(_ context.Context, r supervisor.Request) (execution.Record, bool, error) {
	if r.AgentType != "echo" {
		return execution.Record{}, false, fault.New(protocol.NotFound, "there is no agent %q; there is echo", r.AgentType)
	}
	w.mu.Lock()
	known := w.keys[r.IdempotencyKey]
	w.mu.Unlock()
	if known != "" {
		rec, err := w.Get(context.Background(), known)
		return rec, true, err
	}
	id := w.begin(r.AgentType)
	w.mu.Lock()
	if r.IdempotencyKey != "" {
		w.keys[r.IdempotencyKey] = id
	}
	w.mu.Unlock()
	rec, err := w.Get(context.Background(), id)
	return rec, false, err
}

func (w *world) Input(_ context.Context, id string, _ supervisor.Input) (execution.Record, error) {
	return execution.Record{}, fault.New(protocol.Conflict, "execution %s takes no input", id)
}

func (w *world) Cancel(_ context.Context, id, by, reason string) (execution.Record, error) {
	rec, err := w.Get(context.Background(), id)
	if err != nil || rec.Terminal {
		return rec, err
	}
	cost, ms, reaped := 0.0, int64(5), 2
	w.emit(id, &execution.Event{Type: execution.TypeCancelled, By: by, Reason: reason, Cost: &cost, DurationMs: &ms, ProcessesReaped: &reaped})
	rec.Status = execution.Cancelling
	return rec, nil
}

func (w *world) Approvals() []supervisor.Approval { return nil }

func (w *world) Continue(_ context.Context, id, _ string, _ supervisor.Request) (execution.Record, error) {
	return execution.Record{}, fault.New(protocol.Conflict, "execution %s can't be continued", id)
}

func (w *world) Pin(ctx context.Context, id, _ string, _ bool) (execution.Record, error) {
	return w.Get(ctx, id)
}

func (w *world) Get(_ context.Context, id string) (execution.Record, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	rec := w.records[id]
	if rec == nil {
		return execution.Record{}, fault.New(protocol.NotFound, "there is no execution %s", id)
	}
	return *rec, nil
}

func (w *world) List(_ context.Context, f index.Filter) (index.Page, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var page index.Page
	for _, rec := range w.records {
		if (len(f.Status) == 0 || slices.Contains(f.Status, rec.Status)) && (f.AgentType == "" || f.AgentType == rec.AgentType) {
			page.Executions = append(page.Executions, *rec)
		}
	}
	slices.SortFunc(page.Executions, func(a, b execution.Record) int { return strings.Compare(b.ExecutionID, a.ExecutionID) })
	return page, nil
}

// Nothing is removed in this world, but by tests themselves.
func (w *world) Policy() retention.Policy                             { return retention.Policy{} }
func (w *world) Preview(context.Context) ([]retention.Removal, error) { return nil, nil }
func (w *world) Run(context.Context, retention.Actor) (retention.Report, error) {
	return retention.Report{}, nil
}
func (w *world) Stats() retention.Stats { return retention.Stats{} }

func (w *world) Counts() protocol.Executions { return protocol.Executions{} }
func (w *world) Ready() bool                 { return true }

func (w *world) Watch(id string, grew func(journal.Position)) (func(), error) {
	reader, err := w.store.Open(id)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	w.mu.Lock()
	if w.watchers[id] == nil {
		w.watchers[id] = map[int]func(journal.Position){}
	}
	w.count++
	key := w.count
	w.watchers[id][key] = grew
	w.mu.Unlock()
	head, err := reader.Head()
	if err != nil {
		return nil, err
	}
	grew(head)
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.watchers[id], key)
	}, nil
}

func (w *world) Lifecycle(fn func([]byte, *execution.Event, execution.Record)) func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count++
	key := w.count
	w.listeners[key] = fn
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.listeners, key)
	}
}

func (w *world) Sample(context.Context) (protocol.SystemStatus, error) {
	return protocol.SystemStatus{Timestamp: execution.At(time.Now()), CPU: 12}, nil
}

func (w *world) Describe(ctx context.Context, id string) (execution.Record, error) {
	return w.Get(ctx, id)
}

func (w *world) Budgets() supervisor.Budgets { return supervisor.Budgets{} }

func (w *world) SetBudgets(context.Context, budget.Settings) (supervisor.Budgets, error) {
	return supervisor.Budgets{}, nil
}

func (w *world) Costs(context.Context, index.CostFilter) ([]index.Cost, error) { return nil, nil }

func (w *world) Execution(_ context.Context, id string, q search.Query, found func(search.Result) error) (search.Result, error) {
	r := search.Result{ExecutionID: id, Matches: []protocol.Match{{Seq: 2, Ranges: [][2]int{{0, len(q.Text)}}}}, Total: 1, Complete: true}
	if err := found(r); err != nil {
		return r, err
	}
	r.Matches = nil
	return r, nil
}

func (w *world) Across(ctx context.Context, ids iter.Seq2[string, error], q search.Query, found func(search.Result) error) (search.Result, error) {
	return search.New(w.store).Across(ctx, ids, q, found)
}

type noAgents struct{}

func (noAgents) Get(string) (*agent.Definition, bool) { return nil, false }
func (noAgents) List() []*agent.Definition            { return nil }
func (noAgents) Problems() []agent.Problem            { return nil }

const jwtSecret = "a secret that is thirty-two bytes or more"

func readToken(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "owner.token"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// bearer signs a token for a user with these permissions.
func bearer(t *testing.T, user string, expires time.Time, permissions ...string) string {
	t.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": user, "exp": expires.Unix(), "permissions": permissions}).SignedString([]byte(jwtSecret))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// door is a gateway in front of a world, served on loopback.
type door struct {
	*world
	server  *httptest.Server
	auth    *auth.Authenticator
	gateway *gateway.Gateway
	owner   string // token
}

func newDoor(t *testing.T, change func(o *gateway.Options)) *door {
	t.Helper()
	dir := t.TempDir()
	store, err := journal.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, store: store, records: map[string]*execution.Record{}, writers: map[string]journal.Writer{},
		watchers: map[string]map[int]func(journal.Position){}, listeners: map[int]func([]byte, *execution.Event, execution.Record){}, keys: map[string]string{},
	}
	authenticator, err := auth.Open(auth.Options{DataDir: dir, JWT: auth.JWT{Secret: []byte(jwtSecret)}})
	if err != nil {
		t.Fatal(err)
	}
	log, err := audit.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	o := gateway.Options{
		Supervisor: w, Store: store, Catalogue: noAgents{}, Auth: authenticator, Audit: log, System: w, Search: w, Retention: w, Schedules: noSchedules{},
	}
	if change != nil {
		change(&o)
	}
	g, err := gateway.New(o)
	if err != nil {
		t.Fatal(err)
	}
	d := &door{world: w, server: httptest.NewUnstartedServer(g), auth: authenticator, gateway: g, owner: readToken(t, dir)}
	d.server.Config = gateway.NewServer(g, protocol.Limits{}, slog.New(slog.DiscardHandler))
	d.server.Start()
	t.Cleanup(func() {
		if err := g.Close(context.Background()); err != nil {
			t.Error(err)
		}
		d.server.Close()
		authenticator.Close()
		log.Close()
		for _, writer := range w.writers {
			writer.Close()
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		for id, left := range w.watchers {
			if len(left) > 0 {
				t.Errorf("%d watchers of %s left", len(left), id)
			}
		}
		if len(w.listeners) > 0 {
			t.Errorf("%d lifecycle listeners left", len(w.listeners))
		}
	})
	return d
}
