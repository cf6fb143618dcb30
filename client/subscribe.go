package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/claudeops/claudeops/protocol"
)

// Subscribe yields every event of an execution after the cursor, each once and in order, until the
// one that ends the execution, or until ctx ends or the loop is left. Seq 0 is the start. Lost
// connections and restarts of the server are bridged without a word (WithState tells of them).
//
// Events that the server cannot give any more are told by a *GapError in their place, after which
// the iteration goes on. Any other error is the last thing yielded: the server's refusal (*Error),
// the end of ctx, or of the client.
func (c *Client) Subscribe(ctx context.Context, cursor protocol.Cursor) iter.Seq2[protocol.Event, error] {
	return func(yield func(protocol.Event, error) bool) {
		for m, err := range c.Messages(ctx, cursor) {
			var e protocol.Event
			if err == nil {
				e, err = m.Event()
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// Messages is Subscribe without decoding: for those who pass events on, or need very many of them.
func (c *Client) Messages(ctx context.Context, cursor protocol.Cursor) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		if err := protocol.ValidateID(cursor.ExecutionID); err != nil {
			yield(Message{}, &Error{Code: protocol.BadRequest, Message: err.Error()})
			return
		}
		sub, err := c.subscribe(cursor)
		if err != nil {
			yield(Message{}, err)
			return
		}
		defer c.unsubscribe(sub)
		var h header
		for {
			items, err := c.take(ctx, sub)
			if err != nil {
				yield(Message{}, err)
				return
			}
			if len(items) == 0 {
				return
			}
			for _, it := range items {
				if it.gap != nil {
					if !yield(Message{}, it.gap) {
						return
					}
					continue
				}
				for lines := it.lines; len(lines) > 0; {
					var line []byte
					line, lines = nextLine(lines)
					if err := readHeader(line, &h); err != nil {
						yield(Message{}, fmt.Errorf("read an event of %s: %w", cursor.ExecutionID, err))
						return
					}
					if !yield(Message{Type: h.kind, ExecutionID: cursor.ExecutionID, Seq: h.seq, Raw: line}, nil) {
						return
					}
				}
			}
		}
	}
}

// Wait follows an execution to its end and gives its record then.
func (c *Client) Wait(ctx context.Context, executionID string) (protocol.Record, error) {
	record, err := c.Status(ctx, executionID)
	if err != nil || record.Terminal {
		return record, err
	}
	// The record is folded from the events, as the server folds it. The last one it counts may not be
	// part of what it says yet, so that one is taken again.
	record.Head -= min(record.Head, 1)
	for m, err := range c.Messages(ctx, protocol.Cursor{ExecutionID: executionID, Seq: record.Head}) {
		var gap *GapError
		if errors.As(err, &gap) {
			continue
		}
		if err != nil {
			return record, err
		}
		if m.Type == protocol.TypeLog {
			record.Head = m.Seq
			continue
		}
		e, err := m.Event()
		if err != nil {
			return record, err
		}
		record.Apply(&e)
	}
	// The event may be here before it is part of what the server says. Whoever waits for the end will
	// ask the server next, and should hear of it then.
	for pause := time.Millisecond; pause < 2*time.Second; pause *= 2 {
		told, err := c.Status(ctx, executionID)
		if err != nil || told.Terminal {
			return told, err
		}
		if err := sleep(ctx, pause); err != nil {
			return record, err
		}
	}
	return record, nil
}
