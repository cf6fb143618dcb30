package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"strconv"

	"github.com/claudeops/claudeops/protocol"
)

// History yields the events after the cursor that there are now, each once and in order, and ends. It
// needs no live connection. A *GapError takes the place of events that can't be given any more, and the
// iteration goes on; any other error is the last thing yielded.
func (c *Client) History(ctx context.Context, cursor protocol.Cursor) iter.Seq2[Message, error] {
	return c.history(ctx, cursor, 0)
}

// Range is History from one seq to another, both included. It ends early where the execution does.
func (c *Client) Range(ctx context.Context, executionID string, from, to uint64) iter.Seq2[Message, error] {
	from = max(from, 1)
	if to < from {
		return func(func(Message, error) bool) {}
	}
	return c.history(ctx, protocol.Cursor{ExecutionID: executionID, Seq: from - 1}, to)
}

// history yields the events after the cursor, up to and with the last one asked for; 0: all.
func (c *Client) history(ctx context.Context, cursor protocol.Cursor, last uint64) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		if err := protocol.ValidateID(cursor.ExecutionID); err != nil {
			yield(Message{}, &Error{Code: protocol.BadRequest, Message: err.Error()})
			return
		}
		wait := backoff{min: c.cfg.backoffMin, max: c.cfg.backoffMax}
		for {
			query := url.Values{"since": {strconv.FormatUint(cursor.Seq, 10)}}
			if last > 0 {
				query.Set("limit", strconv.FormatUint(last-cursor.Seq, 10))
			}
			from := cursor.Seq
			err := c.events(ctx, cursor.ExecutionID, query, func(m Message, gap *GapError) bool {
				switch {
				case last > 0 && gap != nil && gap.From > last, last > 0 && gap == nil && m.Seq > last:
					return false // events before it are lost, and are not counted
				case last > 0 && gap != nil && gap.To > last:
					gap.To = last
				}
				if gap != nil {
					cursor.Seq = gap.To
					return yield(Message{}, gap)
				}
				cursor.Seq = m.Seq
				return yield(m, nil)
			})
			if err == nil || last > 0 && cursor.Seq >= last {
				return
			}
			// A stream that broke in the middle goes on where it broke.
			if cursor.Seq > from {
				wait.reset()
			}
			var refused *Error
			if errors.As(err, &refused) || errors.Is(err, ErrCredential) || ctx.Err() != nil || wait.attempt >= 5 {
				yield(Message{}, err)
				return
			}
			if err := sleep(ctx, wait.next()); err != nil {
				yield(Message{}, err)
				return
			}
		}
	}
}

// Tail gives the cursor from which the last n events of an execution follow, as it is now.
func (c *Client) Tail(ctx context.Context, executionID string, n uint64) (protocol.Cursor, error) {
	cursor := protocol.Cursor{ExecutionID: executionID}
	if err := protocol.ValidateID(executionID); err != nil {
		return cursor, &Error{Code: protocol.BadRequest, Message: err.Error()}
	}
	query := url.Values{"tail": {strconv.FormatUint(max(n, 1), 10)}, "limit": {"1"}}
	err := c.events(ctx, executionID, query, func(m Message, gap *GapError) bool {
		first := m.Seq
		if gap != nil {
			first = gap.From
		}
		cursor.Seq = first - 1
		if n == 0 {
			cursor.Seq = first
			if gap != nil {
				cursor.Seq = gap.To
			}
		}
		return false
	})
	return cursor, err
}

// events reads one answer of an execution's events.
func (c *Client) events(ctx context.Context, executionID string, query url.Values, each func(Message, *GapError) bool) error {
	answer, err := c.request(ctx, "GET", "api/executions/"+url.PathEscape(executionID)+"/events", query, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	r := bufio.NewReaderSize(answer.Body, 256<<10)
	h := header{executionID: executionID}
	for {
		line, err := r.ReadBytes('\n')
		if len(line) > 1 && (err == nil || errors.Is(err, io.EOF)) {
			line = line[:len(line)-1]
			if err := readHeader(line, &h); err != nil {
				return fmt.Errorf("read an event of %s: %w", executionID, err)
			}
			switch {
			case h.event():
				if !each(Message{Type: h.kind, ExecutionID: executionID, Seq: h.seq, Raw: line}, nil) {
					return nil
				}
			case h.kind == protocol.TypeLogsGap:
				var gap protocol.LogsGap
				if err := json.Unmarshal(line, &gap); err != nil {
					return fmt.Errorf("read a gap of %s: %w", executionID, err)
				}
				if !each(Message{}, &GapError{ExecutionID: executionID, From: gap.From, To: gap.To, Reason: gap.Reason}) {
					return nil
				}
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			if ctx.Err() != nil {
				return c.cause(ctx)
			}
			return fmt.Errorf("read the events of %s: %w", executionID, err)
		}
	}
}
