package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"claudeops/protocol"
)

// pollWait is how long a poll may be answered with nothing.
const pollWait = 25 * time.Second

// pollLink asks again and again. The cursors in each question are all the server needs, so an answer
// that is lost costs nothing.
type pollLink struct {
	*httpLink
	changed chan struct{} // cap 1: other cursors are to be asked for
	first   []byte
}

func dialPoll(ctx context.Context, c *Client) (link, error) {
	l := &pollLink{httpLink: newHTTPLink(c), changed: make(chan struct{}, 1)}
	frame, err := l.ask(ctx, nil)
	if err != nil {
		l.close(0, "")
		return nil, err
	}
	if l.first, err = l.greet(frame); err != nil {
		l.close(0, "")
		return nil, err
	}
	return l, nil
}

func (l *pollLink) transport() Transport { return Poll }

// cursorsChanged tells that the poll under way asks for the wrong things.
func (l *pollLink) cursorsChanged() { poke(l.changed) }

func (l *pollLink) read(ctx context.Context, deliver func([]byte) error) error {
	ctx, cancel := l.context(ctx)
	defer cancel()
	if len(l.first) > 0 {
		if err := deliver(l.first); err != nil {
			return err
		}
	}
	type polled struct {
		frame []byte
		err   error
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		asking, stop := context.WithCancel(ctx)
		done := make(chan polled, 1)
		query := l.query()
		wg.Add(1)
		go func() {
			defer wg.Done()
			frame, err := l.ask(asking, query)
			done <- polled{frame, err}
		}()
		for waiting := true; waiting; {
			select {
			case p := <-done:
				waiting = false
				if p.err != nil {
					stop()
					if err := context.Cause(ctx); err != nil {
						return err
					}
					return p.err
				}
				if err := l.take(p.frame, deliver); err != nil {
					stop()
					return err
				}
			case frame := <-l.answers:
				if err := deliver(frame); err != nil {
					stop()
					return err
				}
			case <-l.changed:
				// The answer, should there be one now, is asked for again by cursor.
				waiting = false
			case <-ctx.Done():
				stop()
				return context.Cause(ctx)
			}
		}
		stop()
	}
}

// take hands on what a poll gave.
func (l *pollLink) take(frame []byte, deliver func([]byte) error) error {
	if line, _ := nextLine(frame); len(line) > 0 {
		var h header
		if readHeader(line, &h) == nil && h.kind == protocol.TypeConnection {
			return fmt.Errorf("%w: it began a new one", errUnknownConnection)
		}
	}
	return deliver(frame)
}

// query asks for what is followed now.
func (l *pollLink) query() url.Values {
	q := url.Values{"connection": {l.greeting.ConnectionID}, "wait": {pollWait.String()}}
	for _, cursor := range l.c.liveCursors() {
		q.Add("execution", cursor.ExecutionID)
		q.Add("since", strconv.FormatUint(cursor.Seq, 10))
	}
	return q
}

func (l *pollLink) ask(ctx context.Context, query url.Values) ([]byte, error) {
	if query != nil {
		// A server, or a way to it, that has gone silent must not be waited for for ever.
		var cancel context.CancelFunc
		late := pollWait + 2*l.c.cfg.handshakeTimeout
		ctx, cancel = context.WithTimeoutCause(ctx, late, &CloseError{Code: protocol.CloseHeartbeat, Reason: fmt.Sprintf("a poll was not answered within %v", late)})
		defer cancel()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, l.c.url("api/poll", query), nil)
	if err != nil {
		return nil, err
	}
	answer, err := l.c.do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 400 {
		return nil, problem(answer)
	}
	frame, err := io.ReadAll(io.LimitReader(answer.Body, maxFrame))
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		return nil, fmt.Errorf("read a poll's answer: %w", err)
	}
	return frame, nil
}

// liveCursors are the executions whose subscription the server has confirmed, and how far each has come.
func (c *Client) liveCursors() []protocol.Cursor {
	c.mu.Lock()
	defer c.mu.Unlock()
	var cursors []protocol.Cursor
	for id, t := range c.topics {
		if t.phase == live {
			cursors = append(cursors, protocol.Cursor{ExecutionID: id, Seq: t.pos})
		}
	}
	return cursors
}
