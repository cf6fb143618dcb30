package journal

import (
	"bytes"
	"errors"
	"strconv"
)

// useSealed makes a view one of a sealed journal.
func (v *view) useSealed(s *sealed) {
	v.src, v.data, v.sealed = s, s, s
	for i, b := range s.trailer.blocks {
		e := entry{end: b.end, mask: b.mask, count: b.count}
		if e.full() {
			v.blocks = append(v.blocks, block{entry: e, state: sound})
		} else {
			v.tail = tail{entry: e, number: uint64(i), state: sound}
		}
	}
	v.indexed = len(v.blocks)
}

// readWhole reads bytes that were found sound before. Those of a frame that can't be decoded any more
// are not taken for events: the blocks are checked again by whoever comes next.
func (v *view) readWhole(at, last Position, buf []byte) error {
	if v.sealed == nil {
		_, err := v.src.ReadAt(buf, at.Offset)
		return err
	}
	_, err := v.sealed.readWhole(v.sealed.decode, buf, at.Offset)
	if errors.Is(err, errFrame) {
		v.mu.Lock()
		defer v.mu.Unlock()
		for i := at.Seq / BlockEvents; i <= last.Seq/BlockEvents && i < uint64(len(v.blocks)); i++ {
			v.blocks[i].state = unchecked
		}
	}
	return err
}

// trimmed tells whether the event after seq is in a block of which log events were taken out.
func (v *view) trimmed(seq uint64) bool {
	return v.sealed != nil && seq < v.sealed.trailer.end().Seq
}

// remains goes through what is left of the trimmed blocks. In them it is the seq alone that says where
// one is; the offset that belongs to it is what it was in the whole journal.
type remains struct {
	v      *view
	t      *trailer
	walk   walker
	number int    // of the block it is in
	seq    uint64 // of the last event it has passed
	passed int64  // bytes that this block had up to there
}

// remain is what comes next: an event, or a run of them that is gone.
type remain struct {
	from, to uint64
	bytes    int64  // it had in the journal
	event    []byte // whole, valid until the next call
	reason   string // of the run, when there is no event
}

// keptSource gives a walker what is left.
type keptSource struct{ *sealed }

func (s keptSource) ReadAt(p []byte, off int64) (int, error) { return s.readKept(p, off) }
func (s keptSource) Size() (int64, error)                    { return s.trailer.kept, nil }

// mark is a place in what is left of a block.
type mark struct {
	number         int
	seq            uint64
	offset, passed int64
}

// marks is how many blocks a view remembers a mark in: whoever reads on in small steps need not go
// through the block from its beginning each time.
const marks = 16

// remainsAt begins with the block that the event after seq is in, or at a mark there.
func (v *view) remainsAt(seq uint64, scratch []byte) *remains {
	r := &remains{v: v, t: &v.sealed.trailer, walk: walker{src: keptSource{v.sealed}, format: v.format, buf: scratch}}
	r.enter(int(seq / BlockEvents))
	v.mu.Lock()
	defer v.mu.Unlock()
	if m := v.marks[r.number%marks]; m.number == r.number && m.seq > r.seq && m.seq <= seq {
		r.seq, r.passed, r.walk.pos.Offset = m.seq, m.passed, m.offset
	}
	return r
}

func (r *remains) mark() mark { return mark{r.number, r.seq, r.walk.pos.Offset, r.passed} }

func (v *view) remember(m mark) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.marks[m.number%marks] = m
}

func (r *remains) enter(number int) {
	r.number, r.seq, r.passed = number, uint64(number)*BlockEvents, 0
	if number > 0 {
		r.walk.pos.Offset = r.t.blocks[number-1].kept
	} else {
		r.walk.pos.Offset = 0
	}
	if number < len(r.t.blocks) {
		r.walk.limit = r.t.blocks[number].kept
	}
}

// blockStart is where a block began in the journal.
func (r *remains) blockStart() int64 {
	if r.number == 0 {
		return 0
	}
	return r.t.blocks[r.number-1].end
}

// at is the position after what was passed.
func (r *remains) at() Position {
	if last := uint64(r.number)*BlockEvents + uint64(r.block().count); r.seq == last {
		return Position{last, r.block().end}
	}
	return Position{r.seq, r.blockStart() + r.passed}
}

// next gives what follows; false at the end of the trimmed blocks.
func (r *remains) next() (remain, bool, error) {
	for {
		last := r.number*BlockEvents + int(r.block().count)
		if r.seq == uint64(last) {
			if r.number+1 == len(r.t.blocks) {
				return remain{}, false, nil
			}
			r.enter(r.number + 1)
			continue
		}
		before := r.walk.pos
		line, err := r.walk.line()
		if err != nil {
			return remain{}, false, r.v.readError(Position{Seq: r.seq}, err)
		}
		if line == nil { // the rest of the block is not there
			return r.pass(remain{from: r.seq + 1, to: uint64(last), reason: GapDamaged}), true, nil
		}
		found, ok := r.parse(line)
		if !ok || found.from <= r.seq || found.to > uint64(last) {
			continue
		}
		if found.from > r.seq+1 {
			r.walk.pos = before
			return r.pass(remain{from: r.seq + 1, to: found.from - 1, reason: GapDamaged}), true, nil
		}
		return r.pass(found), true, nil
	}
}

