package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/claudeops/claudeops/protocol"
)

// calls are the requests that wait for an answer.
type calls struct {
	mu      sync.Mutex
	last    uint64
	pending map[string]chan answer
}

type answer struct {
	kind string
	line []byte
}

// errLinkLost tells a call that its link went before the answer came.
var errLinkLost = errors.New("the connection was lost before the answer came")

func newCalls() *calls { return &calls{pending: map[string]chan answer{}} }

// name gives an id that no other message of this client has.
func (s *calls) name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nameLocked()
}

func (s *calls) nameLocked() string {
	s.last++
	return strconv.FormatUint(s.last, 36)
}

func (s *calls) add() (id string, answers chan answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id = s.nameLocked()
	answers = make(chan answer, 1)
	s.pending[id] = answers
	return id, answers
}

func (s *calls) remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pending, id)
}

// answered hands an answer to whoever asked, if somebody still waits.
func (s *calls) answered(id, kind string, line []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	answers, ok := s.pending[id]
	if ok {
		delete(s.pending, id)
		answers <- answer{kind, line}
	}
	return ok
}

// call sends m and waits for what answers it, over as many connections as that takes: m must be a
// message that does no harm when it is sent twice.
func (c *Client) call(ctx context.Context, m protocol.Request, into any) error {
	c.mu.Lock()
	c.inCall++
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.inCall--
		c.mu.Unlock()
	}()
	for {
		err := c.callOnce(ctx, m, into)
		if err == nil || !errors.Is(err, errLinkLost) {
			return err
		}
		if cause := c.cause(ctx); cause != nil {
			return cause
		}
	}
}

func (c *Client) callOnce(ctx context.Context, m protocol.Request, into any) error {
	l, lost, err := c.waitLink(ctx)
	if err != nil {
		return err
	}
	id, answers := c.calls.add()
	defer c.calls.remove(id)
	m.ID = id
	sending, cancel := context.WithTimeout(ctx, c.cfg.handshakeTimeout)
	err = l.send(sending, &m)
	cancel()
	if err != nil {
		if cause := c.cause(ctx); cause != nil {
			return cause
		}
		var refused *Error
		if errors.As(err, &refused) {
			return refused
		}
		l.close(protocol.CloseGoingAway, "")
		select {
		case <-lost:
		case <-ctx.Done():
			return c.cause(ctx)
		}
		return fmt.Errorf("send %s: %w (%v)", m.Type, errLinkLost, err)
	}
	select {
	case a := <-answers:
		return decodeAnswer(a, into)
	case <-lost:
		// The answer may have been the last thing to come.
		select {
		case a := <-answers:
			return decodeAnswer(a, into)
		default:
			return errLinkLost
		}
	case <-ctx.Done():
		return c.cause(ctx)
	}
}

func decodeAnswer(a answer, into any) error {
	if a.kind == protocol.TypeError {
		var refused protocol.Error
		if err := json.Unmarshal(a.line, &refused); err != nil {
			return fmt.Errorf("read the server's refusal: %w", err)
		}
		return refusal(&refused)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(a.line, into); err != nil {
		return fmt.Errorf("read the server's %s: %w", a.kind, err)
	}
	return nil
}

// waitLink gives the link there is, or waits for the next.
func (c *Client) waitLink(ctx context.Context) (link, chan struct{}, error) {
	c.mu.Lock()
	if c.link != nil {
		l, lost := c.link, c.linkLost
		c.mu.Unlock()
		return l, lost, nil
	}
	w := &waiter{ready: make(chan struct{})}
	c.waiters[w] = struct{}{}
	err := c.needLocked()
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.waiters, w)
		c.mu.Unlock()
	}()
	if err != nil {
		return nil, nil, err
	}
	select {
	case <-w.ready:
		return w.link, w.lost, w.err
	case <-ctx.Done():
		return nil, nil, c.cause(ctx)
	case <-c.life.Done():
		return nil, nil, context.Cause(c.life)
	}
}

// waiter waits for a link, or for the attempts at one to be given up.
type waiter struct {
	ready chan struct{}
	link  link
	lost  chan struct{}
	err   error
}
