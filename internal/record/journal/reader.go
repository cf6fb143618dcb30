package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"
)

// reader is one user of a view.
type reader struct {
	files  *Files
	view   *view
	closed atomic.Bool
	// using is held for reading by every call, so that Close waits for them.
	using sync.RWMutex
}

func (r *reader) Close() error {
	if r.closed.Swap(true) {
		return nil
	}
	r.using.Lock() // calls begun before have ended
	defer r.using.Unlock()
	return r.files.release(r.view)
}

// use keeps the view open until using is unlocked, whether or not it gives an error.
func (r *reader) use() error {
	r.using.RLock()
	if r.closed.Load() {
		return fmt.Errorf("read the journal of execution %s: reader: %w", r.view.id, fs.ErrClosed)
	}
	return nil
}

func (r *reader) Head() (Position, error) {
	defer r.using.RUnlock()
	if err := r.use(); err != nil {
		return Position{}, err
	}
	return r.view.Head()
}

func (r *reader) Read(at, end Position, buf []byte) (int, Position, *Gap, error) {
	defer r.using.RUnlock()
	if err := r.use(); err != nil {
		return 0, at, nil, err
	}
	v := r.view
	if end == (Position{}) {
		var err error
		if end, err = v.Head(); err != nil {
			return 0, at, nil, err
		}
		if at.Seq > end.Seq {
			return 0, at, nil, fmt.Errorf("read execution %s after event %d of %d: %w", v.id, at.Seq, end.Seq, ErrFuture)
		}
	}
	if at.Seq >= end.Seq {
		return 0, at, nil, nil
	}
	if err := v.refresh(end.Seq / BlockEvents); err != nil {
		return 0, at, nil, err
	}
	scratch := r.files.scratch()
	defer r.files.giveBack(scratch)
	n, at, gap, err := v.read(at, end, buf, *scratch)
	// It stops where another way of reading begins. What hinders it after that is met again by the
	// next call.
	for n > 0 && at.Seq < end.Seq && at.Seq%BlockEvents == 0 {
		more, next, gap, err := v.read(at, end, buf[n:], *scratch)
		if more == 0 || gap != nil || err != nil {
			break
		}
		n, at = n+more, next
	}
	return n, at, gap, err
}

// read reads on from at in one way.
func (v *view) read(at, end Position, buf, scratch []byte) (int, Position, *Gap, error) {
	if v.trimmed(at.Seq) {
		return v.readTrimmed(at, end, buf, scratch)
	}
	if n, next, gap, done, err := v.readFresh(at, end, buf); done {
		return n, next, gap, err
	}
	number := at.Seq / BlockEvents
	b, full, err := v.verify(number, scratch)
	if err != nil {
		return 0, at, nil, err
	}
	if !full {
		return v.readTail(at, end, buf, scratch)
	}
	return v.readBlocks(number, b, at, end, buf, scratch)
}

// readBlocks reads from the full block b on.
func (v *view) readBlocks(number uint64, b block, at, end Position, buf, scratch []byte) (int, Position, *Gap, error) {
	last := Position{(number + 1) * BlockEvents, b.end}
	if last.Seq > end.Seq {
		last = end
	}
	switch {
	case b.state == damaged:
		return 0, last, &Gap{at.Seq + 1, last.Seq, GapDamaged}, nil
	case b.lost > 0 && at.Seq < number*BlockEvents+uint64(b.lost):
		return v.passLost(number, b.lost, at, last, scratch)
	case b.built || b.irregular:
		return v.readLines(at, last, buf, scratch)
	}
	// This block is sound; take as many more sound ones as there is room for.
	for last.Seq < end.Seq && last.Offset-at.Offset < int64(len(buf)) {
		number++
		b, full, err := v.verify(number, scratch)
		if err != nil {
			return 0, at, nil, err
		}
		if !full || b.state != sound || b.irregular {
			break
		}
		last = Position{(number + 1) * BlockEvents, b.end}
		if last.Seq > end.Seq {
			last = end
		}
	}
	return v.readSound(at, last, buf, scratch)
}

