package gateway

import (
	"context"
	"iter"
	"math"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/record/search"
	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

// LineQuery is what both searches ask of a line.
type LineQuery struct {
	Query         string   `query:"query" required:"true" doc:"The text to look for."`
	Regex         bool     `query:"regex" doc:"Whether query is a regular expression (RE2 syntax)."`
	CaseSensitive bool     `query:"caseSensitive" doc:"Whether the case of letters matters."`
	Level         []string `query:"level,explode" doc:"Only lines of this level: debug, info, warn, error. Repeated, or with commas."`
	Stream        []string `query:"stream,explode" doc:"Only lines from here: stdout, stderr, agent. Repeated, or with commas."`
	Since         string   `query:"since" doc:"Only lines of then or later (RFC 3339)."`
	Until         string   `query:"until" doc:"Only lines from before (RFC 3339)."`
	Direction     string   `query:"direction" doc:"next, the default: the first lines first; previous: the last ones first."`
	Limit         string   `query:"limit" doc:"How many matches to give at most; 100 when absent. What comes after is counted."`
}

type searchQuery struct {
	ID   string `path:"id" doc:"The execution's id."`
	From string `query:"from" doc:"Only events after this seq, or before it when direction is previous. 0, the default: from the start, or from the end."`
	To   string `query:"to" doc:"Only events up to this seq, or down to it when direction is previous. 0, the default: to the end, or to the start."`
	LineQuery
}

type acrossQuery struct {
	LineQuery
	AgentType string   `query:"agentType" doc:"Only executions of this agent."`
	Status    []string `query:"status,explode" doc:"Only executions that stand so: queued, running, cancelling, completed, failed, cancelled. Repeated, or with commas."`
}

func (g *Gateway) registerSearch() {
	answer := func() map[string]*huma.Response {
		return map[string]*huma.Response{"200": {
			Description: "logs:matches, one a line, each as soon as it is known; empty lines in times without. The last one has complete: true, or is an error message.",
			Content:     map[string]*huma.MediaType{"application/x-ndjson": {Schema: &huma.Schema{Type: huma.TypeString}}},
		}}
	}
	operation(g, huma.Operation{
		OperationID: "search-execution", Method: http.MethodGet, Path: "/api/executions/{id}/search", Tags: []string{"search"},
		Summary: "Find lines of an execution",
		Description: "Looks at the lines of the execution's log as a terminal shows them: escape sequences are carried out or left out, " +
			"and a line that was recorded in several events is one. Up to the last event there is when it begins.",
		Responses: answer(),
	}, g.searchOne)
	operation(g, huma.Operation{
		OperationID: "search", Method: http.MethodGet, Path: "/api/search", Tags: []string{"search"},
		Summary: "Find lines of all executions",
		Description: "The newest execution first; each match says which one it is from. total counts over all of them. " +
			"One that can't be searched is told by a logs:matches with error, and the last one then has complete: false.",
		Responses: answer(),
	}, g.searchAll)
}

// query reads and checks what is asked for.
func (in *LineQuery) query() (q search.Query, err error) {
	q = search.Query{Text: in.Query, Regex: in.Regex, CaseSensitive: in.CaseSensitive, Limit: search.DefaultLimit}
	for _, name := range names(in.Level) {
		switch level := execution.Level(name); level {
		case execution.Debug, execution.Info, execution.Warn, execution.Error:
			q.Levels = append(q.Levels, level)
		default:
			return q, badField("level", "must be one of debug, info, warn, error, not %.40q", name)
		}
	}
	for _, name := range names(in.Stream) {
		switch stream := execution.Stream(name); stream {
		case execution.Stdout, execution.Stderr, execution.Agent:
			q.Streams = append(q.Streams, stream)
		default:
			return q, badField("stream", "must be one of stdout, stderr, agent, not %.40q", name)
		}
	}
	if q.Since, err = timeParam("since", in.Since); err != nil {
		return q, err
	}
	if q.Until, err = timeParam("until", in.Until); err != nil {
		return q, err
	}
	switch in.Direction {
	case "", "next":
	case "previous":
		q.Backwards = true
	default:
		return q, badField("direction", "must be next or previous, not %.40q", in.Direction)
	}
	if in.Limit != "" {
		n, err := protocol.ParseSeq(in.Limit)
		if err != nil || n < 1 {
			return q, badField("limit", "must be a whole number from 1, not %.40q", in.Limit)
		}
		q.Limit = int(min(int64(n), math.MaxInt)) // as many as one likes: a search holds few at a time
	}
	if err := q.Check(); err != nil {
		return q, fault.New(protocol.BadRequest, "%s", fault.Message(err)).
			With(map[string]any{"fields": []FieldProblem{{"query", fault.Message(err)}}})
	}
	return q, nil
}

// names splits what may be repeated or have commas.
func names(entries []string) []string {
	var all []string
	for _, entry := range entries {
		for name := range strings.SplitSeq(entry, ",") {
			all = append(all, strings.TrimSpace(name))
		}
	}
	return all
}

func (g *Gateway) searchOne(ctx context.Context, in *searchQuery) (*huma.StreamResponse, error) {
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	if q.From, err = seqParam("from", in.From); err != nil {
		return nil, err
	}
	if q.To, err = seqParam("to", in.To); err != nil {
		return nil, err
	}
	rec, err := g.execution(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return g.streamMatches(ctx, rec.ExecutionID, func(ctx context.Context, found func(search.Result) error) (search.Result, error) {
		return g.opts.Search.Execution(ctx, rec.ExecutionID, q, found)
	}), nil
}

func (g *Gateway) searchAll(ctx context.Context, in *acrossQuery) (*huma.StreamResponse, error) {
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	// Whatever was queued later has no earlier line.
	filter := index.Filter{AgentType: in.AgentType, Until: q.Until, Limit: searchPage}
	for _, name := range names(in.Status) {
		status := execution.Status(name)
		if !status.Valid() {
			return nil, badField("status", "must be one of queued, running, cancelling, completed, failed, cancelled, not %.40q", name)
		}
		filter.Status = append(filter.Status, status)
	}
	return g.streamMatches(ctx, "", func(ctx context.Context, found func(search.Result) error) (search.Result, error) {
		return g.opts.Search.Across(ctx, g.newestFirst(ctx, filter, q.Since), q, found)
	}), nil
}

// searchPage is how many records a search across executions holds at a time.
const searchPage = 100

// newestFirst gives the executions that pass the filter and had not ended before since.
func (g *Gateway) newestFirst(ctx context.Context, filter index.Filter, since time.Time) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for {
			page, err := readingOf(g.opts.Supervisor, principalOf(ctx)).List(ctx, filter)
			if err != nil {
				yield("", err)
				return
			}
			for _, rec := range page.Executions {
				if rec.EndedAt != nil && rec.EndedAt.Before(since) {
					continue
				}
				if !yield(rec.ExecutionID, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			filter.Cursor = page.Next
		}
	}
}

// streamMatches writes what a search finds, until it has ended or its client is gone. id is the
// execution that is searched; empty: many.
func (g *Gateway) streamMatches(ctx context.Context, id string, run func(context.Context, func(search.Result) error) (search.Result, error)) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		ctx, leave, err := g.enter(r)
		if err != nil {
			g.problem(r.Context(), err).write(w)
			return
		}
		defer leave()
		liftDeadlines(w)
		streamHeaders(w, "application/x-ndjson; charset=utf-8")
		w.WriteHeader(http.StatusOK)
		if r.Method == http.MethodHead {
			return
		}
		out := &matchLines{g: g, ctx: ctx, id: id, w: w, control: http.NewResponseController(w), principal: principalOf(ctx), checked: time.Now()}
		_ = out.control.Flush() // the search has begun
		done := make(chan struct{})
		var alive sync.WaitGroup
		alive.Go(func() {
			defer g.rescueHelper(r)
			out.keepAlive(done)
		})
		result, err := run(ctx, out.found)
		close(done)
		alive.Wait()
		switch {
		case out.failed != nil: // nobody is there to be told
		case err == nil:
			_ = out.write(out.message(result))
		default:
			err = coded(err)
			if fault.CodeOf(err) == protocol.Internal {
				g.log.ErrorContext(ctx, "a search failed", "execution", id, "error", err)
			}
			_ = out.write(errorMessage("", err))
		}
	}}
}

