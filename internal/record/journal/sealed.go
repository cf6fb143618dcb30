package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sort"

	"github.com/claudeops/claudeops/internal/record/rundir"
)

// sealedName is a sealed journal: frames of zstd, each a block of events. tempName is one that is
// being written.
const (
	sealedName = rundir.SealedFile
	tempName   = rundir.SealingFile
)

// sealed is a sealed journal as a source. What can't be decoded reads as zeros and a newline, much as
// lost pages of a plain file do: checksums and the look of the lines show it, to whoever reads.
type sealed struct {
	id       string
	key      uint32
	file     file
	stored   int64
	cache    *frameCache
	decoders *decoders

	trailer trailer
	size    int64
	frames  []placed // of what nothing was taken out of
	kept    []placed // of what is left of the trimmed blocks; these are placed by themselves

	// mended: the seek table or the trailer could not be used as it is. It was made up for.
	mended bool
}

// placed is a frame with the place of its first byte.
type placed struct {
	frame
	start int64
}

func (p *placed) end() int64 { return p.start + int64(p.plain) }

// openSealed opens a sealed journal of that name.
func (f *Files) openSealed(id, name string) (*sealed, error) {
	if err := f.decoders.open(); err != nil {
		return nil, err
	}
	data, err := f.layer.Open(id + "/" + name)
	if err != nil {
		return nil, err
	}
	s := &sealed{id: id, key: indexKey(id), file: data, cache: &f.cache, decoders: &f.decoders}
	if err := s.load(f.layer); err != nil {
		return nil, errors.Join(fmt.Errorf("read the seek table: %w", err), data.Close())
	}
	return s, nil
}

// load finds out where the frames are.
func (s *sealed) load(files layer) error {
	size, err := s.file.Size()
	if err != nil {
		return err
	}
	s.stored = size
	frames, ok, err := readTable(s.file, size)
	if err != nil {
		return err
	}
	if ok {
		t, found, err := readTrailer(s.file, frames, s.key)
		if err != nil {
			return err
		}
		if found && t.plain() == sumPlain(frames) {
			s.place(&t, frames, nil)
			return nil
		}
	}
	s.mended = true
	before, behind, err := walkFrames(s.file, size)
	if err != nil {
		return err
	}
	t, found, err := readTrailer(s.file, append(before[:len(before):len(before)], behind...), s.key)
	if err != nil {
		return err
	}
	if !found {
		end, err := indexedEnd(files, s.id, s.key)
		if err != nil {
			return err
		}
		t = trailer{size: max(end, sumPlain(before))}
	}
	s.place(&t, before, behind)
	return nil
}

// plain is how many bytes the frames of a file hold.
func (t *trailer) plain() int64 { return t.kept + t.size - t.end().Offset }

// indexedEnd is the end of the journal as the index has it, 0 when there is none.
func indexedEnd(files layer, id string, key uint32) (int64, error) {
	index, err := files.Open(id + "/" + indexName)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer index.Close()
	size, err := index.Size()
	if err != nil {
		return 0, err
	}
	slots, err := readSlots(index, key, 0, size)
	if err != nil {
		return 0, err
	}
	end := int64(0)
	for i := range slots {
		if slots[i].ok {
			end = max(end, slots[i].end)
		}
	}
	return end, nil
}

// place says where each frame belongs: those before a hole from the front on, those behind it from
// the end.
func (s *sealed) place(t *trailer, before, behind []frame) {
	s.trailer, s.size = *t, t.size
	end := t.end().Offset
	put := func(frames []frame, at int64) {
		for _, f := range frames {
			if f.plain == 0 {
				continue
			}
			p := placed{f, at}
			at += int64(f.plain)
			switch {
			case p.start < 0, at > t.plain():
			case at <= t.kept:
				s.kept = append(s.kept, p)
			case p.start >= t.kept:
				p.start += end - t.kept
				s.frames = append(s.frames, p)
			}
		}
	}
	put(before, 0)
	if len(behind) > 0 {
		put(behind, max(t.plain()-sumPlain(behind), sumPlain(before)))
	}
}

func (s *sealed) Size() (int64, error) { return s.size, nil }

func (s *sealed) Close() error {
	s.cache.forget(s)
	return s.file.Close()
}

// ReadAt gives the journal's bytes; zeros for those that can't be decoded.
func (s *sealed) ReadAt(p []byte, off int64) (int, error) { return s.readAt(s.decode, p, off) }

// readGuarded is ReadAt for bytes that are compared with a checksum of the index next.
func (s *sealed) readGuarded(p []byte, off int64) (int, error) {
	return s.readAt(s.decodeQuick, p, off)
}

