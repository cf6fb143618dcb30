package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
)

// recover finds the end of a journal that may have been left in any state, cuts what is no event
// off it, and completes the index. Blocks whose entry is good are not read again, but for the last.
//
// Damage in the middle stays where it is: readers tell of it. Only what no good event follows goes.
func (w *writer) recover() (Recovery, error) {
	size, err := w.data.Size()
	if err != nil {
		return Recovery{}, err
	}
	scratch := make([]byte, walkBuffer)
	known, err := w.knownBlocks(size, scratch)
	if err != nil {
		return Recovery{}, err
	}
	end, err := w.findEnd(known, size, scratch)
	if err != nil {
		return Recovery{}, err
	}
	var r Recovery
	if cut := size - end.pos.Offset; cut > 0 {
		reason, err := w.describe(end.pos.Offset, size)
		if err != nil {
			return Recovery{}, err
		}
		r = Recovery{CutBytes: cut, CutFrom: end.pos.Seq + 1, Reason: reason}
	}
	w.head, w.lastMs = end.pos, end.lastMs
	w.block, w.number = end.block, uint64(len(end.blocks))
	if w.head.Seq == 0 && size > 0 {
		if err := w.refuseForeign(); err != nil {
			return Recovery{}, err
		}
	}
	if end.settled && r.CutBytes == 0 && known.complete(end) {
		// As a Sync left it, which made the names durable too.
		w.firstSlot, w.publish, w.unsynced = w.number, nil, false
		return r, nil
	}
	return r, w.mend(known, end, r.CutBytes > 0)
}

// mend brings journal and index to the state found. The index is cut first, for an entry must never
// stand for bytes that will be others, and written last, for it must never vouch for bytes that
// power loss could still take.
func (w *writer) mend(k known, e ending, cut bool) error {
	keep := uint64(min(len(k.blocks), len(e.blocks))) // so many entries stay
	if !k.header {
		if _, err := w.index.WriteAt(encodeHeader(w.key), 0); err != nil {
			return fmt.Errorf("begin the index anew: %w", err)
		}
	}
	if err := w.index.Truncate(slotOffset(keep)); err != nil {
		return fmt.Errorf("cut the index: %w", err)
	}
	if err := w.index.Sync(); err != nil {
		return fmt.Errorf("cut the index: %w", err)
	}
	if cut {
		if err := w.data.Truncate(w.head.Offset); err != nil {
			return fmt.Errorf("cut what is no event off the end: %w", err)
		}
	}
	if err := w.data.Sync(); err != nil {
		return fmt.Errorf("make what was found durable: %w", err)
	}
	for _, i := range k.mended {
		if i < int(keep) {
			b := appendEntry(nil, &e.blocks[i], w.key, uint64(i))
			if _, err := w.index.WriteAt(b, slotOffset(uint64(i))); err != nil {
				return fmt.Errorf("mend the index: %w", err)
			}
		}
	}
	var b []byte
	for i := keep; i < w.number; i++ {
		b = appendEntry(b, &e.blocks[i], w.key, i)
	}
	if w.block.count > 0 {
		tail := w.block.entry(w.head.Offset, w.lastMs)
		b = appendEntry(b, &tail, w.key, w.number)
	}
	if _, err := w.index.WriteAt(b, slotOffset(keep)); err != nil {
		return fmt.Errorf("complete the index: %w", err)
	}
	w.firstSlot = w.number
	return nil
}

// refuseForeign keeps a journal that was put under another id from being cut away as damage.
func (w *writer) refuseForeign() error {
	walk := walker{src: w.data, format: w.format, limit: math.MaxInt64}
	line, err := walk.line()
	if err != nil {
		return err
	}
	if h, ok := decodeHead(line); ok && h.id != w.id {
		return fmt.Errorf("the file holds events of execution %s: %w", shown(h.id), ErrNotFound)
	}
	return nil
}

