package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/claudeops/claudeops/protocol"
)

// topic is one execution that somebody follows: at most one subscription on the server, which feeds
// any number of subscribers here, each with a cursor of its own.
type topic struct {
	id          string
	subscribers map[*subscriber]struct{}

	phase    phase
	request  string    // id of the logs:subscribe that was asked
	pos      uint64    // the last event the server's subscription gave, while phase is not idle
	anchored bool      // an event at or after pos has come: pos is no cursor from the future
	ended    bool      // the subscription gave the event that ends the execution, and so ended itself
	notYet   time.Time // do not ask before this

	holeAt uint64 // position before which events were last missing
	holes  int    // how often in a row that was so
}

// phase is how far the server's subscription of the current link has come.
type phase int

const (
	idle  phase = iota // there is none
	asked              // logs:subscribe was sent; what comes may still be of an earlier one
	live               // logs:subscribed was answered
)

// subscriber is one iterator over one execution. Its fields belong to Client.mu.
type subscriber struct {
	topic   *topic
	last    uint64 // the last event queued: the cursor
	queue   []item
	bytes   int  // held in queue
	lagging bool // the queue was full: nothing more is queued until it has been emptied
	over    bool
	err     error // why it is over, nil at the execution's end
	ready   chan struct{}
	emptied chan struct{} // cap 1: the queue was taken
}

// item is a run of whole events of one execution in a frame, or a gap.
type item struct {
	lines    []byte
	terminal bool
	gap      *GapError
}

// subscribe registers a new subscriber after the cursor.
func (c *Client) subscribe(cursor protocol.Cursor) (*subscriber, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	t := c.topics[cursor.ExecutionID]
	if t == nil {
		t = &topic{id: cursor.ExecutionID, subscribers: map[*subscriber]struct{}{}}
		c.topics[t.id] = t
	}
	sub := &subscriber{topic: t, last: cursor.Seq, ready: make(chan struct{}, 1), emptied: make(chan struct{}, 1)}
	t.subscribers[sub] = struct{}{}
	poke(c.resync)
	return sub, c.needLocked()
}

func (c *Client) unsubscribe(sub *subscriber) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(sub.topic.subscribers, sub)
	c.endLocked(sub, nil)
	if len(sub.topic.subscribers) == 0 && sub.topic.phase == idle && c.topics[sub.topic.id] == sub.topic {
		delete(c.topics, sub.topic.id)
	}
	poke(c.resync)
}

// endLocked lets the subscriber finish what is queued, and then end with err.
func (c *Client) endLocked(sub *subscriber, err error) {
	if sub.over {
		return
	}
	sub.over, sub.err = true, err
	poke(sub.ready)
	poke(sub.emptied)
}

func (c *Client) failTopicLocked(t *topic, err error) {
	for sub := range t.subscribers {
		delete(t.subscribers, sub)
		c.endLocked(sub, err)
	}
	t.phase = idle
	if c.topics[t.id] == t {
		delete(c.topics, t.id)
	}
}

// take gives everything queued, or waits for it. No items and no error: the subscription is over.
func (c *Client) take(ctx context.Context, sub *subscriber) ([]item, error) {
	for {
		c.mu.Lock()
		items := sub.queue
		if len(items) > 0 {
			sub.queue, sub.bytes = nil, 0
			poke(sub.emptied)
			c.mu.Unlock()
			return items, nil
		}
		if sub.over {
			err := sub.err
			c.mu.Unlock()
			return nil, err
		}
		if sub.lagging {
			sub.lagging = false
			poke(c.resync)
		}
		c.mu.Unlock()
		select {
		case <-sub.ready:
		case <-ctx.Done():
			return nil, c.cause(ctx)
		}
	}
}

// synchronize keeps what the server sends in step with what is followed, for the life of one link.
func (c *Client) synchronize(ctx context.Context, l link) {
	for {
		again := c.reconcile(ctx, l)
		var timer <-chan time.Time
		if again > 0 {
			t := time.NewTimer(again)
			defer t.Stop()
			timer = t.C
		}
		select {
		case <-c.resync:
		case <-timer:
		case <-ctx.Done():
			return
		}
	}
}

