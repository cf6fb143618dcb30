package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
)

// writer appends to one journal and keeps its index.
type writer struct {
	id      string
	key     uint32
	format  *format
	counted *counted
	data    file
	index   file
	lock    lock

	// flushing is held by Flush and Close, over the sync; mu only where nothing waits for the disk,
	// so that appending goes on while a sync is under way.
	flushing sync.Mutex
	// publish makes the names of a new journal durable; nil once that has been done. Guarded by flushing.
	publish func() error
	// written holds what goes to the index file. Guarded by flushing.
	written []byte

	mu     sync.Mutex
	head   Position
	lastMs int64 // time of the last event
	block  open
	number uint64 // of block

	unwritten []byte // entries of full blocks that are not in the index file yet
	firstSlot uint64 // where they belong

	reserved   int64 // offset up to which there is room on the disk for certain
	unreserved bool  // room can't be reserved here

	unsynced bool
	closed   bool
	broken   error // why nothing more is written
}

// open is a block that is being filled.
type open struct {
	sum       uint32
	mask      Mask
	count     uint16
	lost      uint16
	irregular bool
}

func (b *open) entry(end, lastMs int64) entry {
	return entry{end: end, lastMs: lastMs, data: b.sum, mask: b.mask, count: b.count, lost: b.lost, irregular: b.irregular}
}

// open is the state in which a block goes on to be filled.
func (e *entry) open() open {
	return open{sum: e.data, mask: e.mask, count: e.count, lost: e.lost, irregular: e.irregular}
}

func (w *writer) Head() Position {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.head
}

func (w *writer) Append(lines []byte, count int) (Position, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.usableLocked(); err != nil {
		return w.head, err
	}
	if count == 0 && len(lines) == 0 {
		return w.head, nil
	}
	// All of it is looked at before any of it is written. What it does to the block and the index
	// is worked out aside, and becomes true when the bytes are in the file.
	block, number, lastMs := w.block, w.number, w.lastMs
	entries := w.unwritten
	at, rest := w.head, lines
	for len(rest) > 0 {
		r := w.format.run(rest, at.Seq+1, BlockEvents-uint64(block.count), quick)
		if r.events == 0 {
			return w.head, w.refuse(at.Seq+1, rest)
		}
		block.sum = checksum(block.sum, rest[:r.bytes])
		block.mask |= r.mask
		block.count += uint16(r.events)
		at = Position{at.Seq + r.events, at.Offset + int64(r.bytes)}
		full := block.count == BlockEvents
		if full || len(rest) == r.bytes {
			if ms := unixMs(rest[r.last:r.bytes]); ms != 0 {
				lastMs = ms
			}
		}
		if full {
			e := block.entry(at.Offset, lastMs)
			entries = appendEntry(entries, &e, w.key, number)
			block, number = open{}, number+1
		}
		rest = rest[r.bytes:]
	}
	if at.Seq-w.head.Seq != uint64(count) {
		return w.head, fmt.Errorf("append to execution %s: %d events announced, %d given", w.id, count, at.Seq-w.head.Seq)
	}
	if err := w.reserveLocked(at.Offset); err != nil {
		return w.head, fmt.Errorf("append to execution %s: %w", w.id, err)
	}
	if n, err := w.data.WriteAt(lines, w.head.Offset); err != nil || n < len(lines) {
		if err == nil {
			err = io.ErrShortWrite
		}
		return w.head, w.cutBackLocked(err)
	}
	w.head, w.block, w.number, w.lastMs, w.unwritten = at, block, number, lastMs, entries
	w.unsynced = true
	return w.head, nil
}

// usableLocked is nil as long as something can be written.
func (w *writer) usableLocked() error {
	if w.closed {
		return fmt.Errorf("append to execution %s: writer: %w", w.id, fs.ErrClosed)
	}
	return w.broken
}

