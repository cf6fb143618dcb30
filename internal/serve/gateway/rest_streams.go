package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/logtext"
	"github.com/claudeops/claudeops/internal/serve/feed"
	"github.com/claudeops/claudeops/internal/trust/audit"
	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

// streamBuffer is how much of a journal is read at once.
const streamBuffer = 256 << 10

// recheck is how often a stream asks whether its reader may still read.
const recheck = 2 * time.Second

type eventsQuery struct {
	ID     string `path:"id" doc:"The execution's id."`
	Since  string `query:"since" doc:"Begin behind this seq; 0, the default, is the start. Past the last event it is an error that says where that is."`
	Tail   string `query:"tail" doc:"Begin so many events before the end. Not together with since."`
	Limit  string `query:"limit" doc:"End after so many events; 0, the default: no limit."`
	Follow bool   `query:"follow" doc:"Go on with what is written, until the execution has ended."`
}

type logQuery struct {
	ID     string   `path:"id" doc:"The execution's id."`
	Stream []string `query:"stream,explode" doc:"Only this stream: stdout or stderr. Both when absent."`
	Follow bool     `query:"follow" doc:"Go on with what is written, until the execution has ended."`
	Raw    bool     `query:"raw" doc:"Of an agent whose output is a conversation: the messages that its program wrote, byte for byte, in place of what people read."`
}

func (g *Gateway) registerStreams() {
	operation(g, huma.Operation{
		OperationID: "execution-events", Method: http.MethodGet, Path: "/api/executions/{id}/events", Tags: []string{"executions"},
		Summary:     "An execution's events, one a line",
		Description: "The journal's own bytes. What can't be given any more is told in its place by a logs:gap.",
		Responses: map[string]*huma.Response{"200": {
			Description: "Events as in the message table, each a line of JSON.",
			Content:     map[string]*huma.MediaType{"application/x-ndjson": {Schema: &huma.Schema{Type: huma.TypeString}}},
		}},
	}, g.events)
	operation(g, huma.Operation{
		OperationID: "execution-log", Method: http.MethodGet, Path: "/api/executions/{id}/log", Tags: []string{"executions"},
		Summary:     "What the agent wrote, byte for byte",
		Description: "stdout and stderr in the order they were recorded, also while it runs. Of an agent whose output is a conversation (claude, acp, codex) it is what people read; raw gives the messages themselves.",
		Responses: map[string]*huma.Response{"200": {
			Description: "The agent's bytes.",
			Content:     map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}},
		}, "206": {Description: "The part that was asked for.", Content: map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}}}},
	}, g.logText)
}

func (g *Gateway) events(ctx context.Context, in *eventsQuery) (*huma.StreamResponse, error) {
	since, err := seqParam("since", in.Since)
	if err != nil {
		return nil, err
	}
	tail, err := seqParam("tail", in.Tail)
	if err != nil {
		return nil, err
	}
	limit, err := seqParam("limit", in.Limit)
	if err != nil {
		return nil, err
	}
	if in.Since != "" && in.Tail != "" {
		return nil, badField("tail", "give since or tail, not both")
	}
	rec, err := g.execution(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	reader, err := g.opts.Store.Open(rec.ExecutionID)
	if err != nil {
		return nil, err
	}
	if in.Tail != "" {
		head, err := reader.Head()
		if err != nil {
			return nil, errors.Join(err, reader.Close())
		}
		since = max(head.Seq, tail) - tail
	}
	at, gap, err := reader.Locate(since)
	if errors.Is(err, journal.ErrFuture) {
		head, headErr := reader.Head()
		err = errors.Join(headErr, fault.Wrap(protocol.BadRequest, err, "since: is %d, but the last event of %s is %d; ask with a seq you have seen", since, in.ID, head.Seq).
			With(map[string]any{"head": head.Seq, "fields": []FieldProblem{{"since", fmt.Sprintf("must be %d at most", head.Seq)}}}))
	}
	if err != nil {
		return nil, errors.Join(err, reader.Close())
	}
	out := func(w io.Writer) transcript {
		return &eventLines{w: w, id: rec.ExecutionID, left: limit, bounded: limit > 0}
	}
	return g.stream(ctx, reader, rec, at, gap, in.Follow, "application/x-ndjson; charset=utf-8", out), nil
}

func (g *Gateway) logText(ctx context.Context, in *logQuery) (*huma.StreamResponse, error) {
	only := map[execution.Stream]bool{}
	for _, entry := range in.Stream {
		for _, name := range strings.Split(entry, ",") {
			stream := execution.Stream(strings.TrimSpace(name))
			if stream != execution.Stdout && stream != execution.Stderr {
				return nil, badField("stream", "must be stdout or stderr, not %.40q", name)
			}
			only[stream] = true
		}
	}
	if len(only) == 2 {
		clear(only) // the same as neither
	}
	rec, err := g.execution(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	reader, err := g.opts.Store.Open(rec.ExecutionID)
	if err != nil {
		return nil, err
	}
	at, gap, err := reader.Locate(0)
	if err != nil {
		return nil, errors.Join(err, reader.Close())
	}
	if !in.Follow {
		g.auditREST(ctx, principalOf(ctx), audit.Entry{Action: "execution.download", Target: rec.ExecutionID}, nil)
	}
	// The agent's name is plain by its own rules; the id has passed its check.
	exchangeOf(ctx).w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s-%s.log"`, rec.AgentType, rec.ExecutionID))
	out := func(w io.Writer) transcript { return &agentText{w: w, only: only, raw: in.Raw} }
	if rec.Terminal {
		return g.endedLog(reader, rec, at, gap, logTag(&rec, only, in.Raw), out), nil
	}
	return g.stream(ctx, reader, rec, at, gap, in.Follow, "text/plain; charset=utf-8", out), nil
}

// transcript takes an execution's events in order and writes something of them.
type transcript interface {
	// events takes whole events, each a line. more is false when the transcript wants no more.
	events(lines []byte) (more bool, err error)
	// gap takes note of events that can't be given.
	gap(*journal.Gap) error
}

// stream writes an execution's transcript from at on: up to the end as it is now, or, when follow
// is set, until the execution has ended.
func (g *Gateway) stream(ctx context.Context, reader journal.Reader, rec execution.Record, at journal.Position, gap *journal.Gap, follow bool, contentType string, open func(io.Writer) transcript) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer reader.Close()
		r, w := humago.Unwrap(hc)
		ctx, leave, err := g.enter(r)
		if err != nil {
			g.problem(r.Context(), err).write(w)
			return
		}
		defer leave()
		s := &restStream{
			g: g, ctx: ctx, reader: reader, id: rec.ExecutionID, at: at, principal: principalOf(ctx), checked: time.Now(),
			w: w, control: http.NewResponseController(w),
		}
		// A reader may take as long as it likes: it holds one buffer, and TCP tells when it is gone.
		liftDeadlines(w)
		streamHeaders(w, contentType)
		w.WriteHeader(http.StatusOK)
		if r.Method == http.MethodHead {
			return
		}
		s.out = open(w)
		g.endStream(ctx, rec.ExecutionID, s.transcribe(gap, follow))
	}}
}

