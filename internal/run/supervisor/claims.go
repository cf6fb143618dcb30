package supervisor

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"sync"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/rundir"
	"github.com/claudeops/claudeops/protocol"
)

type claimKey struct{ user, key string }

// claims lets one request with a user's key through at a time, so that the next finds what the one
// before has made.
type claims struct {
	mu      sync.Mutex // guards pending
	pending map[claimKey]chan struct{}
}

// enter waits for its turn.
func (c *claims) enter(ctx context.Context, k claimKey) (leave func(), err error) {
	for {
		c.mu.Lock()
		before, busy := c.pending[k]
		if !busy {
			turn := make(chan struct{})
			c.pending[k] = turn
			c.mu.Unlock()
			return func() {
				c.mu.Lock()
				delete(c.pending, k)
				c.mu.Unlock()
				close(turn)
			}, nil
		}
		c.mu.Unlock()
		select {
		case <-before:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// executeOnce is Execute for a request with an idempotency key.
func (s *Supervisor) executeOnce(ctx context.Context, request Request) (rec execution.Record, existing bool, err error) {
	user, key := request.Trigger.User, request.IdempotencyKey
	leave, err := s.claims.enter(ctx, claimKey{user, key})
	if err != nil {
		return execution.Record{}, false, err
	}
	defer leave()
	hash := requestHash(request)
	claim, known, err := s.options.Index.Claimed(ctx, user, key)
	if s.indexer.check(err) != nil {
		return execution.Record{}, false, err
	}
	if !known {
		rec, err = s.accept(ctx, request, &rundir.Claim{User: user, Key: key, Request: hash})
		return rec, false, err
	}
	if claim.Request != hash {
		return execution.Record{}, false, fault.New(protocol.Conflict, "idempotency key %.100q stands for another request (execution %s); send another key for another agent or other parameters", key, claim.ExecutionID).
			With(struct {
				ExecutionID string `json:"executionId"`
			}{claim.ExecutionID})
	}
	rec, err = s.Get(ctx, claim.ExecutionID)
	return rec, err == nil, err
}

// requestHash tells whether two requests ask for the same. It is over the parameters as they were
// sent, whatever their order and spacing: defaults may change from one definition to the next.
func requestHash(request Request) string {
	config := canonical(request.Config)
	h := sha256.New()
	for _, part := range append([]string{request.AgentType, string(config)}, request.Tags...) {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}

func canonical(config json.RawMessage) []byte {
	decoder := json.NewDecoder(bytes.NewReader(config))
	decoder.UseNumber() // 1 and 1.0 may differ to an agent
	var value any
	if err := decoder.Decode(&value); err != nil {
		value = nil
		if len(bytes.TrimSpace(config)) > 0 {
			return config // not JSON: refused when it is resolved
		}
	}
	if value == nil {
		value = map[string]any{}
	}
	text, err := json.Marshal(value) // with sorted names
	if err != nil {
		return config
	}
	return text
}
