package search

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/protocol"
)

// scan is one search under way. Journals are opened ahead of their turn, cut into pieces at the
// journal's blocks, and the pieces searched by as many workers as there are processors; what comes out
// is in order again. All queues are short: what a search holds does not grow with what it searches.
//
//	ids → open (several at once) → cut (in order) → search (several at once) → each (in order)
type scan struct {
	s   *Searcher
	m   *matcher
	q   Query
	ctx context.Context
	end context.CancelCauseFunc

	sources chan *source // in order; opened or being opened
	unread  chan *source // to be opened
	ordered chan *piece  // in order; searched or being searched
	todo    chan *piece  // to be searched

	left   atomic.Int64 // matches still wanted
	work   sync.WaitGroup
	mu     sync.Mutex // guards opened
	opened map[*source]struct{}
}

// openAhead is how many journals may be open before it is their turn.
const openAhead = 8

// source is one journal in a search.
type source struct {
	id     string
	head   []byte // what its log events begin with
	reader journal.Reader
	blocks []journal.Block // what to search, first event first
	lost   []journal.Gap   // before the first block
	err    error           // why it can't be searched
	ready  chan struct{}   // closed when all above is known

	told int64 // matches counted of which found has not heard; the consumer's
}

// piece is a part of a journal on its way through the workers.
type piece struct {
	source *source
	block  journal.Block
	search bool // else there is nothing in it to look for
	last   bool // of its source
	done   chan struct{}

	// What was found: matches in the order of the search, and what was counted.
	matches []protocol.Match
	size    int    // of matches, as sizeOf counts
	dropped uint64 // the highest seq that was not kept for lack of room, in a search backwards
	count   int64
	lost    []journal.Gap
	err     error
	// rest is a part of the block that is still to be searched: there was more to hold than maxHeld.
	rest *rest
}

// rest are the events after one seq, up to another.
type rest struct{ after, upTo uint64 }

// start begins a search. each must be called, and ends it.
func (s *Searcher) start(ctx context.Context, ids iter.Seq2[string, error], m *matcher, q Query) *scan {
	sc := &scan{
		s: s, m: m, q: q, opened: map[*source]struct{}{},
		sources: make(chan *source, openAhead), unread: make(chan *source),
		ordered: make(chan *piece, 2*s.workers), todo: make(chan *piece),
	}
	sc.ctx, sc.end = context.WithCancelCause(ctx)
	sc.left.Store(int64(q.Limit))
	sc.work.Go(func() { sc.list(ids) })
	for range s.workers {
		sc.work.Go(sc.open)
		sc.work.Go(sc.search)
	}
	sc.work.Go(sc.cut)
	return sc
}

// each gives the pieces in order. It returns when all have been given, or with the first error, and
// leaves nothing running and nothing open.
func (sc *scan) each(give func(*piece) error) error {
	defer sc.closeAll()
	defer sc.work.Wait()
	defer sc.end(context.Canceled)
	for p := range sc.ordered {
		select {
		case <-p.done:
		case <-sc.ctx.Done():
		}
		for {
			if sc.ctx.Err() != nil {
				return context.Cause(sc.ctx) // what was found of this piece may not be all
			}
			more := p.rest
			if left := sc.left.Load(); int64(len(p.matches)) > left {
				p.matches = p.matches[:left]
			}
			sc.left.Add(-int64(len(p.matches)))
			if err := give(p); err != nil {
				return err
			}
			if more == nil {
				break
			}
			p = sc.resume(p.source, *more)
		}
		if p.last {
			sc.close(p.source)
		}
	}
	return context.Cause(sc.ctx)
}

// resume searches the rest of a block whose beginning has been given.
func (sc *scan) resume(src *source, r rest) *piece {
	p := &piece{source: src}
	from, gap, err := src.reader.Locate(r.after)
	if err != nil {
		p.err = err
		return p
	}
	to, _, err := src.reader.Locate(r.upTo)
	if err != nil {
		p.err = err
		return p
	}
	p.block = journal.Block{From: from, To: to}
	w := sc.newWorker()
	w.take(p)
	if gap != nil {
		p.lost = append(p.lost, *gap)
	}
	return p
}

