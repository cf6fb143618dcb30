package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sort"

	"github.com/claudeops/claudeops/internal/execution"
)

// Trim takes the log events up to upTo out of the journal of an execution that has ended, and seals it
// if it isn't. Every other event stays, with its own seq; in place of each run that is gone readers get
// one Gap with GapRetention. Seqs and positions stay what they were. freed is how many bytes fewer the
// journal takes up. What was taken out once costs nothing to ask for again. Errors as for Seal.
func (f *Files) Trim(ctx context.Context, id string, upTo uint64) (freed int64, err error) {
	freed, err = f.trim(ctx, id, upTo, ended)
	if err != nil {
		return 0, fmt.Errorf("trim execution %s: %w", shown(id), err)
	}
	return freed, nil
}

// trim rewrites the sealed file in the steps of seal: a new one beside it, synced and compared, takes
// its name.
func (f *Files) trim(ctx context.Context, id string, upTo uint64, ready func(*reader) error) (_ int64, err error) {
	before, err := f.usage(id)
	if err != nil {
		return 0, err
	}
	if !before.Sealed {
		f.interruptSealing(id) // which may be slow on purpose
		if _, err := f.seal(ctx, id, nil, ready); err != nil {
			return 0, err
		}
	}
	lock, err := f.lock(id)
	if err != nil {
		return 0, notFound(err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	v, err := f.newView(id)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	if v.sealed == nil {
		return 0, fmt.Errorf("it was written to meanwhile: %w", ErrNotEnded)
	}
	r := &reader{files: f, view: v}
	head, err := r.Head()
	if err != nil {
		return 0, err
	}
	upTo = min(upTo, head.Seq)
	if upTo > v.sealed.trailer.trimmedTo {
		// Of a plain file that an interrupted sealing has left behind its removal must be durable: with
		// it, all that is taken out now would come back.
		if err := f.layer.SyncDir(id); err != nil {
			return 0, err
		}
		p := &packer{r: r, upTo: upTo, head: head}
		err := f.replace(ctx, id, nil, p.write, p.compare)
		if err != nil {
			return 0, err
		}
		f.forgetView(id)
	}
	after, err := f.usage(id)
	return max(0, before.Stored-after.Stored), err
}

// minKept is how many bytes of what is left of trimmed blocks are put in a frame, if there are so many.
const minKept = 256 << 10

// packer writes a sealed journal without some of its log events.
type packer struct {
	r    *reader
	upTo uint64
	head Position

	t    trailer
	gap  remain // being gathered; to is 0 when there is none
	buf  []byte
	left []byte // of the trimmed blocks, not in a frame yet
	sum  uint32 // of all that is left of them
}

func (p *packer) write(w *rewrite) error {
	v := p.r.view
	old := &v.sealed.trailer
	p.t = trailer{events: p.head.Seq, size: p.head.Offset, trimmedTo: p.upTo}
	blocks := int((p.upTo + BlockEvents - 1) / BlockEvents)
	for i := range max(blocks, len(old.blocks)) {
		if err := p.block(w, uint64(i)); err != nil {
			return err
		}
	}
	if err := p.flush(w, 0); err != nil {
		return err
	}
	// The other frames are taken over as they are, good or bad. What no frame was found for becomes
	// zeros, as which it was read.
	at := p.t.end().Offset
	for _, f := range v.sealed.frames {
		if f.start < at {
			continue
		}
		if err := w.zeros(f.start - at); err != nil {
			return err
		}
		if err := w.takeOver(v.sealed, f); err != nil {
			return err
		}
		at = f.end()
	}
	if err := w.zeros(p.head.Offset - at); err != nil {
		return err
	}
	return w.finish(&p.t)
}

// block writes what is to be left of a block.
func (p *packer) block(w *rewrite, number uint64) error {
	v := p.r.view
	start, ok := v.start(number)
	if !ok {
		return fmt.Errorf("block %d of %d is not known", number, p.head.Seq/BlockEvents)
	}
	v.mu.Lock()
	last, mask := p.head, MaskLogs|MaskOther
	if number < uint64(len(v.blocks)) {
		last, mask = Position{(number + 1) * BlockEvents, v.blocks[number].end}, v.blocks[number].trustedMask()
	} else if v.tail.at() == last {
		mask = v.tail.trustedMask()
	}
	v.mu.Unlock()
	for at := start; at.Seq < last.Seq; {
		if len(p.buf) == 0 {
			p.buf = make([]byte, walkBuffer)
		}
		n, next, gap, err := p.r.Read(at, last, p.buf)
		if short := (*ErrShortBuffer)(nil); errors.As(err, &short) {
			p.buf = make([]byte, short.Need)
			continue
		}
		if err != nil {
			return err
		}
		if gap != nil {
			p.lose(remain{from: gap.From, to: gap.To, bytes: next.Offset - at.Offset, reason: gap.Reason})
		} else if n == 0 {
			return fmt.Errorf("reading stopped after event %d of %d", at.Seq, last.Seq)
		}
		if err := p.events(w, p.buf[:n], at.Seq+1); err != nil {
			return err
		}
		at = next
	}
	p.tell() // each block stands for itself
	p.t.blocks = append(p.t.blocks, trimmedBlock{kept: p.t.kept, end: last.Offset, mask: mask, count: uint16(last.Seq - number*BlockEvents)})
	return p.flush(w, minKept)
}

func (p *packer) events(w *rewrite, lines []byte, seq uint64) error {
	for ; len(lines) > 0; seq++ {
		line := lines[:bytes.IndexByte(lines, '\n')+1]
		lines = lines[len(line):]
		if seq <= p.upTo && TypeOf(line) == execution.TypeLog {
			p.lose(remain{from: seq, to: seq, bytes: int64(len(line)), reason: GapRetention})
			continue
		}
		p.tell()
		p.keep(line)
		if err := p.flush(w, maxFrame); err != nil {
			return err
		}
	}
	return nil
}

// lose adds to the run that is gone.
func (p *packer) lose(gap remain) {
	if p.gap.to+1 == gap.from && p.gap.reason == gap.reason {
		p.gap.to = gap.to
		p.gap.bytes += gap.bytes
		return
	}
	p.tell()
	p.gap = gap
}

// tell leaves the line for the run that is gone.
func (p *packer) tell() {
	if p.gap.to > 0 {
		p.keep(appendGapLine(nil, p.r.view.id, p.gap))
		p.gap = remain{}
	}
}

func (p *packer) keep(line []byte) {
	p.left = append(p.left, line...)
	p.t.kept += int64(len(line))
	p.sum = checksum(p.sum, line)
}

// flush writes frames when there are so many bytes to write.
func (p *packer) flush(w *rewrite, atLeast int) error {
	for len(p.left) > 0 && len(p.left) >= atLeast {
		n := min(len(p.left), maxFrame)
		if err := w.frame(p.left[:n]); err != nil {
			return err
		}
		p.left = p.left[:copy(p.left, p.left[n:])]
	}
	return nil
}

// zeros writes frames that hold so many zeros.
func (r *rewrite) zeros(n int64) error {
	for ; n > 0; n -= min(n, maxFrame) {
		if err := r.frame(make([]byte, min(n, maxFrame))); err != nil {
			return err
		}
	}
	return nil
}

// takeOver writes a frame of another sealed file as it is stored there.
func (r *rewrite) takeOver(s *sealed, f placed) error {
	if err := r.slow(); err != nil {
		return err
	}
	if int64(cap(r.stored)) < int64(f.stored) {
		r.stored = make([]byte, f.stored+f.stored/4)
	}
	stored := r.stored[:f.stored]
	if _, err := s.file.ReadAt(stored, f.at); err != nil {
		return fmt.Errorf("read the frame at byte %d: %w", f.at, err)
	}
	f.at = r.at
	r.frames = append(r.frames, f.frame)
	return r.write(stored)
}

// compare reads back what was written: all that should be left must be there, and the other frames as
// they were.
func (p *packer) compare(s *sealed, slow func() error) error {
	v := p.r.view
	if s.size != p.head.Offset || s.trailer.events != p.head.Seq || s.trailer.trimmedTo != p.upTo {
		return errors.New("what was written does not say what it is")
	}
	one, other := make([]byte, maxFrame), []byte(nil)
	sum := uint32(0)
	for at := int64(0); at < s.trailer.kept; {
		if err := slow(); err != nil {
			return err
		}
		n := min(s.trailer.kept-at, int64(len(one)))
		if _, err := s.readKept(one[:n], at); err != nil {
			return err
		}
		sum = checksum(sum, one[:n])
		at += n
	}
	if sum != p.sum {
		return errors.New("what was written is not what should be left")
	}
	for _, old := range v.sealed.frames {
		if old.start < s.trailer.end().Offset {
			continue
		}
		if err := slow(); err != nil {
			return err
		}
		i := sort.Search(len(s.frames), func(i int) bool { return s.frames[i].start >= old.start })
		if i == len(s.frames) || s.frames[i].start != old.start || s.frames[i].stored != old.stored || s.frames[i].plain != old.plain {
			return fmt.Errorf("the frame at byte %d was not written", old.at)
		}
		one, other = resize(one, int(old.stored)), resize(other, int(old.stored))
		if _, err := v.sealed.file.ReadAt(one, old.at); err != nil {
			return err
		}
		if _, err := s.file.ReadAt(other, s.frames[i].at); err != nil {
			return err
		}
		if !bytes.Equal(one, other) {
			return fmt.Errorf("the frame at byte %d was not written as it was", old.at)
		}
	}
	return nil
}

func resize(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n+n/4)[:n]
	}
	return b[:n]
}