// reserveLocked sees to it that a batch ending at end finds room. A write that fails half-way would show
// readers events that are then taken back; this one fails before anybody sees anything. A write
// that stays in a page which is there already needs no room.
func (w *writer) reserveLocked(end int64) error {
	if end <= w.reserved || w.unreserved {
		return nil
	}
	if w.head.Offset/pageSize == (end-1)/pageSize {
		return nil
	}
	from := max(w.reserved, w.head.Offset)
	want := max(end-from, min(max(w.head.Offset, minReserve), maxReserve))
	err := w.data.Reserve(from, want)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) && want > end-from {
		want = end - from // there may be room for that much
		err = w.data.Reserve(from, want)
	}
	if errors.Is(err, errors.ErrUnsupported) {
		w.unreserved = true
		return nil
	}
	if err == nil {
		w.reserved = from + want
	}
	return err
}

// Room is reserved in steps as long as the journal is, within these bounds in bytes.
const (
	minReserve = 64 << 10
	maxReserve = 8 << 20
	pageSize   = 4 << 10
)

// refuse says why a batch was not taken.
func (w *writer) refuse(seq uint64, rest []byte) error {
	const shown = 120
	if len(rest) > shown {
		rest = rest[:shown]
	}
	return fmt.Errorf("append to execution %s: expected event %d as one line of JSON, got %q", w.id, seq, rest)
}

// cutBackLocked removes what a failed write may have left.
func (w *writer) cutBackLocked(cause error) error {
	err := fmt.Errorf("append to execution %s: %w", w.id, cause)
	w.reserved = 0 // the cut gives it back
	if cut := w.data.Truncate(w.head.Offset); cut != nil {
		w.broken = fmt.Errorf("append to execution %s: %w: a write failed (%w) and its remains could not be removed: %w", w.id, ErrReadOnly, cause, cut)
		return w.broken
	}
	return err
}

func (w *writer) Sync() error { return w.Flush() }

// Flush is Sync: it makes durable what had been appended when it was called. Unlike all else it may
// be called while another goroutine appends.
func (w *writer) Flush() error {
	w.flushing.Lock()
	defer w.flushing.Unlock()
	return w.flush()
}

// flush syncs and then brings the index up to what was synced. w.flushing must be held.
//
// The index comes after, so that its checksums only ever stand for bytes that power loss can't
// take: when one is wrong the bytes have been altered, not lost. A failure to write the index is no
// loss, for it can be had from the journal again; the entries are written with the next ones, or
// built by whoever opens the journal.
func (w *writer) flush() error {
	w.mu.Lock()
	if err := w.usableLocked(); err != nil {
		w.mu.Unlock()
		return err
	}
	if !w.unsynced && w.publish == nil {
		w.mu.Unlock()
		return nil
	}
	w.unsynced = false
	slot, full := w.firstSlot, len(w.unwritten)
	w.written = append(w.written[:0], w.unwritten...)
	if w.block.count > 0 {
		e := w.block.entry(w.head.Offset, w.lastMs)
		w.written = appendEntry(w.written, &e, w.key, w.number)
	}
	w.mu.Unlock()

	if err := w.counted.sync(w.data, w.publish); err != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.broken = fmt.Errorf("sync execution %s: %w: %w", w.id, ErrReadOnly, err)
		return w.broken
	}
	w.publish = nil
	if n, err := w.index.WriteAt(w.written, slotOffset(slot)); err != nil || n < len(w.written) {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.firstSlot += uint64(full / entrySize)
	w.unwritten = w.unwritten[:copy(w.unwritten, w.unwritten[full:])]
	return nil
}

func (w *writer) Close() error {
	w.flushing.Lock()
	defer w.flushing.Unlock()
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil
	}
	broken := w.broken
	w.mu.Unlock()
	var errs []error
	if broken == nil {
		errs = append(errs, w.flush())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if w.broken == nil {
		if w.number > 0 {
			_ = w.index.Sync() // it can be built again, which for a short journal costs less than this
		}
		if !w.unreserved {
			_ = w.data.Truncate(w.head.Offset) // gives back room that this writer or a killed one reserved
		}
	}
	return errors.Join(append(errs, w.data.Close(), w.index.Close(), w.lock.Close())...)
}
