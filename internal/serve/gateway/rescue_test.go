package gateway_test

import (
	"context"
	"iter"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/claudeops/claudeops/internal/record/search"
	"github.com/claudeops/claudeops/internal/serve/gateway"
)

// brokenSearch panics in whatever it is asked.
type brokenSearch struct{}

func (brokenSearch) Execution(context.Context, string, search.Query, func(search.Result) error) (search.Result, error) {
	panic("a fault in the search")
}

func (brokenSearch) Across(context.Context, iter.Seq2[string, error], search.Query, func(search.Result) error) (search.Result, error) {
	panic("a fault in the search")
}

// lockedLog collects what is logged.
type lockedLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestGateway_panic: a fault while one client is served ends that connection or request, is logged with
// its stack and counted; every other client is served on.
func TestGateway_panic(t *testing.T) {
	t.Parallel()
	var log lockedLog
	d := newDoor(t, func(o *gateway.Options) {
		o.Search = brokenSearch{}
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
	})
	id := d.begin("echo")
	other, _ := connect(t, d, "/api/ws", bearerHeader(d.owner))
	other.until("connection")
	s, _ := connect(t, d, "/api/ws", bearerHeader(d.owner))
	s.until("connection")
	s.send(`{"type":"logs:search","id":"1","executionId":"` + id + `","query":"x"}`)
	s.closed(1011)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.server.URL+"/api/executions/"+id+"/search?query=x", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+d.owner)
	if resp, err := d.server.Client().Do(req); err == nil {
		buf := make([]byte, 1<<10)
		for err == nil {
			_, err = resp.Body.Read(buf)
		}
		_ = resp.Body.Close()
		if err.Error() == "EOF" {
			t.Error("an answer that a fault cut short ended as if it were whole")
		}
	}
	other.send(`{"type":"ping","id":"2"}`)
	other.until("pong")
	text := log.String()
	for _, want := range []string{"a fault in the search", "rescue_test.go", "serving=websocket", "serving=http"} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %q", want)
		}
	}
	figures := string(readAll(t, d.request(t, http.MethodGet, "/metrics", d.owner, nil)))
	for _, want := range []string{`claudeops_panics_total{serving="websocket"} 1`, `claudeops_panics_total{serving="http"} 1`} {
		if !strings.Contains(figures, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

func readAll(t *testing.T, resp *http.Response) []byte {
	t.Helper()
	defer resp.Body.Close()
	var b strings.Builder
	buf := make([]byte, 4<<10)
	for {
		n, err := resp.Body.Read(buf)
		b.Write(buf[:n])
		if err != nil {
			return []byte(b.String())
		}
	}
}
