package gateway

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/protocol"
)

// The log of an execution that has ended does not change any more, so that a part of it can be asked for
// (RFC 9110, 14), and its length is known. The text is not stored as such: finding its length takes a
// pass over the journal, which is made where somebody needs it, or where the journal is short.

// shortJournal is the length, in bytes, up to which a log's length is found out for everybody who reads it.
const shortJournal = 4 << 20

// maxLogSizes is how many lengths are remembered.
const maxLogSizes = 1000

// logSizes remembers the lengths of logs, by their entity tags.
type logSizes struct {
	mu    sync.Mutex
	byTag map[string]int64
}

func (l *logSizes) get(tag string) (int64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	size, ok := l.byTag[tag]
	return size, ok
}

func (l *logSizes) put(tag string, size int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byTag == nil || len(l.byTag) >= maxLogSizes {
		l.byTag = map[string]int64{}
	}
	l.byTag[tag] = size
}

// logTag names a form of an ended execution's log: what retention removes makes another one of it.
func logTag(rec *execution.Record, only map[execution.Stream]bool, raw bool) string {
	removed := int64(0)
	if rec.LogsRemovedAt != nil {
		removed = rec.LogsRemovedAt.UnixMilli()
	}
	return fmt.Sprintf(`"%s-%d-%d-%t-%t-%t"`, rec.ExecutionID, rec.Head, removed, only[execution.Stdout], only[execution.Stderr], raw)
}

// endedLog answers with the log of an execution that has ended, or a part of it.
func (g *Gateway) endedLog(reader journal.Reader, rec execution.Record, at journal.Position, gap *journal.Gap, tag string, open func(io.Writer) transcript) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer reader.Close()
		r, w := humago.Unwrap(hc)
		ctx, leave, err := g.enter(r)
		if err != nil {
			g.problem(r.Context(), err).write(w)
			return
		}
		defer leave()
		liftDeadlines(w)
		write := func(to io.Writer) error {
			s := &restStream{
				g: g, ctx: ctx, reader: reader, id: rec.ExecutionID, at: at, principal: principalOf(ctx), checked: time.Now(),
				w: w, control: http.NewResponseController(w), out: open(to),
			}
			return s.transcribe(gap, false)
		}
		header := w.Header()
		streamHeaders(w, "text/plain; charset=utf-8")
		header.Set("ETag", tag)
		header.Set("Accept-Ranges", "bytes")
		asked := r.Header.Get("Range")
		if ifRange := r.Header.Get("If-Range"); ifRange != "" && ifRange != tag {
			asked = "" // it was another log then: all of it
		}
		size, known := g.logSizes.get(tag)
		if !known && (asked != "" || r.Method == http.MethodHead || at.Offset == 0 && headOffset(reader) <= shortJournal) {
			var counted counter
			if err := write(&counted); err != nil {
				g.problem(ctx, err).write(w)
				return
			}
			size, known = int64(counted), true
			g.logSizes.put(tag, size)
		}
		status, from, length := http.StatusOK, int64(0), size
		if asked != "" {
			var satisfiable, understood bool
			if from, length, satisfiable, understood = parseRange(asked, size); !understood {
				from, length = 0, size
			} else if !satisfiable {
				header.Set("Content-Range", fmt.Sprintf("bytes */%d", size))
				g.refused(newProblem(http.StatusRequestedRangeNotSatisfiable, protocol.BadRequest, fmt.Sprintf("the log has %d bytes, none of them in %.60q", size, asked))).write(w)
				return
			} else {
				status = http.StatusPartialContent
				header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, from+length-1, size))
			}
		}
		if known {
			header.Set("Content-Length", strconv.FormatInt(length, 10))
		}
		w.WriteHeader(status)
		if r.Method == http.MethodHead || known && length == 0 {
			return
		}
		var out io.Writer = w
		if status == http.StatusPartialContent {
			out = &window{w: w, skip: from, left: length}
		}
		g.endStream(ctx, rec.ExecutionID, write(out))
	}}
}

func headOffset(reader journal.Reader) int64 {
	head, err := reader.Head()
	if err != nil {
		return shortJournal + 1
	}
	return head.Offset
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

// window passes on a part of what is written to it, and ends the stream behind it.
type window struct {
	w          io.Writer
	skip, left int64
}

func (w *window) Write(b []byte) (int, error) {
	n := len(b)
	cut := min(int64(len(b)), w.skip)
	w.skip -= cut
	b = b[cut:]
	b = b[:min(int64(len(b)), w.left)]
	w.left -= int64(len(b))
	if len(b) > 0 {
		if _, err := w.w.Write(b); err != nil {
			return 0, err
		}
	}
	if w.left == 0 {
		return n, errStreamDone
	}
	return n, nil
}

// parseRange reads a Range header with one range. What is none, or several, is not understood: the answer
// is then the whole.
func parseRange(text string, size int64) (from, length int64, satisfiable, understood bool) {
	spec, ok := strings.CutPrefix(text, "bytes=")
	first, last, dash := strings.Cut(strings.TrimSpace(spec), "-")
	if !ok || !dash || strings.Contains(spec, ",") {
		return 0, 0, false, false
	}
	number := func(text string) (int64, bool) {
		n, err := strconv.ParseInt(text, 10, 64)
		return n, err == nil && n >= 0 && text[0] != '+'
	}
	if first == "" {
		suffix, ok := number(last)
		if !ok {
			return 0, 0, false, false
		}
		length = min(suffix, size)
		return size - length, length, length > 0, true
	}
	from, ok = number(first)
	if !ok {
		return 0, 0, false, false
	}
	end := size - 1
	if last != "" {
		if end, ok = number(last); !ok || end < from {
			return 0, 0, false, false
		}
		end = min(end, size-1)
	}
	return from, end - from + 1, from < size, true
}