// reconcile sends what is needed for the server's subscriptions to be those wanted here. It gives
// the time after which it is to be called again, 0 for none.
func (c *Client) reconcile(ctx context.Context, l link) (again time.Duration) {
	var messages []*protocol.Request
	c.mu.Lock()
	now := time.Now()
	for id, t := range c.topics {
		from, wanted := t.wanted()
		switch {
		case !wanted:
			if t.phase != idle && !t.ended {
				messages = append(messages, &protocol.Request{Type: protocol.TypeLogsUnsubscribe, ExecutionID: id})
			}
			t.phase = idle
			if len(t.subscribers) == 0 {
				delete(c.topics, id)
			}
		case t.notYet.After(now):
			if d := t.notYet.Sub(now); again == 0 || d < again {
				again = d
			}
		case t.phase == idle || t.pos > from:
			// Asking again replaces what was asked before: nothing of that follows the answer.
			request := c.calls.name()
			t.phase, t.pos, t.request, t.ended, t.anchored = asked, from, request, false, from == 0
			since := protocol.Seq(t.since())
			messages = append(messages, &protocol.Request{Type: protocol.TypeLogsSubscribe, ID: request, ExecutionID: id, Since: &since})
		}
	}
	messages = append(messages, c.watch.reconcileLocked(c)...)
	messages = append(messages, c.system.reconcileLocked(c)...)
	c.mu.Unlock()
	for _, m := range messages {
		sending, cancel := context.WithTimeout(ctx, c.cfg.handshakeTimeout)
		err := l.send(sending, m)
		cancel()
		if err == nil {
			continue
		}
		var refused *Error
		if errors.As(err, &refused) {
			c.refused(m.ID, refused)
			continue
		}
		l.close(protocol.CloseGoingAway, "")
		return 0
	}
	return again
}

// wanted gives the cursor the server should feed the topic from, if anybody is ready to be fed.
func (t *topic) wanted() (from uint64, wanted bool) {
	for sub := range t.subscribers {
		if sub.over || sub.lagging {
			continue
		}
		if !wanted || sub.last < from {
			from, wanted = sub.last, true
		}
	}
	return from, wanted
}

// since is the cursor to ask for. The last event that was seen is asked for again, because it alone
// tells for certain whether there is more to come.
func (t *topic) since() uint64 {
	if t.phase == asked && t.pos > 0 {
		return t.pos - 1
	}
	return t.pos
}

// subscribed takes the server's answer to logs:subscribe.
func (c *Client) subscribed(line []byte) {
	var m protocol.LogsSubscribed
	if json.Unmarshal(line, &m) != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.topics[m.ExecutionID]
	if t == nil || t.phase != asked || (m.ID != "" && m.ID != t.request) {
		return
	}
	t.phase = live
	if m.Head < t.pos {
		c.failTopicLocked(t, pastEnd(t, m.Head))
	}
}

// confirm takes a poll's answer at these cursors as what logs:subscribed is elsewhere.
func (c *Client) confirm(cursors []protocol.Cursor) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cursor := range cursors {
		t := c.topics[cursor.ExecutionID]
		if t == nil || t.phase != asked || t.since() != cursor.Seq && !t.anchored {
			continue
		}
		t.phase = live
		if !t.anchored {
			c.failTopicLocked(t, pastEnd(t, cursor.Seq))
		}
	}
}

func pastEnd(t *topic, head uint64) *Error {
	return &Error{Code: protocol.BadRequest, Message: fmt.Sprintf("the cursor %d is past the last event of %s, which is %d", t.pos, t.id, head)}
}

// ahead makes the server's refusal of the cursor that was asked for one of the cursor that was meant.
func ahead(t *topic, err *Error) *Error {
	var details struct {
		Head *uint64 `json:"head"`
	}
	if err.Code == protocol.BadRequest && json.Unmarshal(err.Details, &details) == nil && details.Head != nil {
		return pastEnd(t, *details.Head)
	}
	return err
}

// refused takes an error that answers a subscription's request. It reports whether it was one.
func (c *Client) refused(request string, err *Error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.topics {
		if t.phase != asked || t.request != request {
			continue
		}
		if !err.Retryable {
			c.failTopicLocked(t, ahead(t, err))
			return true
		}
		t.phase = idle
		t.notYet = time.Now().Add(max(err.RetryAfter, time.Second))
		poke(c.resync)
		return true
	}
	return c.watch.refusedLocked(c, request, err) || c.system.refusedLocked(c, request, err)
}

// refusedTopic takes the refusal of an execution that is named in a URL.
func (c *Client) refusedTopic(id string, err *Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.topics[id]; t != nil {
		c.failTopicLocked(t, ahead(t, err))
	}
}

func (c *Client) refusedWatch(err *Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watch.failLocked(err)
}

func (c *Client) refusedSystem(err *Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.system.failLocked(err)
}