// transcribe writes the transcript from where the stream stands.
func (s *restStream) transcribe(gap *journal.Gap, follow bool) (err error) {
	if gap != nil {
		err = s.out.gap(gap)
	}
	switch {
	case err != nil:
	case follow:
		err = s.follow()
	default:
		if _, err = s.copy(journal.Position{}); err == nil {
			_, err = s.conclude()
		}
	}
	if errors.Is(err, errStreamDone) {
		return nil
	}
	return err
}

// endStream ends an answer whose transcript has come to its end, or not.
func (g *Gateway) endStream(ctx context.Context, id string, err error) {
	if err == nil {
		return
	}
	if ctx.Err() == nil && auth.PeerOf(ctx).Address != "" {
		g.log.Debug("a stream ended early", "executionId", id, "error", err)
	}
	// Without its last chunk the answer is not whole, and the client can tell.
	panic(http.ErrAbortHandler)
}

// errStreamDone ends a stream whose transcript wants no more.
var errStreamDone = errors.New("stream done")

// restStream copies a journal to one HTTP answer.
type restStream struct {
	g         *Gateway
	ctx       context.Context
	reader    journal.Reader
	id        string
	at        journal.Position
	out       transcript
	w         http.ResponseWriter
	control   *http.ResponseController
	principal auth.Principal
	checked   time.Time
	buf       []byte
	lastType  []byte // the last event's line, as far as it is needed to tell whether it is the end
}

// copy writes what there is up to end, the zero end meaning the head as it is now. moved tells
// whether there was anything.
func (s *restStream) copy(end journal.Position) (moved bool, err error) {
	if end == (journal.Position{}) {
		if end, err = s.reader.Head(); err != nil {
			return false, err
		}
	}
	if s.buf == nil {
		s.buf = make([]byte, streamBuffer)
	}
	for s.at.Seq < end.Seq {
		if err := s.allowed(); err != nil {
			return moved, err
		}
		n, next, gap, err := s.reader.Read(s.at, end, s.buf)
		var short *journal.ErrShortBuffer
		if errors.As(err, &short) {
			s.buf = make([]byte, short.Need)
			continue
		}
		if err != nil {
			return moved, err
		}
		if gap != nil {
			if err := s.out.gap(gap); err != nil {
				return moved, err
			}
		}
		if n == 0 && gap == nil {
			return moved, nil
		}
		s.at = next
		if n == 0 {
			continue
		}
		moved = true
		s.remember(s.buf[:n])
		more, err := s.out.events(s.buf[:n])
		if err != nil {
			return moved, err
		}
		if !more {
			return moved, errStreamDone
		}
	}
	return moved, nil
}

// allowed refuses a stream whose gateway, client or credential is gone.
func (s *restStream) allowed() error {
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	if now := time.Now(); now.Sub(s.checked) >= recheck {
		s.checked = now
		return s.g.opts.Auth.Check(s.principal)
	}
	return nil
}