// known is what an index file vouches for.
type known struct {
	header bool
	blocks []entry // full ones
	mended []int   // those of blocks whose entries had to be made again
	tail   entry   // of the block that is not full; count 0 when there is none
	slots  int     // as many as the file holds, good or bad
}

// ending is how a journal ends.
type ending struct {
	pos    Position
	lastMs int64
	blocks []entry
	block  open // the last block, not full
	// settled: a checksum made by a Sync covers everything, so all of it is durable.
	settled bool
}

// complete reports whether the index file says just what was found.
func (k *known) complete(e ending) bool {
	slots := len(e.blocks)
	if k.tail.count > 0 {
		slots++
	}
	return k.header && len(k.mended) == 0 && k.slots == slots && len(k.blocks) == len(e.blocks)
}

func (k *known) start(number int) Position {
	if number == 0 {
		return Position{}
	}
	return Position{uint64(number) * BlockEvents, k.blocks[number-1].end}
}

// knownBlocks reads the index. Bad entries between good ones are made again from the events.
func (w *writer) knownBlocks(size int64, scratch []byte) (known, error) {
	var k known
	header := make([]byte, headerSize)
	if _, err := w.index.ReadAt(header, 0); err != nil && !errors.Is(err, io.EOF) {
		return k, err
	}
	k.header = validHeader(header, w.key)
	indexSize, err := w.index.Size()
	if err != nil {
		return k, err
	}
	slots, err := readSlots(w.index, w.key, 0, indexSize)
	if err != nil {
		return k, err
	}
	k.slots = len(slots)
	for i := range trimSlots(slots, 0, size) {
		s := &slots[i]
		switch {
		case s.ok && s.full():
			k.blocks = append(k.blocks, s.entry)
		case s.ok:
			k.tail = s.entry
			return k, nil
		default:
			e, ok, err := w.makeEntry(k.start(i), size, scratch)
			if err != nil || !ok {
				return k, err
			}
			k.mended = append(k.mended, i)
			k.blocks = append(k.blocks, e)
		}
	}
	return k, nil
}

// makeEntry makes the entry of the block that begins at start; false when it is not whole.
func (w *writer) makeEntry(start Position, limit int64, scratch []byte) (entry, bool, error) {
	e, err := w.walkBlock(start, start, open{}, limit, quick, scratch)
	return e.entry, e.end.Seq == start.Seq+BlockEvents, err
}

// walked is as much of a block as is there.
type walked struct {
	entry entry
	end   Position
}

// walkBlock goes through the block that begins at start, of which b up to from is known, and
// counts and sums up what is there.
func (w *writer) walkBlock(start, from Position, b open, limit int64, how check, scratch []byte) (walked, error) {
	walk := walker{src: w.data, format: w.format, check: how, pos: from, limit: limit, buf: scratch}
	last := start.Seq + BlockEvents
	var lastMs int64
	for {
		p, err := walk.next(last)
		if err != nil {
			return walked{}, err
		}
		if p.kind == pieceNone {
			break
		}
		if p.kind == pieceHole {
			b.irregular = true
			continue
		}
		b.mask |= p.mask
		if ms := unixMs(p.events[p.last:]); ms != 0 {
			lastMs = ms
		}
	}
	end := walk.pos
	sum, err := sumRange(w.data, from.Offset, end.Offset, b.sum, walk.buf)
	if err != nil {
		return walked{}, err
	}
	b.sum = sum
	b.count = uint16(end.Seq - start.Seq)
	return walked{b.entry(end.Offset, lastMs), end}, nil
}

