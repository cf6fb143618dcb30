package client

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/claudeops/claudeops/protocol"
)

// pollWait is how long a poll may be answered with nothing, and pollPause how long to wait after one
// that was answered with nothing at once.
const (
	pollWait  = 25 * time.Second
	pollPause = time.Second
)

// pollLink asks again and again. The cursors in each question are all the server needs, so an answer
// that is lost costs nothing.
type pollLink struct{ *httpLink }

func dialPoll(ctx context.Context, c *Client) (link, error) {
	l := &pollLink{newHTTPLink(c)}
	frame, _, err := l.poll(ctx, url.Values{}, "0s", "")
	if err == nil {
		_, err = l.greet(frame)
	}
	if err != nil {
		l.close(0, "")
		return nil, err
	}
	return l, nil
}

func (l *pollLink) transport() Transport { return Poll }

func (l *pollLink) read(ctx context.Context, deliver func([]byte) error) error {
	ctx, cancel := l.context(ctx)
	defer cancel()
	l.begin(deliver)
	executions := "" // position in the feed of all executions
	var sampled time.Time
	for {
		f := l.c.following()
		if f.empty() {
			select {
			case <-l.changed:
				continue
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		if f.fresh {
			executions = ""
		}
		query, wait := f.query(), pollWait
		if f.unsure {
			wait = 0
		}
		if f.intervalMs != 0 {
			// A poll that names the system is answered at once: it is named when a sample is due.
			if due := time.Until(sampled.Add(time.Duration(f.interval()) * time.Millisecond)); due > 0 {
				query.Del("system")
				wait = min(wait, due)
			} else {
				sampled = time.Now()
			}
		}
		asked := time.Now()
		frame, positions, err := l.ask(ctx, query, wait, executions)
		switch {
		case err == errChanged:
			continue // what the answer would have held is asked for again by cursor
		case err != nil && ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			refused, ok := err.(*Error)
			if !ok {
				return err
			}
			if err := l.sortOut(ctx, f, refused); err != nil {
				return err
			}
			continue
		}
		executions = positions
		if err := l.handOn(frame); err != nil {
			return err
		}
		if f.unsure {
			l.c.confirm(f.cursors)
		}
		if len(frame) == 0 && time.Since(asked) < min(wait, pollPause) {
			if sleep(ctx, pollPause) != nil {
				return context.Cause(ctx)
			}
		}
	}
}

// errChanged ends a poll that asks for the wrong things.
var errChanged = fmt.Errorf("something else is to be followed")

// ask polls, but not for longer than it makes sense to.
func (l *pollLink) ask(ctx context.Context, query url.Values, wait time.Duration, executions string) ([]byte, string, error) {
	// A server, or a way to it, that has gone silent must not be waited for for ever.
	late := wait + 2*l.c.cfg.handshakeTimeout
	ctx, expire := context.WithTimeoutCause(ctx, late, &CloseError{Code: protocol.CloseHeartbeat, Reason: fmt.Sprintf("a poll was not answered within %v", late)})
	defer expire()
	ctx, cancel := context.WithCancelCause(ctx)
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		select {
		case <-l.changed:
			cancel(errChanged)
		case <-ctx.Done():
		}
	}()
	defer func() {
		cancel(nil)
		<-watching
	}()
	return l.poll(ctx, query, wait.Round(time.Millisecond).String(), executions)
}
