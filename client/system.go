package client

import (
	"context"
	"encoding/json"
	"iter"
	"time"

	"github.com/claudeops/claudeops/protocol"
)

// System yields a sample of the host at every interval (a second at least, 0 for the server's
// default), until ctx ends, with an error. A caller who is slow gets the newest sample, not old ones.
func (c *Client) System(ctx context.Context, interval time.Duration) iter.Seq2[protocol.SystemStatus, error] {
	return func(yield func(protocol.SystemStatus, error) bool) {
		w := &systemWatcher{interval: interval.Milliseconds(), ready: make(chan struct{}, 1)}
		if err := c.system.add(c, w); err != nil {
			yield(protocol.SystemStatus{}, err)
			return
		}
		defer c.system.remove(c, w)
		for {
			sample, err := c.system.take(ctx, c, w)
			if !yield(sample, err) || err != nil {
				return
			}
		}
	}
}

// systemState is the subscription to samples of the host. Its fields belong to Client.mu.
type systemState struct {
	watchers map[*systemWatcher]struct{}
	asked    int64 // interval asked for on the current link, ms; -1 the default, 0 not asked
	request  string
	notYet   time.Time
}

type systemWatcher struct {
	interval int64 // ms
	sample   *protocol.SystemStatus
	err      error
	ready    chan struct{}
}

func (s *systemState) add(c *Client, w *systemWatcher) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	if s.watchers == nil {
		s.watchers = map[*systemWatcher]struct{}{}
	}
	s.watchers[w] = struct{}{}
	poke(c.resync)
	return c.needLocked()
}

func (s *systemState) remove(c *Client, w *systemWatcher) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(s.watchers, w)
	poke(c.resync)
}

func (s *systemState) take(ctx context.Context, c *Client, w *systemWatcher) (protocol.SystemStatus, error) {
	for {
		c.mu.Lock()
		sample, err := w.sample, w.err
		w.sample = nil
		c.mu.Unlock()
		if sample != nil {
			return *sample, nil
		}
		if err != nil {
			return protocol.SystemStatus{}, err
		}
		select {
		case <-w.ready:
		case <-ctx.Done():
			return protocol.SystemStatus{}, c.cause(ctx)
		}
	}
}

// interval is the shortest anybody wants, -1 for the server's default.
func (s *systemState) interval() int64 {
	var shortest int64
	for w := range s.watchers {
		if w.interval > 0 && (shortest == 0 || w.interval < shortest) {
			shortest = w.interval
		}
	}
	if shortest == 0 {
		return -1
	}
	return shortest
}

func (s *systemState) reconcileLocked(c *Client) []*protocol.Request {
	if len(s.watchers) == 0 {
		if s.asked == 0 {
			return nil
		}
		s.asked = 0
		return []*protocol.Request{{Type: protocol.TypeSystemUnsubscribe}}
	}
	interval := s.interval()
	if s.asked == interval || s.notYet.After(time.Now()) {
		return nil
	}
	var messages []*protocol.Request
	if s.asked != 0 {
		messages = append(messages, &protocol.Request{Type: protocol.TypeSystemUnsubscribe})
	}
	s.asked, s.request = interval, c.calls.name()
	return append(messages, &protocol.Request{Type: protocol.TypeSystemSubscribe, ID: s.request, IntervalMs: max(interval, 0)})
}

func (s *systemState) sample(c *Client, line []byte) {
	var sample protocol.SystemStatus
	if json.Unmarshal(line, &sample) != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for w := range s.watchers {
		w.sample = &sample
		poke(w.ready)
	}
}

func (s *systemState) failLocked(err error) {
	for w := range s.watchers {
		delete(s.watchers, w)
		w.err = err
		poke(w.ready)
	}
	s.asked, s.request = 0, ""
}

func (s *systemState) refusedLocked(c *Client, request string, err *Error) bool {
	if s.request == "" || s.request != request {
		return false
	}
	s.request = ""
	if !err.Retryable {
		s.failLocked(err)
		return true
	}
	s.asked = 0
	s.notYet = time.Now().Add(max(err.RetryAfter, time.Second))
	time.AfterFunc(time.Until(s.notYet), func() { poke(c.resync) })
	return true
}
