package feed

import (
	"errors"
	"fmt"

	"github.com/claudeops/claudeops/internal/record/journal"
)

// Verdict is a sink's answer to an offered frame.
type Verdict int

const (
	Lags  Verdict = iota // can't take it now: the reader goes on by Fill and Join
	Taken                // sent, or as good as sent
	Done                 // sent, and the reader wants no more: its subscription is closed
)

// Sink is where a reader's frames go. Its methods are called under the feed's lock: they must not
// wait, nor call the subscription's methods.
type Sink interface {
	Offer(s *Sub, f *Frame) Verdict
	// Lagging says that the reader was taken off the live edge for a reason of the feed's.
	Lagging(s *Sub)
}

// Sub is one reader of one execution. It starts behind the live edge: its owner calls Fill until
// nothing comes, then Join; after Offer answered Lags, or Lagging was called, the same again. Fill
// and Join are called by one goroutine at a time.
type Sub struct {
	feed *feed
	sink Sink

	// Guarded by feed.mu.
	pos    journal.Position // where the reader is, while it is not live
	live   bool
	closed bool
}

// Start says where a reader begins.
type Start struct {
	Since  uint64 // after this event; 0 is the start
	Tail   uint64 // the last so many events, when AtTail
	AtTail bool   // whatever Since says
}

// ErrAhead is given for a cursor past the journal's end.
type ErrAhead struct{ Since, Head uint64 }

func (e *ErrAhead) Error() string {
	return fmt.Sprintf("cursor %d is past the last event, %d", e.Since, e.Head)
}

// Subscribe begins reading an execution for sink. The gap, when there is one, lies right before the
// first event that follows.
func (h *Hub) Subscribe(id string, start Start, sink Sink) (s *Sub, from, head uint64, gap *journal.Gap, err error) {
	f, err := h.acquire(id)
	if err != nil {
		return nil, 0, 0, nil, err
	}
	end, err := f.reader.Head()
	if err != nil {
		h.release(f)
		return nil, 0, 0, nil, err
	}
	f.advance(end)
	since := start.Since
	if start.AtTail {
		since = end.Seq - min(end.Seq, start.Tail)
	}
	if since > end.Seq {
		h.release(f)
		return nil, 0, 0, nil, &ErrAhead{Since: since, Head: end.Seq}
	}
	pos, gap, err := f.reader.Locate(since)
	if err != nil {
		h.release(f)
		return nil, 0, 0, nil, err
	}
	h.told(gap)
	return &Sub{feed: f, sink: sink, pos: pos}, pos.Seq + 1, end.Seq, gap, nil
}

// ExecutionID is what the reader reads.
func (s *Sub) ExecutionID() string { return s.feed.id }

// Seq is the last event that the reader has been given, or a gap has stood for. It is for readers that are
// not at the live edge.
func (s *Sub) Seq() uint64 {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	return s.pos.Seq
}

// Stored looks how far the journal goes now.
func (s *Sub) Stored() (journal.Position, error) { return s.feed.reader.Head() }

// Fill copies the next whole events into buf. Nothing and no gap means that the reader has all there
// is: time to Join. *journal.ErrShortBuffer asks for a larger buf.
func (s *Sub) Fill(buf []byte) (n int, gap *journal.Gap, err error) {
	f := s.feed
	f.mu.Lock()
	if s.live || s.closed {
		f.mu.Unlock()
		return 0, nil, nil
	}
	at, end := s.pos, f.known()
	if len(f.live) > 0 {
		// Up to the edge, not past it: to join, a reader must stand exactly there.
		end = f.edge
	}
	f.mu.Unlock()
	if at.Seq >= end.Seq {
		return 0, nil, nil
	}
	n, next, gap, err := f.reader.Read(at, end, buf)
	if err != nil {
		var short *journal.ErrShortBuffer
		if !errors.As(err, &short) {
			f.hub.readErrors.Add(1)
		}
		return 0, nil, err
	}
	f.hub.told(gap)
	if n > 0 {
		f.hub.read.Add(1)
		f.hub.readLen.Add(int64(n))
	}
	f.mu.Lock()
	s.pos = next
	f.mu.Unlock()
	return n, gap, nil
}

// Join puts the reader on the live edge. False means that it is not there yet: Fill has more.
func (s *Sub) Join() bool {
	f := s.feed
	f.mu.Lock()
	gone := 0
	joined := s.joinLocked(&gone)
	f.mu.Unlock()
	for range gone {
		f.hub.release(f)
	}
	return joined
}

func (s *Sub) joinLocked(gone *int) bool {
	f := s.feed
	if s.live || s.closed {
		return true
	}
	head := f.known()
	if len(f.live) == 0 {
		if s.pos.Seq < head.Seq {
			return false
		}
		f.edge = s.pos
	}
	for s.pos.Seq > f.edge.Seq && len(f.live) > 0 {
		// The others are still gathering what this reader has seen already.
		before := f.edge.Seq
		*gone += f.flushLocked()
		if f.edge.Seq == before {
			break
		}
	}
	if len(f.live) == 0 {
		if s.pos.Seq < f.known().Seq {
			return false
		}
		f.edge = s.pos
	}
	if s.pos.Seq != f.edge.Seq {
		return false
	}
	s.live = true
	f.live = append(f.live, s)
	f.hub.liveReaders.Add(1)
	if f.edge.Seq < f.known().Seq {
		select {
		case f.wake <- struct{}{}:
		default:
		}
	}
	return true
}

// Close ends the subscription. It is safe to call twice, but not from within a Sink's methods.
func (s *Sub) Close() {
	f := s.feed
	f.mu.Lock()
	if s.closed {
		f.mu.Unlock()
		return
	}
	s.closed = true
	if s.live {
		s.live = false
		f.hub.liveReaders.Add(-1)
		for i, other := range f.live {
			if other == s {
				f.live = append(f.live[:i], f.live[i+1:]...)
				break
			}
		}
	}
	f.mu.Unlock()
	f.hub.release(f)
}
