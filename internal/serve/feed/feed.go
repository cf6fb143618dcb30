package feed

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/claudeops/claudeops/internal/record/journal"
)

// How long a feed gathers events into one frame. What comes after quiet goes out at once; from then
// on each frame waits so long after the one before it. The window follows from what a frame costs:
// a write for each reader, some 5 µs, and at most a few per cent of a core on them.
const (
	minWindow    = time.Millisecond
	windowReader = 190 * time.Microsecond
	maxWindow    = 20 * time.Millisecond
	// The longest when the process makes so many writes that the kernel's part of them is most of a
	// line's cost. A feed with few readers stays below maxWindow all the same.
	widestWindow = 50 * time.Millisecond
)

// feed is one watched execution.
//
// The live edge is the position up to which every live reader has been offered everything. Both it
// and the list of live readers change only under mu: a reader joins the list exactly when its own
// position equals the edge, and the edge moves exactly when all on the list were offered what lies
// between. That one lock is where replay and live meet, and why there is no seam.
type feed struct {
	hub  *Hub
	id   string
	refs int // guarded by hub.mu

	opening sync.Mutex // guards opened and openErr
	opened  bool
	reader  journal.Reader
	unwatch func()

	wake   chan struct{} // capacity 1: the journal has grown
	done   chan struct{}
	runner sync.WaitGroup
	window atomic.Int64

	headMu sync.Mutex // guards head; never held while anything else is taken
	head   journal.Position

	mu   sync.Mutex // guards what follows
	edge journal.Position
	live []*Sub
	last time.Time // when the edge last moved
}

func newFeed(h *Hub, id string) *feed {
	return &feed{hub: h, id: id, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

func (f *feed) open() error {
	f.opening.Lock()
	defer f.opening.Unlock()
	if f.opened {
		return nil
	}
	reader, err := f.hub.journals.Open(f.id)
	if err != nil {
		return err
	}
	unwatch, err := f.hub.source.Watch(f.id, f.grew)
	if err != nil {
		return errors.Join(err, reader.Close())
	}
	f.reader, f.unwatch, f.opened = reader, unwatch, true
	f.runner.Go(f.run)
	return nil
}

func (f *feed) close() {
	f.opening.Lock()
	defer f.opening.Unlock()
	if !f.opened {
		f.hub.ended.Done()
		return
	}
	f.opened = false
	f.unwatch()
	close(f.done)
	// The last reference may be given up by run itself, in the middle of a frame.
	go func() {
		defer f.hub.ended.Done()
		f.runner.Wait()
		_ = f.reader.Close()
	}()
}

func (f *feed) grew(head journal.Position) {
	if !f.advance(head) {
		return
	}
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// advance moves the head, which never goes back: notices and the reader's own look may cross.
func (f *feed) advance(head journal.Position) bool {
	f.headMu.Lock()
	defer f.headMu.Unlock()
	if head.Seq <= f.head.Seq {
		return false
	}
	f.head = head
	return true
}

func (f *feed) known() journal.Position {
	f.headMu.Lock()
	defer f.headMu.Unlock()
	return f.head
}

func (f *feed) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for {
		select {
		case <-f.wake:
		case <-f.done:
			return
		}
		if wait := f.gather(); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-f.done:
				return
			}
		}
		for f.flush() {
		}
	}
}

// gather is how long to wait before the next frame.
func (f *feed) gather() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	window := minWindow + time.Duration(len(f.live))*windowReader
	if factor := f.hub.pressure.factor.Load(); factor > 1 {
		window *= time.Duration(factor)
	}
	window = min(window, f.hub.pressure.longest())
	f.window.Store(int64(window))
	return window - time.Since(f.last)
}

// flush hands the next frame to the live readers. It reports whether there may be more.
func (f *feed) flush() bool {
	f.mu.Lock()
	gone := f.flushLocked()
	head := f.known()
	more := len(f.live) > 0 && f.edge.Seq < head.Seq
	f.mu.Unlock()
	for range gone {
		f.hub.release(f)
	}
	return more
}

// flushLocked gives the number of readers that are done with this execution; their references are
// the caller's to release once mu is free.
func (f *feed) flushLocked() (gone int) {
	head := f.known()
	if len(f.live) == 0 || f.edge.Seq >= head.Seq {
		return 0
	}
	frame, err := f.nextFrame(head)
	if err != nil || frame == nil {
		// Damage, or a store that can't be read now: each reader meets it on its own way and is told.
		f.detachAllLocked()
		return 0
	}
	taken := 0
	kept := f.live[:0]
	for _, s := range f.live {
		switch s.sink.Offer(s, frame) {
		case Taken:
			taken++
			kept = append(kept, s)
		case Lags:
			s.live, s.pos = false, frame.From
			if _, pulls := s.sink.(*Puller); !pulls { // that one never takes a frame, fast as it may be
				f.hub.detached.Add(1)
			}
			f.hub.liveReaders.Add(-1)
		case Done:
			taken++
			s.live, s.closed = false, true
			f.hub.liveReaders.Add(-1)
			gone++
		}
	}
	clear(f.live[len(kept):])
	offered := len(f.live)
	f.live = kept
	f.edge = frame.To
	f.last = time.Now()
	f.hub.pressure.add(offered, f.last)
	f.hub.deliveries.Add(int64(taken))
	f.hub.deliveredLen.Add(int64(taken * len(frame.Lines())))
	if !frame.kept.Load() {
		giveBuffer(frame.buf)
	}
	return gone
}

// unsent is what the journal holds past the live edge, nothing while nobody is there.
func (f *feed) unsent() (bytes, events int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	head := f.known()
	if len(f.live) == 0 || head.Seq <= f.edge.Seq {
		return 0, 0
	}
	return head.Offset - f.edge.Offset, int64(head.Seq - f.edge.Seq)
}

func (f *feed) nextFrame(head journal.Position) (_ *Frame, err error) {
	defer f.hub.rescue(&err)
	size := int(min(head.Offset-f.edge.Offset, MaxFrame))
	for {
		buf := takeBuffer(f.hub.headroom + size)
		n, next, gap, err := f.reader.Read(f.edge, head, buf[f.hub.headroom:])
		var short *journal.ErrShortBuffer
		if errors.As(err, &short) {
			giveBuffer(buf)
			size = short.Need
			continue
		}
		if err != nil || gap != nil || n == 0 {
			giveBuffer(buf)
			return nil, err
		}
		frame := &Frame{buf: buf[:f.hub.headroom+n], headroom: f.hub.headroom, From: f.edge, To: next}
		frame.Ends = EndsExecution(frame.Lines())
		return frame, nil
	}
}

func (f *feed) detachAllLocked() {
	for _, s := range f.live {
		s.live, s.pos = false, f.edge
		f.hub.detached.Add(1)
		f.hub.liveReaders.Add(-1)
		s.sink.Lagging(s)
	}
	clear(f.live)
	f.live = f.live[:0]
}
