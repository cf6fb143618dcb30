package search

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/terminal"
	"github.com/claudeops/claudeops/protocol"
)

// worker searches one piece after another.
type worker struct {
	*scan
	finder *finder
	parser parser
	buf    []byte
	joiner joiner
	shown  []byte // the text of a line, reused
}

// How much of a journal is read at once: a block, if it is no longer than this. A buffer that had to
// grow beyond keptBuffer is not kept.
const (
	maxRead    = 8 << 20
	keptBuffer = 1 << 20
)

// maxHeld is how much is kept of what was found in a piece whose turn has not come, as sizeOf counts.
// Ordinary lines take less for a whole block.
const maxHeld = 1 << 20

func (sc *scan) newWorker() *worker {
	return &worker{scan: sc, finder: newFinder(sc.m.literals, len(sc.m.literals) > 0)}
}

// search is what each worker does.
func (sc *scan) search() {
	w := sc.newWorker()
	for p := range sc.todo {
		w.take(p)
		close(p.done)
		// A search must not keep live readers waiting for as long as the scheduler would let it.
		runtime.Gosched()
	}
}

// take searches a piece when it is this search's turn.
func (w *worker) take(p *piece) {
	select {
	case w.buf = <-w.s.buffers:
		w.searched(p)
		if len(w.buf) > keptBuffer {
			w.buf = nil
		}
		w.s.buffers <- w.buf
	case <-w.ctx.Done():
		p.err = context.Cause(w.ctx)
	}
}

// searched searches a piece. A panic ends this search and no other.
func (w *worker) searched(p *piece) {
	defer func() {
		if value := recover(); value != nil {
			p.err = fmt.Errorf("panic while searching: %v\n%s", value, debug.Stack())
		}
	}()
	w.piece(p)
}

func (w *worker) piece(p *piece) {
	w.parser.head = p.source.head
	w.joiner.begin()
	at, end := p.block.From, p.block.To
	for at.Seq < end.Seq && (p.rest == nil || w.q.Backwards) {
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
			p.lost = append(p.lost, *gap)
			w.cut(p)
		case n == 0:
			p.err = fmt.Errorf("reading stopped at event %d of %d", at.Seq, end.Seq)
			return
		}
		w.joiner.from = at
		w.lines(w.buf[:n], p)
		at = next
	}
	w.readOn(p)
	if w.q.Backwards {
		w.turn(p)
	}
}

// turn puts what was found in a piece into the order of a search backwards.
func (w *worker) turn(p *piece) {
	slices.Reverse(p.matches)
	if p.rest == nil {
		return
	}
	if int64(len(p.matches)) >= w.left.Load() {
		p.rest = nil // no more is wanted than what was kept
		return
	}
	// What is before the first match that was kept is searched again, when its turn comes.
	p.count = int64(len(p.matches))
	first := p.matches[len(p.matches)-1].Seq
	p.rest = &rest{p.block.From.Seq, first - 1}
	var lost []journal.Gap
	for _, gap := range p.lost {
		if gap.To > first {
			lost = append(lost, gap)
		}
	}
	p.lost = lost
}

// keep adds a match to those of a piece, as long as there is room. Lines that went on over others end
// after them, so a match may belong before those that are there.
func (w *worker) keep(p *piece, m protocol.Match) {
	if m.Seq < p.dropped {
		return // turn has it searched again
	}
	at := len(p.matches)
	for at > 0 && p.matches[at-1].Seq > m.Seq {
		at--
	}
	p.matches = slices.Insert(p.matches, at, m)
	p.size += sizeOf(&m)
	left := w.left.Load()
	if n := len(p.matches) - 1; !w.q.Backwards && int64(n) >= left {
		p.size -= sizeOf(&p.matches[n])
		p.matches = p.matches[:n]
	}
	switch {
	case p.size <= maxHeld:
	case !w.q.Backwards && int64(len(p.matches)) < left && w.joiner.open == 0:
		p.rest = &rest{w.joiner.seq, p.block.To.Seq} // the rest waits until this was given
	case w.q.Backwards:
		// The last ones are wanted first.
		for p.size > maxHeld && len(p.matches) > 1 {
			p.size -= sizeOf(&p.matches[0])
			p.dropped = max(p.dropped, p.matches[0].Seq)
			p.matches[0] = protocol.Match{}
			p.matches = p.matches[1:]
			p.rest = &rest{} // turn says which
		}
	}
}

