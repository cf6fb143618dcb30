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
	"sync"

	"claudeops/protocol"
)

// errUnknownConnection tells that the server has forgotten the connection a message was for.
var errUnknownConnection = errors.New("the server no longer knows the connection")

// httpLink is what the two transports that only read have in common: client messages go by POST, and
// what answers them comes in the response.
type httpLink struct {
	c        *Client
	greeting protocol.Connection
	answers  chan []byte // frames of responses, for read to hand on in its turn

	life      context.Context
	end       context.CancelCauseFunc
	closeOnce sync.Once
}

func newHTTPLink(c *Client) *httpLink {
	l := &httpLink{c: c, answers: make(chan []byte)}
	l.life, l.end = context.WithCancelCause(context.Background())
	return l
}

func (l *httpLink) hello() protocol.Connection { return l.greeting }

// close ends the link for good. There are no close codes to send.
func (l *httpLink) close(code int, reason string) {
	l.closeOnce.Do(func() { l.end(&CloseError{Code: code, Reason: reason}) })
}

// send posts a message and hands on what answers it.
func (l *httpLink) send(ctx context.Context, m *protocol.Request) error {
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode %s: %w", m.Type, err)
	}
	ctx, cancel := l.context(ctx)
	defer cancel()
	query := url.Values{"connection": {l.greeting.ConnectionID}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.c.url("api/messages", query), bytes.NewReader(body))
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
		case http.StatusUnauthorized, http.StatusNotFound, http.StatusBadGateway, http.StatusGatewayTimeout:
			return fmt.Errorf("%w: %v", errUnknownConnection, refused)
		}
		return refused
	}
	frame, err := io.ReadAll(answer.Body)
	if err != nil {
		return fmt.Errorf("read the answer to %s: %w", m.Type, err)
	}
	if len(frame) == 0 {
		return nil
	}
	select {
	case l.answers <- frame:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
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
