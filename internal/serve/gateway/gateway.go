// Package gateway is the door: every route and transport of the server, and the guard in front of
// all of them. It turns requests into calls of the supervisor and what they answer into bytes. It
// holds no execution state, starts no agent, and reads journals only through the store.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/host/space"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/retention"
	"github.com/claudeops/claudeops/internal/record/sealer"
	"github.com/claudeops/claudeops/internal/run/agent"
	"github.com/claudeops/claudeops/internal/run/budget"
	"github.com/claudeops/claudeops/internal/run/supervisor"
	"github.com/claudeops/claudeops/internal/serve/metrics"
	"github.com/claudeops/claudeops/internal/trust/audit"
	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

// Supervisor is what the gateway needs of the part that runs executions.
type Supervisor interface {
	Execute(ctx context.Context, r supervisor.Request) (rec execution.Record, existing bool, err error)
	Cancel(ctx context.Context, id, by, reason string) (execution.Record, error)
	Input(ctx context.Context, id string, in supervisor.Input) (execution.Record, error)
	Continue(ctx context.Context, id, prompt string, request supervisor.Request) (execution.Record, error)
	Approvals() []supervisor.Approval
	Pin(ctx context.Context, id, by string, pinned bool) (execution.Record, error)
	Get(ctx context.Context, id string) (execution.Record, error)
	Describe(ctx context.Context, id string) (execution.Record, error)
	List(ctx context.Context, f index.Filter) (index.Page, error)
	Costs(ctx context.Context, f index.CostFilter) ([]index.Cost, error)
	Budgets() supervisor.Budgets
	SetBudgets(ctx context.Context, settings budget.Settings) (supervisor.Budgets, error)
	Counts() protocol.Executions
	Watch(id string, grew func(journal.Position)) (cancel func(), err error)
	Lifecycle(fn func(line []byte, e *execution.Event, rec execution.Record)) (cancel func())
	Ready() bool
}

// Catalogue says what can be run.
type Catalogue interface {
	Get(name string) (*agent.Definition, bool)
	List() []*agent.Definition
	Problems() []agent.Problem
}

// SystemSampler gives the host's state.
type SystemSampler interface {
	Sample(ctx context.Context) (protocol.SystemStatus, error)
}

// Retention removes what is not to be kept.
type Retention interface {
	Policy() retention.Policy
	Preview(ctx context.Context) ([]retention.Removal, error)
	Run(ctx context.Context, by retention.Actor) (retention.Report, error)
	Stats() retention.Stats
}

// Space says whether there is room for what is to be recorded.
type Space interface {
	// State is not ok when nothing is watched.
	State() (s space.State, ok bool)
}

// Options of a Gateway.
type Options struct {
	// Required.
	Supervisor Supervisor
	Store      journal.Store
	Catalogue  Catalogue
	Auth       *auth.Authenticator
	Audit      *audit.Log
	System     SystemSampler
	Search     searcher
	Retention  Retention
	Schedules  Schedules
	Secrets    Secrets  // nil: there is no store of secrets
	Notifier   Notifier // nil: nobody is told of anything
	Space      Space    // nil: nobody watches how full the disk is

	// Assets is the built dashboard, index.html at its top. Nil: a page that says there is none.
	Assets fs.FS
	// BasePath is the path the server is reached under behind a proxy, like "/ops", whether or not
	// the proxy takes it off. Empty: the root.
	BasePath string
	// AllowedHosts are names the server answers to beside localhost and loopback addresses, with a
	// port to allow that one alone. Empty: none.
	AllowedHosts []string
	// AllowedOrigins are origins (scheme://host[:port]) whose pages may use the API beside our own.
	// Empty: none. There is no wildcard.
	AllowedOrigins []string
	// TrustedProxies are the addresses whose X-Forwarded-For and X-Forwarded-Proto are believed.
	// Empty: nobody's.
	TrustedProxies []netip.Prefix
	// Limits in force. The zero Limits are protocol.DefaultLimits.
	Limits protocol.Limits
	// Heartbeat of the live transports. The zero Heartbeat is protocol.DefaultHeartbeat.
	Heartbeat protocol.Heartbeat
	// Sealer gives what the metrics say of sealing. Nil: nothing.
	Sealer func() sealer.Stats
	// Log gets what an operator should know. Nil: nothing is logged.
	Log *slog.Logger
	// MCP makes the handler of /mcp, which calls the REST API through what it is given. Nil: there is none.
	MCP func(api func(outer *http.Request, w http.ResponseWriter, inner *http.Request)) http.Handler
	// Manual makes the handler of the pages below /docs/, which is given the OpenAPI document. Nil: there are none.
	Manual func(openapi func() []byte) http.Handler
	// Version is what the server calls itself. Empty: "dev".
	Version string
}

