package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/search"
	"github.com/claudeops/claudeops/internal/run/supervisor"
	"github.com/claudeops/claudeops/internal/serve/feed"
	"github.com/claudeops/claudeops/internal/serve/metrics"
	"github.com/claudeops/claudeops/internal/serve/websocket"
	"github.com/claudeops/claudeops/internal/trust/audit"
	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

// executions is what the live transports need of the supervisor.
type executions interface {
	feed.Source
	Execute(ctx context.Context, r supervisor.Request) (rec execution.Record, existing bool, err error)
	Cancel(ctx context.Context, id, by, reason string) (execution.Record, error)
	Input(ctx context.Context, id string, in supervisor.Input) (execution.Record, error)
	Get(ctx context.Context, id string) (execution.Record, error)
	List(ctx context.Context, f index.Filter) (index.Page, error)
	Counts() protocol.Executions
	Lifecycle(fn func(line []byte, e *execution.Event, rec execution.Record)) (cancel func())
}

// credentials is what they need of the authenticator.
type credentials interface {
	Token(ctx context.Context, token string) (auth.Principal, error)
	Request(r *http.Request) (auth.Principal, error)
	RedeemTicket(ticket string) (auth.Principal, error)
	ExecutionToken(p auth.Principal, id string) (string, error)
	Check(p auth.Principal) error
}

// sampler gives the host's state.
type sampler interface {
	Sample(ctx context.Context) (protocol.SystemStatus, error)
}

// searcher finds log lines, of one execution or of many.
type searcher interface {
	Across(ctx context.Context, ids iter.Seq2[string, error], q search.Query, found func(search.Result) error) (search.Result, error)
	Execution(ctx context.Context, id string, q search.Query, found func(search.Result) error) (search.Result, error)
}

// live holds what the three transports share: who is connected, what they follow, and the one loop
// that keeps the time for all of them.
type live struct {
	executions executions
	auth       credentials
	system     sampler
	search     searcher
	feed       *feed.Hub
	limits     protocol.Limits
	heartbeat  protocol.Heartbeat
	log        *slog.Logger
	audit      func(audit.Entry)

	users     *users
	broadcast *broadcast

	mu       sync.Mutex // guards what follows
	sessions map[*session]struct{}
	streams  map[*stream]struct{}
	closed   bool

	sse, polls traffic
	metrics    func() *metrics.Set // nil: nothing is counted

	opened  atomic.Uint64 // connections since the start
	opening atomic.Uint64 // as of the last tick

	stop context.CancelCauseFunc
	ctx  context.Context
	work sync.WaitGroup
}

type liveOptions struct {
	Executions executions
	Journals   feed.Journals
	Auth       credentials
	System     sampler
	Search     searcher
	Limits     protocol.Limits
	Heartbeat  protocol.Heartbeat
	Log        *slog.Logger
	Audit      func(audit.Entry)
	Metrics    func() *metrics.Set // it is made after what it measures
}

func newLive(o liveOptions) *live {
	ctx, stop := context.WithCancelCause(context.Background())
	l := &live{
		executions: o.Executions, auth: o.Auth, system: o.System, search: o.Search,
		limits: o.Limits, heartbeat: o.Heartbeat, log: o.Log, audit: o.Audit, metrics: o.Metrics,
		sessions: map[*session]struct{}{}, streams: map[*stream]struct{}{}, ctx: ctx, stop: stop,
	}
	l.feed = feed.New(feed.Options{Source: o.Executions, Journals: o.Journals, Headroom: websocket.Headroom, OnPanic: func(value any, stack []byte) {
		l.panicked(metrics.ServingFeed, value, stack)
	}})
	l.users = newUsers(l)
	l.broadcast = newBroadcast(l)
	l.work.Go(l.keepTime)
	return l
}

// close says goodbye to every client, with the code that brings them back, and waits for the last.
func (l *live) close() {
	l.mu.Lock()
	l.closed = true
	for s := range l.sessions {
		s.conn.Close(protocol.CloseRestart, "server restarts")
	}
	for s := range l.streams {
		s.end(errRestart)
	}
	l.mu.Unlock()
	l.broadcast.close()
	l.stop(errRestart)
	l.work.Wait()
	l.users.close()
	l.feed.Close()
}

// tick is how often the one loop looks at every connection.
const tick = time.Second