// readSound copies bytes whose checksum was right: they are events and nothing else.
func (v *view) readSound(at, last Position, buf, scratch []byte) (int, Position, *Gap, error) {
	whole := last.Offset-at.Offset <= int64(len(buf))
	if last.Offset <= at.Offset {
		return 0, at, nil, v.misplaced(at)
	}
	if whole {
		buf = buf[:last.Offset-at.Offset]
	}
	if err := v.readWhole(at, last, buf); err != nil {
		return 0, at, nil, v.readError(at, err)
	}
	n := bytes.LastIndexByte(buf, '\n') + 1
	if n == 0 && !whole {
		return 0, at, nil, v.shortBuffer(at, last, scratch)
	}
	if seq, ok := v.format.seqOf(buf[:bytes.IndexByte(buf, '\n')+1]); !ok || seq != at.Seq+1 {
		return 0, at, nil, v.misplaced(at)
	}
	next := Position{at.Seq + uint64(bytes.Count(buf[:n], newline)), at.Offset + int64(n)}
	if whole && next != last {
		return 0, at, nil, v.misplaced(last)
	}
	return n, next, nil, nil
}

// readTail reads what no full block covers yet.
func (v *view) readTail(at, end Position, buf, scratch []byte) (int, Position, *Gap, error) {
	t, ok, err := v.verifyTail(at.Seq/BlockEvents, scratch)
	if err != nil {
		return 0, at, nil, err
	}
	if ok && at.Seq < t.at().Seq {
		last := t.at()
		if last.Seq > end.Seq {
			last = end
		}
		if t.state == damaged {
			return 0, last, &Gap{at.Seq + 1, last.Seq, GapDamaged}, nil
		}
		if t.lost > 0 && at.Seq < t.number*BlockEvents+uint64(t.lost) {
			return v.passLost(t.number, t.lost, at, last, scratch)
		}
	}
	return v.readLines(at, end, buf, scratch)
}

// passLost gives the gap that a block's untrusted beginning leaves.
func (v *view) passLost(number uint64, lost uint16, at, last Position, scratch []byte) (int, Position, *Gap, error) {
	start, ok := v.start(number)
	if !ok {
		return 0, at, nil, v.misplaced(at)
	}
	to := min(start.Seq+uint64(lost), last.Seq)
	pos, err := v.walkTo(start, last, to, scratch)
	if err != nil {
		return 0, at, nil, err
	}
	return 0, pos, &Gap{at.Seq + 1, pos.Seq, GapDamaged}, nil
}

// readLines copies events that have to be looked at one by one.
func (v *view) readLines(at, last Position, buf, scratch []byte) (int, Position, *Gap, error) {
	if last.Offset < at.Offset {
		return 0, at, nil, v.misplaced(at)
	}
	asked := at
	for at.Seq < last.Seq {
		whole := last.Offset-at.Offset <= int64(len(buf))
		window := buf
		if whole {
			window = buf[:last.Offset-at.Offset]
		}
		if n, err := v.src.ReadAt(window, at.Offset); err != nil && !errors.Is(err, io.EOF) {
			return 0, at, nil, v.readError(at, err)
		} else if n < len(window) {
			window, whole = window[:n], true
		}
		run := v.format.sureRun(window, at.Seq+1, last.Seq-at.Seq, quick)
		if run.events > 0 {
			return run.bytes, Position{at.Seq + run.events, at.Offset + int64(run.bytes)}, nil, nil
		}
		if run.stop != stopInvalid && !whole {
			err := v.shortBuffer(at, last, scratch)
			var short *ErrShortBuffer
			if errors.As(err, &short) {
				return 0, at, nil, err
			}
		}
		// Damage, or bytes that are no events, which are passed over in silence.
		w := walker{src: v.src, format: v.format, pos: at, limit: last.Offset, buf: scratch}
		if shifted, err := w.shifted(); err != nil {
			return 0, at, nil, v.readError(at, err)
		} else if shifted {
			return 0, asked, nil, v.misplaced(at)
		}
		p, err := w.next(last.Seq)
		if err != nil {
			return 0, at, nil, v.readError(at, err)
		}
		switch {
		case p.kind == pieceNone || p.split:
			return 0, last, &Gap{at.Seq + 1, last.Seq, GapDamaged}, nil
		case w.pos.Seq > at.Seq && p.kind == pieceHole:
			return 0, w.pos, &Gap{at.Seq + 1, w.pos.Seq, GapDamaged}, nil
		case p.kind == pieceHole && w.pos.Offset > at.Offset:
			at = w.pos
		default:
			return 0, asked, nil, v.misplaced(at)
		}
	}
	return 0, at, nil, nil
}

