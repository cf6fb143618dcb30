package gateway

import (
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/run/agent"
	"github.com/claudeops/claudeops/internal/run/kind"
	"github.com/claudeops/claudeops/internal/run/kind/kinds"
	"github.com/claudeops/claudeops/internal/trust/audit"
	"github.com/claudeops/claudeops/protocol"
)

func TestAgents(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	got := d.do(t, "GET", "/api/agents", "", d.as(d.token, nil))
	list := decode[struct {
		Agents   []map[string]any
		Problems []agent.Problem
	}](t, got, 200)
	names := map[string]bool{}
	for _, a := range list.Agents {
		names[a["name"].(string)] = true
	}
	if !names["echo"] || !names["shell"] || !names["system-health"] || names["wrong"] {
		t.Errorf("the agents are %v", names)
	}
	if len(list.Problems) == 0 || filepath.Base(list.Problems[0].File) != "wrong.yaml" {
		t.Errorf("the problems are %+v", list.Problems)
	}
	if strings.Contains(got.body, "hunter2") {
		t.Error("a secret is shown")
	}
	one := decode[map[string]any](t, d.do(t, "GET", "/api/agents/echo", "", d.as(d.token, nil)), 200)
	if one["name"] != "echo" || one["parameters"] == nil {
		t.Errorf("echo is %v", one)
	}
	missing := d.do(t, "GET", "/api/agents/nope", "", d.as(d.token, nil))
	if p := missing.problem(t); missing.status != 404 || p.Code != protocol.NotFound || !strings.Contains(p.Detail, "nope") {
		t.Errorf("%d %s", missing.status, missing.body)
	}
}

// An editor gets the schema without a credential, and no further than its cache when it has it.
func TestAgents_schema_is_served(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	got := d.do(t, "GET", "/api/schemas/agent.json", "", nil)
	if got.status != 200 || got.header.Get("Content-Type") != "application/schema+json" || got.body != string(agent.SchemaJSON) {
		t.Fatalf("%d %v %.200s", got.status, got.header, got.body)
	}
	if again := d.do(t, "GET", "/api/schemas/agent.json", "", map[string]string{"If-None-Match": got.header.Get("ETag")}); again.status != 304 || again.body != "" {
		t.Errorf("%d %q", again.status, again.body)
	}
	if other := d.do(t, "GET", "/api/schemas/other.json", "", d.as(d.token, nil)); other.status != 404 {
		t.Errorf("%d", other.status)
	}
}

// The document describes definitions by a type of its own: it must have every field there is.
func TestAgents_are_documented_as_they_marshal(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	described := map[string]bool{}
	view := reflect.TypeFor[AgentView]()
	for i := range view.NumField() {
		name, _, _ := strings.Cut(view.Field(i).Tag.Get("json"), ",")
		described[name] = true
	}
	names := kind.Names(kinds.All())
	seen := map[string]bool{}
	for _, definition := range d.gateway.opts.Catalogue.List() {
		text, err := json.Marshal(definition)
		if err != nil {
			t.Fatal(err)
		}
		var fields map[string]any
		if err := json.Unmarshal(text, &fields); err != nil {
			t.Fatal(err)
		}
		for name := range fields {
			seen[name] = true
			if !described[name] && !slices.Contains(names, name) {
				t.Errorf("%s marshals %q, which AgentView lacks", definition.Name, name)
			}
		}
	}
	for name := range described {
		if !seen[name] && name != "budget" { // which no definition of this test may have
			t.Errorf("AgentView has %q, which no definition marshals", name)
		}
	}
}

