package client

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/claudeops/claudeops/protocol"
)

// link is one connection over one transport. It exists once the server has taken the credential.
type link interface {
	transport() Transport
	hello() protocol.Connection
	// send hands one message to the server. What answers it arrives through read.
	send(ctx context.Context, m *protocol.Request) error
	// read hands every frame to deliver, in order, until the link is lost, and says why it was. A
	// frame is never changed afterwards.
	read(ctx context.Context, deliver func(frame []byte) error) error
	// close ends the link; read returns. Safe to call twice.
	close(code int, reason string)
}

// dialError is a failed attempt.
type dialError struct {
	transport Transport
	err       error
	refused   bool // the server itself said no: another transport will not help
}

func (e *dialError) Error() string { return fmt.Sprintf("connect by %s: %v", e.transport, e.err) }
func (e *dialError) Unwrap() error { return e.err }

// unreachable reports whether no transport could have worked: there was no way to the host at all.
func unreachable(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// dial makes one attempt over one transport.
func (c *Client) dial(ctx context.Context, t Transport) (link, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.cfg.handshakeTimeout,
		fmt.Errorf("the server did not answer within %v", c.cfg.handshakeTimeout))
	defer cancel()
	var l link
	var err error
	switch t {
	case WebSocket:
		l, err = dialWebSocket(ctx, c)
	case SSE:
		l, err = dialSSE(ctx, c)
	default:
		l, err = dialPoll(ctx, c)
	}
	if err == nil {
		return l, nil
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	failed := &dialError{transport: t, err: err}
	var refused *Error
	if errors.As(err, &refused) {
		switch refused.Code {
		case protocol.Unauthenticated, protocol.RateLimited, protocol.LimitReached:
			failed.refused = true
		}
	}
	if errors.Is(err, ErrCredential) || errors.Is(err, ErrClosed) {
		failed.refused = true
	}
	var closed *CloseError
	if errors.As(err, &closed) && closed.Code >= 1008 && closed.Code != protocol.CloseServerError {
		failed.refused = true
	}
	return nil, failed
}
