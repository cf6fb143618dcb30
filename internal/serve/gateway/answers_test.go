package gateway

import (
	"compress/gzip"
	"io"
	"strings"
	"testing"

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