func TestExecutions_create(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	owner := d.as(d.token, nil)
	got := d.do(t, "POST", "/api/executions", `{"agentType":"echo","config":{"text":"a;b $(c)\n-d"},"future":1}`, owner)
	rec := decode[execution.Record](t, got, 201)
	if got.header.Get("Location") != "/api/executions/"+rec.ExecutionID || rec.AgentType != "echo" || rec.Status != execution.Queued {
		t.Errorf("%v %+v", got.header, rec)
	}
	d.supervisor.mu.Lock()
	request := d.supervisor.request
	d.supervisor.mu.Unlock()
	if string(request.Config) != `{"text":"a;b $(c)\n-d"}` || request.Trigger != (execution.Trigger{Kind: "api", User: "owner"}) || request.IdempotencyKey != "" {
		t.Errorf("the request was %+v", request)
	}

	for name, test := range map[string]struct {
		body   string
		header map[string]string
		key    string
	}{
		"by_field":         {`{"agentType":"echo","idempotencyKey":"k1"}`, nil, "k1"},
		"by_header":        {`{"agentType":"echo"}`, map[string]string{"Idempotency-Key": "k2"}, "k2"},
		"by_both_the_same": {`{"agentType":"echo","idempotencyKey":"k3"}`, map[string]string{"Idempotency-Key": "k3"}, "k3"},
	} {
		first := decode[execution.Record](t, d.do(t, "POST", "/api/executions", test.body, d.as(d.token, test.header)), 201)
		again := decode[execution.Record](t, d.do(t, "POST", "/api/executions", test.body, d.as(d.token, test.header)), 200)
		if first.ExecutionID != again.ExecutionID {
			t.Errorf("%s: two executions", name)
		}
	}

	for name, test := range map[string]struct {
		body   string
		header map[string]string
		status int
		code   protocol.Code
		names  string
	}{
		"no_body":            {"", nil, 400, protocol.BadRequest, "body"},
		"no_json":            {"{", nil, 400, protocol.BadRequest, "body"},
		"no_object":          {"[]", nil, 422, protocol.BadRequest, "object"},
		"null":               {"null", nil, 422, protocol.BadRequest, ""},
		"no_agent":           {"{}", nil, 422, protocol.BadRequest, "agentType"},
		"empty_agent":        {`{"agentType":""}`, nil, 422, protocol.BadRequest, "agentType"},
		"agent_no_string":    {`{"agentType":7}`, nil, 422, protocol.BadRequest, "agentType"},
		"config_no_object":   {`{"agentType":"echo","config":[1]}`, nil, 422, protocol.BadRequest, "config"},
		"key_no_string":      {`{"agentType":"echo","idempotencyKey":1}`, nil, 422, protocol.BadRequest, "idempotencyKey"},
		"key_too_long":       {`{"agentType":"echo","idempotencyKey":"` + strings.Repeat("k", 300) + `"}`, nil, 400, protocol.BadRequest, "idempotencyKey"},
		"two_different_keys": {`{"agentType":"echo","idempotencyKey":"a"}`, map[string]string{"Idempotency-Key": "b"}, 400, protocol.BadRequest, "idempotencyKey"},
		"unknown_agent":      {`{"agentType":"../x"}`, nil, 404, protocol.NotFound, "../x"},
		"two_megabytes":      {`{"agentType":"echo","config":{"x":"` + strings.Repeat("x", 2<<20) + `"}}`, nil, 413, protocol.TooLarge, ""},
		"ten_thousand_deep":  {`{"agentType":"echo","config":` + strings.Repeat(`{"a":`, 20000) + "1" + strings.Repeat("}", 20000) + "}", nil, 400, protocol.BadRequest, ""},
	} {
		got := d.do(t, "POST", "/api/executions", test.body, d.as(d.token, test.header))
		if got.status != test.status {
			t.Errorf("%s: %d, want %d: %.300s", name, got.status, test.status, got.body)
			continue
		}
		p := got.problem(t)
		if p.Code != test.code || !strings.Contains(p.Detail, test.names) {
			t.Errorf("%s: %s", name, got.body)
		}
		if len(got.body) > 4000 {
			t.Errorf("%s: the answer has %d bytes", name, len(got.body))
		}
	}
}

func TestExecutions_trigger_says_what_began_it(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	for want, header := range map[string]map[string]string{
		"page": {"Cookie": d.cookie(t).String(), "Origin": d.server.URL},
		"cli":  d.as(d.token, map[string]string{"User-Agent": "claudeops/1.0"}),
		"api":  d.as(d.jwt(t, "alice", protocol.PermExecute), map[string]string{"User-Agent": "curl/8"}),
	} {
		if got := d.do(t, "POST", "/api/executions", `{"agentType":"echo"}`, header); got.status != 201 {
			t.Fatalf("%s: %d %s", want, got.status, got.body)
		}
		d.supervisor.mu.Lock()
		trigger := d.supervisor.request.Trigger
		d.supervisor.mu.Unlock()
		if trigger.Kind != want || want == "api" && trigger.User != "alice" {
			t.Errorf("%s: the trigger is %+v", want, trigger)
		}
	}
}

