package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/zstd"

	"github.com/claudeops/claudeops/internal/execution"
)

// Sealed is what sealing has made of a journal.
type Sealed struct {
	Events  uint64
	Plain   int64  // bytes it had
	Stored  int64  // bytes it takes up now
	Damaged uint64 // blocks whose checksum was wrong before; they were kept as they are
}

// Pause is called between two frames of a journal that is being rewritten: it returns when the work
// may go on, or with an error when it may not.
type Pause func(ctx context.Context) error

// Seal stores the journal of an execution that has ended in a form many times smaller. Readers notice
// nothing: those that are open read on in the plain file, later ones in the sealed one, at the same
// positions. To seal what is sealed changes nothing. ErrLocked while a writer holds the journal,
// ErrNotEnded when its last event is not there; on any error the journal is as it was.
func (f *Files) Seal(ctx context.Context, id string) (Sealed, error) {
	return f.SealSlowly(ctx, id, nil)
}

// SealSlowly is Seal for whoever has more urgent things to do.
func (f *Files) SealSlowly(ctx context.Context, id string, pause Pause) (Sealed, error) {
	s, err := f.seal(ctx, id, pause, ended)
	if err != nil {
		return Sealed{}, fmt.Errorf("seal execution %s: %w", shown(id), err)
	}
	return s, nil
}

// seal goes these steps, and whatever ends it between two of them leaves a journal that can be read:
//
//	write events.zst.tmp, sync it   the plain file counts; the next opening for writing removes the other
//	read it back, compare
//	rename it, sync the directory   both files count, and hold the same; the next sealing begins anew
//	remove the plain file           the sealed file counts
//	sync the directory
func (f *Files) seal(ctx context.Context, id string, pause Pause, ready func(*reader) error) (_ Sealed, err error) {
	if err := f.mustExist(id); err != nil {
		return Sealed{}, err
	}
	if plain, err := f.layer.Exists(id + "/" + dataName); err != nil {
		return Sealed{}, err
	} else if !plain {
		return f.sealedBefore(id)
	}
	lock, err := f.lock(id)
	if err != nil {
		return Sealed{}, notFound(err)
	}
	ctx, ended := f.beginSealing(ctx, id)
	defer ended()
	defer func() { err = errors.Join(err, lock.Close()) }()
	v, err := f.newView(id)
	if err != nil {
		return Sealed{}, err
	}
	if v.sealed != nil { // another was faster
		return v.sealed.result(), v.close()
	}
	err = ready(&reader{files: f, view: v})
	if err = errors.Join(err, v.close()); err != nil {
		return Sealed{}, err
	}
	// What a crash has left is mended first, so that the index is complete.
	w, _, err := f.takeOver(id, heldByCaller{})
	if err != nil {
		return Sealed{}, err
	}
	if err := w.Close(); err != nil {
		return Sealed{}, err
	}
	if v, err = f.newView(id); err != nil {
		return Sealed{}, err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	head, err := v.Head()
	if err != nil {
		return Sealed{}, err
	}
	if head != w.Head() {
		return Sealed{}, fmt.Errorf("the journal ends at %+v, but was mended to %+v", head, w.Head())
	}
	result := Sealed{Events: head.Seq, Plain: head.Offset}
	t := trailer{events: head.Seq, size: head.Offset}
	err = f.replace(ctx, id, pause, func(r *rewrite) error {
		if err := r.copyBlocks(v, head.Offset); err != nil {
			return err
		}
		return r.finish(&t)
	}, func(s *sealed, slow func() error) error {
		result.Stored = s.stored
		result.Damaged, err = compare(v, s, head, slow)
		return err
	})
	if err != nil {
		return Sealed{}, err
	}
	if err := f.layer.Remove(id + "/" + dataName); err != nil {
		return Sealed{}, err
	}
	f.forgetView(id)
	return result, f.layer.SyncDir(id)
}

// sealing is a sealing under way.
type sealing struct {
	giveUp context.CancelCauseFunc
	done   chan struct{}
}

// beginSealing notes that a journal is being sealed, by the holder of its lock. ended must be called
// when the lock was let go.
func (f *Files) beginSealing(ctx context.Context, id string) (_ context.Context, ended func()) {
	ctx, giveUp := context.WithCancelCause(ctx)
	s := sealing{giveUp, make(chan struct{})}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sealings[id] = s
	return ctx, func() {
		giveUp(nil)
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.sealings, id)
		close(s.done)
	}
}