func (s *sealed) readAt(decode decodeFunc, p []byte, off int64) (int, error) {
	n, err := s.readWhole(decode, p, off)
	if errors.Is(err, errFrame) {
		err = nil
	}
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

// readWhole is ReadAt with errFrame when some of the bytes are zeros because they can't be decoded.
func (s *sealed) readWhole(decode decodeFunc, p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read at byte %d: %w", off, fs.ErrInvalid)
	}
	p = p[:max(0, min(int64(len(p)), s.size-off))]
	return len(p), s.fill(s.frames, 0, decode, p, off)
}

// readKept is ReadAt for what is left of the trimmed blocks.
func (s *sealed) readKept(p []byte, off int64) (int, error) {
	whole := len(p)
	p = p[:max(0, min(int64(whole), s.trailer.kept-off))]
	err := s.fill(s.kept, -1, s.decode, p, off)
	if errors.Is(err, errFrame) {
		err = nil
	}
	if err == nil && len(p) < whole {
		err = io.EOF
	}
	return len(p), err
}

// decodeFunc decodes a frame into a buffer with room for at least its bytes.
type decodeFunc func(f *placed, into []byte) error

// fill copies bytes out of frames. side keeps the names of the two kinds apart in the cache.
func (s *sealed) fill(frames []placed, side int, decode decodeFunc, p []byte, off int64) (damage error) {
	i := sort.Search(len(frames), func(i int) bool { return frames[i].end() > off })
	for len(p) > 0 {
		var n int
		var err error
		switch {
		case i == len(frames):
			n, err = len(p), errFrame
		case frames[i].start > off:
			n, err = int(min(int64(len(p)), frames[i].start-off)), errFrame
		default:
			f := &frames[i]
			key := frameKey{s, i}
			if side < 0 {
				key.frame = -1 - i
			}
			n, err = s.fillOne(f, key, decode, p, int(off-f.start))
			i++
		}
		if errors.Is(err, errFrame) {
			clear(p[:n])
			if n > 0 && i < len(frames) && off+int64(n) == frames[i].start || i > 0 && off+int64(n) == frames[i-1].end() {
				p[n-1] = '\n' // lest what follows looks like the end of a line
			}
			damage = err
		} else if err != nil {
			return err
		}
		p, off = p[n:], off+int64(n)
	}
	return damage
}

// fillOne copies what a frame holds from a byte of it on. A frame that is wanted whole is decoded where
// it is wanted; one that is wanted in parts is kept.
func (s *sealed) fillOne(f *placed, key frameKey, decode decodeFunc, p []byte, from int) (int, error) {
	plain := int(f.plain)
	n := min(len(p), plain-from)
	if n == plain {
		if c := s.cache.have(key); c != nil {
			defer s.cache.done(c)
			return copy(p, c.plain), nil
		}
		return n, decode(f, p)
	}
	c, err := s.cache.use(key, plain, func(into []byte) error { return s.decode(f, into) })
	if err != nil {
		return n, err
	}
	defer s.cache.done(c)
	return copy(p, c.plain[from:]), nil
}

func (s *sealed) decode(f *placed, into []byte) error      { return s.decodeWith(true, f, into) }
func (s *sealed) decodeQuick(f *placed, into []byte) error { return s.decodeWith(false, f, into) }

// decodeWith decodes a frame into the beginning of a buffer; up to its length the buffer may be
// written over.
func (s *sealed) decodeWith(check bool, f *placed, into []byte) error {
	buf := s.decoders.stored.Get().(*[]byte)
	defer s.decoders.stored.Put(buf)
	if len(*buf) < int(f.stored) {
		*buf = make([]byte, f.stored+f.stored/4)
	}
	stored := (*buf)[:f.stored]
	if n, err := s.file.ReadAt(stored, f.at); n < len(stored) {
		if err == nil || errors.Is(err, io.EOF) {
			return errFrame // cut off
		}
		return err
	}
	decoder := s.decoders.checked
	if !check {
		decoder = s.decoders.quick
	}
	plain, err := decoder.DecodeAll(stored, into[:0:len(into)])
	if err != nil {
		return fmt.Errorf("%w: %w", errFrame, err)
	}
	if len(plain) != int(f.plain) {
		return fmt.Errorf("%w: it holds %d bytes, not %d", errFrame, len(plain), f.plain)
	}
	return nil
}

// guarded is a source whose bytes are compared with a checksum after they were read.
func guarded(src io.ReaderAt) io.ReaderAt {
	if s, ok := src.(*sealed); ok {
		return guardedSealed{s}
	}
	return src
}

type guardedSealed struct{ *sealed }

func (s guardedSealed) ReadAt(p []byte, off int64) (int, error) { return s.readGuarded(p, off) }
