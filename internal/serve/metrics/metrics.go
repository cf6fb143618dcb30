// Package metrics says in numbers how a server does: is it healthy, who is slow, is anything lost. It
// owns the names, the units and the registry, which is the server's own and not the process's. It
// decides nothing and keeps no history: what exists already is read when somebody asks, and only what
// nobody else counts is counted here.
package metrics

import (
	"context"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/host/space"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/retention"
	"github.com/claudeops/claudeops/internal/record/sealer"
	"github.com/claudeops/claudeops/internal/run/supervisor"
	"github.com/claudeops/claudeops/internal/serve/feed"
	"github.com/claudeops/claudeops/protocol"
)

// Connections are the live clients there are now, and how many there have been.
type Connections struct {
	Open   map[string]int    // by transport
	Opened map[string]uint64 // by transport, since the start
	Users  int
}

// Sources are where the figures come from. A source that is nil has none.
type Sources struct {
	Feed        func() feed.Stats
	Supervisor  func() supervisor.Stats
	Counts      func() protocol.Executions
	Journal     func() journal.Stats
	Sealer      func() sealer.Stats
	Connections func() Connections
	Agents      func() (known, problems int)
	Host        func(context.Context) (protocol.SystemStatus, error)
	Retention   func() retention.Stats
	Space       func() (s space.State, ok bool)
}

// Set is every metric of one server.
type Set struct {
	registry *prometheus.Registry
	log      *slog.Logger
	began    time.Time    // events from before are somebody else's
	durable  atomic.Int64 // when a runner last told an event that is durable, Unix ns

	started, ended                *prometheus.CounterVec
	cost, reaped, survivors       *prometheus.CounterVec
	dropped                       *prometheus.CounterVec
	queued, duration, request     *prometheus.HistogramVec
	durableIn                     prometheus.Histogram
	rejections, connectionsClosed *prometheus.CounterVec
	panics                        *prometheus.CounterVec
}

// New makes the metrics of a server of that version.
func New(version string, from Sources, log *slog.Logger) *Set {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Set{registry: prometheus.NewRegistry(), log: log, began: time.Now()}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		s.registry.MustRegister(c)
		return c
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
		s.registry.MustRegister(h)
		return h
	}
	// From a glance to a night.
	long := []float64{.1, .5, 1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 12 * 3600}
	short := []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}
	s.started = counter("claudeops_executions_started_total", "Executions whose agent was started.", "agent")
	s.ended = counter("claudeops_executions_ended_total", "Executions that have ended. reason is why they failed, empty for the others.", "agent", "outcome", "reason")
	s.cost = counter("claudeops_execution_cost_usd_total", "What executions that have ended have cost, in USD.", "agent")
	s.reaped = counter("claudeops_processes_reaped_total", "Processes that were left when an agent ended and were ended then.", "agent")
	s.survivors = counter("claudeops_processes_survived_total", "Processes that live on, or may, after the end of their execution: they could not be ended, or it is not certain whose they are.", "agent")
	s.dropped = counter("claudeops_lines_dropped_total", "Lines past an agent's maxOutput, which were not recorded and whose loss was.", "agent")
	s.queued = histogram("claudeops_execution_queued_seconds", "How long executions that were started had waited.", long, "agent")
	s.duration = histogram("claudeops_execution_duration_seconds", "How long executions that have ended had run.", long, "agent")
	durable := histogram("claudeops_event_durable_seconds", "From the moment a runner stamps an event to the moment it is known here and durable: mostly its fsync.", short)
	s.durableIn = durable.WithLabelValues().(prometheus.Histogram)
	s.request = histogram("claudeops_http_request_duration_seconds", "How long requests took that are no streams.", short, "route")
	s.rejections = counter("claudeops_rejections_total", "Requests and messages that were answered with an error, by its code. via is http for requests, message for the live transports.", "via", "code")
	s.connectionsClosed = counter("claudeops_connections_closed_total", "WebSocket connections that have ended, by close code.", "code")
	s.panics = counter("claudeops_panics_total", "Panics while a client was served. Each ended one request or connection and is in the log with its stack.", "serving")
	for _, serving := range []string{ServingHTTP, ServingWebSocket, ServingFeed} {
		s.panics.WithLabelValues(serving)
	}
	for _, code := range protocol.Codes { // there from the start, so that the first one is an increase
		s.rejections.WithLabelValues("http", string(code))
		s.rejections.WithLabelValues("message", string(code))
	}
	s.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		&sampled{from: from, set: s},
	)
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: "claudeops_build_info", Help: "1; the labels say what runs.",
		ConstLabels: prometheus.Labels{"version": version, "go": runtime.Version()}})
	info.Set(1)
	s.registry.MustRegister(info)
	return s
}