// interruptSealing has a sealing that goes on in this process give its journal up, for what would
// undo it anyway or do it faster, and waits for that. It answers ErrLocked: another has the journal now.
func (f *Files) interruptSealing(id string) {
	f.mu.Lock()
	s, ok := f.sealings[id]
	f.mu.Unlock()
	if ok {
		s.giveUp(fmt.Errorf("%w: it is needed for something else", ErrLocked))
		<-s.done
	}
}

// heldByCaller stands for a lock that somebody else lets go.
type heldByCaller struct{}

func (heldByCaller) Close() error { return nil }

// forgetView makes the next reader look at the files anew.
func (f *Files) forgetView(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.views, id)
}

// ended is nil when the last event of a journal is one that ends an execution.
func ended(r *reader) error {
	head, err := r.Head()
	if err != nil {
		return err
	}
	if head.Seq == 0 {
		return ErrNotEnded
	}
	at, gap, err := r.Locate(head.Seq - 1)
	if err != nil {
		return err
	}
	if gap != nil {
		return fmt.Errorf("its last event is damaged: %w", ErrNotEnded)
	}
	buf := make([]byte, 4<<10)
	n, _, gap, err := r.Read(at, head, buf)
	if short := (*ErrShortBuffer)(nil); errors.As(err, &short) {
		buf = make([]byte, short.Need)
		n, _, gap, err = r.Read(at, head, buf)
	}
	if err != nil {
		return err
	}
	if gap != nil {
		return fmt.Errorf("its last event is damaged: %w", ErrNotEnded)
	}
	if !execution.IsTerminalType(TypeOf(buf[:n])) {
		return ErrNotEnded
	}
	return nil
}

// sealedBefore is the answer for a journal that is sealed.
func (f *Files) sealedBefore(id string) (_ Sealed, err error) {
	if err := f.removeLeftover(id); err != nil {
		return Sealed{}, err
	}
	s, err := f.openSealed(id, sealedName)
	if err != nil {
		return Sealed{}, notFound(err)
	}
	return s.result(), s.Close()
}

func (s *sealed) result() Sealed {
	return Sealed{Events: s.trailer.events, Plain: s.size, Stored: s.stored}
}

// removeLeftover removes what an interrupted rewriting of a sealed journal has left.
func (f *Files) removeLeftover(id string) error {
	left, err := f.layer.Exists(id + "/" + tempName)
	if err != nil || !left {
		return err
	}
	lock, err := f.lock(id)
	if err != nil {
		return notFound(err)
	}
	return errors.Join(notMissing(f.layer.Remove(id+"/"+tempName)), lock.Close())
}

// unfinishedSeal removes what an interrupted sealing has left beside the plain file, which then counts
// alone. The journal's lock must be held.
func (f *Files) unfinishedSeal(id string) error {
	removed := false
	for _, name := range []string{tempName, sealedName} {
		left, err := f.layer.Exists(id + "/" + name)
		if err != nil {
			return err
		}
		if !left {
			continue
		}
		if err := notMissing(f.layer.Remove(id + "/" + name)); err != nil {
			return err
		}
		removed = true
	}
	if !removed {
		return nil
	}
	return f.layer.SyncDir(id) // what is appended now must never be hidden by it
}

// replace makes a new sealed file and puts it in its place, once check has looked at it.
func (f *Files) replace(ctx context.Context, id string, pause Pause, write func(*rewrite) error, check func(s *sealed, slow func() error) error) (err error) {
	name := id + "/" + tempName
	if left, err := f.layer.Exists(name); err != nil {
		return err
	} else if left {
		if err := f.layer.Remove(name); err != nil {
			return err
		}
	}
	temp, err := f.layer.Create(name)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, notMissing(f.layer.Remove(name)))
		}
	}()
	slow := func() error {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if pause == nil {
			return nil
		}
		return pause(ctx)
	}
	encoder, err := f.encoder()
	if err != nil {
		return errors.Join(err, temp.Close())
	}
	defer f.encoders.Put(encoder)
	r := &rewrite{file: temp, key: indexKey(id), encoder: encoder, slow: slow}
	err = write(r)
	if err == nil {
		err = temp.Sync()
	}
	if err = errors.Join(err, temp.Close()); err != nil {
		return err
	}
	s, err := f.openSealed(id, tempName)
	if err != nil {
		return err
	}
	if s.mended {
		err = errors.New("what was written can't be read back: its seek table is not whole")
	} else {
		err = check(s, slow)
	}
	if err = errors.Join(err, s.Close()); err != nil {
		return err
	}
	if err := f.layer.Rename(name, id+"/"+sealedName); err != nil {
		return err
	}
	return f.layer.SyncDir(id)
}