// keepTime sends heartbeats and host samples, ends what is dead or no longer allowed.
func (l *live) keepTime() {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	var opened uint64
	for {
		select {
		case now := <-ticker.C:
			l.mu.Lock()
			all := make([]*session, 0, len(l.sessions))
			for s := range l.sessions {
				all = append(all, s)
			}
			l.mu.Unlock()
			for _, s := range all {
				s.beat(now)
			}
			l.sampleFor(all, now)
			opened = l.tidy(opened)
		case <-l.ctx.Done():
			return
		}
	}
}

// manyOpened is how many connections must have come since the last tidying for another to be worth
// its collection.
const manyOpened = 2000

// tidy gives the memory back that many handshakes have needed, once they are over.
func (l *live) tidy(before uint64) uint64 {
	now := l.opened.Load()
	if l.opening.Swap(now) != now || now-before < manyOpened {
		return before
	}
	debug.FreeOSMemory()
	return now
}

// sampleFor takes one sample of the host for all whose turn it is.
func (l *live) sampleFor(all []*session, now time.Time) {
	var frame []byte
	for _, s := range all {
		if !s.systemDue(now) {
			continue
		}
		if frame == nil {
			status, err := l.sample(l.ctx)
			if err != nil {
				l.log.Warn("host could not be sampled", "error", err)
				return
			}
			frame = websocket.Text(status)
		}
		s.sampled(frame)
	}
}

// sampled sends a sample of the host, which is made for many sessions. A client that lags gets the
// next one; an old sample is of no use to it.
func (s *session) sampled(frame []byte) {
	defer s.rescue()
	if !s.conn.Crowded() {
		_ = s.conn.Urgent(frame)
	}
}

func (l *live) sample(ctx context.Context) ([]byte, error) {
	status, err := l.system.Sample(ctx)
	if err != nil {
		return nil, err
	}
	status.Type, status.Executions = protocol.TypeSystemStatus, l.executions.Counts()
	return encode(status), nil
}

// encode gives a message's line.
func encode(message any) []byte {
	line, err := json.Marshal(message)
	if err != nil {
		// Every message type marshals; what can fail are raw fields, which were valid when they came.
		line, _ = json.Marshal(protocol.Error{Type: protocol.TypeError, Code: protocol.Internal, Message: "a message could not be encoded"})
	}
	return append(protocol.EscapeSeparators(line), '\n')
}

func (l *live) greeting(id string, p auth.Principal) protocol.Connection {
	return protocol.Connection{
		Type: protocol.TypeConnection, Message: protocol.Greeting, Protocol: protocol.Version, ConnectionID: id,
		ServerTime: execution.At(time.Now()), Heartbeat: l.heartbeat, Limits: l.limits,
		User: protocol.User{ID: p.ID, Permissions: p.Permissions},
	}
}

func gapMessage(id string, g *journal.Gap) protocol.LogsGap {
	return protocol.LogsGap{Type: protocol.TypeLogsGap, ExecutionID: id, From: g.From, To: g.To, Reason: g.Reason}
}

// record puts a mutation, or an attempt at one, into the audit log.
func (l *live) record(c caller, action, target, detail string, err error) {
	outcome := audit.OK
	if err != nil {
		outcome = string(fault.CodeOf(err))
	}
	l.audit(audit.Entry{
		Actor: c.principal.ID, Kind: c.principal.Kind, Address: c.address, Via: c.via,
		Action: action, Target: target, Outcome: outcome, Detail: detail,
	})
}

// recordStranger puts a credential that a WebSocket brought and that was refused into the audit log.
func (l *live) recordStranger(address string, err error) {
	if errors.Is(err, auth.ErrExpired) || fault.CodeOf(err) != protocol.Unauthenticated {
		return
	}
	l.audit(audit.Entry{Address: address, Via: "ws", Action: "session.refused", Target: "GET /api/ws", Outcome: string(protocol.Unauthenticated)})
}

// liveRoutes are the routes of the live transports.
func (g *Gateway) liveRoutes() map[string]http.HandlerFunc {
	signedIn := func(serve func(http.ResponseWriter, *http.Request, auth.Principal)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { serve(w, r, principalOf(r.Context())) }
	}
	return map[string]http.HandlerFunc{
		"GET /api/ws":        g.live.serveWebSocket,
		"GET /api/events":    signedIn(g.live.serveEvents),
		"GET /api/poll":      signedIn(g.live.servePoll),
		"POST /api/messages": signedIn(g.live.servePost),
	}
}

// auditLive records what came over a live transport.
func (g *Gateway) auditLive(e audit.Entry) { g.opts.Audit.Record(g.ctx, e) }