// Gateway serves every route of the server. Close it before the http.Server is shut down: that ends
// the streams, which otherwise go on for as long as their clients like.
type Gateway struct {
	opts  Options
	log   *slog.Logger
	guard *guard
	mux   *http.ServeMux
	api   huma.API
	page  *assets
	live  *live

	complaints complaints
	logSizes   logSizes

	metrics   *metrics.Set
	unmeasure func() // has the metrics hear no more of executions

	served  []string // every pattern on the mux
	missing []error  // routes that no rule stands for

	ctx  context.Context // ends when the gateway closes
	stop context.CancelCauseFunc

	mu      sync.Mutex // guards closed, and streams against Add after Wait
	closed  bool
	streams sync.WaitGroup
	once    sync.Once
	done    chan struct{} // closed when nothing is open any more after Close
}

var basePathPattern = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)*$`)

// New makes a gateway. Its error names the option that is wrong.
func New(opts Options) (*Gateway, error) {
	if err := opts.complete(); err != nil {
		return nil, fmt.Errorf("make the gateway: %w", err)
	}
	guard, err := newGuard(opts.BasePath, opts.AllowedHosts, opts.AllowedOrigins, opts.TrustedProxies)
	if err != nil {
		return nil, fmt.Errorf("make the gateway: %w", err)
	}
	g := &Gateway{opts: opts, log: opts.Log, guard: guard, mux: http.NewServeMux(), page: newAssets(opts.Assets, opts.BasePath), done: make(chan struct{})}
	g.ctx, g.stop = context.WithCancelCause(context.Background())
	g.api = g.newAPI()
	g.openLive()
	g.openMetrics()
	g.registerRoutes()
	if len(g.missing) > 0 {
		return nil, errors.Join(fmt.Errorf("make the gateway: %w", errors.Join(g.missing...)), g.Close(context.Background()))
	}
	return g, nil
}

func (o *Options) complete() error {
	for name, absent := range map[string]bool{
		"Supervisor": o.Supervisor == nil, "Store": o.Store == nil, "Catalogue": o.Catalogue == nil, "Auth": o.Auth == nil,
		"Audit": o.Audit == nil, "System": o.System == nil, "Search": o.Search == nil,
		"Retention": o.Retention == nil, "Schedules": o.Schedules == nil,
	} {
		if absent {
			return fmt.Errorf("option %s is missing", name)
		}
	}
	o.BasePath = strings.TrimRight(o.BasePath, "/")
	if !basePathPattern.MatchString(o.BasePath) || o.BasePath != "" && path.Clean(o.BasePath) != o.BasePath {
		return fmt.Errorf("base path %q must be like /ops: a slash and plain characters", o.BasePath)
	}
	if o.Limits == (protocol.Limits{}) {
		o.Limits = protocol.DefaultLimits()
	}
	if o.Heartbeat == (protocol.Heartbeat{}) {
		o.Heartbeat = protocol.DefaultHeartbeat()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Space != nil {
		o.System = spaceSampler{o.System, o.Space}
	}
	if o.Version == "" {
		o.Version = "dev"
	}
	return nil
}

func (g *Gateway) registerRoutes() {
	g.registerStatus()
	g.registerProfiles()
	g.registerMetrics()
	g.registerSignIn()
	g.registerKeys()
	g.registerSecrets()
	g.registerAgents()
	g.registerSchema()
	g.registerExecutions()
	g.registerApprovals()
	g.registerStreams()
	g.registerSearch()
	g.registerRetention()
	g.registerSchedules()
	g.registerNotifications()
	g.registerCosts()
	g.registerCancelMany()
	g.registerBudgets()
	g.registerMCP()
	for pattern, handler := range g.liveRoutes() {
		if strings.HasPrefix(pattern, "GET ") {
			handler = withoutDeadlines(handler)
		}
		if pattern == "GET /api/ws" {
			handler = g.upgradesOnly(handler)
		}
		g.route(pattern, handler)
	}
	g.describeLive()
	var document []byte
	g.registerManual(func() []byte { return document })
	document = g.document()
	g.route("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(document)
	})
	g.route("GET /", g.page.ServeHTTP)
}

// registerManual serves the documentation, which is no secret.
func (g *Gateway) registerManual(openapi func() []byte) {
	if g.opts.Manual == nil {
		return
	}
	pages := http.StripPrefix("/docs/", g.opts.Manual(openapi))
	g.route("GET /docs/{page...}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", pagePolicy)
		pages.ServeHTTP(w, r)
	})
	g.route("GET /docs", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, g.opts.BasePath+"/docs/", http.StatusPermanentRedirect)
	})
}

// How long a request that is no stream may take to come in, and its answer to go out.
const (
	requestTimeout = 30 * time.Second
	answerTimeout  = 5 * time.Minute
)

// route puts a handler on the mux, behind the rule that the table has for it. There is no other way
// onto the mux, and no rule means no route.
func (g *Gateway) route(pattern string, handler http.HandlerFunc) {
	rule := protocol.RoutePermission[pattern]
	if len(rule) == 0 {
		g.missing = append(g.missing, fmt.Errorf("route %q has no entry in protocol.RoutePermission", pattern))
		return
	}
	g.served = append(g.served, pattern)
	handler = compressed(pattern, g.timed(pattern, handler))
	g.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(rule, protocol.PermPublic) {
			p, err := g.identify(r)
			if err == nil {
				if err = permit(p, rule); err != nil {
					g.auditREST(r.Context(), p, audit.Entry{Action: "request.refused", Target: pattern}, err)
				}
			} else {
				g.auditStranger(r.Context(), pattern, err)
			}
			if err == nil {
				err = g.withinRate(p, pattern)
			}
			if err != nil {
				g.problem(r.Context(), err).write(w)
				return
			}
			r = r.WithContext(context.WithValue(r.Context(), principalKey{}, p))
		}
		handler(w, r.WithContext(context.WithValue(r.Context(), exchangeKey{}, exchange{w, r, g})))
	})
}

// withoutDeadlines is for what may go on for as long as both sides like.
func withoutDeadlines(handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		liftDeadlines(w)
		handler(w, r)
	}
}

func liftDeadlines(w http.ResponseWriter) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{})
	_ = control.SetWriteDeadline(time.Time{})
}

// identify finds out who sends a request.
func (g *Gateway) identify(r *http.Request) (auth.Principal, error) {
	p, err := g.opts.Auth.Request(r)
	if errors.Is(err, auth.ErrNone) && hadLoneCookie(r) {
		return auth.Principal{}, loneCookie(err)
	}
	return p, err
}

// permit refuses who holds none of the permissions that rule lists.
func permit(p auth.Principal, rule []string) error {
	if slices.ContainsFunc(rule, p.Can) {
		return nil
	}
	return fault.New(protocol.Forbidden, "this needs the permission %s, which %s does not have", strings.Join(rule, " or "), p.ID)
}

// withinRate counts a request to its user, together with the messages of the user's connections.
// The live transports count by themselves.
func (g *Gateway) withinRate(p auth.Principal, pattern string) error {
	switch pattern {
	case "POST /api/messages": // each message counts
		return nil
	}
	request := connectionRate{limiter: unlimited}
	if retry, verdict := request.allow(g.live.users, &p); verdict != within {
		return fault.New(protocol.RateLimited, "too many requests of %s: wait %d ms", p.ID, retryMs(retry)).With(fault.Retry{AfterMs: retryMs(retry)})
	}
	return nil
}

// ServeHTTP lets the guard look at the request and then hands it to its route.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer g.rescueRequest(r)
	// Both are lifted by the routes that stream. What a slow sender or reader can hold is bounded.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(requestTimeout))
	_ = control.SetWriteDeadline(time.Now().Add(answerTimeout))

	if len(r.TransferEncoding) > 0 {
		// A Content-Length beside it, which net/http has dropped, may have misled somebody on the way about
		// where the request ends (RFC 9112, 6.1): nothing after it is read.
		w.Header().Set("Connection", "close")
	}
	admitted, no, done := g.guard.admit(w, r)
	if done {
		return
	}
	if no != nil {
		g.refuse(w, r, no)
		return
	}
	r = admitted
	if base := g.opts.BasePath; base != "" {
		if r.URL.Path == base {
			http.Redirect(w, r, base+"/", http.StatusPermanentRedirect)
			return
		}
		if rest, ok := strings.CutPrefix(r.URL.Path, base+"/"); ok {
			r = withPath(r, "/"+rest)
		}
	}
	if g.pattern(r, r.Method) == "" {
		g.noRoute(w, r)
		return
	}
	g.mux.ServeHTTP(w, r)
}

// pattern is the route that the request's path has for a method, or none. The page takes every path
// but those that programs use.
func (g *Gateway) pattern(r *http.Request, method string) string {
	probe := *r
	probe.Method = method
	_, pattern := g.mux.Handler(&probe)
	if pattern == "GET /" && (r.URL.Path == "/api" || r.URL.Path == "/mcp" || strings.HasPrefix(r.URL.Path, "/api/")) {
		return ""
	}
	return pattern
}

func withPath(r *http.Request, path string) *http.Request {
	r = r.Clone(r.Context())
	r.URL.Path, r.URL.RawPath = path, ""
	return r
}

// noRoute answers for what is on no route: an unknown path, or a method its path does not have.
func (g *Gateway) noRoute(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete} {
		if g.pattern(r, method) != "" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		g.refused(newProblem(http.StatusMethodNotAllowed, protocol.BadRequest,
			fmt.Sprintf("%.20q is not possible here; these are: %s", r.Method, strings.Join(allowed, ", ")))).write(w)
		return
	}
	g.refused(newProblem(http.StatusNotFound, protocol.NotFound, fmt.Sprintf("there is nothing at %.200q; /openapi.json lists what there is", r.URL.Path))).write(w)
}

// Close ends every stream and live connection, in the way that brings their clients back, and waits
// for them until ctx ends. It is safe to call twice.
func (g *Gateway) Close(ctx context.Context) error {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.once.Do(func() {
		g.stop(errClosing)
		go func() { // ends with the last stream; when ctx is over before, whoever called gives up waiting
			defer close(g.done)
			g.unmeasure()
			g.closeLive()
			g.streams.Wait()
		}()
	})
	select {
	case <-g.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close the gateway: streams are still open: %w", context.Cause(ctx))
	}
}

var errClosing = fault.New(protocol.Unavailable, "the server is going away: try again in a moment")

// enter counts a stream in. It gives the context the stream lives under, which ends with the
// request or the gateway, and what must be called when the stream has ended.
func (g *Gateway) enter(r *http.Request) (context.Context, func(), error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, nil, errClosing
	}
	g.streams.Add(1)
	ctx, cancel := context.WithCancelCause(r.Context())
	forget := context.AfterFunc(g.ctx, func() { cancel(errClosing) })
	return ctx, func() {
		forget()
		cancel(nil)
		g.streams.Done()
	}, nil
}

// Forget has whoever comes from now on read an execution's journal anew: it was removed, or has lost
// its log lines. Who reads it already reads what was to its end.
func (g *Gateway) Forget(executionID string) { g.live.feed.Forget(executionID) }

// EndWithCaller has an execution of an earlier server's cancelled when its user stays away: who does
// not come back in time is taken to have been away since this server began.
func (g *Gateway) EndWithCaller(user, executionID string) {
	g.live.users.endWithCaller(user, executionID)
}

func (g *Gateway) problem(ctx context.Context, err error) *Problem {
	return g.refused(problemOf(ctx, g.log, err))
}

type principalKey struct{}

// principalOf is who sent the request. It is nobody on a public route.
func principalOf(ctx context.Context) auth.Principal {
	p, _ := ctx.Value(principalKey{}).(auth.Principal)
	return p
}

type exchangeKey struct{}

// exchange is the request itself and where its answer goes, for operations that need more of it
// than their input.
type exchange struct {
	w http.ResponseWriter
	r *http.Request
	g *Gateway
}

func exchangeOf(ctx context.Context) exchange {
	e, _ := ctx.Value(exchangeKey{}).(exchange)
	return e
}

// NewServer gives the http.Server that handler should be served by: one that does not wait for ever
// on clients that send their headers a byte at a time, nor keeps much for them.
func NewServer(handler http.Handler, limits protocol.Limits, log *slog.Logger) *http.Server {
	if limits == (protocol.Limits{}) {
		limits = protocol.DefaultLimits()
	}
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: time.Duration(limits.HandshakeTimeoutMs) * time.Millisecond,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		// OPTIONS * is for the guard too.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}
