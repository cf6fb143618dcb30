package search

import (
	"bytes"
	"errors"
	"slices"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/terminal"
)

// joiner puts lines together that were recorded in several events, each stream by itself. A line
// belongs to the block of its first event: the worker of that block reads on to the line's end, and
// the workers of the blocks it goes on in leave it out.
type joiner struct {
	lines [streamCount]*openLine
	open  int // how many lines are not nil
	// known says of a stream whether the events before the one at hand are known to be whole lines, or
	// in lines.
	known [streamCount]bool
	seq   uint64           // of the event at hand
	from  journal.Position // where the text at hand begins
	back  []byte           // buffer for reading back and on
}

// openLine is a line whose end has not come.
type openLine struct {
	first   line // of its first event; its stamp is a copy
	text    terminal.Line
	leftOut bool // it began before the block, or is not asked for
}

const streamCount = 3

func streamIndex(s execution.Stream) int {
	switch s {
	case execution.Stdout:
		return 0
	case execution.Stderr:
		return 1
	}
	return 2
}

func (j *joiner) begin() {
	j.lines, j.open, j.known = [streamCount]*openLine{}, 0, [streamCount]bool{}
}

func (j *joiner) set(stream int, l *openLine) {
	if j.lines[stream] != nil {
		j.open--
	}
	if j.lines[stream] = l; l != nil {
		j.open++
	}
}

// known finds out whether the first event of a stream in a block is the rest of a line that began
// before. before is what of the text at hand has been passed. It is false when that can't be read.
func (w *worker) known(before []byte, stream execution.Stream, p *piece) bool {
	i := streamIndex(stream)
	if w.joiner.known[i] {
		return true
	}
	w.joiner.known[i] = true
	for len(before) > 0 {
		before = before[:len(before)-1]
		start := bytes.LastIndexByte(before, '\n') + 1
		if isStream(before[start:], stream) {
			return true // it was passed over, so it is whole
		}
		before = before[:start]
	}
	open, err := w.openBefore(p, stream)
	if err != nil {
		p.err = err
		return false
	}
	if open {
		w.joiner.set(i, &openLine{leftOut: true})
	}
	return true
}

// isStream reports whether an event is a log event of the stream.
func isStream(event []byte, stream execution.Stream) bool {
	if !bytes.Contains(event, []byte(`"`+string(stream)+`"`)) {
		return false
	}
	var p parser
	l, _, _, _, ok := p.slow(event)
	return ok && l.stream == stream
}

// nearby is how many events before a block are read first: a stream that is in use has one among them.
const nearby = 32

// openBefore reports whether a line of the stream goes on into the piece's block.
func (w *worker) openBefore(p *piece, stream execution.Stream) (bool, error) {
	end := w.joiner.from
	if end.Seq == 0 {
		return false, nil
	}
	near, gap, err := p.source.reader.Locate(end.Seq - min(end.Seq, nearby))
	if err != nil {
		return false, err
	}
	if gap == nil {
		if open, found, err := w.lastOf(p, near, end, stream); found || err != nil {
			return open, err
		}
		end = near
	}
	if end.Seq == 0 {
		return false, nil
	}
	blocks, err := blocksOf(p.source.reader, journal.Position{}, end)
	if err != nil {
		return false, err
	}
	for _, b := range slices.Backward(blocks) {
		if b.Mask&streamMask(stream) == 0 {
			continue
		}
		if open, found, err := w.lastOf(p, b.From, b.To, stream); found || err != nil {
			return open, err
		}
	}
	return false, nil
}

// lastOf looks at the last event of the stream between two positions, if there is one.
func (w *worker) lastOf(p *piece, at, end journal.Position, stream execution.Stream) (open, found bool, err error) {
	_, err = w.read(p, at, end, func(text []byte, lost bool) bool {
		if lost {
			open, found = false, true // a line before a gap does not go on after it
			return true
		}
		for len(text) > 0 {
			text = text[:len(text)-1]
			start := bytes.LastIndexByte(text, '\n') + 1
			if event := text[start:]; isStream(event, stream) {
				var parser parser
				_, _, open, _, _ = parser.slow(event)
				found = true
				return true // later reads may have a later one
			}
			text = text[:start]
		}
		return true
	})
	return open, found, err
}