func (r *remains) block() *trimmedBlock { return &r.t.blocks[r.number] }

func (r *remains) pass(found remain) remain {
	r.seq = found.to
	r.passed += found.bytes
	return found
}

// parse takes a line apart that is an event or stands for a run that is gone.
func (r *remains) parse(line []byte) (remain, bool) {
	if gap, ok := parseGapLine(line, r.v.id); ok {
		return gap, true
	}
	seq, ok := r.v.format.seqOf(line)
	return remain{from: seq, to: seq, bytes: int64(len(line)), event: line}, ok && plausible(line, quick)
}

// gapOn gives the run that begins with found after all that follows of it, but not past end.
func (r *remains) gapOn(found remain, end Position) (Gap, Position, error) {
	gap, at, m := Gap{found.from, found.to, found.reason}, r.at(), r.mark()
	defer func() { r.v.remember(m) }()
	for gap.To < end.Seq {
		more, ok, err := r.next()
		if err != nil {
			return gap, at, err
		}
		if !ok || more.event != nil || more.reason != gap.Reason {
			break
		}
		gap.To, at, m = more.to, r.at(), r.mark()
	}
	if gap.To > end.Seq {
		gap.To, at = end.Seq, end
	}
	return gap, at, nil
}

// readTrimmed is read in the trimmed blocks.
func (v *view) readTrimmed(at, end Position, buf, scratch []byte) (int, Position, *Gap, error) {
	r := v.remainsAt(at.Seq, scratch)
	n, begun, m := 0, at, r.mark()
	for at.Seq < end.Seq {
		found, ok, err := r.next()
		if err != nil {
			return 0, begun, nil, err
		}
		if !ok {
			break
		}
		if found.to <= at.Seq {
			continue
		}
		if found.event == nil {
			if n > 0 {
				break // told by the next call
			}
			found.from = at.Seq + 1
			gap, next, err := r.gapOn(found, end)
			if err != nil {
				return 0, begun, nil, err
			}
			return 0, next, &gap, nil
		}
		if len(found.event) > len(buf)-n {
			if n == 0 {
				return 0, begun, nil, &ErrShortBuffer{Need: len(found.event)}
			}
			break
		}
		n += copy(buf[n:], found.event)
		at, m = r.at(), r.mark()
	}
	v.remember(m)
	return n, at, nil, nil
}

// locateTrimmed is Locate in the trimmed blocks.
func (v *view) locateTrimmed(seq uint64, scratch []byte) (Position, *Gap, error) {
	r := v.remainsAt(seq, scratch)
	for r.seq < seq {
		found, ok, err := r.next()
		if err != nil || !ok {
			return Position{}, nil, err
		}
		if found.to > seq {
			gap, next, err := r.gapOn(remain{from: seq + 1, to: found.to, reason: found.reason}, r.t.end())
			return next, &gap, err
		}
	}
	return r.at(), nil, nil
}

// A run of events that is gone is kept as the line that readers are told of it with, and with how many
// bytes it had.
const (
	gapBegins = `{"type":"logs:gap","executionId":"`
	gapFrom   = `","from":`
	gapTo     = `,"to":`
	gapReason = `,"reason":"`
	gapBytes  = `","bytes":`
	gapEnds   = "}\n"
)

func appendGapLine(b []byte, id string, gap remain) []byte {
	b = append(append(append(b, gapBegins...), id...), gapFrom...)
	b = append(strconv.AppendUint(b, gap.from, 10), gapTo...)
	b = append(strconv.AppendUint(b, gap.to, 10), gapReason...)
	b = append(append(b, gap.reason...), gapBytes...)
	return append(strconv.AppendInt(b, gap.bytes, 10), gapEnds...)
}

func parseGapLine(line []byte, id string) (remain, bool) {
	rest, ok := bytes.CutPrefix(line, []byte(gapBegins+id+gapFrom))
	if !ok {
		return remain{}, false
	}
	var fields [3][]byte
	for i, end := range []string{gapTo, gapReason, gapBytes} {
		if fields[i], rest, ok = bytes.Cut(rest, []byte(end)); !ok {
			return remain{}, false
		}
	}
	length, rest, ok := bytes.Cut(rest, []byte(gapEnds))
	if !ok || len(rest) > 0 {
		return remain{}, false
	}
	gap := remain{reason: GapDamaged}
	if string(fields[2]) == GapRetention {
		gap.reason = GapRetention
	} else if string(fields[2]) != GapDamaged {
		return remain{}, false
	}
	var errs [3]error
	gap.from, errs[0] = strconv.ParseUint(string(fields[0]), 10, 64)
	gap.to, errs[1] = strconv.ParseUint(string(fields[1]), 10, 64)
	gap.bytes, errs[2] = strconv.ParseInt(string(length), 10, 64)
	return gap, errs == [3]error{} && gap.from > 0 && gap.from <= gap.to && gap.bytes >= 0
}
