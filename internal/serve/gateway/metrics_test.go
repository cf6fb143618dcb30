package gateway

import (
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/claudeops/claudeops/protocol"
)

// series gives the figure on the line that begins with a series' name, "" when there is none.
func series(text, name string) string {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

func TestMetrics_count_what_the_gateway_does(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	scraper := d.as(d.jwt(t, "prometheus", protocol.PermSystem), nil)

	for range 3 {
		d.do(t, "GET", "/api/executions/nope", "", d.as(d.token, nil))
	}
	d.do(t, "GET", "/api/agents", "", nil)
	d.do(t, "GET", "/api/agents", "", map[string]string{"Host": "evil.example"})
	d.do(t, "GET", "/api/nowhere", "", d.as(d.token, nil))
	d.do(t, "GET", "/api/events?execution=x", "", d.as(d.token, nil))
	d.do(t, "POST", "/api/executions", `{}`, d.as(d.token, nil))
	d.do(t, "POST", "/api/messages", `{"type":"unheard:of"}`, d.as(d.token, nil))
	id := d.supervisor.begin("echo")
	following := d.request(t, "GET", "/api/events?execution="+id, "", d.as(d.token, nil))
	stream, err := d.client.Do(following)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	d.do(t, "GET", "/api/poll?execution="+id+"&wait=0s", "", d.as(d.token, nil))

	got := d.do(t, "GET", "/metrics", "", scraper)
	if got.status != http.StatusOK || !strings.HasPrefix(got.header.Get("Content-Type"), "text/plain") || got.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v", got.status, got.header)
	}
	for name, want := range map[string]string{
		`claudeops_rejections_total{code="not_found",via="http"}`:                         "1",
		`claudeops_rejections_total{code="bad_request",via="http"}`:                       "5", // ids, a cursor, a body
		`claudeops_rejections_total{code="unauthenticated",via="http"}`:                   "1",
		`claudeops_rejections_total{code="forbidden",via="http"}`:                         "1",
		`claudeops_rejections_total{code="unknown_type",via="message"}`:                   "1",
		`claudeops_rejections_total{code="internal",via="http"}`:                          "0",
		`claudeops_connections{transport="sse"}`:                                          "1",
		`claudeops_connections{transport="websocket"}`:                                    "0",
		`claudeops_connections_opened_total{transport="poll"}`:                            "1",
		`claudeops_readers{place="catching_up"}`:                                          "0",
		`claudeops_agents`:                                                                "3",
		`claudeops_agent_problems`:                                                        "1",
		`claudeops_http_request_duration_seconds_count{route="GET /api/executions/{id}"}`: "3",
		`claudeops_build_info{go="` + runtime.Version() + `",version="1.2.3"}`:            "1",
	} {
		if value := series(got.body, name); value != want {
			t.Errorf("%s is %q, want %s", name, value, want)
		}
	}
	if !strings.Contains(got.body, "go_goroutines ") || !strings.Contains(got.body, "process_open_fds ") {
		t.Error("what the runtime and the process say is missing")
	}
	if strings.Contains(got.body, `route="GET /api/events"`) {
		t.Error("how long streams live is counted among requests")
	}
}

func TestMetrics_are_for_those_who_may_read_the_system(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	for name, test := range map[string]struct {
		header map[string]string
		status int
	}{
		"nobody":      {nil, 401},
		"reader":      {d.as(d.jwt(t, "reader", protocol.PermRead), nil), 403},
		"scraper":     {d.as(d.jwt(t, "scraper", protocol.PermSystem), nil), 200},
		"openmetrics": {d.as(d.token, map[string]string{"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}), 200},
	} {
		if got := d.do(t, "GET", "/metrics", "", test.header); got.status != test.status {
			t.Errorf("%s: %d, want %d", name, got.status, test.status)
		}
	}
}