// sumRange continues a checksum over the bytes [from, to).
func sumRange(src io.ReaderAt, from, to int64, sum uint32, scratch []byte) (uint32, error) {
	for from < to {
		chunk := scratch[:min(int64(len(scratch)), to-from)]
		n, err := src.ReadAt(chunk, from)
		sum = checksum(sum, chunk[:n])
		from += int64(n)
		if n < len(chunk) {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
	}
	return sum, nil
}

// findEnd finds the last good event and takes stock of all that the index doesn't cover.
func (w *writer) findEnd(k known, size int64, scratch []byte) (ending, error) {
	e := ending{blocks: k.blocks}
	start := k.start(len(k.blocks))
	if len(k.blocks) > 0 {
		e.lastMs = k.blocks[len(k.blocks)-1].lastMs
	}
	at := stretch{start: start, from: start}
	if t := k.tail; t.count > 0 {
		s, err := checkRange(w.data, start.Offset, t.end, t.data, scratch)
		if err != nil {
			return e, err
		}
		if s == sound {
			at.from = Position{start.Seq + uint64(t.count), t.end}
			at.block = t.open()
			e.lastMs = t.lastMs
			e.settled = t.end == size
		} else {
			at.doubted = t.count
		}
	}
	// Full blocks are walked quickly. The last two are walked again, strictly: what a crash has left
	// is at the end.
	how, before := quick, at
	for {
		block, err := w.walkBlock(at.start, at.from, at.block, size, how, scratch)
		if err != nil {
			return e, err
		}
		full := block.entry.count == BlockEvents
		if !full && how == quick {
			how = strict
			if before.start != at.start {
				e.blocks = e.blocks[:len(e.blocks)-1]
				at = before
			}
			continue
		}
		if block.end == at.start && len(e.blocks) == len(k.blocks) {
			// Nothing vouches for what follows the last full block, and nothing good does follow.
			// That block itself may be what power loss has taken.
			return w.findEndBack(k, scratch)
		}
		if at.doubted > 0 && block.end.Offset >= k.tail.end {
			// All of the events whose checksum was wrong seem to be there. Any of them may be
			// altered, so none can be trusted. Were some missing, the others would be what is left
			// of the last write.
			block.entry.lost, block.entry.irregular = min(at.doubted, block.entry.count), true
		}
		if block.entry.lastMs == 0 {
			block.entry.lastMs = e.lastMs
		}
		e.pos, e.lastMs = block.end, block.entry.lastMs
		if !full {
			e.block = block.entry.open()
			return e, nil
		}
		e.blocks = append(e.blocks, block.entry)
		before, at = at, stretch{start: block.end, from: block.end}
	}
}

// stretch is a block to be walked: from where, what of it is known, and how many of its events
// had a wrong checksum.
type stretch struct {
	start, from Position
	block       open
	doubted     uint16
}

// findEndBack goes back over full blocks at the end that hold nothing good.
func (w *writer) findEndBack(k known, scratch []byte) (ending, error) {
	for n := len(k.blocks); n > 0; n-- {
		start, last := k.start(n-1), k.blocks[n-1]
		s, err := checkRange(w.data, start.Offset, last.end, last.data, scratch)
		if err != nil {
			return ending{}, err
		}
		whole := ending{pos: k.start(n), lastMs: last.lastMs, blocks: k.blocks[:n]}
		if s == sound {
			return whole, nil
		}
		block, err := w.walkBlock(start, start, open{}, last.end, strict, scratch)
		if err != nil {
			return ending{}, err
		}
		if block.end.Offset == last.end {
			return whole, nil // damaged, but not at its end
		}
		if block.end.Seq > start.Seq {
			e := block.entry
			return ending{pos: block.end, lastMs: e.lastMs, blocks: k.blocks[:n-1], block: e.open()}, nil
		}
	}
	return ending{}, nil
}

// describe says what the bytes that are cut off were.
func (w *writer) describe(from, to int64) (string, error) {
	b := make([]byte, min(to-from, walkBuffer))
	if _, err := w.data.ReadAt(b, from); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	switch {
	case len(bytes.Trim(b, "\x00")) == 0:
		return "zeros that were never written", nil
	case bytes.IndexByte(b, '\n') < 0:
		return "an event that was not written to its end", nil
	default:
		return "bytes that are no events of this execution", nil
	}
}
