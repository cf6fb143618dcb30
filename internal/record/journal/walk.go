package journal

import (
	"bytes"
	"errors"
	"io"
)

// source is the journal's bytes at their logical offsets, however they are stored.
type source interface {
	io.ReaderAt
	Size() (int64, error)
}

// Between damage and the next good event may lie more events than bytes are left of them; how many
// more are believed when the event after it is good too.
const maxUnaccounted = 1 << 16

// minEvent is the fewest bytes an event can have.
const minEvent = 64

// walkBuffer is how much a walker reads at once.
const walkBuffer = 256 << 10

// pieceKind says what a walker found.
type pieceKind uint8

const (
	pieceNone   pieceKind = iota // nothing more before the limit
	pieceEvents                  // whole events
	pieceHole                    // events that are lost, or bytes that belong to none
)

// piece is what lies next in a journal.
type piece struct {
	kind   pieceKind
	from   Position // before it; the walker's position is after it
	events []byte   // pieceEvents: their bytes, valid until the walker goes on
	last   int      // pieceEvents: where the last one begins in events
	mask   Mask     // pieceEvents
	split  bool     // pieceHole: it goes on past the last event asked for

	partial bool // pieceNone: what is left may be the beginning of the next event
}

// walker goes through a journal line by line, in one direction, over damage too. It is how bytes
// are read that no checksum guards.
type walker struct {
	src    source
	format *format
	check  check
	pos    Position // after the last piece
	limit  int64    // bytes from here on do not exist

	buf    []byte // holds the bytes at [off, off+n)
	off    int64
	n      int
	resync resync
}

// resync is where a search for the next good event, begun anywhere in [from, at], ended.
type resync struct {
	from, at int64
	seq      uint64
	found    bool
}

// next gives what lies after the position, up to and with event maxSeq.
func (w *walker) next(maxSeq uint64) (piece, error) {
	for w.pos.Seq < maxSeq && w.pos.Offset < w.limit {
		window, err := w.window()
		if err != nil {
			return piece{}, err
		}
		if len(window) == 0 {
			break
		}
		r := w.format.sureRun(window, w.pos.Seq+1, maxSeq-w.pos.Seq, w.check)
		if r.events > 0 {
			from := w.pos
			w.pos = Position{from.Seq + r.events, from.Offset + int64(r.bytes)}
			return piece{kind: pieceEvents, from: from, events: window[:r.bytes], last: r.last, mask: r.mask}, nil
		}
		if r.stop == stopPartial {
			if w.pos.Offset+int64(len(window)) < w.limit {
				if err := w.more(); err != nil {
					return piece{}, err
				}
				continue
			}
			return piece{from: w.pos, partial: true}, nil
		}
		return w.hole(maxSeq)
	}
	return piece{from: w.pos}, nil
}

// hole passes over damage to the next good event.
func (w *walker) hole(maxSeq uint64) (piece, error) {
	from := w.pos
	r := w.resync
	if !r.found || from.Offset < r.from || from.Offset > r.at || r.seq <= from.Seq {
		var err error
		if r, err = w.search(); err != nil {
			return piece{}, err
		}
		w.resync = r
	}
	if !r.found {
		return piece{from: from}, nil
	}
	if r.seq-1 > maxSeq {
		// The good event is of a later block: that block begins with the damage.
		w.pos.Seq = maxSeq
		return piece{kind: pieceHole, from: from, split: true}, nil
	}
	w.pos = Position{r.seq - 1, r.at}
	return piece{kind: pieceHole, from: from}, nil
}