// read gives whole events between two positions, and gaps, until use returns false. It uses another
// buffer than the search of a piece.
func (w *worker) read(p *piece, at, end journal.Position, use func(text []byte, lost bool) bool) (journal.Position, error) {
	j := &w.joiner
	for at.Seq < end.Seq {
		if w.ctx.Err() != nil {
			return at, nil
		}
		if need := int(min(max(end.Offset-at.Offset, 4<<10), keptBuffer)); len(j.back) < need {
			j.back = make([]byte, need)
		}
		n, next, gap, err := p.source.reader.Read(at, end, j.back)
		var short *journal.ErrShortBuffer
		switch {
		case errors.As(err, &short):
			j.back = make([]byte, short.Need)
			continue
		case err != nil:
			return at, err
		case n == 0 && gap == nil:
			return at, nil
		}
		at = next
		if !use(j.back[:n], gap != nil) {
			return at, nil
		}
	}
	return at, nil
}

// join adds an event to the line it belongs to; false when it is a whole line by itself.
func (w *worker) join(l line, message []byte, partial bool, p *piece) bool {
	i := streamIndex(l.stream)
	o := w.joiner.lines[i]
	switch {
	case o == nil && !partial:
		return false
	case o == nil:
		o = &openLine{first: l, leftOut: !w.m.wants(&l)}
		o.first.stamp = bytes.Clone(l.stamp)
		w.joiner.set(i, o)
	case !o.leftOut && o.text.Full():
		// What is longer goes on in a line of its own, also on the page.
		w.lookAt(o, p)
		o.first.seq = l.seq
		o.text.NewLine()
	}
	if !o.leftOut {
		o.text.Write(message)
	}
	if !partial {
		w.endLine(i, p)
	}
	return true
}

// endLine looks at a line that is complete, or that nothing more is known of.
func (w *worker) endLine(stream int, p *piece) {
	o := w.joiner.lines[stream]
	w.joiner.set(stream, nil)
	if !o.leftOut {
		o.text.End()
		w.lookAt(o, p)
	}
}

func (w *worker) lookAt(o *openLine, p *piece) {
	w.shown = o.text.Append(w.shown[:0])
	w.line(&o.first, w.shown, p)
}

// cut ends all lines at a gap: what they went on with is lost.
func (w *worker) cut(p *piece) {
	w.endLines(p)
	w.joiner.known = [streamCount]bool{true, true, true}
}

func (w *worker) endLines(p *piece) {
	for stream, o := range w.joiner.lines {
		if o != nil {
			w.endLine(stream, p)
		}
	}
}

// readOn reads the rest of lines that the block ends in the middle of.
func (w *worker) readOn(p *piece) {
	// Lines that began before the block are none of this piece's.
	for stream, o := range w.joiner.lines {
		if o != nil && o.leftOut {
			w.joiner.set(stream, nil)
		}
	}
	if w.joiner.open == 0 || p.rest != nil && !w.q.Backwards {
		return
	}
	head, err := p.source.reader.Head()
	if err != nil {
		p.err = err
		return
	}
	blocks, err := blocksOf(p.source.reader, p.block.To, head)
	if err != nil {
		p.err = err
		return
	}
	for _, b := range blocks {
		var wanted journal.Mask
		for stream, o := range w.joiner.lines {
			if o != nil {
				wanted |= streamMasks[stream]
			}
		}
		if wanted == 0 {
			return
		}
		if b.Mask&wanted == 0 {
			continue
		}
		_, err := w.read(p, b.From, b.To, func(text []byte, lost bool) bool {
			if lost {
				w.endLines(p)
			}
			w.goOn(text, p)
			return w.joiner.open > 0
		})
		if err != nil {
			p.err = err
			return
		}
	}
	w.endLines(p)
}

var streamMasks = [streamCount]journal.Mask{journal.MaskStdout, journal.MaskStderr, journal.MaskAgent}

// goOn adds the events that belong to open lines.
func (w *worker) goOn(text []byte, p *piece) {
	for len(text) > 0 && w.joiner.open > 0 {
		end := lineEnd(text, 0)
		event := text[:end]
		text = text[min(end+1, len(text)):]
		l, at, ok := w.parser.quick(event)
		if ok && w.joiner.lines[streamIndex(l.stream)] == nil {
			continue
		}
		var message, raw []byte
		partial := false
		if ok {
			var quote int
			if message, quote, _, ok = w.parser.message(event[at:]); ok {
				partial, raw = w.parser.tail(event[at+quote+1:])
			}
		}
		if !ok {
			if l, message, partial, raw, ok = w.parser.slow(event); !ok || w.joiner.lines[streamIndex(l.stream)] == nil {
				continue
			}
		}
		if raw == nil {
			raw = message
		}
		if decoded, ok := terminal.Decode(raw); ok {
			message = decoded
		}
		w.join(l, message, partial, p)
	}
}
