package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	"github.com/claudeops/claudeops/protocol"
)

// httpLink is what the two transports that only read have in common. Client messages go by POST, and
// what answers them comes in the response. What is followed is said in the URL that is read, so a
// change in that ends one reading and begins another, at the cursors of that moment.
type httpLink struct {
	c        *Client
	greeting protocol.Connection
	changed  chan struct{} // cap 1: something else is to be followed

	life      context.Context
	end       context.CancelCauseFunc
	closeOnce sync.Once

	begun   chan struct{}      // closed when read has set deliver
	mu      sync.Mutex         // frames are handed on one at a time
	deliver func([]byte) error // guarded by mu
}

func newHTTPLink(c *Client) *httpLink {
	l := &httpLink{c: c, changed: make(chan struct{}, 1), begun: make(chan struct{})}
	l.life, l.end = context.WithCancelCause(context.Background())
	return l
}

func (l *httpLink) hello() protocol.Connection { return l.greeting }

// close ends the link for good. There are no close codes to send.
func (l *httpLink) close(code int, reason string) {
	l.closeOnce.Do(func() { l.end(&CloseError{Code: code, Reason: reason}) })
}

func (l *httpLink) begin(deliver func([]byte) error) {
	l.mu.Lock()
	l.deliver = deliver
	l.mu.Unlock()
	close(l.begun)
}

func (l *httpLink) handOn(frame []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.deliver(frame)
}

// send posts a message and hands on what answers it.
func (l *httpLink) send(ctx context.Context, m *protocol.Request) error {
	switch m.Type {
	case protocol.TypeLogsSubscribe, protocol.TypeLogsUnsubscribe, protocol.TypeExecutionsSubscribe,
		protocol.TypeExecutionsUnsubscribe, protocol.TypeSystemSubscribe, protocol.TypeSystemUnsubscribe:
		poke(l.changed)
		return nil
	}
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode %s: %w", m.Type, err)
	}
	ctx, cancel := l.context(ctx)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.c.url("api/messages", nil), bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-ndjson")
	answer, err := l.c.do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 400 {
		refused := problem(answer)
		switch answer.StatusCode {
		case http.StatusUnauthorized, http.StatusBadGateway, http.StatusGatewayTimeout:
			// The next attempt to connect finds out what is wrong, and whether it can be mended.
			return errors.New(refused.Message)
		}
		return refused
	}
	frame, err := io.ReadAll(io.LimitReader(answer.Body, maxFrame))
	if err != nil {
		return fmt.Errorf("read the answer to %s: %w", m.Type, err)
	}
	select {
	case <-l.begun:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := l.handOn(frame); err != nil {
		l.end(err)
		return err
	}
	return nil
}

// context is ctx that ends with the link too.
func (l *httpLink) context(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(l.life, func() { cancel(context.Cause(l.life)) })
	return ctx, func() { stop(); cancel(nil) }
}

// greet takes the connection message off the first frame and gives the rest.
func (l *httpLink) greet(frame []byte) ([]byte, error) {
	line, rest := nextLine(frame)
	if err := json.Unmarshal(line, &l.greeting); err != nil {
		return nil, fmt.Errorf("read the connection message: %w", err)
	}
	if l.greeting.Type != protocol.TypeConnection {
		return nil, fmt.Errorf("the server began with %q instead of a connection message", l.greeting.Type)
	}
	return rest, nil
}

// following is what a URL that is read has to name.
type following struct {
	cursors    []protocol.Cursor
	unsure     bool // some of the cursors have not been confirmed on this link
	executions bool
	fresh      bool  // of executions: a snapshot is wanted
	intervalMs int64 // of the system's samples, -1 for the server's default, 0 for none
}

func (f following) empty() bool { return len(f.cursors) == 0 && !f.executions && f.intervalMs == 0 }

func (f following) query() url.Values {
	q := url.Values{}
	for _, cursor := range f.cursors {
		q.Add("execution", cursor.ExecutionID)
		q.Add("since", strconv.FormatUint(cursor.Seq, 10))
	}
	if f.executions {
		q.Set("executions", "1")
	}
	if f.intervalMs != 0 {
		q.Set("system", strconv.FormatInt(f.interval(), 10))
	}
	return q
}

func (f following) interval() int64 {
	if f.intervalMs < 0 {
		return protocol.DefaultLimits().DefaultSystemIntervalMs
	}
	return f.intervalMs
}

// following gives what the subscriptions asked for are now.
func (c *Client) following() following {
	c.mu.Lock()
	defer c.mu.Unlock()
	var f following
	for id, t := range c.topics {
		if t.phase != idle && !t.ended {
			f.cursors = append(f.cursors, protocol.Cursor{ExecutionID: id, Seq: t.since()})
			f.unsure = f.unsure || t.phase == asked
		}
	}
	f.executions, f.fresh, f.intervalMs = c.watch.asked, c.watch.request != "", c.system.asked
	return f
}

// sortOut finds what of f the server refuses, after it has refused the whole, and tells those it
// concerns. It gives an error when nothing by itself is refused.
func (l *httpLink) sortOut(ctx context.Context, f following, whole *Error) error {
	if whole.Retryable || whole.Code == protocol.Unauthenticated {
		return whole
	}
	found := false
	try := func(part following, tell func(*Error)) error {
		_, _, err := l.poll(ctx, part.query(), "0s", "1")
		var refused *Error
		if errors.As(err, &refused) && !refused.Retryable {
			found = true
			tell(refused)
			return nil
		}
		return err
	}
	c := l.c
	for _, cursor := range f.cursors {
		if err := try(following{cursors: []protocol.Cursor{cursor}}, func(err *Error) { c.refusedTopic(cursor.ExecutionID, err) }); err != nil {
			return err
		}
	}
	if f.executions {
		if err := try(following{executions: true}, c.refusedWatch); err != nil {
			return err
		}
	}
	if f.intervalMs != 0 {
		if err := try(following{intervalMs: f.intervalMs}, c.refusedSystem); err != nil {
			return err
		}
	}
	if !found {
		return whole
	}
	return nil
}

// poll asks once. positions is the feed of all executions as it stood after the answer.
func (l *httpLink) poll(ctx context.Context, query url.Values, wait, executions string) (frame []byte, positions string, err error) {
	query.Set("wait", wait)
	if l.greeting.ConnectionID != "" {
		query.Set("connection", l.greeting.ConnectionID)
	}
	if query.Has("executions") && executions != "" {
		query.Set("executions", executions)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, l.c.url("api/poll", query), nil)
	if err != nil {
		return nil, "", err
	}
	answer, err := l.c.do(r)
	if err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 400 {
		return nil, "", problem(answer)
	}
	frame, err = io.ReadAll(io.LimitReader(answer.Body, maxFrame))
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return nil, "", cause
		}
		return nil, "", fmt.Errorf("read a poll's answer: %w", err)
	}
	return frame, answer.Header.Get("ClaudeOps-Executions"), nil
}

// do sends a request with the credential.
func (c *Client) do(r *http.Request) (*http.Response, error) {
	if err := c.authorize(r.Context(), r); err != nil {
		return nil, err
	}
	answer, err := c.cfg.httpClient.Do(r)
	if err != nil {
		if cause := context.Cause(r.Context()); cause != nil {
			return nil, cause
		}
		return nil, err
	}
	return answer, nil
}
