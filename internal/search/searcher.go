package search

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"claudeops/internal/execution"
	"claudeops/internal/fault"
	"claudeops/internal/journal"
	"claudeops/protocol"
)

// Journals opens journals for reading.
type Journals interface {
	Open(id string) (journal.Reader, error)
}

// Searcher searches journals. It is safe for concurrent use.
type Searcher struct {
	journals Journals
	workers  int
	slots    chan struct{} // a place for each search that may use the processors at once
}

// New makes a searcher. So many searches as there are processors run at once; more wait.
func New(journals Journals) *Searcher {
	n := max(1, runtime.GOMAXPROCS(0))
	return &Searcher{journals: journals, workers: n, slots: make(chan struct{}, n)}
}

// chunkEvents is how many events are searched in one piece: some 1.5 MB of usual lines.
const chunkEvents = 4 * journal.BlockEvents

// Execution searches one journal as it is now: from q.From (which itself is not looked at) to its
// end, or to its start when backwards. found gets matches in the order of the search, as soon as they
// are known, until q.Limit; then only the total goes on. The result is the last state, without
// matches that found had. An execution that goes on is searched up to the event it had at the start.
func (s *Searcher) Execution(ctx context.Context, id string, q Query, found func(Result) error) (Result, error) {
	m, err := newMatcher(q)
	if err != nil {
		return Result{}, err
	}
	reader, err := s.journals.Open(id)
	if errors.Is(err, journal.ErrNotFound) {
		return Result{}, fault.Wrap(protocol.NotFound, err, "there is no execution %s", id)
	}
	if err != nil {
		return Result{}, fmt.Errorf("search %s: %w", id, err)
	}
	defer reader.Close()
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
	head, err := reader.Head()
	if err != nil {
		return Result{}, fmt.Errorf("search %s: %w", id, err)
	}
	if q.Limit <= 0 {
		q.Limit = 100
	}
	total := Result{ExecutionID: id}
	given := 0
	err = s.scan(ctx, reader, head, m, func(hits []protocol.Match, count int64) error {
		total.Total += count
		hits = hits[:min(len(hits), q.Limit-given)]
		if len(hits) == 0 {
			return nil
		}
		given += len(hits)
		return found(Result{ExecutionID: id, Matches: hits, Total: total.Total})
	})
	if err != nil {
		return total, fmt.Errorf("search %s: %w", id, err)
	}
	total.Complete = true
	return total, nil
}

// span is a run of events to search: those after first, up to last.
type span struct{ first, last uint64 }

// spans gives the pieces of a search in its order, cut at the journal's blocks.
func spans(q *Query, head uint64) func() (span, bool) {
	if q.Backwards {
		end := head
		if q.From > 0 {
			end = min(head, q.From-1)
		}
		return func() (span, bool) {
			if end == 0 {
				return span{}, false
			}
			first := (end - 1) / chunkEvents * chunkEvents
			s := span{first, end}
			end = first
			return s, true
		}
	}
	at := q.From
	return func() (span, bool) {
		if at >= head {
			return span{}, false
		}
		s := span{at, min(head, (at/chunkEvents+1)*chunkEvents)}
		at = s.last
		return s, true
	}
}

// piece is a span on its way through the workers.
type piece struct {
	span
	matches []protocol.Match
	count   int64
	err     error
	done    chan struct{}
}

// scan searches the spans with all workers and gives what they found in order.
func (s *Searcher) scan(ctx context.Context, reader journal.Reader, head journal.Position, m *matcher, give func([]protocol.Match, int64) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer cancel()
	todo := make(chan *piece)
	ordered := make(chan *piece, 2*s.workers)
	work.Go(func() {
		defer close(todo)
		defer close(ordered)
		next := spans(&m.query, head.Seq)
		for {
			at, ok := next()
			if !ok {
				return
			}
			p := &piece{span: at, done: make(chan struct{})}
			select {
			case ordered <- p:
			case <-ctx.Done():
				return
			}
			select {
			case todo <- p:
			case <-ctx.Done():
				close(p.done)
				return
			}
		}
	})
	for range s.workers {
		work.Go(func() {
			w := &worker{m: m, reader: reader, head: head}
			for p := range todo {
				p.matches, p.count, p.err = w.search(ctx, p.span)
				close(p.done)
			}
		})
	}
	for p := range ordered {
		<-p.done
		if err := ctx.Err(); err != nil {
			return err
		}
		if p.err != nil {
			return p.err
		}
		if err := give(p.matches, p.count); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// worker searches one span after another with the same buffer.
type worker struct {
	m      *matcher
	reader journal.Reader
	head   journal.Position
	parser parser
	buf    []byte
}

// maxPieceMatches is how many matches of one span are kept; they are counted past it. No query asks
// for more than this in all.
const maxPieceMatches = 10_000

func (w *worker) search(ctx context.Context, s span) (matches []protocol.Match, count int64, err error) {
	at, _, err := w.reader.Locate(s.first)
	if err != nil {
		return nil, 0, err
	}
	end := w.head
	if s.last < w.head.Seq {
		if end, _, err = w.reader.Locate(s.last); err != nil {
			return nil, 0, err
		}
	}
	for at.Seq < end.Seq {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		if need := int(min(end.Offset-at.Offset, 8<<20)); len(w.buf) < need {
			w.buf = make([]byte, need)
		}
		n, next, gap, err := w.reader.Read(at, end, w.buf)
		var short *journal.ErrShortBuffer
		switch {
		case errors.As(err, &short):
			w.buf = make([]byte, short.Need)
			continue
		case err != nil:
			return nil, 0, err
		case n == 0 && gap == nil:
			return nil, 0, fmt.Errorf("read stopped at event %d of %d", at.Seq, end.Seq)
		}
		matches, count = w.lines(w.buf[:n], matches, count)
		at = next
	}
	if w.m.query.Backwards {
		for i, j := 0, len(matches)-1; i < j; i, j = i+1, j-1 {
			matches[i], matches[j] = matches[j], matches[i]
		}
	}
	return matches, count, nil
}

// lines searches whole events.
func (w *worker) lines(text []byte, matches []protocol.Match, count int64) ([]protocol.Match, int64) {
	for at := 0; ; {
		hit := w.m.possible(text, at)
		if hit < 0 {
			return matches, count
		}
		start := bytes.LastIndexByte(text[:hit], '\n') + 1
		end := len(text)
		if i := bytes.IndexByte(text[hit:], '\n'); i >= 0 {
			end = hit + i
		}
		at = end + 1
		if l, ok := w.parser.parse(text[start:end]); ok && w.m.wants(&l) {
			keep := len(matches) < maxPieceMatches || w.m.query.Backwards
			if ranges := w.m.find(l.message, keep); len(ranges) > 0 {
				count++
				if keep {
					matches = append(matches, matchOf(&l, ranges))
				}
			}
		}
		if at >= len(text) {
			return matches, count
		}
	}
}

func matchOf(l *line, ranges [][2]int) protocol.Match {
	m := protocol.Match{
		Seq: l.seq, Ranges: utf16Ranges(l.message, ranges), Message: string(l.message),
		Level: execution.Level(l.level), Stream: execution.Stream(l.stream),
	}
	if at, err := time.Parse(time.RFC3339Nano, string(l.stamp)); err == nil {
		stamp := execution.At(at)
		m.Timestamp = &stamp
	}
	return m
}
