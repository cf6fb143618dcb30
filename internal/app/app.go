// Package app puts the rooms together: it opens them in the order in which they need each other,
// serves, and closes them in the opposite order. It is all that knows every room, and it does
// nothing else: whatever decides something belongs into one of them.
package app

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/claudeops/claudeops/docs"
	"github.com/claudeops/claudeops/internal/host/space"
	"github.com/claudeops/claudeops/internal/host/system"
	"github.com/claudeops/claudeops/internal/record/datadir"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/retention"
	"github.com/claudeops/claudeops/internal/record/sealer"
	"github.com/claudeops/claudeops/internal/record/search"
	"github.com/claudeops/claudeops/internal/run/agent"
	"github.com/claudeops/claudeops/internal/run/pricing"
	"github.com/claudeops/claudeops/internal/run/process"
	"github.com/claudeops/claudeops/internal/run/schedule"
	"github.com/claudeops/claudeops/internal/run/supervisor"
	"github.com/claudeops/claudeops/internal/serve/gateway"
	"github.com/claudeops/claudeops/internal/serve/manual"
	"github.com/claudeops/claudeops/internal/serve/mcp"
	"github.com/claudeops/claudeops/internal/serve/notify"
	"github.com/claudeops/claudeops/internal/trust/audit"
	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/internal/trust/secrets"
	"github.com/claudeops/claudeops/protocol"
)

// App is a server. New opens it, Run serves, Close ends it; agents live on.
type App struct {
	config Config
	log    *slog.Logger

	dir        *datadir.Dir
	listener   net.Listener
	auth       *auth.Authenticator
	audit      *audit.Log
	catalogue  *agent.Catalogue
	store      *journal.Files
	index      *index.Index
	supervisor *supervisor.Supervisor
	schedules  *schedule.Scheduler
	keeper     *retention.Keeper
	notifier   *notify.Notifier
	space      *space.Watcher
	unnoted    func()         // has the catalogue tell of no more changes
	sealer     *sealer.Sealer // nil when nothing is to be sealed
	gateway    *gateway.Gateway
	gate       *gate

	endsScheduled func() // has the supervisor tell of no more ends
	server        *http.Server

	closing sync.Once
	closed  error
}

// New opens everything a server needs, its data directory and its port first, so that what keeps it
// from serving is told before anything is touched. Nothing is served yet, but who connects waits.
func New(config Config) (*App, error) {
	if err := config.complete(); err != nil {
		return nil, &ConfigError{err}
	}
	a := &App{config: config, log: config.Log}
	if err := a.open(); err != nil {
		return nil, errors.Join(explain(err, config.DataDir), a.Close())
	}
	return a, nil
}

// explain adds what to do about a cause that an operator can mend, where the error does not say it.
// What came of another file than the data directory's is left as it is.
func explain(err error, dataDir string) error {
	var path *fs.PathError
	if errors.As(err, &path) && (filepath.IsAbs(path.Path) || errors.As(err, new(certificateError))) {
		file, fileErr := filepath.Abs(path.Path)
		if dir, dirErr := filepath.Abs(dataDir); fileErr == nil && dirErr == nil && !within(file, dir) {
			return err
		}
	}
	if why := datadir.Explain(err); why != "" && !strings.Contains(err.Error(), "free some") && !strings.Contains(err.Error(), "--data") {
		return fmt.Errorf("%s: %w", why, err)
	}
	return err
}

// certificateError is what came of the files that TLS needs, which are not in the data directory.
type certificateError struct{ error }

func (e certificateError) Unwrap() error { return e.error }

// within reports whether path is dir or lies below it, or is one of the directories that lead to it.
func within(path, dir string) bool {
	below, err := filepath.Rel(dir, path)
	above, err2 := filepath.Rel(path, dir)
	return err == nil && filepath.IsLocal(below) || err2 == nil && filepath.IsLocal(above)
}

