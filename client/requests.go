package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/claudeops/claudeops/protocol"
)

// ExecuteOption adjusts one Execute.
type ExecuteOption func(*protocol.Request)

// WithIdempotencyKey makes sure that the same request starts one execution however often it is made:
// the second gets the first's. Without it Execute makes a key of its own, which covers a connection
// lost in the middle but not a caller who asks twice.
func WithIdempotencyKey(key string) ExecuteOption {
	return func(m *protocol.Request) { m.IdempotencyKey = key }
}

// WithTags marks the execution with tags beside its agent's own, by which it can be found.
func WithTags(tags ...string) ExecuteOption {
	return func(m *protocol.Request) { m.Tags = append(m.Tags, tags...) }
}

// WithCancelOnDisconnect has the server cancel the execution when this client stays away for longer
// than the server's grace (30 s where nothing else is set).
func WithCancelOnDisconnect() ExecuteOption {
	return func(m *protocol.Request) { m.OnDisconnect = "cancel" }
}

// Execute starts an agent and gives its execution. config is anything that encodes to a JSON object,
// json.RawMessage, or nil. Follow it with Subscribe from seq 0.
func (c *Client) Execute(ctx context.Context, agent string, config any, options ...ExecuteOption) (protocol.Ack, error) {
	var ack protocol.Ack
	m, err := executeRequest(agent, config, options)
	if err == nil {
		err = c.call(ctx, m, &ack)
	}
	return ack, err
}

func executeRequest(agent string, config any, options []ExecuteOption) (protocol.Request, error) {
	no := false
	m := protocol.Request{Type: protocol.TypeExecute, AgentType: agent, Subscribe: &no, IdempotencyKey: rand.Text()}
	if config != nil {
		b, err := json.Marshal(config)
		if err != nil {
			return m, fmt.Errorf("encode the config of %s: %w", agent, err)
		}
		if !bytes.Equal(b, []byte("null")) {
			m.Config = b
		}
	}
	for _, option := range options {
		option(&m)
	}
	return m, nil
}

// Cancel asks for an execution to be stopped. The outcome is the event that ends it, once nothing of
// it runs any more. Cancelling what has ended already does no harm.
func (c *Client) Cancel(ctx context.Context, executionID, reason string) (protocol.Ack, error) {
	var ack protocol.Ack
	err := c.call(ctx, protocol.Request{Type: protocol.TypeCancel, ExecutionID: executionID, Reason: reason}, &ack)
	return ack, err
}

// Status gives an execution's record.
func (c *Client) Status(ctx context.Context, executionID string) (protocol.Record, error) {
	var status protocol.ExecutionStatus
	err := c.call(ctx, protocol.Request{Type: protocol.TypeStatus, ExecutionID: executionID}, &status)
	return status.Record, err
}

// Ping gives the time a message takes to the server and back.
func (c *Client) Ping(ctx context.Context) (time.Duration, error) {
	start := time.Now()
	err := c.callOnce(ctx, protocol.Request{Type: protocol.TypePing}, nil)
	return time.Since(start), err
}

// Server gives what the server says of itself, and of whom it takes the caller for.
func (c *Client) Server(ctx context.Context) (protocol.Connection, error) {
	l, _, err := c.waitLink(ctx)
	if err != nil {
		return protocol.Connection{}, err
	}
	return l.hello(), nil
}