func TestExecutions_errors_of_the_supervisor(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	secret := errors.New("open /var/lib/secret: permission denied")
	for name, test := range map[string]struct {
		err    error
		status int
		code   protocol.Code
	}{
		"conflict":    {fault.New(protocol.Conflict, "the key was used for something else"), 409, protocol.Conflict},
		"full":        {fault.New(protocol.LimitReached, "too many wait"), 429, protocol.LimitReached},
		"rate":        {fault.New(protocol.RateLimited, "slow down").With(fault.Retry{AfterMs: 1500}), 429, protocol.RateLimited},
		"budget":      {fault.New(protocol.BudgetExceeded, "no money"), 402, protocol.BudgetExceeded},
		"unavailable": {fault.Wrap(protocol.Unavailable, secret, "the disk is full"), 503, protocol.Unavailable},
		"internal":    {secret, 500, protocol.Internal},
		"fields":      {fault.New(protocol.BadRequest, "text must be a string").With(map[string]any{"fields": []map[string]string{{"field": "config.text", "message": "must be a string"}}}), 400, protocol.BadRequest},
	} {
		d.supervisor.failWith(test.err)
		got := d.do(t, "POST", "/api/executions", `{"agentType":"echo"}`, d.as(d.token, nil))
		p := got.problem(t)
		if got.status != test.status || p.Code != test.code || p.Retryable != test.code.Retryable() {
			t.Errorf("%s: %s", name, got.body)
		}
		if strings.Contains(got.body, "secret") {
			t.Errorf("%s: the cause is shown: %s", name, got.body)
		}
		if name == "rate" && (got.header.Get("Retry-After") != "2" || p.RetryAfterMs != 1500) {
			t.Errorf("Retry-After is %q, %s", got.header.Get("Retry-After"), got.body)
		}
		if name == "fields" && !strings.Contains(got.body, `"fields":[{"field":"config.text"`) {
			t.Errorf("%s", got.body)
		}
	}
}

func TestExecutions_get_list_cancel(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	owner := d.as(d.token, nil)
	one, two := d.supervisor.begin("echo"), d.supervisor.begin("shell")
	if rec := decode[execution.Record](t, d.do(t, "GET", "/api/executions/"+one, "", owner), 200); rec.ExecutionID != one || rec.Head != 1 {
		t.Errorf("%+v", rec)
	}
	unknown := strings.Repeat("0", 26)
	for path, want := range map[string]int{unknown: 404, "x": 400, strings.ToUpper(one): 400, one + "0": 400} {
		got := d.do(t, "GET", "/api/executions/"+path, "", owner)
		if got.status != want {
			t.Errorf("%s: %d, want %d", path, got.status, want)
		}
		got.problem(t)
	}

	list := decode[struct {
		Executions []execution.Record
		Total      *int64
	}](t, d.do(t, "GET", "/api/executions", "", owner), 200)
	if len(list.Executions) != 2 || list.Executions[0].ExecutionID != two || list.Total != nil {
		t.Errorf("%+v", list)
	}
	got := d.do(t, "GET", "/api/executions?status=queued,running&status=failed&agentType=echo&since=2026-01-02T03:04:05Z&until=2026-01-03T00:00:00.5%2B01:00&q=a%26b&limit=7&cursor=abc&count=true&unknown=1", "", owner)
	if decode[map[string]any](t, got, 200)["total"] != float64(2) {
		t.Errorf("%s", got.body)
	}
	d.supervisor.mu.Lock()
	f := d.supervisor.filter
	d.supervisor.mu.Unlock()
	if !reflect.DeepEqual(f.Status, []execution.Status{execution.Queued, execution.Running, execution.Failed}) || f.AgentType != "echo" || f.Query != "a&b" ||
		f.Limit != 7 || f.Cursor != "abc" || !f.Count || !f.Since.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) || f.Until.IsZero() {
		t.Errorf("the filter is %+v", f)
	}
	for query, field := range map[string]string{
		"status=done": "status", "status=": "", "status=queued,": "status", "since=yesterday": "since", "until=2026-13-01T00:00:00Z": "until",
		"limit=0": "limit", "limit=-1": "limit", "limit=1001": "limit", "limit=abc": "limit", "limit=1e3": "limit", "count=maybe": "count", "limit=99999999999999999999": "limit",
	} {
		got := d.do(t, "GET", "/api/executions?"+query, "", owner)
		if field == "" {
			continue
		}
		if got.status != 400 && got.status != 422 || !strings.Contains(got.problem(t).Detail, field) || !strings.Contains(got.body, `"fields"`) {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}

	if rec := decode[execution.Record](t, d.do(t, "POST", "/api/executions/"+one+"/cancel", `{"reason":"enough; $(rm)"}`, owner), 202); rec.ExecutionID != one {
		t.Errorf("%+v", rec)
	}
	calls := d.supervisor.called()
	if last := calls[len(calls)-1]; last != "cancel "+one+" owner enough; $(rm)" {
		t.Errorf("the call was %q", last)
	}
	for body, want := range map[string]int{"": 202, "{}": 202, "null": 422, `{"reason":7}`: 422, `{"reason":"` + strings.Repeat("x", 3000) + `"}`: 422} {
		if got := d.do(t, "POST", "/api/executions/"+one+"/cancel", body, owner); got.status != want {
			t.Errorf("cancel with %.40q: %d, want %d: %s", body, got.status, want, got.body)
		}
	}
	if got := d.do(t, "POST", "/api/executions/"+unknown+"/cancel", "", owner); got.status != 404 {
		t.Errorf("%d", got.status)
	}
}

