package search

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"claudeops/internal/execution"
	"claudeops/internal/journal"
	"claudeops/protocol"
)

// worker searches one piece after another.
type worker struct {
	*scan
	finder *finder
	parser parser
	buf    []byte
}

// How much of a journal is read at once: a block, if it is no longer than this. A buffer that had to
// grow beyond keptBuffer is not kept.
const (
	maxRead    = 8 << 20
	keptBuffer = 1 << 20
)

// search is what each worker does.
func (sc *scan) search() {
	w := &worker{scan: sc, finder: newFinder(sc.m.literals)}
	for p := range sc.todo {
		select {
		case w.buf = <-sc.s.buffers:
			w.piece(p)
			if len(w.buf) > keptBuffer {
				w.buf = nil
			}
			sc.s.buffers <- w.buf
		case <-sc.ctx.Done():
			p.err = context.Cause(sc.ctx)
		}
		close(p.done)
		// A search must not keep live readers waiting for as long as the scheduler would let it.
		runtime.Gosched()
	}
}

func (w *worker) piece(p *piece) {
	w.parser.head = p.source.head
	at, end := p.block.From, p.block.To
	for at.Seq < end.Seq {
		if w.ctx.Err() != nil {
			p.err = context.Cause(w.ctx)
			return
		}
		if need := int(min(end.Offset-at.Offset, maxRead)); len(w.buf) < need {
			w.buf = make([]byte, need)
		}
		n, next, gap, err := p.source.reader.Read(at, end, w.buf)
		var short *journal.ErrShortBuffer
		switch {
		case errors.As(err, &short):
			w.buf = make([]byte, short.Need)
			continue
		case err != nil:
			p.err = err
			return
		case gap != nil:
			p.lost += w.lost(gap)
		case n == 0:
			p.err = fmt.Errorf("reading stopped at event %d of %d", at.Seq, end.Seq)
			return
		}
		w.lines(w.buf[:n], p)
		at = next
	}
	if w.q.Backwards {
		slices.Reverse(p.matches)
	}
}

// lost counts the events of a gap that the search was to look at.
func (w *worker) lost(gap *journal.Gap) uint64 {
	to := gap.To
	if w.q.Backwards && w.q.From > 0 {
		to = min(to, w.q.From-1)
	}
	return max(to+1, gap.From) - gap.From
}

// patience is how many lines are looked at between two questions whether the search still goes on.
const patience = 256

// lines searches whole events.
func (w *worker) lines(text []byte, p *piece) {
	w.finder.begin(text)
	looked := 0
	for at := 0; at < len(text); {
		hit := w.finder.next(at)
		if hit == len(text) {
			return
		}
		start := lineStart(text, at, hit)
		l, message, ok := w.parser.quick(text[start:])
		if ok && hit < start+message && len(w.finder.needles) > 0 {
			// It is in the head of the event. Look on behind that, which may be in a later event.
			if hit = w.finder.next(start + message); hit == len(text) {
				return
			}
		}
		end := lineEnd(text, start)
		at = end + 1
		if hit >= end {
			continue
		}
		if looked++; looked%patience == 0 && w.ctx.Err() != nil {
			return // the piece is thrown away
		}
		if ok && !w.m.wants(&l) {
			continue
		}
		w.line(text[start:end], l, message, hit-start, ok, p)
	}
}

// line looks at one event. hit is where the text that it must hold stands in it.
func (w *worker) line(event []byte, l line, at, hit int, quick bool, p *piece) {
	var message []byte
	literal := false
	if quick {
		message, literal, quick = w.parser.message(event[at:])
	}
	if !quick {
		if l, message, quick = w.parser.slow(event); !quick || !w.m.wants(&l) {
			return
		}
		literal = false
	}
	keep := w.q.Backwards && w.left.Load() > 0 || int64(len(p.matches)) < w.left.Load()
	switch {
	case keep:
		ranges := w.m.find(message)
		if len(ranges) == 0 {
			return
		}
		p.matches = append(p.matches, matchOf(&l, message, ranges))
	case literal && w.m.exact:
		// What was found is all that is looked for, if it is in the message and not behind it.
		if hit-at+len(w.m.plain.text) > len(message) {
			return
		}
	case !w.m.matches(message):
		return
	}
	p.count++
}

func lineEnd(text []byte, from int) int {
	if i := bytes.IndexByte(text[from:], '\n'); i >= 0 {
		return from + i
	}
	return len(text)
}

// lineStart gives where the line that hit is in begins. A line begins at from.
func lineStart(text []byte, from, hit int) int {
	const near = 2 << 10
	if hit-from > near {
		return bytes.LastIndexByte(text[:hit], '\n') + 1
	}
	for {
		i := bytes.IndexByte(text[from:hit], '\n')
		if i < 0 {
			return from
		}
		from += i + 1
	}
}

func matchOf(l *line, message []byte, ranges [][2]int) protocol.Match {
	m := protocol.Match{Seq: l.seq, Ranges: utf16Ranges(message, ranges), Message: string(message), Level: l.level, Stream: l.stream}
	if at, err := time.Parse(time.RFC3339Nano, string(l.stamp)); err == nil {
		stamp := execution.At(at)
		m.Timestamp = &stamp
	}
	return m
}