// list turns ids into sources.
func (sc *scan) list(ids iter.Seq2[string, error]) {
	defer close(sc.unread)
	defer close(sc.sources)
	for id, err := range ids {
		if err != nil {
			sc.end(err)
			return
		}
		src := &source{id: id, ready: make(chan struct{})}
		select {
		case sc.sources <- src:
		case <-sc.ctx.Done():
			return
		}
		select {
		case sc.unread <- src:
		case <-sc.ctx.Done():
			return
		}
	}
}

// open opens journals.
func (sc *scan) open() {
	for src := range sc.unread {
		src.err = sc.openOne(src)
		close(src.ready)
	}
}

func (sc *scan) openOne(src *source) error {
	reader, err := sc.s.journals.Open(src.id)
	if err != nil {
		return err
	}
	sc.mu.Lock()
	sc.opened[src] = struct{}{}
	sc.mu.Unlock()
	src.reader, src.head = reader, eventHead(src.id)
	from, to, err := sc.bounds(src)
	if err != nil {
		return err
	}
	src.blocks, err = blocksOf(reader, from, to)
	return err
}

// bounds finds the positions that the search is between.
func (sc *scan) bounds(src *source) (from, to journal.Position, err error) {
	if to, err = src.reader.Head(); err != nil {
		return from, to, err
	}
	head := to.Seq
	after, upTo := sc.q.From, sc.q.To
	if sc.q.Backwards {
		after, upTo = max(sc.q.To, 1)-1, head
		if sc.q.From > 0 {
			upTo = sc.q.From - 1
		}
	}
	if upTo > 0 && upTo < head || sc.q.Backwards && upTo == 0 {
		if to, _, err = src.reader.Locate(upTo); err != nil {
			return from, to, err
		}
	}
	switch {
	case after >= to.Seq:
		return to, to, nil
	case after > 0:
		var gap *journal.Gap
		if from, gap, err = src.reader.Locate(after); gap != nil {
			src.lost = append(src.lost, *gap)
		}
		return from, to, err
	}
	return from, to, nil
}

// blocksOf cuts what is between two positions at the ends of the journal's blocks.
func blocksOf(reader journal.Reader, from, to journal.Position) ([]journal.Block, error) {
	if r, ok := reader.(interface {
		Blocks(from, to journal.Position) ([]journal.Block, error)
	}); ok {
		return r.Blocks(from, to)
	}
	var blocks []journal.Block
	for from.Seq < to.Seq {
		end := to
		if next := (from.Seq/journal.BlockEvents + 1) * journal.BlockEvents; next < to.Seq {
			var err error
			if end, _, err = reader.Locate(next); err != nil {
				return nil, err
			}
		}
		blocks = append(blocks, journal.Block{From: from, To: end, Mask: journal.MaskLogs | journal.MaskOther})
		from = end
	}
	return blocks, nil
}

// cut turns sources into pieces.
func (sc *scan) cut() {
	defer close(sc.todo)
	defer close(sc.ordered)
	for src := range sc.sources {
		select {
		case <-src.ready:
		case <-sc.ctx.Done():
			return
		}
		for i := range src.blocks {
			b := src.blocks[i]
			if sc.q.Backwards {
				b = src.blocks[len(src.blocks)-1-i]
			}
			if sc.m.inBlock(b.Mask) && !sc.emit(&piece{source: src, block: b, search: true}) {
				return
			}
		}
		if !sc.emit(&piece{source: src, last: true, lost: src.lost, err: src.err}) {
			return
		}
	}
}

func (sc *scan) emit(p *piece) bool {
	p.done = make(chan struct{})
	if !p.search {
		close(p.done)
	}
	select {
	case sc.ordered <- p:
	case <-sc.ctx.Done():
		return false
	}
	if !p.search {
		return true
	}
	select {
	case sc.todo <- p:
		return true
	case <-sc.ctx.Done():
		return false
	}
}

func (sc *scan) close(src *source) {
	sc.mu.Lock()
	_, open := sc.opened[src]
	delete(sc.opened, src)
	sc.mu.Unlock()
	if open {
		_ = src.reader.Close() // it was only read
	}
}

func (sc *scan) closeAll() {
	for src := range sc.opened { // nobody else is left
		_ = src.reader.Close()
	}
}
