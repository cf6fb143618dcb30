package gateway

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/claudeops/claudeops/internal/serve/websocket"
	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

// serveWebSocket upgrades, finds out who calls, and serves the session until it ends.
//
// A credential may come with the upgrade (header, cookie or one-time ticket) or as the first
// message. One that is there and wrong is told by a close code: a browser can read that, while the
// status of a refused upgrade is hidden from it.
func (l *live) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	principal, authErr := l.upgradeCredential(r)
	if err := l.users.admit(principal, authErr == nil); err != nil {
		writeProblem(w, r, err)
		return
	}
	conn, err := websocket.Upgrade(w, r, websocket.Options{
		Subprotocol: protocol.Subprotocol, Deflate: true, MaxMessage: l.limits.MaxMessageBytes,
		Timeout: time.Duration(l.limits.HandshakeTimeoutMs) * time.Millisecond,
	})
	if err != nil {
		l.users.dismiss(principal, authErr == nil)
		l.log.Debug("upgrade failed", "remote", r.RemoteAddr, "error", err)
		return
	}
	s := newSession(l, conn, r)
	if !l.register(s) {
		l.users.dismiss(principal, authErr == nil)
		conn.Close(protocol.CloseRestart, "server restarts")
		_ = conn.Serve()
		return
	}
	// What needs a deep stack is done here: the session's own goroutine shall stay small.
	switch {
	case authErr == nil:
		s.welcome(principal)
	case !errors.Is(authErr, errNoCredential):
		l.recordStranger(s.address, authErr)
		s.refuse(authErr)
	}
	// The handler returns at once, so that nothing of net/http's is held while the session lives.
	go s.serve(authErr == nil)
}

// register makes a session one that close waits for; false when it is too late for that.
func (l *live) register(s *session) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.sessions[s] = struct{}{}
	l.work.Add(1)
	l.opened.Add(1)
	return true
}

// upgradeCredential gives who the upgrade says the caller is. errNoCredential when it says nothing.
func (l *live) upgradeCredential(r *http.Request) (auth.Principal, error) {
	if ticket := r.URL.Query().Get("ticket"); ticket != "" {
		return l.auth.RedeemTicket(ticket)
	}
	if r.Header.Get("Authorization") == "" && len(r.Cookies()) == 0 {
		return auth.Principal{}, errNoCredential
	}
	p, err := l.auth.Request(r)
	// Cookies may be anybody's on this host; only one of ours that is wrong counts as a credential.
	if errors.Is(err, auth.ErrNone) {
		return auth.Principal{}, errNoCredential
	}
	return p, err
}

var errNoCredential = errors.New("no credential")

func newConnectionID() string {
	b := make([]byte, 10)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// session is one WebSocket client.
type session struct {
	live      *live
	conn      *websocket.Conn
	id        string
	address   string
	userAgent string
	rate      connectionRate

	principal atomic.Pointer[auth.Principal] // nil until the caller is known
	deadline  time.Time                      // until then it must be

	subscriptions

	context lazyContext

	pinged   time.Time // by keepTime alone
	system   systemTimer
	searches searches
}

func newSession(l *live, conn *websocket.Conn, r *http.Request) *session {
	s := &session{
		live: l, conn: conn, id: newConnectionID(), address: clientAddress(r), userAgent: strings.Clone(r.UserAgent()),
		deadline: time.Now().Add(time.Duration(l.limits.AuthTimeoutMs) * time.Millisecond),
		pinged:   time.Now(),
	}
	s.context.parent = l.ctx
	s.subscriptions.session = s
	conn.Pull = s.pull
	conn.OnMessage = s.receive
	conn.OnPanic = s.panicked
	return s
}

// serve runs the session to its end. known says whether its upgrade was counted to a user.
func (s *session) serve(known bool) {
	defer s.live.work.Done()
	s.leave(s.conn.Serve(), known)
}

func (s *session) leave(why *websocket.CloseError, known bool) {
	l := s.live
	defer s.rescue()
	s.context.cancel()
	l.mu.Lock()
	delete(l.sessions, s)
	l.mu.Unlock()
	s.subscriptions.closeAll()
	s.searches.wait()
	var p auth.Principal
	if at := s.principal.Load(); at != nil {
		p = *at
		l.users.leave(p)
		known = true // by its first message, if not by the upgrade
	}
	l.users.dismiss(p, known)
	if l.metrics != nil {
		l.metrics().Closed(int(why.Code))
	}
	l.log.Debug("client left", "connection", s.id, "code", why.Code, "reason", why.Reason)
}

// lazyContext is a context that is made when somebody needs it: a connection at rest has none.
type lazyContext struct {
	parent context.Context

	mu     sync.Mutex
	ctx    context.Context
	stop   context.CancelFunc
	closed bool
}

func (c *lazyContext) get() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx == nil {
		c.ctx, c.stop = context.WithCancel(c.parent)
		if c.closed {
			c.stop()
		}
	}
	return c.ctx
}

func (c *lazyContext) cancel() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.stop != nil {
		c.stop()
	}
}

// welcome makes the session the caller's and greets.
func (s *session) welcome(p auth.Principal) {
	s.principal.Store(&p)
	s.live.users.arrive(p)
	_ = s.conn.Answer(websocket.Text(encode(s.live.greeting(s.id, p))))
}

// refuse ends the session for a credential that does not hold.
func (s *session) refuse(err error) {
	if errors.Is(err, auth.ErrExpired) {
		s.conn.Close(protocol.CloseCredential, "the credential has expired or was revoked")
		return
	}
	s.conn.Close(protocol.ClosePolicy, "authentication failed")
}

// beat looks after the session's time: who may stay, who must give a sign, who is gone.
func (s *session) beat(now time.Time) {
	defer s.rescue()
	p := s.principal.Load()
	if p == nil {
		if now.After(s.deadline) {
			s.conn.Close(protocol.ClosePolicy, "no valid credential within the time allowed")
		}
		return
	}
	if err := s.live.auth.Check(*p); err != nil {
		s.refuse(auth.ErrExpired)
		return
	}
	interval := time.Duration(s.live.heartbeat.IntervalMs) * time.Millisecond
	timeout := time.Duration(s.live.heartbeat.TimeoutMs) * time.Millisecond
	silence := now.Sub(s.conn.Heard())
	if silence > interval+timeout {
		// A client that is busy elsewhere keeps its place as long as its kernel answers ours.
		if s.conn.Backlog() && s.conn.Acknowledges(timeout) {
			return
		}
		s.conn.Close(protocol.CloseHeartbeat, "no answer to heartbeats")
		return
	}
	if silence >= interval && now.Sub(s.pinged) >= interval {
		s.pinged = now
		s.conn.Ping()
	}
}