func (a *App) open() (err error) {
	c := &a.config
	if a.dir, err = OpenData(c.DataDir, a.log); err != nil {
		return err
	}
	if a.listener, err = listen(c); err != nil {
		return err
	}
	if _, err := pricing.Open(cmp.Or(c.Prices, pricing.InDataDir(a.dir.Path()))); err != nil {
		return fmt.Errorf("%w; correct the file, or remove it to use the program's prices", err)
	}
	if a.auth, err = auth.Open(auth.Options{DataDir: a.dir.Path(), BasePath: c.BasePath, JWT: c.JWT, Log: a.log}); err != nil {
		return err
	}
	if a.audit, err = audit.Open(a.dir.Path(), a.log); err != nil {
		return err
	}
	a.catalogue, err = agent.OpenCatalogue(agent.Options{Dir: c.AgentsDir, Executable: c.Executable, Log: a.log})
	if err != nil {
		return err
	}
	if a.store, err = journal.OpenDir(a.dir.Path()); err != nil {
		return err
	}
	if a.index, err = index.Open(a.dir.Index(), index.WithLog(a.log)); err != nil {
		return err
	}
	vault := secrets.New(a.dir.Path())
	a.supervisor, err = supervisor.Open(supervisor.Options{
		DataDir: a.dir.Path(), Executable: c.Executable, Catalogue: a.catalogue, Store: a.store, Index: a.index,
		Secrets: vault, Log: a.log, MaxRunning: c.MaxRunning, Drain: c.Drain, MaxQueued: maxQueued(c.Limits), Prices: c.Prices,
		URL:     a.URL,
		Token:   func(id string) (string, error) { return a.auth.ExecutionToken(auth.Principal{}, id) },
		Bound:   func(user, id string) { a.gateway.EndWithCaller(user, id) },
		Changed: func(id string) { a.gateway.Forget(id) },
	})
	if err != nil {
		return err
	}
	if err := a.openSchedules(); err != nil {
		return err
	}
	a.auth.TrustExecutions(func(id string) bool {
		rec, err := a.supervisor.Get(context.Background(), id)
		return err == nil && !rec.Terminal
	})
	if err := a.openKeeper(); err != nil {
		return err
	}
	a.space = space.New(space.Options{Path: a.dir.Path(), Low: c.LowDisk, Statfs: c.Statfs, Changed: a.roomChanged, Log: a.log})
	a.openSealer()
	if err := a.openNotifier(); err != nil {
		return err
	}
	a.gateway, err = gateway.New(gateway.Options{
		Search:    search.New(a.store),
		Sealer:    a.sealed(),
		Retention: a.keeper, Schedules: a.schedules, Space: a.space, Notifier: a.notifier,
		Secrets:    vault,
		Supervisor: a.supervisor, Store: a.store, Catalogue: a.catalogue, Auth: a.auth, Audit: a.audit,
		System: system.New(a.dir.Path()), Assets: c.Assets,
		BasePath: c.BasePath, AllowedHosts: a.hosts(), AllowedOrigins: c.AllowedOrigins, TrustedProxies: c.TrustedProxies,
		Limits: c.Limits, Heartbeat: c.Heartbeat, Log: a.log, Version: c.Version,
		Manual: func(openapi func() []byte) http.Handler {
			pages, err := manual.New(docs.Files, openapi)
			if err != nil {
				panic(err) // the program was built with a page that is none
			}
			return pages
		},
		MCP: func(api func(*http.Request, http.ResponseWriter, *http.Request)) http.Handler {
			return mcp.Handler(api, c.Version, a.log)
		},
	})
	if err != nil {
		return &ConfigError{err}
	}
	a.gate = newGate(a.gateway, c.BasePath)
	a.server = gateway.NewServer(a.gate, c.Limits, a.log)
	return nil
}

// maxQueued says to the supervisor what a limit says to clients: to them 0 is none.
func maxQueued(limits protocol.Limits) int {
	if limits.MaxQueuedExecutions == 0 {
		return -1
	}
	return limits.MaxQueuedExecutions
}

// listen takes the port, and says what to do when it can't be had.
func listen(c *Config) (net.Listener, error) {
	var config *tls.Config
	if c.TLSCert != "" {
		cert, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
		if err != nil {
			return nil, certificateError{fmt.Errorf("load the TLS certificate %s with its key %s: %w", c.TLSCert, c.TLSKey, err)}
		}
		// HTTP/1.1 alone: WebSocket is an upgrade of it.
		config = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	}
	l, err := net.Listen("tcp", c.Listen)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is in use by another program: stop that one, or listen elsewhere with --listen, such as --listen 127.0.0.1:0 for any free port (%w)", c.Listen, err)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("this user may not listen on %s: take a port above 1023 with --listen (%w)", c.Listen, err)
	case err != nil:
		return nil, fmt.Errorf("listen on %s: %w", c.Listen, err)
	}
	if config != nil {
		l = tls.NewListener(l, config)
	}
	return l, nil
}

// hosts are the names the server answers to: those allowed, and the one it was told to listen on.
func (a *App) hosts() []string {
	hosts := a.config.AllowedHosts
	host, _, err := net.SplitHostPort(a.config.Listen)
	if ip := net.ParseIP(host); err == nil && host != "" && !loopback(host) && (ip == nil || !ip.IsUnspecified()) {
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		hosts = append(append([]string{}, hosts...), host)
	}
	return hosts
}

// Addr is the address the server listens on.
func (a *App) Addr() net.Addr { return a.listener.Addr() }

// URL is where the server is reached on this machine, with its base path and without a slash at its end.
func (a *App) URL() string {
	host, port, err := net.SplitHostPort(a.listener.Addr().String())
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip.To4() == nil {
			host = "::1"
		}
	}
	scheme := "http"
	if a.config.TLSCert != "" {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, port) + a.config.BasePath
}