// patience is how many lines are looked at between two questions whether the search still goes on.
const patience = 256

// lines searches whole events.
func (w *worker) lines(text []byte, p *piece) {
	w.finder.begin(text)
	looked := 0
	for at := 0; at < len(text); {
		hit := w.finder.next(at)
		start := at
		if w.joiner.open == 0 { // else each event may be the rest of a line
			if hit == len(text) {
				return
			}
			start = lineStart(text, at, hit)
		}
		l, message, ok := w.parser.quick(text[start:])
		if ok && hit < start+message && len(w.finder.needles) > 0 {
			// It is in the head of the event. Look on behind that, which may be in a later event.
			if hit = w.finder.next(start + message); hit == len(text) && w.joiner.open == 0 {
				return
			}
		}
		end := lineEnd(text, start)
		at = end + 1
		if hit >= end && (w.joiner.open == 0 || ok && w.joiner.lines[streamIndex(l.stream)] == nil) {
			if w.joiner.open > 0 {
				w.joiner.known[streamIndex(l.stream)] = true // it is a whole line, or the end of one
			}
			continue
		}
		if looked++; looked%patience == 0 && w.ctx.Err() != nil {
			return // the piece is thrown away
		}
		if ok && w.m.streams != 0 && l.mask&w.m.streams == 0 {
			continue
		}
		w.event(text, start, end, l, message, hit-start, ok, p)
		if p.rest != nil && !w.q.Backwards {
			return
		}
	}
}

// event looks at one event of a text. hit is where in it the text stands that it must hold.
func (w *worker) event(text []byte, start, end int, l line, at, hit int, quick bool, p *piece) {
	event := text[start:end]
	var message, raw []byte
	literal, partial := false, false
	if quick {
		var quote int
		if message, quote, literal, quick = w.parser.message(event[at:]); quick {
			partial, raw = w.parser.tail(event[at+quote+1:])
		}
	}
	if !quick {
		if l, message, partial, raw, quick = w.parser.slow(event); !quick || w.m.streams != 0 && l.mask&w.m.streams == 0 {
			return
		}
		literal = false
	}
	w.joiner.seq = l.seq
	if !w.known(text[:start], l.stream, p) {
		return
	}
	if raw == nil && !literal {
		raw = message
	}
	if raw != nil {
		if decoded, ok := terminal.Decode(raw); ok {
			message, literal = decoded, false
		}
	}
	if w.join(l, message, partial, p) || !w.m.wants(&l) {
		return
	}
	if left := w.left.Load(); literal && w.m.exact && !(int64(len(p.matches)) < left || w.q.Backwards && left > 0) && terminal.Plain(message) && isComposed(message) {
		// What was found is all that is looked for, if it is in the message and not behind it.
		if hit >= at && hit-at+len(w.m.plain.text) <= len(message) && w.m.plain.is(event[hit:]) {
			p.count++
			return
		}
	}
	w.shown = w.shown[:0]
	if !terminal.Plain(message) {
		var t terminal.Line
		t.Write(message)
		t.End()
		w.shown = t.Append(w.shown)
		message = w.shown
	}
	w.line(&l, message, p)
}

// line looks at the text of a whole line.
func (w *worker) line(l *line, text []byte, p *piece) {
	left := w.left.Load()
	switch n := len(p.matches); {
	case int64(n) < left, left > 0 && (w.q.Backwards || l.seq < p.matches[n-1].Seq):
		ranges := w.m.find(text)
		if len(ranges) == 0 {
			return
		}
		w.keep(p, matchOf(l, text, ranges))
	case !w.m.matches(text):
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