// matchLines writes logs:matches to one HTTP answer.
type matchLines struct {
	g         *Gateway
	ctx       context.Context
	id        string
	control   *http.ResponseController
	principal auth.Principal
	checked   time.Time

	mu     sync.Mutex // guards what follows
	w      http.ResponseWriter
	last   time.Time // that something was written
	failed error     // of writing
}

// found is what the search calls. It refuses to go on when the client or its credential is gone.
func (m *matchLines) found(r search.Result) error {
	if now := time.Now(); now.Sub(m.checked) >= recheck {
		m.checked = now
		if err := m.g.opts.Auth.Check(m.principal); err != nil {
			return err
		}
	}
	return m.write(m.message(r))
}

func (m *matchLines) message(r search.Result) protocol.LogsMatches {
	out := protocol.LogsMatches{
		Type: protocol.TypeLogsMatches, ExecutionID: r.ExecutionID, Matches: r.Matches, Total: r.Total, Complete: r.Complete, Lost: r.Lost,
	}
	if m.id != "" {
		out.ExecutionID = m.id
	}
	if out.Matches == nil {
		out.Matches = []protocol.Match{}
	}
	if r.Err != nil {
		m.g.log.Error("an execution could not be searched", "execution", r.ExecutionID, "error", r.Err)
		out.Error = "its journal could not be read; the server's log says why"
	}
	return out
}

func (m *matchLines) write(message any) error { return m.writeLine(encode(message)) }

func (m *matchLines) writeLine(line []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failed != nil {
		return m.failed
	}
	m.last = time.Now()
	if _, m.failed = m.w.Write(line); m.failed == nil {
		m.failed = m.control.Flush()
	}
	return m.failed
}

// silence is how long a search may find nothing before its client gets an empty line, so that nobody
// on the way takes the connection for dead, and one that is dead is noticed.
const silence = 10 * time.Second

func (m *matchLines) keepAlive(done <-chan struct{}) {
	ticker := time.NewTicker(silence)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			m.mu.Lock()
			silent := now.Sub(m.last) >= silence
			m.mu.Unlock()
			if silent {
				_ = m.writeLine([]byte("\n"))
			}
		case <-done:
			return
		}
	}
}