// SignInLink gives an address that signs one browser in as the owner, once, until expires.
func (a *App) SignInLink(ctx context.Context) (link string, expires time.Time, err error) {
	token, err := auth.OwnerToken(a.dir.Path())
	if err != nil {
		return "", time.Time{}, err
	}
	owner, err := a.auth.Token(ctx, token)
	if err != nil {
		return "", time.Time{}, err
	}
	ticket, expires, err := a.auth.IssueTicketFor(owner, auth.StartTicketLife)
	if err != nil {
		return "", time.Time{}, err
	}
	return a.URL() + "/login?ticket=" + ticket, expires, nil
}

// Token gives the owner's token.
func (a *App) Token() (string, error) { return auth.OwnerToken(a.dir.Path()) }

// Ready reports whether executions are accepted.
func (a *App) Ready() bool { return a.supervisor.Ready() }

// Run serves until ctx ends, which is a shutdown and no error, or until serving fails. ready, when it
// is not nil, is called once executions are accepted. Run may be called once.
func (a *App) Run(ctx context.Context, ready func()) error {
	ctx, stop := context.WithCancelCause(ctx)
	var adopting sync.WaitGroup
	defer func() {
		stop(nil)
		adopting.Wait()
	}()
	if err := process.BecomeReaper(); err != nil {
		a.log.Warn("orphans of runners that die go elsewhere", "error", err)
	}
	adopting.Go(func() { process.Adopt(ctx) })
	serving := make(chan error, 1)
	go func() {
		err := a.server.Serve(a.listener)
		if errors.Is(err, http.ErrServerClosed) {
			err = nil
		} else {
			err = fmt.Errorf("serve on %s: %w", a.listener.Addr(), err)
			stop(err)
		}
		serving <- err
	}()
	err := a.start(ctx, ready)
	if err == nil {
		<-ctx.Done()
	}
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		err = nil // it was told to end while it started
	}
	a.log.Info("shutting down; agents run on")
	err = errors.Join(err, a.Close())
	return errors.Join(err, <-serving)
}

func (a *App) start(ctx context.Context, ready func()) error {
	// Before it is ready: who comes now waits at the gate, and finds it there.
	announce := a.dir.Announce
	if a.config.Temporary {
		announce = a.dir.AnnounceTemporary
	}
	if err := announce(a.listener.Addr().String(), a.URL()); err != nil {
		return err
	}
	if err := a.catalogue.Start(ctx); err != nil {
		return err
	}
	a.space.Start() // first: what waits is not to be started for want of a look
	if err := a.supervisor.Start(ctx); err != nil {
		return err
	}
	a.startSchedules()
	if err := a.startKeeper(); err != nil {
		return err
	}
	if a.sealer != nil {
		a.sealer.Start()
	}
	a.notifier.Start()
	a.gate.open()
	a.log.Info("ready", "url", a.URL(), "data", a.dir.Path(), "agents", len(a.catalogue.List()), "version", a.config.Version)
	if ready != nil {
		ready()
	}
	return nil
}

// Close ends the server in an order that loses nobody's work: no new connections, live ones told to
// come back, requests finished, runners let go, files closed. It is safe to call twice, and before Run.
func (a *App) Close() error {
	a.closing.Do(func() {
		ctx, cancel := context.WithTimeoutCause(context.Background(), a.config.ShutdownGrace,
			fmt.Errorf("what was under way did not end within %v", a.config.ShutdownGrace))
		defer cancel()
		a.closed = a.close(ctx)
	})
	return a.closed
}

func (a *App) close(ctx context.Context) error {
	var errs []error
	if a.dir != nil {
		errs = append(errs, a.dir.Withdraw())
	}
	if a.gateway != nil {
		errs = append(errs, a.gateway.Close(ctx))
	}
	if a.gate != nil {
		a.gate.open()
	}
	if a.server != nil {
		if err := a.server.Shutdown(ctx); err != nil {
			errs = append(errs, fmt.Errorf("finish requests: %w", err), a.server.Close())
		}
	}
	if a.listener != nil {
		if err := a.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if a.space != nil {
		a.space.Stop()
	}
	if a.unnoted != nil {
		a.unnoted()
	}
	if a.schedules != nil {
		errs = append(errs, a.stopSchedules())
	}
	if a.keeper != nil {
		errs = append(errs, a.keeper.Stop(ctx))
	}
	if a.notifier != nil {
		a.notifier.Stop()
	}
	if a.sealer != nil {
		a.sealer.Stop()
	}
	if a.supervisor != nil {
		errs = append(errs, a.supervisor.Stop(ctx))
	}
	if a.catalogue != nil {
		a.catalogue.Stop()
	}
	if a.index != nil {
		errs = append(errs, a.index.Close())
	}
	if a.store != nil {
		errs = append(errs, a.store.Close())
	}
	if a.audit != nil {
		errs = append(errs, a.audit.Close())
	}
	if a.auth != nil {
		errs = append(errs, a.auth.Close())
	}
	if a.dir != nil {
		errs = append(errs, a.dir.Close())
	}
	return errors.Join(errs...)
}