// remember keeps the start of the last line, where its type stands.
func (s *restStream) remember(lines []byte) {
	lines = bytes.TrimSuffix(lines, []byte("\n"))
	last := lines[bytes.LastIndexByte(lines, '\n')+1:]
	s.lastType = append(s.lastType[:0], last[:min(len(last), 64)]...)
}

// ended reports whether the last line seen is the event that ends every execution.
func (s *restStream) ended() bool { return feed.EndsExecution(s.lastType) }

// follow copies what there is and what comes, until the event that ends the execution.
func (s *restStream) follow() error {
	grown := newGrowth()
	cancel, err := s.g.opts.Supervisor.Watch(s.id, grown.tell)
	if err != nil {
		return err
	}
	defer cancel()
	again := time.NewTicker(recheck)
	defer again.Stop()
	for looked := false; ; {
		if _, err := s.copy(grown.position()); err != nil {
			return err
		}
		if err := s.control.Flush(); err != nil {
			return err
		}
		if s.ended() {
			return nil
		}
		// A reader that came with the last event as its cursor sees no line at all.
		if !looked || s.lastType == nil {
			looked = true
			if over, err := s.conclude(); over || err != nil {
				return err
			}
		}
		select {
		case <-grown.news:
		case <-again.C:
			if err := s.allowed(); err != nil {
				return err
			}
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		}
	}
}

// conclude reports whether the execution has ended though its last event has not been seen: the client
// came with that event as its cursor, or it is lost, which the client is told.
func (s *restStream) conclude() (over bool, err error) {
	if s.ended() {
		return true, nil
	}
	rec, err := s.g.opts.Supervisor.Get(s.ctx, s.id)
	if err != nil {
		return false, err
	}
	gap, err := missingEnd(&rec, s.at.Seq, s.reader.Head)
	if err != nil {
		return false, err
	}
	if gap != nil {
		s.at.Seq = gap.To
		if err := s.out.gap(gap); err != nil {
			return true, err
		}
	}
	return rec.Terminal && s.at.Seq >= rec.Head, nil
}

// growth hands the latest position from the one who knows it to the one who copies.
type growth struct {
	latest chan journal.Position // holds one
	news   chan struct{}
}

func newGrowth() *growth {
	g := &growth{latest: make(chan journal.Position, 1), news: make(chan struct{}, 1)}
	g.latest <- journal.Position{}
	return g
}

// tell never blocks: it is called by whoever applies events.
func (g *growth) tell(at journal.Position) {
	<-g.latest
	g.latest <- at
	select {
	case g.news <- struct{}{}:
	default:
	}
}

func (g *growth) position() journal.Position {
	at := <-g.latest
	g.latest <- at
	return at
}

// eventLines writes the events themselves.
type eventLines struct {
	w       io.Writer
	id      string
	left    uint64
	bounded bool
}

func (e *eventLines) events(lines []byte) (bool, error) {
	more := true
	if e.bounded {
		rest := lines
		for e.left > 0 && len(rest) > 0 {
			end := bytes.IndexByte(rest, '\n') + 1
			if end == 0 {
				end = len(rest)
			}
			rest = rest[end:]
			e.left--
		}
		lines, more = lines[:len(lines)-len(rest)], e.left > 0
	}
	_, err := e.w.Write(lines)
	return more, err
}

func (e *eventLines) gap(gap *journal.Gap) error {
	return json.NewEncoder(e.w).Encode(gapMessage(e.id, gap))
}

// agentText writes what the agent wrote.
type agentText struct {
	w    io.Writer
	only map[execution.Stream]bool // empty: all
	raw  bool
	buf  []byte
}

func (t *agentText) events(lines []byte) (bool, error) {
	add, addAll := logtext.Append, logtext.AppendAll
	if t.raw {
		add, addAll = logtext.AppendRaw, logtext.AppendAllRaw
	}
	t.buf = t.buf[:0]
	if len(t.only) == 0 {
		t.buf = addAll(t.buf, lines)
	} else {
		for line := range bytes.Lines(lines) {
			if t.only[streamOf(line)] {
				t.buf = add(t.buf, line)
			}
		}
	}
	_, err := t.w.Write(t.buf)
	return true, err
}

// streamOf is where an event's text came from. Progress is read from stdout too.
func streamOf(line []byte) execution.Stream {
	var e struct {
		Type   string           `json:"type"`
		Stream execution.Stream `json:"stream"`
	}
	if json.Unmarshal(line, &e) == nil && (e.Type == execution.TypeProgress || e.Stream == execution.Agent) {
		return execution.Stdout // a conversation is read from there as well
	}
	return e.Stream
}

// A gap can't pass as the agent's own words, nor be passed over.
func (t *agentText) gap(gap *journal.Gap) error {
	_, err := fmt.Fprintf(t.w, "\n[claudeops: events %d to %d can't be given: %s]\n", gap.From, gap.To, gap.Reason)
	return err
}

// seqParam is a sequence number or count in a query.
func seqParam(field, text string) (uint64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := protocol.ParseSeq(text)
	if err != nil {
		return 0, badField(field, "%s", err)
	}
	return uint64(n), nil
}