func (r *reader) Locate(seq uint64) (Position, *Gap, error) {
	defer r.using.RUnlock()
	if err := r.use(); err != nil {
		return Position{}, nil, err
	}
	v := r.view
	if seq == 0 {
		return Position{}, nil, nil
	}
	head, err := v.Head()
	if err != nil {
		return Position{}, nil, err
	}
	if seq >= head.Seq {
		if seq == head.Seq {
			return head, nil, nil
		}
		return Position{}, nil, fmt.Errorf("find event %d of execution %s, which has %d: %w", seq, v.id, head.Seq, ErrFuture)
	}
	scratch := r.files.scratch()
	defer r.files.giveBack(scratch)
	if v.trimmed(seq) {
		return v.locateTrimmed(seq, *scratch)
	}
	number := seq / BlockEvents
	start, ok := v.start(number)
	if !ok { // it has been cut back since
		return Position{}, nil, fmt.Errorf("find event %d of execution %s: %w", seq, v.id, ErrFuture)
	}
	if start.Seq == seq {
		return start, nil, nil
	}
	last := head
	b, full, err := v.verify(number, *scratch)
	if err != nil {
		return Position{}, nil, err
	}
	lost := b.lost
	if full {
		last = Position{(number + 1) * BlockEvents, b.end}
		if b.state == damaged {
			return last, &Gap{seq + 1, last.Seq, GapDamaged}, nil
		}
	} else if t, ok, err := v.verifyTail(number, *scratch); err != nil {
		return Position{}, nil, err
	} else if ok {
		lost = t.lost
		if t.state == damaged {
			if seq < t.at().Seq {
				return t.at(), &Gap{seq + 1, t.at().Seq, GapDamaged}, nil
			}
			start, lost = t.at(), 0
		}
	}
	to := seq
	if trusted := number*BlockEvents + uint64(lost); to < trusted {
		to = trusted
	}
	pos, err := v.walkTo(start, last, to, *scratch)
	if err != nil {
		return Position{}, nil, err
	}
	if pos.Seq > seq {
		return pos, &Gap{seq + 1, pos.Seq, GapDamaged}, nil
	}
	return pos, nil, nil
}

// walkTo goes from a whole position to the one after seq events, or the next after that when
// events are lost there.
func (v *view) walkTo(from, last Position, seq uint64, scratch []byte) (Position, error) {
	w := walker{src: v.src, format: v.format, pos: from, limit: last.Offset, buf: scratch}
	for w.pos.Seq < seq {
		p, err := w.next(seq)
		if err == nil && p.split {
			p, err = w.next(last.Seq) // seq is inside the hole: on to its end
		}
		if err != nil {
			return Position{}, v.readError(w.pos, err)
		}
		if p.kind == pieceNone {
			return last, nil
		}
	}
	return w.pos, nil
}

// shortBuffer measures the event at a position, for which a buffer was too small.
func (v *view) shortBuffer(at, last Position, scratch []byte) error {
	w := walker{src: v.src, format: v.format, pos: at, limit: last.Offset, buf: scratch}
	if _, err := w.line(); err != nil {
		return v.readError(at, err)
	}
	if w.pos.Offset == at.Offset {
		return v.misplaced(last)
	}
	return &ErrShortBuffer{Need: int(w.pos.Offset - at.Offset)}
}

// misplaced is the answer to a position that this journal never gave.
func (v *view) misplaced(at Position) error {
	return fmt.Errorf("read execution %s: no event begins at byte %d as number %d: a position must come from the same journal", v.id, at.Offset, at.Seq+1)
}

func (v *view) readError(at Position, err error) error {
	return fmt.Errorf("read execution %s after event %d: %w", v.id, at.Seq, err)
}

var newline = []byte{'\n'}
