package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"sync"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/protocol"
)

// topTail follows what one execution writes, and keeps the end of it.
type topTail struct {
	id, agent string
	cancel    context.CancelFunc

	mu      sync.Mutex // guards what follows
	events  [][]byte
	trouble string
}

// tailKept is how many events are kept, more than any screen has rows.
const tailKept = 400

func (t *topTail) run(ctx context.Context, cl *client.Client, changed func()) {
	cursor, err := cl.Tail(ctx, t.id, tailKept)
	if err != nil {
		t.fail(err)
		changed()
		return
	}
	for m, err := range cl.Messages(ctx, cursor) {
		var gap *client.GapError
		switch {
		case ctx.Err() != nil:
			return
		case errors.As(err, &gap):
			t.fail(gap)
		case err != nil:
			t.fail(err)
		default:
			t.add(m.Raw)
		}
		changed()
	}
}

func (t *topTail) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.trouble = err.Error()
}

func (t *topTail) add(event []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.events) >= 2*tailKept {
		t.events = append(t.events[:0], t.events[tailKept:]...)
	}
	t.events = append(t.events, bytes.Clone(event)) // the message is part of a frame, which is larger
}

// last gives the last n events, decoded only now: of a fast one most are never shown.
func (t *topTail) last(n int) (events []protocol.Event, trouble string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, raw := range t.events[max(len(t.events)-max(n, 0), 0):] {
		var e protocol.Event
		if json.Unmarshal(raw, &e) == nil {
			events = append(events, e)
		}
	}
	return events, t.trouble
}
