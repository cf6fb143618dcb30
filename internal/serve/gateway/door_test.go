package gateway

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/search"
	"github.com/claudeops/claudeops/internal/run/agent"
	"github.com/claudeops/claudeops/internal/run/budget"
	"github.com/claudeops/claudeops/internal/run/supervisor"
	"github.com/claudeops/claudeops/internal/trust/audit"
	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/internal/trust/secrets"
	"github.com/claudeops/claudeops/protocol"
)

var doorSecret = []byte("0123456789abcdef0123456789abcdef")

// door is a gateway behind a real socket, with a supervisor that only keeps books.
type door struct {
	gateway    *Gateway
	server     *httptest.Server
	supervisor *bookkeeper
	keeper     *constantKeeper
	auth       *auth.Authenticator
	dir        string
	token      string // the owner's
	client     *http.Client
}

var doorAssets = fstest.MapFS{
	"index.html":                {Data: []byte(`<!doctype html><html><head><title>x</title><script type="module" src="/assets/app-B7f3kQ9z.js"></script></head><body></body></html>`)},
	"favicon.svg":               {Data: []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`)},
	"assets/app-B7f3kQ9z.js":    {Data: []byte("console.log(1)")},
	"assets/app-B7f3kQ9z.js.gz": {Data: []byte("\x1f\x8bgzip")},
	"assets/app-B7f3kQ9z.js.br": {Data: []byte("brotli")},
	"assets/plain.js":           {Data: []byte("console.log(2)")},
}

// sessionOverMCP answers every message with who its sender is to the REST API.
func sessionOverMCP(api func(outer *http.Request, w http.ResponseWriter, inner *http.Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner, err := http.NewRequestWithContext(r.Context(), http.MethodGet, "/api/session", nil)
		if err != nil {
			panic(err)
		}
		api(r, w, inner)
	})
}

// pathAsPage is documentation whose pages are their own paths.
func pathAsPage(func() []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.URL.Path)) })
}

// newDoor opens a door. change, if any, sets options; of what it leaves there are working ones.
func newDoor(t testing.TB, change func(*Options)) *door {
	t.Helper()
	d := &door{dir: t.TempDir()}
	store, err := journal.OpenDir(d.dir)
	if err != nil {
		t.Fatal(err)
	}
	d.supervisor, d.keeper = newBookkeeper(store), &constantKeeper{}
	opts := Options{Supervisor: d.supervisor, Store: store, System: constantHost{}, Search: search.New(store), Retention: d.keeper, Schedules: d.schedules(t), Space: d.keeper, Notifier: &noNotifier{}, Secrets: secrets.New(t.TempDir()), Assets: doorAssets, Version: "1.2.3", MCP: sessionOverMCP, Manual: pathAsPage}
	if change != nil {
		change(&opts)
	}
	d.auth, err = auth.Open(auth.Options{DataDir: d.dir, BasePath: opts.BasePath, JWT: auth.JWT{Secret: doorSecret}})
	if err != nil {
		t.Fatal(err)
	}
	d.token, err = auth.OwnerToken(d.dir)
	if err != nil {
		t.Fatal(err)
	}
	record, err := audit.Open(d.dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	agents := filepath.Join(d.dir, "agents")
	if err := os.MkdirAll(agents, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"echo.yaml":  "name: echo\ncommand: [echo, \"{{text}}\"]\nenv: {API_TOKEN: hunter2hunter2}\nparameters: {type: object, properties: {text: {type: string}}}\ntimeout: 1m\nidleTimeout: 10s\nconcurrency: 2\nmaxOutput: 1MiB\nworkdir: /tmp\napprovalRules: [{tool: Bash, then: ask}]\napprovalTimeout: 1m\nexitGrace: 5s\nonLimit: fail\ntags: [a]\noutput: merged\ncommands: false\nstdin: open\nlimits: {nice: 5}\nschedule: [{cron: \"0 3 * * *\"}]\nretention: {logs: {age: 1d}, executions: {count: 5}}\n",
		"shell.yaml": "name: shell\ntitle: Shell\ndescription: d\nshell: echo hi\n",
		"wrong.yaml": "name: wrong\ncommand: 7\n",
	} {
		if err := os.WriteFile(filepath.Join(agents, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	catalogue, err := agent.OpenCatalogue(agent.Options{Dir: agents})
	if err != nil {
		t.Fatal(err)
	}
	opts.Auth, opts.Audit, opts.Catalogue = d.auth, record, catalogue
	if d.gateway, err = New(opts); err != nil {
		t.Fatal(err)
	}
	d.server = httptest.NewUnstartedServer(d.gateway)
	d.server.Config = NewServer(d.gateway, protocol.Limits{}, d.gateway.log)
	d.server.Start()
	transport := &http.Transport{MaxIdleConnsPerHost: 100, DisableCompression: true}
	d.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := d.gateway.Close(ctx); err != nil {
			t.Error(err)
		}
		transport.CloseIdleConnections()
		d.server.Close()
		for _, err := range []error{d.auth.Close(), record.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	})
	return d
}

// jwt signs a token for a user with permissions.
func (d *door) jwt(t testing.TB, user string, permissions ...string) string {
	t.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": user, "exp": time.Now().Add(time.Hour).Unix(), "permissions": permissions,
	}).SignedString(doorSecret)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// cookie signs a browser in as the owner.
func (d *door) cookie(t testing.TB) *http.Cookie {
	t.Helper()
	answer := d.do(t, "POST", "/login", `{"token":"`+d.token+`"}`, nil)
	if answer.status != 200 || len(answer.cookies) != 1 {
		t.Fatalf("signing in: %d %s", answer.status, answer.body)
	}
	return answer.cookies[0]
}

type answer struct {
	status  int
	header  http.Header
	body    string
	cookies []*http.Cookie
}

func (a answer) problem(t testing.TB) Problem {
	t.Helper()
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Fatalf("the answer (%d) is %s, want a problem document: %.200s", a.status, got, a.body)
	}
	var p Problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	if p.Status != a.status || p.Title == "" || p.Type != "about:blank" || p.Detail == "" || !slices.Contains(protocol.Codes, p.Code) {
		t.Fatalf("the answer (%d) is no whole problem document: %s", a.status, a.body)
	}
	return p
}

// do sends a request and reads the answer. Of header a value "" takes a header away; Host is one.
func (d *door) do(t testing.TB, method, path, body string, header map[string]string) answer {
	t.Helper()
	r := d.request(t, method, path, body, header)
	response, err := d.client.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{response.StatusCode, response.Header, string(text), response.Cookies()}
}

func (d *door) request(t testing.TB, method, path, body string, header map[string]string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, d.server.URL, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	target, query, _ := strings.Cut(path, "?")
	if strings.HasPrefix(target, "//") {
		r.URL.Path = target
	} else {
		r.URL.Opaque = target // sent as it is, tricks and all
	}
	r.URL.RawQuery = query
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range header {
		switch {
		case name == "Host":
			r.Host = value
		case value == "":
			r.Header.Del(name)
		default:
			r.Header.Set(name, value)
		}
	}
	return r
}

// as adds the owner's token to headers.
func (d *door) as(token string, more map[string]string) map[string]string {
	header := map[string]string{"Authorization": "Bearer " + token}
	maps.Copy(header, more)
	return header
}

func decode[T any](t testing.TB, a answer, status int) T {
	t.Helper()
	var v T
	if a.status != status {
		t.Fatalf("the status is %d, want %d: %.500s", a.status, status, a.body)
	}
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%v in %.500s", err, a.body)
	}
	return v
}

// bookkeeper is a supervisor that starts nothing: tests write what its executions say.
type bookkeeper struct {
	store  journal.Store
	counts protocol.Executions

	mu       sync.Mutex
	calls    []string
	records  map[string]*execution.Record
	writers  map[string]journal.Writer
	keys     map[string]string
	watchers map[string]map[*func(journal.Position)]struct{}
	fails    error
	notReady bool
	lastID   int
	filter   index.Filter
	costs    index.CostFilter
	budgets  budget.Settings
	request  supervisor.Request
}

func newBookkeeper(store journal.Store) *bookkeeper {
	return &bookkeeper{
		store: store, records: map[string]*execution.Record{}, writers: map[string]journal.Writer{},
		keys: map[string]string{}, watchers: map[string]map[*func(journal.Position)]struct{}{},
	}
}

func (b *bookkeeper) called() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.calls)
}

func (b *bookkeeper) failWith(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fails = err
}

func (b *bookkeeper) Execute(_ context.Context, r supervisor.Request) (execution.Record, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls, b.request = append(b.calls, "execute"), r
	if b.fails != nil {
		return execution.Record{}, false, b.fails
	}
	if r.AgentType != "echo" {
		return execution.Record{}, false, fault.New(protocol.NotFound, "there is no agent %q", r.AgentType)
	}
	if id := b.keys[r.IdempotencyKey]; r.IdempotencyKey != "" && id != "" {
		return *b.records[id], true, nil
	}
	id := b.beginLocked(r.AgentType)
	b.keys[r.IdempotencyKey] = id
	return *b.records[id], false, nil
}

func (b *bookkeeper) Input(_ context.Context, id string, in supervisor.Input) (execution.Record, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, fmt.Sprintf("input %s %s %q %v", id, in.By, in.Text, in.EOF))
	rec := b.records[id]
	switch {
	case rec == nil:
		return execution.Record{}, index.NotFound(id)
	case rec.Terminal:
		return *rec, fault.New(protocol.Conflict, "execution %s has ended and takes no input", id)
	}
	return *rec, b.fails
}

func (b *bookkeeper) Cancel(_ context.Context, id, by, reason string) (execution.Record, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, "cancel "+id+" "+by+" "+reason)
	rec := b.records[id]
	if rec == nil {
		return execution.Record{}, index.NotFound(id)
	}
	return *rec, b.fails
}

func (b *bookkeeper) Approvals() []supervisor.Approval {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := []supervisor.Approval{}
	for _, rec := range b.records {
		for _, p := range rec.PendingApprovals {
			list = append(list, supervisor.Approval{ExecutionID: rec.ExecutionID, AgentType: rec.AgentType, PendingApproval: p})
		}
	}
	return list
}

func (b *bookkeeper) Continue(ctx context.Context, id, prompt string, r supervisor.Request) (execution.Record, error) {
	b.mu.Lock()
	rec := b.records[id]
	b.calls = append(b.calls, fmt.Sprintf("continue %s %q by %s %s", id, prompt, r.Trigger.User, r.Trigger.Kind))
	b.mu.Unlock()
	if rec == nil {
		return execution.Record{}, index.NotFound(id)
	}
	r.AgentType = rec.AgentType
	next, _, err := b.Execute(ctx, r)
	return next, err
}

func (b *bookkeeper) Pin(_ context.Context, id, by string, pinned bool) (execution.Record, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, fmt.Sprintf("pin %s %s %v", id, by, pinned))
	rec := b.records[id]
	if rec == nil {
		return execution.Record{}, index.NotFound(id)
	}
	rec.Pinned = pinned
	return *rec, b.fails
}

func (b *bookkeeper) Get(_ context.Context, id string) (execution.Record, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, "get "+id)
	rec := b.records[id]
	if rec == nil {
		return execution.Record{}, index.NotFound(id)
	}
	return *rec, b.fails
}

func (b *bookkeeper) List(_ context.Context, f index.Filter) (index.Page, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls, b.filter = append(b.calls, "list"), f
	var page index.Page
	for _, rec := range b.records {
		matches := func(pattern string) bool { matched, _ := path.Match(pattern, rec.AgentType); return matched }
		if len(f.Agents) == 0 || slices.ContainsFunc(f.Agents, matches) {
			page.Executions = append(page.Executions, *rec)
		}
	}
	slices.SortFunc(page.Executions, func(x, y execution.Record) int { return cmp.Compare(y.ExecutionID, x.ExecutionID) })
	page.Total = int64(len(page.Executions))
	return page, b.fails
}

func (b *bookkeeper) Describe(ctx context.Context, id string) (execution.Record, error) {
	return b.Get(ctx, id)
}

func (b *bookkeeper) Budgets() supervisor.Budgets {
	b.mu.Lock()
	defer b.mu.Unlock()
	return supervisor.Budgets{
		Settings: b.budgets, Now: time.Date(2026, 3, 15, 12, 0, 0, 0, time.UTC), Forecast: 20_000_000, State: budget.Warning,
		Spent:  budget.Period{Day: budget.Spent{Charged: 4_000_000, Notional: 1_000_000}, Month: budget.Spent{Charged: 9_500_000}},
		Agents: []supervisor.AgentBudget{{Agent: "echo", Budget: agent.Budget{PerDay: new(protocol.MicroUSD(2_000_000))}, State: budget.OK}},
	}
}

func (b *bookkeeper) SetBudgets(_ context.Context, settings budget.Settings) (supervisor.Budgets, error) {
	b.mu.Lock()
	b.budgets = settings
	b.mu.Unlock()
	return b.Budgets(), b.fails
}

func (b *bookkeeper) Costs(_ context.Context, f index.CostFilter) ([]index.Cost, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls, b.costs = append(b.calls, "costs"), f
	return []index.Cost{
		{Key: "2026-01-02", Runs: 2, USD: 500_000, Estimated: 100_000, Tokens: protocol.Tokens{Input: 7}},
		{Key: "=cmd|' /C calc'!A0", Runs: 1, USD: 250_000, Notional: 10_000, Unreported: 1},
	}, b.fails
}

func (b *bookkeeper) Counts() protocol.Executions { return b.counts }

func (b *bookkeeper) Lifecycle(func([]byte, *execution.Event, execution.Record)) func() {
	return func() {}
}

func (b *bookkeeper) Ready() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.notReady
}

func (b *bookkeeper) Watch(id string, grew func(journal.Position)) (func(), error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := b.writers[id]
	if w == nil {
		return nil, index.NotFound(id)
	}
	if b.watchers[id] == nil {
		b.watchers[id] = map[*func(journal.Position)]struct{}{}
	}
	b.watchers[id][&grew] = struct{}{}
	grew(w.Head())
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.watchers[id], &grew)
	}, nil
}

// watched says how many follow an execution now.
func (b *bookkeeper) watched(id string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.watchers[id])
}

// begin makes an execution with its first event.
func (b *bookkeeper) begin(agentType string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.beginLocked(agentType)
}

func (b *bookkeeper) beginLocked(agentType string) string {
	b.lastID++
	id := fmt.Sprintf("01jd%022d", b.lastID)
	w, err := b.store.Create(id)
	if err != nil {
		panic(err)
	}
	b.writers[id], b.records[id] = w, &execution.Record{}
	b.sayLocked(id, execution.Event{Type: execution.TypeQueued, AgentType: agentType, Config: json.RawMessage("{}"), Trigger: &execution.Trigger{Kind: "api", User: "owner"}})
	return id
}

// say appends events to an execution's journal and tells those who watch. Seq, id and time are set.
func (b *bookkeeper) say(id string, events ...execution.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sayLocked(id, events...)
}

func (b *bookkeeper) sayLocked(id string, events ...execution.Event) {
	w, rec := b.writers[id], b.records[id]
	var lines bytes.Buffer
	for i := range events {
		e := &events[i]
		e.ExecutionID, e.Seq, e.Timestamp = id, w.Head().Seq+uint64(i)+1, execution.At(time.Now())
		if err := json.NewEncoder(&lines).Encode(e); err != nil {
			panic(err)
		}
		rec.Apply(e)
	}
	at, err := w.Append(lines.Bytes(), len(events))
	if err != nil {
		panic(err)
	}
	for grew := range b.watchers[id] {
		(*grew)(at)
	}
}

func logLine(stream execution.Stream, message string) execution.Event {
	return execution.Event{Type: execution.TypeLog, Level: execution.Info, Stream: stream, Message: &message}
}

var completed = execution.Event{Type: execution.TypeCompleted, ExitCode: new(int)}

type constantHost struct{}

func (constantHost) Sample(context.Context) (protocol.SystemStatus, error) {
	return protocol.SystemStatus{Timestamp: execution.At(time.Now()), CPU: 12.5, Disk: protocol.DiskUsage{Path: "/"}}, nil
}
