package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	peer "github.com/coder/websocket"

	"github.com/claudeops/claudeops/internal/serve/gateway"
	"github.com/claudeops/claudeops/protocol"
)

// socket is a WebSocket client that a test drives by hand.
type socket struct {
	t   *testing.T
	c   *peer.Conn
	ctx context.Context
}

// connect opens a WebSocket with these headers, or gives what the server answered instead.
func connect(t *testing.T, d *door, path string, header http.Header) (*socket, *http.Response) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	c, resp, err := peer.Dial(ctx, d.server.URL+path, &peer.DialOptions{HTTPHeader: header})
	if err != nil {
		if resp == nil {
			t.Fatal(err)
		}
		return nil, resp
	}
	c.SetReadLimit(-1)
	t.Cleanup(func() { c.CloseNow() })
	return &socket{t, c, ctx}, resp
}

func bearerHeader(token string) http.Header {
	return http.Header{"Authorization": {"Bearer " + token}}
}

func (s *socket) send(text string) {
	s.t.Helper()
	// The server may have hung up already; what it said then is what counts.
	_ = s.c.Write(s.ctx, peer.MessageText, []byte(text))
}

// until reads to the next message of a type.
func (s *socket) until(kind string) message {
	s.t.Helper()
	for {
		_, frame, err := s.c.Read(s.ctx)
		if err != nil {
			s.t.Fatalf("waiting for %s: %v", kind, err)
		}
		for _, m := range decode(s.t, frame) {
			if m.Type == kind {
				return m
			}
		}
	}
}

// closed reads to the end and demands a close code.
func (s *socket) closed(code int) string {
	s.t.Helper()
	for {
		_, _, err := s.c.Read(s.ctx)
		if err == nil {
			continue
		}
		var end peer.CloseError
		if !errors.As(err, &end) || int(end.Code) != code {
			s.t.Errorf("the connection ended with %v, want %d", err, code)
		}
		return end.Reason
	}
}

func limits(change func(l *protocol.Limits)) func(o *gateway.Options) {
	return func(o *gateway.Options) {
		o.Limits = protocol.DefaultLimits()
		change(&o.Limits)
	}
}

