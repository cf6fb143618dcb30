package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
)

// view is what is known of one journal to those who read it: its blocks, which of them have been
// checked, and where it ends. All readers of one execution share one view.
type view struct {
	id     string
	key    uint32
	format *format
	src    source
	files  layer
	data   io.Closer // what is behind src
	sealed *sealed   // src, when it is that

	refs int // guarded by Files.mu

	// scanning is held while the head is looked for, so that readers don't all do the same work.
	scanning sync.Mutex
	index    file // nil while there is none; guarded by scanning

	mu        sync.Mutex
	blocks    []block // full ones, in order
	indexed   int     // so many of blocks came from the index file
	indexSize int64   // of the index file when it was last read; -1 before the first time
	looked    uint64  // full blocks there were when the index file was last looked at
	tail      tail
	size      int64 // the journal's size when head was found; -1 before the first time
	head      Position
	marks     [marks]mark // of the trimmed blocks
}

// block is a full block.
type block struct {
	entry
	state state
	built bool // from the events themselves: there is no checksum, it must be read line by line
}

// state is what is known of a block's checksum.
type state uint8

const (
	unchecked state = iota
	sound
	damaged
)

// tail is the index entry of the block that is not full yet, as of the last Sync.
type tail struct {
	entry
	number uint64 // of the block
	state  state
}

// at is the position after the tail's events.
func (t *tail) at() Position {
	return Position{t.number*BlockEvents + uint64(t.count), t.end}
}

// close gives the files up, when nobody uses the view any more.
func (v *view) close() error {
	err := v.data.Close()
	if v.index != nil {
		err = errors.Join(err, v.index.Close())
	}
	return err
}

// startLocked is where the numbered block begins. All blocks before it must be known.
func (v *view) startLocked(number uint64) Position {
	if number == 0 {
		return Position{}
	}
	return Position{number * BlockEvents, v.blocks[number-1].end}
}

// start is where the numbered block begins, false when that is not known.
func (v *view) start(number uint64) (Position, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if number > uint64(len(v.blocks)) {
		return Position{}, false
	}
	return v.startLocked(number), true
}

// endLocked is where the last full block ends.
func (v *view) endLocked() Position { return v.startLocked(uint64(len(v.blocks))) }

