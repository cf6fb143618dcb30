package search

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/protocol"
)

// Journals opens journals for reading.
type Journals interface {
	Open(id string) (journal.Reader, error)
}

// Searcher searches journals. It is safe for concurrent use: searches take turns on the processors,
// a block of a journal at a time, so that a long one does not hold up a short one.
type Searcher struct {
	journals Journals
	workers  int
	// buffers holds one for each processor. Whoever has one may search.
	buffers chan []byte
}

// New makes a searcher.
func New(journals Journals) *Searcher {
	s := &Searcher{journals: journals, workers: max(1, runtime.GOMAXPROCS(0))}
	s.buffers = make(chan []byte, s.workers)
	for range s.workers {
		s.buffers <- nil
	}
	return s
}

// Execution searches one journal as it is now. found gets matches in the order of the search, as soon
// as they are known, until q.Limit; then only the counting goes on. The result is the last state,
// without the matches that found had. An execution that goes on is searched up to the event it had at
// the start. An error of found ends the search and is returned.
func (s *Searcher) Execution(ctx context.Context, id string, q Query, found func(Result) error) (Result, error) {
	one := func(yield func(string, error) bool) { yield(id, nil) }
	result, err := s.run(ctx, one, q, func(r Result) error {
		if r.Err != nil {
			return r.Err
		}
		if len(r.Matches) == 0 {
			return nil
		}
		return found(r)
	})
	result.ExecutionID = id
	if errors.Is(err, journal.ErrNotFound) {
		err = fault.Wrap(protocol.NotFound, err, "there is no execution %s", id)
	}
	return result, err
}

// Across searches many journals, in the order in which ids gives them: each as Execution does, with
// one limit and one total for all. Matches say which execution they are from. found is also called
// when the count of an execution without further matches to give is known, so that whoever wants to
// know can tell how many lines each execution adds to Total; and for each execution that can't be
// searched. One that has no journal any more is passed over. ids is called on another goroutine; an
// error of it ends the search.
func (s *Searcher) Across(ctx context.Context, ids iter.Seq2[string, error], q Query, found func(Result) error) (Result, error) {
	if q.From != 0 {
		return Result{}, fault.New(protocol.BadRequest, "from is a place in one execution; it can't be used across several")
	}
	return s.run(ctx, ids, q, func(r Result) error {
		if errors.Is(r.Err, journal.ErrNotFound) {
			return nil
		}
		for i := range r.Matches {
			r.Matches[i].ExecutionID = r.ExecutionID
		}
		return found(r)
	})
}

// maxBatch is how much the matches of one call of found hold, as sizeOf counts; a single one may
// hold more.
const maxBatch = 64 << 10

// sizeOf is about how many bytes a match takes up in memory, and as JSON.
func sizeOf(m *protocol.Match) int { return 128 + len(m.Message) + 16*len(m.Ranges) }

// within counts the events of a gap that the search was to look at.
func (q *Query) within(gap journal.Gap) uint64 {
	from, to := gap.From, gap.To
	switch {
	case q.From == 0:
	case q.Backwards:
		to = min(to, q.From-1)
	default:
		from = max(from, q.From+1)
	}
	switch {
	case q.To == 0:
	case q.Backwards:
		from = max(from, q.To)
	default:
		to = min(to, q.To)
	}
	return max(to+1, from) - from
}

// run searches the journals and hands on what is found, in order.
func (s *Searcher) run(ctx context.Context, ids iter.Seq2[string, error], q Query, found func(Result) error) (Result, error) {
	m, err := newMatcher(q)
	if err != nil {
		return Result{}, err
	}
	if q.Limit <= 0 {
		q.Limit = DefaultLimit
	}
	sc := s.start(ctx, ids, m, q)
	total := Result{Complete: true}
	give := func(r Result) error {
		r.Total, r.Lost = total.Total, total.Lost
		return found(r)
	}
	err = sc.each(func(p *piece) error {
		id := p.source.id
		for _, gap := range p.lost {
			total.Lost += q.within(gap)
		}
		p.source.told += p.count
		// Each batch is counted before it is given, the rest of the piece after.
		total.Total += p.count
		for len(p.matches) > 0 {
			n, size := 1, sizeOf(&p.matches[0])
			for n < len(p.matches) && size+sizeOf(&p.matches[n]) <= maxBatch {
				size += sizeOf(&p.matches[n])
				n++
			}
			if err := give(Result{ExecutionID: id, Matches: p.matches[:n]}); err != nil {
				return err
			}
			p.matches = p.matches[n:]
			p.source.told = 0
		}
		switch {
		case p.err != nil:
			total.Complete = total.Complete && errors.Is(p.err, journal.ErrNotFound)
			p.source.told = 0
			return give(Result{ExecutionID: id, Err: fmt.Errorf("search %s: %w", id, p.err)})
		case p.last && p.source.told > 0:
			return give(Result{ExecutionID: id})
		}
		return nil
	})
	if err != nil {
		total.Complete = false
		return total, err
	}
	return total, nil
}