// encoder gives an encoder of frames; it goes back to f.encoders.
func (f *Files) encoder() (*zstd.Encoder, error) {
	if e, ok := f.encoders.Get().(*zstd.Encoder); ok {
		return e, nil
	}
	// The level above takes four times as long and saves two parts in a hundred more.
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(maxFrame), zstd.WithSingleSegment(true), zstd.WithEncoderCRC(true))
}

// rewrite writes a sealed file from its beginning on.
type rewrite struct {
	file    file
	key     uint32
	encoder *zstd.Encoder
	slow    func() error

	at     int64
	frames []frame
	plain  []byte // of the frame to come
	stored []byte
}

func (r *rewrite) write(b []byte) error {
	n, err := r.file.WriteAt(b, r.at)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	r.at += int64(n)
	return err
}

// frame writes a frame of plain bytes.
func (r *rewrite) frame(plain []byte) error {
	if len(plain) == 0 {
		return nil
	}
	if err := r.slow(); err != nil {
		return err
	}
	r.stored = r.encoder.EncodeAll(plain, r.stored[:0])
	r.frames = append(r.frames, frame{at: r.at, stored: uint32(len(r.stored)), plain: uint32(len(plain)), sum: uint32(xxhash.Sum64(plain))})
	return r.write(r.stored)
}

// copyBlocks writes a plain journal's bytes up to an end, a block to a frame.
func (r *rewrite) copyBlocks(v *view, end int64) error {
	at := int64(0)
	for i := 0; at < end; i++ {
		last := end
		if i < len(v.blocks) {
			last = v.blocks[i].end
		}
		// A block that is too long for one frame is cut into equal parts.
		parts := (last - at + maxFrame - 1) / maxFrame
		for ; parts > 0; parts-- {
			n := (last - at + parts - 1) / parts
			if int64(cap(r.plain)) < n {
				r.plain = make([]byte, n+n/4)
			}
			plain := r.plain[:n]
			if _, err := v.src.ReadAt(plain, at); err != nil {
				return fmt.Errorf("read the plain journal at byte %d: %w", at, err)
			}
			if err := r.frame(plain); err != nil {
				return err
			}
			at += n
		}
	}
	return nil
}

// finish writes what comes after the frames.
func (r *rewrite) finish(t *trailer) error {
	b := appendTrailer(nil, t, r.key)
	for range 2 {
		r.frames = append(r.frames, frame{at: r.at, stored: uint32(len(b))})
		if err := r.write(b); err != nil {
			return err
		}
	}
	return r.write(appendTable(nil, r.frames))
}

// compare reads a sealed file back, block after block, against the plain one and its checksums, and
// counts the blocks whose checksum is wrong in both.
func compare(v *view, s *sealed, head Position, slow func() error) (damaged uint64, err error) {
	if s.size != head.Offset || s.trailer.events != head.Seq {
		return 0, fmt.Errorf("%d events in %d bytes became %d in %d", head.Seq, head.Offset, s.trailer.events, s.size)
	}
	want, got := make([]byte, maxFrame), make([]byte, maxFrame)
	at := int64(0)
	for i := 0; at < head.Offset; i++ {
		last, e := head.Offset, v.tail.entry
		if i < len(v.blocks) {
			last, e = v.blocks[i].end, v.blocks[i].entry
		}
		sum := uint32(0)
		for at < last {
			if err := slow(); err != nil {
				return 0, err
			}
			n := min(last-at, maxFrame)
			if _, err := v.src.ReadAt(want[:n], at); err != nil {
				return 0, fmt.Errorf("read the plain journal at byte %d: %w", at, err)
			}
			if _, err := s.readWhole(s.decode, got[:n], at); err != nil {
				return 0, fmt.Errorf("read back byte %d: %w", at, err)
			}
			if !bytes.Equal(want[:n], got[:n]) {
				return 0, fmt.Errorf("what was written is not what was there, somewhere after byte %d", at)
			}
			sum = checksum(sum, got[:n])
			at += n
		}
		if e.count > 0 && e.end == last && e.data != sum {
			damaged++
		}
	}
	return damaged, nil
}

// notMissing takes it for done that what should be removed is not there.
func notMissing(err error) error {
	if errors.Is(notFound(err), ErrNotFound) {
		return nil
	}
	return err
}
