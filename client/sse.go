package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/claudeops/claudeops/protocol"
)

// sseLink reads streams of server-sent events, one after the other.
type sseLink struct {
	*httpLink
	stream *eventStream // opened by the handshake, with nothing to follow yet
	body   io.ReadCloser
}

func dialSSE(ctx context.Context, c *Client) (link, error) {
	l := &sseLink{httpLink: newHTTPLink(c)}
	// The stream outlives the handshake, but not a handshake that fails.
	stop := context.AfterFunc(ctx, func() { l.close(0, context.Cause(ctx).Error()) })
	err := l.open(l.life, following{})
	if err == nil {
		var frame []byte
		if frame, err = l.stream.next(nil); err == nil {
			_, err = l.greet(frame)
		}
	}
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		l.close(0, "")
		l.shut()
		return nil, err
	}
	return l, nil
}

func (l *sseLink) open(ctx context.Context, f following) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, l.c.url("api/events", f.query()), nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Cache-Control", "no-cache")
	answer, err := l.c.do(r)
	if err != nil {
		return err
	}
	if answer.StatusCode >= 400 {
		defer answer.Body.Close()
		return problem(answer)
	}
	if kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); kind != "text/event-stream" {
		answer.Body.Close()
		return fmt.Errorf("the server answered %s with %q instead of an event stream", answer.Status, kind)
	}
	l.body = answer.Body
	l.stream = &eventStream{r: bufio.NewReaderSize(l.body, 64<<10)}
	return nil
}

// shut gives the stream up.
func (l *sseLink) shut() {
	if l.body != nil {
		l.body.Close()
		l.body, l.stream = nil, nil
	}
}

func (l *sseLink) transport() Transport { return SSE }

func (l *sseLink) read(ctx context.Context, deliver func([]byte) error) error {
	ctx, cancel := l.context(ctx)
	defer cancel()
	defer l.shut()
	l.begin(deliver)

	beat := l.greeting.Heartbeat
	if beat.IntervalMs <= 0 || beat.TimeoutMs <= 0 {
		beat = protocol.DefaultHeartbeat()
	}
	silence := time.Duration(beat.IntervalMs+beat.TimeoutMs) * time.Millisecond
	dead := time.AfterFunc(silence, func() {
		l.close(protocol.CloseHeartbeat, fmt.Sprintf("nothing was heard from the server for %v", silence))
	})
	defer dead.Stop()
	heard := func() { dead.Reset(silence) }

	for {
		err := l.readOne(ctx, heard)
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		if !errors.Is(err, errChanged) {
			return err
		}
		f := l.c.following()
		heard()
		if err := l.open(ctx, f); err != nil {
			refused, ok := err.(*Error)
			if !ok {
				return err
			}
			if err := l.sortOut(ctx, f, refused); err != nil {
				return err
			}
			poke(l.changed)
		}
	}
}

// readOne hands on what comes over one stream, until it ends or something else is to be followed.
func (l *sseLink) readOne(ctx context.Context, heard func()) error {
	if l.stream == nil {
		select {
		case <-l.changed:
			return errChanged
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	stopped := make(chan struct{})
	watching := make(chan bool)
	body := l.body
	go func() {
		select {
		case <-l.changed:
			body.Close()
			watching <- true
		case <-stopped:
			watching <- false
		}
	}()
	err := l.readFrames(heard)
	close(stopped)
	if <-watching {
		err = errChanged
	}
	l.shut()
	return err
}

func (l *sseLink) readFrames(heard func()) error {
	for {
		frame, err := l.stream.next(heard)
		if err != nil {
			return err
		}
		if err := l.handOn(frame); err != nil {
			return err
		}
		heard()
	}
}

// eventStream parses text/event-stream. Event names and ids are of no use here: a frame says itself
// what it is, and cursors are kept by execution.
type eventStream struct {
	r *bufio.Reader
}

// next gives the next event's data: a frame. heard is called for every line, comments included.
func (s *eventStream) next(heard func()) ([]byte, error) {
	var data []byte
	has := false
	for {
		line, err := s.line()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil, fmt.Errorf("the stream ended: %w", io.ErrUnexpectedEOF)
			}
			return nil, err
		}
		if heard != nil {
			heard()
		}
		if len(line) == 0 {
			if has {
				return data, nil
			}
			continue
		}
		value, ok := bytes.CutPrefix(line, []byte("data:"))
		if !ok {
			continue
		}
		value = bytes.TrimPrefix(value, []byte(" "))
		if has {
			data = append(data, '\n')
			data = append(data, value...)
		} else {
			data = append([]byte(nil), value...)
		}
		has = true
		if len(data) > maxFrame {
			return nil, fmt.Errorf("the server sent an event of more than %d bytes", maxFrame)
		}
	}
}

// line reads one line of any length, without its end.
func (s *eventStream) line() ([]byte, error) {
	line, err := s.r.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		long := append([]byte(nil), line...)
		for err == bufio.ErrBufferFull {
			if len(long) > maxFrame {
				return nil, fmt.Errorf("the server sent a line of more than %d bytes", maxFrame)
			}
			line, err = s.r.ReadSlice('\n')
			long = append(long, line...)
		}
		line = long
	}
	if err != nil {
		return nil, err
	}
	line = line[:len(line)-1]
	return bytes.TrimSuffix(line, []byte("\r")), nil
}