func TestSession_Credential(t *testing.T) {
	t.Parallel()
	d := newDoor(t, limits(func(l *protocol.Limits) { l.AuthTimeoutMs = 50 }))
	patient := newDoor(t, nil)

	t.Run("none within the time", func(t *testing.T) {
		t.Parallel()
		s, _ := connect(t, d, "/api/ws", nil)
		s.closed(protocol.ClosePolicy)
	})
	t.Run("as the first message", func(t *testing.T) {
		t.Parallel()
		s, _ := connect(t, patient, "/api/ws", nil)
		s.send(`{"type":"auth","token":"` + patient.owner + `"}`)
		if m := s.until("connection"); m.User.ID != "owner" {
			t.Errorf("greeted as %q", m.User.ID)
		}
	})
	t.Run("wrong, as the first message", func(t *testing.T) {
		t.Parallel()
		s, _ := connect(t, patient, "/api/ws", nil)
		s.send(`{"type":"auth","token":"guess"}`)
		s.closed(protocol.ClosePolicy)
	})
	t.Run("something else first", func(t *testing.T) {
		t.Parallel()
		s, _ := connect(t, patient, "/api/ws", nil)
		s.send(`{"type":"ping"}`)
		s.closed(protocol.ClosePolicy)
	})
	t.Run("wrong, in the header", func(t *testing.T) {
		t.Parallel()
		s, _ := connect(t, patient, "/api/ws", bearerHeader("guess"))
		s.closed(protocol.ClosePolicy)
	})
	t.Run("expired", func(t *testing.T) {
		t.Parallel()
		s, _ := connect(t, patient, "/api/ws", bearerHeader(bearer(t, "somebody", time.Now().Add(-time.Hour), protocol.PermRead)))
		s.closed(protocol.CloseCredential)
	})
	t.Run("expires while connected", func(t *testing.T) {
		t.Parallel()
		id := patient.begin("echo")
		s, _ := connect(t, patient, "/api/ws", bearerHeader(bearer(t, "somebody", time.Now().Add(2*time.Second), protocol.PermRead)))
		s.send(fmt.Sprintf(`{"type":"logs:subscribe","executionId":%q}`, id))
		s.until("logs:subscribed")
		s.closed(protocol.CloseCredential)
	})
	t.Run("a ticket, once", func(t *testing.T) {
		t.Parallel()
		resp := patient.request(t, http.MethodPost, "/api/tickets", patient.owner, nil)
		defer resp.Body.Close()
		var issued struct {
			Ticket string `json:"ticket"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&issued); err != nil || issued.Ticket == "" {
			t.Fatalf("no ticket: %v", err)
		}
		s, _ := connect(t, patient, "/api/ws?ticket="+issued.Ticket, nil)
		s.until("connection")
		again, _ := connect(t, patient, "/api/ws?ticket="+issued.Ticket, nil)
		again.closed(protocol.ClosePolicy)
	})
}

func TestSession_Limits(t *testing.T) {
	t.Parallel()
	t.Run("a message too large", func(t *testing.T) {
		t.Parallel()
		d := newDoor(t, nil)
		s, _ := connect(t, d, "/api/ws", bearerHeader(d.owner))
		s.send(`{"type":"ping","id":"` + strings.Repeat("x", 70_000) + `"}`)
		s.closed(protocol.CloseTooLarge)
	})
	t.Run("messages too fast, then far too fast", func(t *testing.T) {
		t.Parallel()
		d := newDoor(t, limits(func(l *protocol.Limits) { l.MessagesPerSecond, l.MessageBurst = 0.5, 5 }))
		s, _ := connect(t, d, "/api/ws", bearerHeader(d.owner))
		other, _ := connect(t, d, "/api/ws", bearerHeader(bearer(t, "other", time.Now().Add(time.Hour))))
		for range 6 {
			s.send(`{"type":"ping","id":"a"}`)
		}
		m := s.until("error")
		if m.Code != string(protocol.RateLimited) || m.RetryAfter <= 0 || m.ID != "a" {
			t.Errorf("refused with %+v", m)
		}
		go func() {
			for range 400 {
				s.send(`{"type":"ping"}`)
			}
		}()
		if reason := s.closed(protocol.CloseRateLimited); !strings.Contains(reason, "retryAfterMs=") {
			t.Errorf("close reason %q", reason)
		}
		other.send(`{"type":"ping"}`)
		other.until("pong")
	})
	t.Run("subscriptions", func(t *testing.T) {
		t.Parallel()
		d := newDoor(t, limits(func(l *protocol.Limits) { l.MaxSubscriptions = 2 }))
		s, _ := connect(t, d, "/api/ws", bearerHeader(d.owner))
		ids := []string{d.begin("echo"), d.begin("echo"), d.begin("echo")}
		subscribe := func(id string) { s.send(fmt.Sprintf(`{"type":"logs:subscribe","id":"1","executionId":%q}`, id)) }
		for _, id := range ids {
			subscribe(id)
		}
		if m := s.until("error"); m.Code != string(protocol.LimitReached) {
			t.Errorf("refused with %+v", m)
		}
		s.send(fmt.Sprintf(`{"type":"logs:unsubscribe","executionId":%q}`, ids[0]))
		s.until("ack")
		subscribe(ids[2])
		s.until("logs:subscribed")
		// One whose execution has ended gives its place up by itself.
		d.finish(ids[1])
		s.until("execution:completed")
		subscribe(ids[0])
		s.until("logs:subscribed")
	})
	t.Run("connections of a user, and in all", func(t *testing.T) {
		t.Parallel()
		d := newDoor(t, limits(func(l *protocol.Limits) { l.MaxConnectionsPerUser, l.MaxConnections = 2, 3 }))
		first, _ := connect(t, d, "/api/ws", bearerHeader(d.owner))
		first.until("connection")
		connect(t, d, "/api/ws", bearerHeader(d.owner))
		if _, resp := connect(t, d, "/api/ws", bearerHeader(d.owner)); resp.StatusCode != http.StatusTooManyRequests {
			t.Errorf("a third connection of the user: %s", resp.Status)
		}
		connect(t, d, "/api/ws", bearerHeader(bearer(t, "other", time.Now().Add(time.Hour))))
		if _, resp := connect(t, d, "/api/ws", bearerHeader(bearer(t, "another", time.Now().Add(time.Hour)))); resp.StatusCode != http.StatusTooManyRequests {
			t.Errorf("a fourth connection: %s", resp.Status)
		}
		_ = first.c.Close(peer.StatusNormalClosure, "")
		// The place is free once the server has seen the end.
		for {
			s, resp := connect(t, d, "/api/ws", bearerHeader(d.owner))
			if s != nil {
				s.until("connection")
				return
			}
			if resp.StatusCode != http.StatusTooManyRequests {
				t.Fatalf("%s", resp.Status)
			}
		}
	})
}

// TestSession_Heartbeat: who answers no ping is let go; who answers stays.
func TestSession_Heartbeat(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(o *gateway.Options) { o.Heartbeat = protocol.Heartbeat{IntervalMs: 1000, TimeoutMs: 2000} })
	silent, _ := connect(t, d, "/api/ws", bearerHeader(d.owner))
	lively, _ := connect(t, d, "/api/ws", bearerHeader(d.owner))
	lively.until("connection")
	reading := lively.c.CloseRead(lively.ctx) // answers pings
	// A client that does not read sends no pong; what the server said meanwhile is read at the end.
	id := d.begin("echo")
	for range 10 {
		d.log(id, 1)
		<-time.After(500 * time.Millisecond)
	}
	silent.closed(protocol.CloseHeartbeat)
	if reading.Err() != nil {
		t.Error("a client that answers was let go")
	}
}

// TestSession_Restart: a server that goes away says so with the code that brings clients back.
func TestSession_Restart(t *testing.T) {
	t.Parallel()
	var g *gateway.Gateway
	d := newDoor(t, nil)
	g = d.gateway
	s, _ := connect(t, d, "/api/ws", bearerHeader(d.owner))
	s.until("connection")
	done := make(chan error, 1)
	go func() { done <- g.Close(context.Background()) }()
	s.closed(protocol.CloseRestart)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestSession_Absence: what was started to end with its caller ends when the caller stays away, and
// does not when the caller comes back.
func TestSession_Absence(t *testing.T) {
	t.Parallel()
	d := newDoor(t, limits(func(l *protocol.Limits) { l.DisconnectGraceMs = 300 }))
	start := func() string {
		s, _ := connect(t, d, "/api/ws", bearerHeader(d.owner))
		s.send(`{"type":"agent:execute","agentType":"echo","onDisconnect":"cancel"}`)
		id := s.until("ack").ExecutionID
		_ = s.c.Close(peer.StatusNormalClosure, "")
		return id
	}
	left := start()
	watch, _ := connect(t, d, "/api/ws", bearerHeader(bearer(t, "other", time.Now().Add(time.Hour), protocol.PermRead)))
	watch.send(fmt.Sprintf(`{"type":"logs:subscribe","executionId":%q}`, left))
	watch.until("execution:cancelled")

	kept := start()
	back, _ := connect(t, d, "/api/ws", bearerHeader(d.owner))
	back.until("connection")
	<-time.After(600 * time.Millisecond)
	if rec, err := d.Get(context.Background(), kept); err != nil || rec.Terminal {
		t.Errorf("cancelled though its caller came back: %+v, %v", rec.Status, err)
	}
}
