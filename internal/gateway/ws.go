package gateway

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"claudeops/internal/auth"
	"claudeops/internal/websocket"
	"claudeops/protocol"
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
		conn.Kill()
		return
	}
	// The handler returns at once, so that nothing of net/http's is held while the session lives.
	go func() {
		defer l.work.Done()
		s.serve(principal, authErr)
	}()
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
	if err != nil && r.Header.Get("Authorization") == "" {
		// Cookies may be anybody's on this host; only one of ours that is wrong counts as a credential.
		if errors.Is(err, auth.ErrNone) {
			return auth.Principal{}, errNoCredential
		}
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

	ctx  context.Context
	stop context.CancelFunc

	pinged   time.Time // by keepTime alone
	system   systemTimer
	searches searches
}

func newSession(l *live, conn *websocket.Conn, r *http.Request) *session {
	s := &session{
		live: l, conn: conn, id: newConnectionID(), address: clientAddress(r), userAgent: strings.Clone(r.UserAgent()),
		rate:     newConnectionRate(l.limits),
		deadline: time.Now().Add(time.Duration(l.limits.AuthTimeoutMs) * time.Millisecond),
		pinged:   time.Now(),
	}
	s.ctx, s.stop = context.WithCancel(l.ctx)
	s.subscriptions.session = s
	conn.Pull = s.pull
	conn.OnMessage = s.receive
	return s
}

func (s *session) serve(principal auth.Principal, authErr error) {
	l := s.live
	switch {
	case authErr == nil:
		s.welcome(principal)
	case !errors.Is(authErr, errNoCredential):
		s.refuse(authErr)
	}
	why := s.conn.Serve()
	s.stop()
	l.mu.Lock()
	delete(l.sessions, s)
	l.mu.Unlock()
	s.subscriptions.closeAll()
	s.searches.wait()
	p := s.principal.Load()
	if p != nil {
		l.users.leave(*p)
	}
	if p == nil || authErr != nil {
		l.users.dismiss(auth.Principal{}, false)
	} else {
		l.users.dismiss(*p, true)
	}
	l.log.Debug("client left", "connection", s.id, "code", why.Code, "reason", why.Reason)
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