// Register adds metrics of others.
func (s *Set) Register(c prometheus.Collector) error { return s.registry.Register(c) }

// Handler gives the figures in the format that Prometheus and its like read.
func (s *Set) Handler() http.Handler {
	return promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
		// What can be had is given: one source that fails must not blind whoever watches.
		ErrorHandling: promhttp.ContinueOnError,
		// For those that ask for it; others get the text format.
		EnableOpenMetrics: true,
		// A sample is quick; more at once than this is somebody's mistake.
		MaxRequestsInFlight: 8,
	})
}

// Event counts what happens to executions. It has the form of a subscriber to the supervisor's
// lifecycle, and does not block.
func (s *Set) Event(_ []byte, e *execution.Event, rec execution.Record) {
	agent := rec.AgentType
	if e.Type != execution.TypeQueued && e.Timestamp.After(s.began) {
		now := time.Now()
		s.durable.Store(now.UnixNano())
		s.durableIn.Observe(max(0, now.Sub(e.Timestamp.Time).Seconds()))
	}
	if e.Type == execution.TypeStarted {
		s.started.WithLabelValues(agent).Inc()
		s.queued.WithLabelValues(agent).Observe(max(0, e.Timestamp.Sub(rec.QueuedAt).Seconds()))
	}
	if !e.Terminal() {
		return
	}
	s.ended.WithLabelValues(agent, string(rec.Status), reasonLabel(rec)).Inc()
	if rec.StartedAt != nil {
		s.duration.WithLabelValues(agent).Observe(float64(rec.DurationMs) / 1000)
	}
	s.cost.WithLabelValues(agent).Add(max(0, rec.Cost))
	s.reaped.WithLabelValues(agent).Add(float64(max(0, rec.ProcessesReaped)))
	s.survivors.WithLabelValues(agent).Add(float64(len(rec.Survivors)))
	s.dropped.WithLabelValues(agent).Add(float64(max(0, rec.DroppedLines)))
}

var reasons = []execution.Reason{
	execution.ReasonExitCode, execution.ReasonSignal, execution.ReasonTimeout, execution.ReasonIdleTimeout, execution.ReasonBudgetExceeded,
	execution.ReasonOutOfMemory, execution.ReasonSpawnFailed, execution.ReasonRunnerLost, execution.ReasonHostRestarted, execution.ReasonAgentError,
}

// reasonLabel is why an execution failed. What somebody wrote for a reason is no label: there would
// be as many as people.
func reasonLabel(rec execution.Record) string {
	switch {
	case rec.Status != execution.Failed:
		return ""
	case slices.Contains(reasons, execution.Reason(rec.Reason)):
		return rec.Reason
	}
	return "other"
}

// Rejected counts an answer that was an error.
func (s *Set) Rejected(via string, code protocol.Code) {
	s.rejections.WithLabelValues(via, string(code)).Inc()
}

// What a panic interrupted, the values of the label serving.
const (
	ServingHTTP      = "http"      // a request, event streams and polls among them
	ServingWebSocket = "websocket" // one WebSocket connection
	ServingFeed      = "feed"      // a frame that is read for all readers of one execution
)

// Panicked counts a panic that was recovered from.
func (s *Set) Panicked(serving string) { s.panics.WithLabelValues(serving).Inc() }

// Closed counts a WebSocket connection that has ended.
func (s *Set) Closed(code int) { s.connectionsClosed.WithLabelValues(closeLabel(code)).Inc() }

// Request gives what tells how long a request of a route took.
func (s *Set) Request(route string) func(time.Duration) {
	observer := s.request.WithLabelValues(route)
	return func(took time.Duration) { observer.Observe(took.Seconds()) }
}
