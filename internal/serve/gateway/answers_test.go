package gateway

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/claudeops/claudeops/internal/trust/audit"
	"github.com/claudeops/claudeops/protocol"
)

// TestSystem_executions: the sample says what waits and runs, as the live transports do.
func TestSystem_executions(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	d.supervisor.counts = protocol.Executions{Queued: 2, Running: 5}
	status := decode[protocol.SystemStatus](t, d.do(t, "GET", "/api/system", "", d.as(d.token, nil)), 200)
	if status.Executions != d.supervisor.counts {
		t.Errorf("executions are %+v", status.Executions)
	}
}

// TestAnswers_compressed: what is large and no stream is compressed for who takes it.
func TestAnswers_compressed(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	plain := d.do(t, "GET", "/openapi.json", "", nil)
	packed := d.do(t, "GET", "/openapi.json", "", map[string]string{"Accept-Encoding": "br;q=0, gzip"})
	if packed.header.Get("Content-Encoding") != "gzip" || !strings.Contains(strings.Join(packed.header.Values("Vary"), ","), "Accept-Encoding") || len(packed.body) > len(plain.body)/3 {
		t.Fatalf("%v, %d of %d bytes", packed.header, len(packed.body), len(plain.body))
	}
	r, err := gzip.NewReader(strings.NewReader(packed.body))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(r); err != nil || string(text) != plain.body {
		t.Errorf("%d bytes came out: %v", len(text), err)
	}
	if small := d.do(t, "GET", "/api/session", "", d.as(d.token, map[string]string{"Accept-Encoding": "gzip"})); small.header.Get("Content-Encoding") != "" {
		t.Error("a small answer is compressed")
	}
	id := d.supervisor.begin("echo")
	for range 500 {
		d.supervisor.say(id, logLine("stdout", strings.Repeat("x", 50)))
	}
	if stream := d.do(t, "GET", "/api/executions/"+id+"/events", "", d.as(d.token, map[string]string{"Accept-Encoding": "gzip"})); stream.header.Get("Content-Encoding") != "" {
		t.Error("a stream is compressed")
	}
}

// TestMetrics_openMetrics: who asks for OpenMetrics gets it.
func TestMetrics_openMetrics(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	for accept, want := range map[string]string{
		"application/openmetrics-text; version=1.0.0": "application/openmetrics-text", "text/plain": "text/plain", "": "text/plain",
	} {
		a := d.do(t, "GET", "/metrics", "", d.as(d.token, map[string]string{"Accept": accept}))
		if a.status != 200 || !strings.HasPrefix(a.header.Get("Content-Type"), want) || strings.HasSuffix(a.body, "# EOF\n") != (want == "application/openmetrics-text") {
			t.Errorf("%q: %d %s", accept, a.status, a.header.Get("Content-Type"))
		}
	}
}

// TestAudit_refusalsAndReads: what is refused and what is taken away is in the record too.
func TestAudit_refusalsAndReads(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	id := d.supervisor.begin("echo")
	reader := d.as(d.jwt(t, "reader", protocol.PermRead), nil)
	d.do(t, "POST", "/login", `{"token":"wrong"}`, nil)
	d.do(t, "GET", "/login?ticket=wrong", "", nil)
	d.do(t, "GET", "/api/session", "", d.as("wrong", nil))
	d.do(t, "GET", "/metrics", "", reader)
	d.do(t, "POST", "/api/messages", `{"type":"agent:execute","agentType":"echo"}`, reader)
	d.do(t, "GET", "/api/executions/"+id+"/log", "", reader)
	d.do(t, "GET", "/debug/pprof/heap", "", d.as(d.token, nil))
	text, err := os.ReadFile(filepath.Join(d.dir, audit.File))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"action":"session.refused","target":"POST /login"`, `"action":"session.refused","target":"GET /login"`, `"action":"session.refused","target":"GET /api/session"`,
		`"action":"request.refused","target":"GET /metrics"`, `"action":"message.refused","outcome":"forbidden","detail":"agent:execute"`,
		`"action":"execution.download","target":"` + id + `"`, `"action":"profile.read","target":"\"heap\""`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the record lacks %s:\n%s", want, text)
		}
	}
	if report, err := audit.Verify(d.dir); err != nil || report.Fault != nil || report.Entries == 0 {
		t.Errorf("%+v %v", report, err)
	}
}

// TestMessages_bounds: a message's fields have the bounds they have over REST, and exact names.
func TestMessages_bounds(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	id := d.supervisor.begin("echo")
	for name, line := range map[string]string{
		"reason":          `{"type":"agent:cancel","executionId":"` + id + `","reason":"` + strings.Repeat("r", 2001) + `"}`,
		"idempotencyKey":  `{"type":"agent:execute","agentType":"echo","idempotencyKey":"` + strings.Repeat("k", 257) + `"}`,
		"agentType":       `{"type":"agent:execute","agentType":"` + strings.Repeat("a", 201) + `"}`,
		"twice":           `{"type":"agent:execute","agentType":"echo","agentType":"shell"}`,
		"must be written": `{"type":"agent:execute","AgentType":"echo"}`,
		"nested":          `{"type":"agent:execute","agentType":"echo","config":` + strings.Repeat(`{"a":`, 9000) + `1` + strings.Repeat("}", 9000) + `}`,
	} {
		a := d.do(t, "POST", "/api/messages", line, d.as(d.token, nil))
		if a.status != 200 || !strings.Contains(a.body, `"bad_request"`) || !strings.Contains(a.body, name) {
			t.Errorf("%s: %d %.300s", name, a.status, a.body)
		}
	}
	for name, body := range map[string]string{
		"twice": `{"agentType":"echo","agentType":"shell"}`, "must be written": `{"AgentType":"echo"}`,
		"nested": `{"agentType":"echo","config":` + strings.Repeat(`{"a":`, 9000) + `1` + strings.Repeat("}", 9000) + `}`,
	} {
		a := d.do(t, "POST", "/api/executions", body, d.as(d.token, nil))
		if a.status != 400 && a.status != 422 || !strings.Contains(a.body, name) {
			t.Errorf("%s: %d %.300s", name, a.status, a.body)
		}
	}
	if calls := d.supervisor.called(); len(calls) > 0 {
		t.Errorf("the supervisor was called: %v", calls)
	}
}

// TestList_bytes: large parameters make no list large.
func TestList_bytes(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	large := []byte(`{"text":"` + strings.Repeat("x", 100<<10) + `"}`)
	var last string
	for range 50 {
		last = d.supervisor.begin("echo")
		d.supervisor.mu.Lock()
		d.supervisor.records[last].Config = large
		d.supervisor.mu.Unlock()
	}
	a := d.do(t, "GET", "/api/executions", "", d.as(d.token, nil))
	if a.status != 200 || len(a.body) > 100<<10 || strings.Count(a.body, `"omitted":["config"]`) != 50 {
		t.Errorf("%d, %d bytes, %.300s", a.status, len(a.body), a.body)
	}
	if a := d.do(t, "GET", "/api/poll?executions=1&wait=0s", "", d.as(d.token, nil)); a.status != 200 || len(a.body) > 100<<10 {
		t.Errorf("a snapshot has %d bytes", len(a.body))
	}
	if a := d.do(t, "GET", "/api/executions/"+last, "", d.as(d.token, nil)); len(a.body) < len(large) {
		t.Errorf("one record has %d bytes", len(a.body))
	}
}
