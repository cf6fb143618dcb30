package gateway

import (
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/run/supervisor"
	"github.com/claudeops/claudeops/internal/serve/metrics"
	"github.com/claudeops/claudeops/protocol"
)

// openMetrics makes the server's metrics and lets them hear what happens to executions.
func (g *Gateway) openMetrics() {
	from := metrics.Sources{
		Feed: g.live.feed.Stats, Counts: g.opts.Supervisor.Counts, Connections: g.live.connections,
		Agents: func() (known, problems int) { return len(g.opts.Catalogue.List()), len(g.opts.Catalogue.Problems()) },
		Host:   g.opts.System.Sample, Sealer: g.opts.Sealer,
	}
	if s, ok := g.opts.Supervisor.(interface{ Stats() supervisor.Stats }); ok {
		from.Supervisor = s.Stats
	}
	if s, ok := g.opts.Store.(interface{ Stats() journal.Stats }); ok {
		from.Journal = s.Stats
	}
	from.Retention = g.opts.Retention.Stats
	if g.opts.Space != nil {
		from.Space = g.opts.Space.State
	}
	g.metrics = metrics.New(g.opts.Version, from, g.log)
	g.unmeasure = g.opts.Supervisor.Lifecycle(g.metrics.Event)
}

// Frames is how many frames have gone out to readers so far.
func (g *Gateway) Frames() int64 {
	s := g.live.feed.Stats()
	return s.Frames + s.ReadFrames
}

// RegisterMetrics adds metrics of others to those that GET /metrics gives.
func (g *Gateway) RegisterMetrics(c prometheus.Collector) error { return g.metrics.Register(c) }

func (g *Gateway) registerMetrics() {
	handler := g.metrics.Handler()
	g.route("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		handler.ServeHTTP(w, r)
	})
	g.documentRoute(http.MethodGet, "/metrics", "metrics", "server", "Metrics for Prometheus",
		"How the server does, in the text format of Prometheus; docs/observability says what there is.", nil,
		map[string]*huma.Response{"200": {
			Description: "The metrics.",
			Content:     map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}},
		}})
}

// refused counts a request that is answered with a problem document.
func (g *Gateway) refused(p *Problem) *Problem {
	g.metrics.Rejected("http", p.Code)
	return p
}

// timed has a route's requests measured, but for those that go on for as long as a client likes.
func (g *Gateway) timed(pattern string, handler http.HandlerFunc) http.HandlerFunc {
	switch pattern {
	case "GET /api/ws", "GET /api/events", "GET /api/poll", "GET /debug/pprof/", "GET /metrics":
		return handler
	}
	if strings.HasSuffix(pattern, "/events") || strings.HasSuffix(pattern, "/log") {
		return handler
	}
	took := g.metrics.Request(pattern)
	return func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		defer func() { took(time.Since(began)) }()
		handler(w, r)
	}
}

// traffic counts the clients of the two transports that live as long as a request.
type traffic struct{ open, opened atomic.Int64 }

// enter counts a client; what it gives takes it back.
func (t *traffic) enter() (leave func()) {
	t.opened.Add(1)
	t.open.Add(1)
	return func() { t.open.Add(-1) }
}

func (l *live) connections() metrics.Connections {
	l.mu.Lock()
	sockets := len(l.sessions)
	l.mu.Unlock()
	_, users := l.users.counts()
	return metrics.Connections{
		Users: users,
		Open:  map[string]int{"websocket": sockets, "sse": int(l.sse.open.Load()), "poll": int(l.polls.open.Load())},
		Opened: map[string]uint64{
			"websocket": l.opened.Load(), "sse": uint64(l.sse.opened.Load()), "poll": uint64(l.polls.opened.Load()),
		},
	}
}

// errorMessage is how an error leaves the house on the live transports, counted.
func (l *live) errorMessage(id string, err error) protocol.Error {
	message := errorMessage(id, err)
	if l.metrics != nil {
		l.metrics().Rejected("message", message.Code)
	}
	return message
}