// search looks, line by line from the position on, for an event that can follow.
func (w *walker) search() (resync, error) {
	s := *w // shares the buffer, so it has to be handed back
	defer func() { w.buf, w.off, w.n, w.limit = s.buf, s.off, s.n, s.limit }()
	for {
		at := s.pos.Offset
		line, err := s.line()
		if err != nil {
			return resync{}, err
		}
		if line == nil {
			return resync{from: w.pos.Offset}, nil
		}
		seq, ok := s.format.seqOf(line)
		if !ok || seq <= w.pos.Seq || !plausible(line, strict) {
			continue
		}
		lost := seq - w.pos.Seq - 1
		if lost == 0 {
			return resync{w.pos.Offset, at, seq, true}, nil
		}
		accounted := uint64(at-w.pos.Offset) / minEvent
		followed, last, err := s.followed(seq)
		if err != nil {
			return resync{}, err
		}
		// A seq may itself be damaged, so one that jumps needs the one after it as a witness.
		if (followed && lost <= accounted+maxUnaccounted) || (last && lost <= accounted) {
			return resync{w.pos.Offset, at, seq, true}, nil
		}
	}
}

// followed tells whether the next line is the event after seq, or that there is no further line.
func (w *walker) followed(seq uint64) (followed, last bool, err error) {
	at := w.pos
	defer func() { w.pos = at }()
	line, err := w.line()
	if err != nil || line == nil {
		return false, err == nil, err
	}
	got, ok := w.format.seqOf(line)
	return ok && got == seq+1, false, nil
}

// shifted tells whether two events lie at the position that are good but for having other numbers:
// then it is the position that is wrong, for damage to one number leaves the other right.
func (w *walker) shifted() (bool, error) {
	at := w.pos
	defer func() { w.pos = at }()
	line, err := w.line()
	if err != nil {
		return false, err
	}
	seq, ok := w.format.seqOf(line)
	if !ok || seq > at.Seq {
		return false, nil
	}
	followed, _, err := w.followed(seq)
	return followed, err
}

// line gives the next line with its newline and moves behind it; nil when the limit comes first.
// Bytes that can't become an event aren't kept to find the end of their line: that line is empty.
func (w *walker) line() ([]byte, error) {
	searched, skipping := 0, false
	for {
		window, err := w.window()
		if err != nil {
			return nil, err
		}
		if len(window) == 0 {
			return nil, nil
		}
		if nl := bytes.IndexByte(window[searched:], '\n'); nl >= 0 {
			n := searched + nl + 1
			w.pos.Offset += int64(n)
			if skipping {
				n = 0
			}
			return window[:n], nil
		}
		if skipping || w.format.unfinished(window) == stopInvalid {
			skipping = true
			w.pos.Offset += int64(len(window))
			continue
		}
		if w.pos.Offset+int64(len(window)) >= w.limit {
			return nil, nil
		}
		searched = len(window)
		if err := w.more(); err != nil {
			return nil, err
		}
	}
}

// window gives the bytes from the position on that are in memory, some at least if there are any.
func (w *walker) window() ([]byte, error) {
	if w.pos.Offset >= w.limit {
		return nil, nil
	}
	if w.pos.Offset < w.off || w.pos.Offset >= w.off+int64(w.n) {
		w.off, w.n = w.pos.Offset, 0
		if err := w.fill(); err != nil {
			return nil, err
		}
	}
	return w.buf[w.pos.Offset-w.off : w.n], nil
}

// more brings further bytes to memory behind those from the position on.
func (w *walker) more() error {
	kept := copy(w.buf, w.buf[w.pos.Offset-w.off:w.n])
	w.off, w.n = w.pos.Offset, kept
	return w.fill()
}

func (w *walker) fill() error {
	if len(w.buf) == 0 {
		w.buf = make([]byte, walkBuffer)
	}
	if w.n == len(w.buf) {
		w.buf = append(w.buf, make([]byte, len(w.buf))...)
	}
	room := w.buf[w.n:]
	if left := w.limit - w.off - int64(w.n); int64(len(room)) > left {
		room = room[:left]
	}
	n, err := w.src.ReadAt(room, w.off+int64(w.n))
	w.n += n
	if n > 0 {
		return nil
	}
	if errors.Is(err, io.EOF) {
		w.limit = w.off + int64(w.n) // it has been cut meanwhile
		return nil
	}
	return err
}