func TestSystem(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	status := decode[protocol.SystemStatus](t, d.do(t, "GET", "/api/system", "", d.as(d.token, nil)), 200)
	if status.Type != protocol.TypeSystemStatus || status.CPU != 12.5 {
		t.Errorf("%+v", status)
	}
}

func TestBasePath(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(o *Options) { o.BasePath = "/ops/" })
	owner := d.as(d.token, nil)
	for path, want := range map[string]int{
		"/ops": 308, "/ops/": 200, "/ops/executions/x": 200, "/ops/assets/app-B7f3kQ9z.js": 200, "/ops/api/agents": 200, "/ops/healthz": 200,
		"/opsx/api/agents": 200, "/ops/api/nowhere": 404, "/ops/../api/agents": 400, "/api/agents": 200, // the proxy took the base off
	} {
		got := d.do(t, "GET", path, "", owner)
		if got.status != want {
			t.Errorf("%s: %d, want %d", path, got.status, want)
		}
		if path == "/opsx/api/agents" && !strings.Contains(got.body, "<!doctype html>") {
			t.Errorf("%s is not the page", path)
		}
	}
	got := d.do(t, "POST", "/ops/api/executions", `{"agentType":"echo"}`, owner)
	if location := got.header.Get("Location"); got.status != 201 || !strings.HasPrefix(location, "/ops/api/executions/") {
		t.Errorf("%d %q", got.status, location)
	}
	page := d.do(t, "GET", "/ops/", "", nil)
	if !strings.Contains(page.body, `<base href="/ops/">`) || !strings.Contains(page.body, `src="/ops/assets/app-B7f3kQ9z.js"`) {
		t.Errorf("the page is %s", page.body)
	}
	got = d.do(t, "POST", "/ops/login", `{"token":"`+d.token+`"}`, nil)
	if got.status != 200 || got.cookies[0].Path != "/ops/" {
		t.Errorf("%d %v", got.status, got.cookies)
	}
	for _, bad := range []string{"ops", "/o ps", "/../x", "/a/./b", "/a//b", `/"><script>`, "/a?b"} {
		opts := d.gateway.opts
		opts.BasePath = bad
		if _, err := New(opts); err == nil {
			t.Errorf("the base path %q was taken", bad)
		}
	}
}

func TestOptions_that_are_missing_are_named(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	for _, name := range []string{"Supervisor", "Store", "Catalogue", "Auth", "Audit", "System"} {
		opts := d.gateway.opts
		reflect.ValueOf(&opts).Elem().FieldByName(name).SetZero()
		if _, err := New(opts); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

func TestAudit_has_every_mutation_and_no_secret(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	alice := d.jwt(t, "alice", protocol.PermExecute, protocol.PermCancel)
	rec := decode[execution.Record](t, d.do(t, "POST", "/api/executions", `{"agentType":"echo","config":{"text":"planted-secret"}}`, d.as(alice, nil)), 201)
	d.do(t, "POST", "/api/executions", `{"agentType":"no\nsuch"}`, d.as(alice, nil))
	d.do(t, "POST", "/api/executions/"+rec.ExecutionID+"/cancel", `{"reason":"why\nnot"}`, d.as(alice, nil))
	d.do(t, "POST", "/api/executions", `{"agentType":"echo"}`, d.as(d.jwt(t, "bob"), nil))
	ticket := decode[map[string]string](t, d.do(t, "POST", "/api/tickets", "", d.as(d.token, nil)), 201)["ticket"]
	d.do(t, "GET", "/login?ticket="+ticket, "", nil)
	d.do(t, "POST", "/logout", "", map[string]string{"Cookie": d.cookie(t).String(), "Origin": d.server.URL})

	path := filepath.Join(d.dir, audit.File)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %#o", info.Mode().Perm())
	}
	for _, secret := range []string{"planted-secret", ticket, d.token, alice} {
		if strings.Contains(string(text), secret) {
			t.Errorf("the file holds %q", secret)
		}
	}
	var got []string
	for line := range strings.Lines(string(text)) {
		var e audit.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		if e.Address != "127.0.0.1" || e.Time.IsZero() || e.Actor == "" || e.Kind == "" || e.Via != "rest" {
			t.Errorf("an entry is not whole: %s", line)
		}
		got = append(got, strings.Join([]string{e.Actor, e.Action, e.Outcome}, " "))
	}
	want := []string{
		"alice execution.create ok", "alice execution.create not_found", "alice execution.cancel ok", "bob request.refused forbidden",
		"owner ticket.create ok", "owner session.create ok", "owner session.create ok", "owner session.end ok",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the entries are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestProblem_of_a_missing_journal(t *testing.T) {
	t.Parallel()
	p := problemOf(t.Context(), slog.New(slog.DiscardHandler), errors.Join(errors.New("x"), journal.ErrNotFound))
	if p.Status != 404 {
		t.Errorf("%+v", p)
	}
}