// Head looks at the journal's size, and at what has come since it last did.
func (v *view) Head() (Position, error) {
	v.scanning.Lock()
	defer v.scanning.Unlock()
	size, err := v.src.Size()
	if err != nil {
		return Position{}, fmt.Errorf("find the end of the journal of execution %s: %w", v.id, err)
	}
	if err := v.loadIndex(size); err != nil {
		return Position{}, err
	}
	v.mu.Lock()
	if size == v.size {
		defer v.mu.Unlock()
		return v.head, nil
	}
	if size < v.head.Offset {
		v.shrinkLocked(size)
	}
	v.mu.Unlock()
	if err := v.scan(size); err != nil {
		return Position{}, fmt.Errorf("scan the journal of execution %s: %w", v.id, err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.head, nil
}

// scan walks from the last place known to the end, and notes the full blocks it passes.
// v.scanning must be held.
func (v *view) scan(size int64) error {
	v.mu.Lock()
	head, sure := v.head, v.endLocked()
	known := len(v.blocks)
	if at := v.tail.at(); at.Seq > sure.Seq {
		sure = at
	}
	v.mu.Unlock()
	if head.Seq > sure.Seq {
		found, end, ok, err := v.walk(head, size)
		if err != nil {
			return err
		}
		if ok {
			v.found(known, found, end, size)
			return nil
		}
		// What follows is not what can follow where the journal ended once. Perhaps a writer has cut
		// back and gone on since: begin again from what the index vouches for.
		v.mu.Lock()
		known = v.indexed
		sure = v.startLocked(uint64(known))
		v.mu.Unlock()
	}
	found, end, _, err := v.walk(sure, size)
	if err != nil {
		return err
	}
	v.found(known, found, end, size)
	return nil
}

// found notes what a walk has found behind so many known blocks.
func (v *view) found(known int, found []block, head Position, size int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.blocks = append(v.blocks[:known], found...)
	if v.sealed != nil && head.Seq < v.sealed.trailer.events {
		head = Position{v.sealed.trailer.events, size} // its end is damaged, but not forgotten
	}
	v.head, v.size = head, size
}

// walk goes from a position to the end of the bytes, and gives the full blocks that end there. It
// is not ok when what comes first is neither the next event nor the beginning of it.
func (v *view) walk(from Position, size int64) (found []block, end Position, ok bool, err error) {
	w := walker{src: v.src, format: v.format, pos: from, limit: size}
	ok = true
	for last := (from.Seq/BlockEvents + 1) * BlockEvents; ; {
		p, err := w.next(last)
		if err != nil {
			return nil, Position{}, false, err
		}
		if p.from == from {
			ok = p.kind == pieceEvents || p.partial || from.Offset == size
		}
		if p.kind == pieceNone {
			return found, w.pos, ok, nil
		}
		if w.pos.Seq == last {
			found = append(found, builtBlock(w.pos.Offset))
			last += BlockEvents
		}
	}
}

func builtBlock(end int64) block {
	return block{built: true, entry: entry{end: end, count: BlockEvents, mask: MaskLogs | MaskOther}}
}

// shrinkLocked forgets what is no longer there: a writer has cut off what it could not write whole.
// Of what was there before, only what the index vouches for is sure to be there still.
func (v *view) shrinkLocked(size int64) {
	v.blocks = v.blocks[:v.indexed]
	for len(v.blocks) > 0 && v.blocks[len(v.blocks)-1].end > size {
		v.blocks = v.blocks[:len(v.blocks)-1]
	}
	v.indexed = len(v.blocks)
	v.tail = tail{}
	v.head = v.endLocked()
}

// refresh looks at the index file, if it hasn't since there were so many full blocks.
func (v *view) refresh(blocks uint64) error {
	v.mu.Lock()
	looked := v.indexSize >= 0 && blocks <= v.looked
	v.mu.Unlock()
	if looked {
		return nil
	}
	v.scanning.Lock()
	defer v.scanning.Unlock()
	size, err := v.src.Size()
	if err != nil {
		return fmt.Errorf("find the end of the journal of execution %s: %w", v.id, err)
	}
	if err := v.loadIndex(size); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.looked = max(v.looked, blocks)
	return nil
}

// loadIndex reads the entries that have come since the last time, if the file has grown. Entries
// it can't use are as good as absent: where later ones show that a block is there, its end is found
// by walking. v.scanning must be held.
func (v *view) loadIndex(size int64) error {
	if v.index == nil {
		index, err := v.files.Open(v.id + "/" + indexName)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // not yet, or no more
		}
		if err != nil {
			return fmt.Errorf("open the index of execution %s: %w", v.id, err)
		}
		v.index = index
	}
	indexSize, err := v.index.Size()
	if err != nil {
		return fmt.Errorf("read the index of execution %s: %w", v.id, err)
	}
	v.mu.Lock()
	same := indexSize == v.indexSize
	first := uint64(v.indexed)
	v.mu.Unlock()
	if same {
		return nil
	}
	slots, err := readSlots(v.index, v.key, first, indexSize)
	if err != nil {
		return fmt.Errorf("read the index of execution %s: %w", v.id, err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.indexSize = indexSize
	good := trimSlots(slots, v.startLocked(first).Offset, size)
	for i := range good {
		number := first + uint64(i)
		s := &slots[i]
		if s.ok && !s.full() {
			v.setTailLocked(s.entry, number)
			break
		}
		b := block{entry: s.entry}
		if !s.ok {
			start := v.startLocked(number)
			v.mu.Unlock()
			end, err := findEnd(walker{src: v.src, format: v.format, pos: start, limit: size}, (number+1)*BlockEvents)
			v.mu.Lock()
			if err != nil {
				return fmt.Errorf("scan the journal of execution %s: %w", v.id, err)
			}
			if end.Seq == 0 {
				break
			}
			b = builtBlock(end.Offset)
		}
		if number < uint64(len(v.blocks)) {
			if v.blocks[number].end != b.end {
				break // the events themselves are right
			}
			v.blocks[number] = b
		} else {
			v.blocks = append(v.blocks, b)
		}
		v.indexed++
	}
	return nil
}

func (v *view) setTailLocked(e entry, number uint64) {
	if v.tail.number == number && v.tail.count > 0 && v.tail.state == sound {
		v.tail.entry = e // it grew at its end, what was sound is still
		return
	}
	v.tail = tail{entry: e, number: number}
}

// findEnd walks to the end of a block; zero when the block is not whole.
func findEnd(w walker, lastSeq uint64) (Position, error) {
	for w.pos.Seq < lastSeq {
		p, err := w.next(lastSeq)
		if err != nil {
			return Position{}, err
		}
		if p.kind == pieceNone {
			return Position{}, nil
		}
	}
	return w.pos, nil
}

// slot is the place of one entry in the index file.
type slot struct {
	entry
	ok bool
}

// readSlots reads the index, of the given size, from the numbered block on. No slots when it is not
// this execution's.
func readSlots(index io.ReaderAt, key uint32, first uint64, size int64) ([]slot, error) {
	header := make([]byte, headerSize)
	if _, err := index.ReadAt(header, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	n := (size - slotOffset(first)) / entrySize
	if n <= 0 || !validHeader(header, key) {
		return nil, nil
	}
	b := make([]byte, n*entrySize)
	got, err := index.ReadAt(b, slotOffset(first))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	slots := make([]slot, 0, n)
	for b = b[:got]; len(b) >= entrySize; b = b[entrySize:] {
		e, ok := decodeEntry(b, key, first+uint64(len(slots)))
		slots = append(slots, slot{e, ok})
	}
	return slots, nil
}

// trimSlots gives how many slots count: it leaves off what lies past the journal's end and what no
// good entry follows, and marks as bad what does not fit the order.
func trimSlots(slots []slot, start, size int64) int {
	good := 0
	for i := range slots {
		s := &slots[i]
		if s.ok && (s.end < start || s.end > size || (!s.full() && i != len(slots)-1)) {
			s.ok = false
		}
		if s.ok {
			start, good = s.end, i+1
		}
	}
	return good
}

// verify gives the numbered block, checked against its checksum the first time it is asked for.
// False when there is no such full block.
func (v *view) verify(number uint64, scratch []byte) (block, bool, error) {
	v.mu.Lock()
	if number >= uint64(len(v.blocks)) {
		v.mu.Unlock()
		return block{}, false, nil
	}
	b := v.blocks[number]
	start := v.startLocked(number).Offset
	v.mu.Unlock()
	if b.built || b.state != unchecked {
		return b, true, nil
	}
	s, err := checkRange(guarded(v.src), start, b.end, b.data, scratch)
	if err != nil {
		return b, true, fmt.Errorf("read block %d of execution %s: %w", number, v.id, err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if number < uint64(len(v.blocks)) && v.blocks[number].entry == b.entry {
		v.blocks[number].state = s
	}
	b.state = s
	return b, true, nil
}

// verifyTail checks the events of the last block that had been made durable when its entry was
// written. False when there is no entry for that block.
func (v *view) verifyTail(number uint64, scratch []byte) (tail, bool, error) {
	v.mu.Lock()
	t := v.tail
	start := int64(0)
	if number <= uint64(len(v.blocks)) {
		start = v.startLocked(number).Offset
	}
	v.mu.Unlock()
	if t.count == 0 || t.number != number {
		return tail{}, false, nil
	}
	if t.state != unchecked {
		return t, true, nil
	}
	s, err := checkRange(v.src, start, t.end, t.data, scratch)
	if err != nil {
		return tail{}, false, fmt.Errorf("read block %d of execution %s: %w", number, v.id, err)
	}
	t.state = s
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.tail.number == number && v.tail.count >= t.count && s == sound {
		v.tail.state = s
	}
	return t, true, nil
}

// checkRange compares bytes with their checksum. Bytes that are gone are damage.
func checkRange(src io.ReaderAt, from, to int64, want uint32, scratch []byte) (state, error) {
	sum := uint32(0)
	for from < to {
		chunk := scratch[:min(int64(len(scratch)), to-from)]
		n, err := src.ReadAt(chunk, from)
		sum = checksum(sum, chunk[:n])
		from += int64(n)
		if n < len(chunk) {
			if err == nil || errors.Is(err, io.EOF) {
				return damaged, nil
			}
			return unchecked, err
		}
	}
	if sum != want {
		return damaged, nil
	}
	return sound, nil
}
