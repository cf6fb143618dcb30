package client

import (
	"context"
	"encoding/json"
	"iter"
	"time"

	"github.com/claudeops/claudeops/protocol"
)

// maxUpdates bounds what one watcher holds. Past it the watcher begins anew with a snapshot.
const maxUpdates = 4096

// Update is a change in the executions that a caller may see.
type Update struct {
	// Snapshot, when not nil, is what there is now; what was known before is to be forgotten. It
	// comes first, and again after a lost connection.
	Snapshot []protocol.Record
	// Event is what happened otherwise, and Record the execution after it.
	Event  *protocol.Event
	Record protocol.Record
}

// Executions yields a snapshot of the executions, then every change of state, progress and cost of
// any of them, without their log lines. It ends when ctx does, with an error.
func (c *Client) Executions(ctx context.Context) iter.Seq2[Update, error] {
	return func(yield func(Update, error) bool) {
		w := &watcher{ready: make(chan struct{}, 1)}
		if err := c.watch.add(c, w); err != nil {
			yield(Update{}, err)
			return
		}
		defer c.watch.remove(c, w)
		known := map[string]*protocol.Record{}
		newest := "" // ids up to this one, which sort by age, are known or of no interest any more
		for {
			entries, err := c.watch.take(ctx, c, w)
			if err != nil {
				yield(Update{}, err)
				return
			}
			for _, e := range entries {
				update := Update{Snapshot: e.snapshot, Event: e.event}
				if e.event == nil {
					clear(known)
					for i := range e.snapshot {
						record := e.snapshot[i]
						known[record.ExecutionID] = &record
						newest = max(newest, record.ExecutionID)
					}
				} else {
					record := known[e.event.ExecutionID]
					if record == nil {
						if e.event.ExecutionID <= newest {
							continue // an old one, whose log somebody follows on this connection
						}
						record = &protocol.Record{ExecutionID: e.event.ExecutionID}
						known[record.ExecutionID] = record
					}
					if e.event.Seq <= record.Head {
						continue // part of the snapshot, or of a log that is followed as well
					}
					record.Apply(e.event)
					update.Record = *record
					if record.Terminal {
						// Nothing more comes of it; whoever watches for a year must not hold a year's records.
						delete(known, record.ExecutionID)
						newest = max(newest, record.ExecutionID)
					}
				}
				if !yield(update, nil) {
					return
				}
			}
		}
	}
}

// watchState is the subscription to all executions. Its fields belong to Client.mu.
type watchState struct {
	watchers map[*watcher]struct{}
	asked    bool   // on the current link
	request  string // id of the executions:subscribe that was asked
	notYet   time.Time
}

// watcher is one iterator over all executions. Its fields belong to Client.mu.
type watcher struct {
	fresh   bool // has had a snapshot on the current subscription
	entries []watchEntry
	err     error
	ready   chan struct{}
}

type watchEntry struct {
	snapshot []protocol.Record
	event    *protocol.Event
}

func (s *watchState) add(c *Client, w *watcher) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	if s.watchers == nil {
		s.watchers = map[*watcher]struct{}{}
	}
	s.watchers[w] = struct{}{}
	poke(c.resync)
	return c.needLocked()
}

func (s *watchState) remove(c *Client, w *watcher) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(s.watchers, w)
	poke(c.resync)
}

func (s *watchState) take(ctx context.Context, c *Client, w *watcher) ([]watchEntry, error) {
	for {
		c.mu.Lock()
		entries, err := w.entries, w.err
		w.entries = nil
		if !w.fresh {
			poke(c.resync)
		}
		c.mu.Unlock()
		if len(entries) > 0 {
			return entries, nil
		}
		if err != nil {
			return nil, err
		}
		select {
		case <-w.ready:
		case <-ctx.Done():
			return nil, c.cause(ctx)
		}
	}
}

// reconcileLocked asks for the subscription when a watcher has had no snapshot of it, and ends it
// when nobody watches.
func (s *watchState) reconcileLocked(c *Client) []*protocol.Request {
	if len(s.watchers) == 0 {
		if !s.asked {
			return nil
		}
		s.asked = false
		return []*protocol.Request{{Type: protocol.TypeExecutionsUnsubscribe}}
	}
	if s.notYet.After(time.Now()) {
		return nil
	}
	want := !s.asked
	if s.request == "" {
		for w := range s.watchers {
			want = want || (!w.fresh && len(w.entries) == 0)
		}
	}
	if !want {
		return nil
	}
	var messages []*protocol.Request
	if s.asked {
		messages = append(messages, &protocol.Request{Type: protocol.TypeExecutionsUnsubscribe})
	}
	s.asked, s.request = true, c.calls.name()
	return append(messages, &protocol.Request{Type: protocol.TypeExecutionsSubscribe, ID: s.request})
}

func (s *watchState) snapshot(c *Client, line []byte) {
	var m protocol.ExecutionsSnapshot
	if json.Unmarshal(line, &m) != nil {
		return
	}
	if m.Executions == nil {
		m.Executions = []protocol.Record{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.request = ""
	for w := range s.watchers {
		w.fresh = true
		w.entries = append(w.entries[:0:0], watchEntry{snapshot: m.Executions})
		poke(w.ready)
	}
}

func (s *watchState) event(c *Client, line []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(s.watchers) == 0 {
		return
	}
	var e protocol.Event
	if json.Unmarshal(line, &e) != nil {
		return
	}
	for w := range s.watchers {
		if !w.fresh {
			continue
		}
		if len(w.entries) >= maxUpdates {
			w.fresh = false
			continue
		}
		w.entries = append(w.entries, watchEntry{event: &e})
		poke(w.ready)
	}
}

func (s *watchState) failLocked(err error) {
	for w := range s.watchers {
		delete(s.watchers, w)
		w.err = err
		poke(w.ready)
	}
	s.asked, s.request = false, ""
}

func (s *watchState) lostLocked() {
	s.asked, s.request = false, ""
	for w := range s.watchers {
		w.fresh = false
	}
}

func (s *watchState) refusedLocked(c *Client, request string, err *Error) bool {
	if s.request == "" || s.request != request {
		return false
	}
	if !err.Retryable {
		s.failLocked(err)
		return true
	}
	s.asked, s.request = false, ""
	s.notYet = time.Now().Add(max(err.RetryAfter, time.Second))
	time.AfterFunc(time.Until(s.notYet), func() { poke(c.resync) })
	return true
}
