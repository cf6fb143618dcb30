package gateway

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

// writeWait is how long one write to a stream's client may take before the client counts as gone.
// A slow one that takes anything at all in that time is waited for.
const writeWait = 2 * time.Minute

// serveEvents streams messages as server-sent events. The id of each is the stream's cursor, so a
// client that comes back with Last-Event-ID goes on behind what it has seen.
func (l *live) serveEvents(w http.ResponseWriter, r *http.Request, p auth.Principal) {
	s, err := l.openStream(r, p, r.Header.Get("Last-Event-ID"))
	if err != nil {
		writeProblem(w, r, err)
		return
	}
	defer s.leave()
	defer l.sse.enter()()
	out := &eventWriter{w: w, control: http.NewResponseController(w)}
	streamHeaders(w, "text/event-stream; charset=utf-8")
	w.WriteHeader(http.StatusOK)
	hello := append(encode(l.greeting(newConnectionID(), p)), s.greetings()...)
	if out.event(hello, s.cursor()) != nil {
		return
	}
	heartbeat := time.NewTicker(time.Duration(l.heartbeat.IntervalMs) * time.Millisecond)
	defer heartbeat.Stop()
	check := time.NewTicker(tick)
	defer check.Stop()
	var nextSample time.Time
	if s.interval > 0 {
		nextSample = time.Now()
	}
	for {
		lines, err := s.next()
		if err != nil {
			_ = out.event(encode(l.errorMessage("", err)), "")
			return
		}
		if lines != nil {
			if out.event(lines, s.cursor()) != nil {
				return
			}
			continue
		}
		if out.flush() != nil {
			return
		}
		select {
		case <-s.puller.More():
		case <-heartbeat.C:
			if out.comment("heartbeat") != nil {
				return
			}
		case now := <-check.C:
			if l.auth.Check(p) != nil {
				_ = out.event(encode(l.errorMessage("", fault.New(protocol.Unauthenticated, "the credential has expired or was revoked; come back with a new one"))), "")
				return
			}
			if nextSample.IsZero() || now.Before(nextSample) {
				continue
			}
			nextSample = now.Add(s.interval - tick/2)
			status, err := l.sample(s.ctx)
			if err == nil && out.event(status, "") != nil {
				return
			}
		case <-s.ctx.Done():
			return
		}
	}
}

// streamHeaders are what keeps proxies from holding a stream back.
func streamHeaders(w http.ResponseWriter, contentType string) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no")
}

// cursor gives the id of what was streamed so far: every reader's execution and last event.
func (s *stream) cursor() string {
	var b strings.Builder
	for _, r := range s.readers {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(r.id)
		b.WriteByte(':')
		b.WriteString(strconv.FormatUint(r.seq, 10))
	}
	return b.String()
}

// parseEventID reads a cursor back.
func parseEventID(id string) (map[string]uint64, error) {
	seen := map[string]uint64{}
	if id == "" {
		return seen, nil
	}
	for part := range strings.SplitSeq(id, ",") {
		execID, number, ok := strings.Cut(part, ":")
		if !ok || execution.ValidateID(execID) != nil {
			return nil, fault.New(protocol.BadRequest, "Last-Event-ID is not one of ours: %.80q", part)
		}
		seq, err := protocol.ParseSeq(number)
		if err != nil {
			return nil, fault.New(protocol.BadRequest, "Last-Event-ID: %s", err)
		}
		seen[execID] = uint64(seq)
	}
	return seen, nil
}

// eventWriter writes server-sent events.
type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	buf     []byte
}

func (o *eventWriter) event(lines []byte, id string) error {
	o.buf = o.buf[:0]
	if id != "" {
		o.buf = fmt.Appendf(o.buf, "id: %s\n", id)
	}
	for line := range bytes.Lines(lines) {
		o.buf = append(o.buf, "data: "...)
		o.buf = append(o.buf, bytes.TrimSuffix(line, []byte{'\n'})...)
		o.buf = append(o.buf, '\n')
	}
	o.buf = append(o.buf, '\n')
	return o.write(o.buf)
}

func (o *eventWriter) comment(text string) error {
	if err := o.write([]byte(": " + text + "\n\n")); err != nil {
		return err
	}
	return o.flush()
}

func (o *eventWriter) write(b []byte) error {
	_ = o.control.SetWriteDeadline(time.Now().Add(writeWait))
	_, err := o.w.Write(b)
	return err
}

func (o *eventWriter) flush() error { return o.control.Flush() }

func countLines(lines []byte) uint64 {
	n := uint64(bytes.Count(lines, []byte{'\n'}))
	if len(lines) > 0 && lines[len(lines)-1] != '\n' {
		n++
	}
	return n
}
