// Package feed brings journals to readers. A reader is a cursor, not a queue: at the live edge it is
// handed the frames that all who are there share; when it can't take one it falls off the edge and
// reads the journal at its own pace until it has caught up. Nothing is dropped, nobody is cut off
// for being slow, and what a slow reader has not read costs no memory.
//
// The package knows no transport: a Sink is offered frames and answers at once. It never writes.
package feed

import (
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/claudeops/claudeops/internal/record/journal"
)

// Source tells how far journals have grown.
type Source interface {
	// Watch calls grew at once with the journal's head, then whenever it has grown, one call at a
	// time. cancel may be called from anywhere, also from within grew.
	Watch(id string, grew func(journal.Position)) (cancel func(), err error)
}

// Journals opens journals for reading.
type Journals interface {
	Open(id string) (journal.Reader, error)
}

// MaxFrame is how many bytes of events a shared frame holds at most, unless one event is longer.
const MaxFrame = 256 << 10

// Hub has a feed for each execution that somebody watches, and none for the others.
type Hub struct {
	source   Source
	journals Journals
	headroom int
	onPanic  func(value any, stack []byte)

	mu    sync.Mutex // guards feeds, and refs in each
	feeds map[string]*feed
	ended sync.WaitGroup

	pressure pressure

	liveReaders  atomic.Int64
	deliveries   atomic.Int64 // frames offered and taken
	deliveredLen atomic.Int64 // their bytes, uncompressed
	detached     atomic.Int64 // times a reader fell off the live edge

	read       atomic.Int64 // frames that readers behind the edge have read from the journal
	readLen    atomic.Int64 // their bytes
	damaged    atomic.Int64 // gaps told that damage has left
	retained   atomic.Int64 // gaps told that retention has left
	readErrors atomic.Int64 // times a journal could not be read
}

// Options configure a Hub.
type Options struct {
	Source   Source
	Journals Journals
	Headroom int // bytes kept free in front of each frame, for a transport's header

	// OnPanic is told of a panic while a shared frame is read. Its readers are then sent to the journal,
	// each on its own goroutine. Nil: the panic goes on and ends the process.
	OnPanic func(value any, stack []byte)
}

// New makes a hub. It starts nothing before somebody subscribes.
func New(o Options) *Hub {
	return &Hub{source: o.Source, journals: o.Journals, headroom: o.Headroom, onPanic: o.OnPanic, feeds: map[string]*feed{}}
}

// Stats are sums since the start, and how many readers stand where now.
type Stats struct {
	Feeds          int
	LiveReaders    int64
	Subscriptions  int64
	Frames         int64
	Bytes          int64
	FellOffTheEdge int64
	GatherWindow   time.Duration // the longest now in force

	ReadFrames    int64 // by readers that catch up
	ReadBytes     int64
	GapsDamaged   int64 // told to readers: events that damage has taken
	GapsRetention int64 // told to readers: events that are not kept any more
	ReadErrors    int64 // times a journal could not be read

	// What the journals hold and those at the live edge have not been offered yet, of all feeds, and
	// of the one that is furthest behind.
	UnsentBytes, UnsentEvents int64
	MostUnsentBytes           int64
}

// Stats reads the hub's counters.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	feeds := slices.Collect(maps.Values(h.feeds))
	s := Stats{
		Feeds: len(h.feeds), LiveReaders: h.liveReaders.Load(), Frames: h.deliveries.Load(),
		Bytes: h.deliveredLen.Load(), FellOffTheEdge: h.detached.Load(),
		ReadFrames: h.read.Load(), ReadBytes: h.readLen.Load(), ReadErrors: h.readErrors.Load(),
		GapsDamaged: h.damaged.Load(), GapsRetention: h.retained.Load(),
	}
	for _, f := range feeds {
		s.Subscriptions += int64(f.refs)
		s.GatherWindow = max(s.GatherWindow, time.Duration(f.window.Load()))
	}
	h.mu.Unlock() // a feed's lock is never waited for under the hub's
	for _, f := range feeds {
		bytes, events := f.unsent()
		s.UnsentBytes += bytes
		s.UnsentEvents += events
		s.MostUnsentBytes = max(s.MostUnsentBytes, bytes)
	}
	return s
}

// told counts a gap that a reader is told of.
func (h *Hub) told(gap *journal.Gap) {
	switch {
	case gap == nil:
	case gap.Reason == "retention":
		h.retained.Add(1)
	default:
		h.damaged.Add(1)
	}
}

// rescue is deferred: it turns a panic into an error.
func (h *Hub) rescue(err *error) {
	if h.onPanic == nil {
		return
	}
	if value := recover(); value != nil {
		h.onPanic(value, debug.Stack())
		*err = fmt.Errorf("panic: %v", value)
	}
}

// Close waits for everything the hub has started. Subscriptions must be closed before.
func (h *Hub) Close() { h.ended.Wait() }

// acquire gives the feed of an execution, opened, with one more reference.
func (h *Hub) acquire(id string) (*feed, error) {
	h.mu.Lock()
	f := h.feeds[id]
	if f == nil {
		f = newFeed(h, id)
		h.feeds[id] = f
		h.ended.Add(1) // until it is closed
	}
	f.refs++
	h.mu.Unlock()
	if err := f.open(); err != nil {
		h.release(f)
		return nil, err
	}
	return f, nil
}

// Forget has those who subscribe from now on open the execution's journal anew. Those who read it go on
// with what they have open.
func (h *Hub) Forget(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.feeds, id)
}

func (h *Hub) release(f *feed) {
	h.mu.Lock()
	f.refs--
	last := f.refs == 0
	if last && h.feeds[f.id] == f {
		delete(h.feeds, f.id)
	}
	h.mu.Unlock()
	if last {
		f.close()
	}
}

// pressure measures how many frames a second the whole hub writes, so that many watched executions
// together gather longer than each alone would.
type pressure struct {
	since  atomic.Int64 // start of the slot that is being counted, ns
	count  atomic.Int64
	factor atomic.Int64 // 1 and more
	wide   atomic.Bool  // the window may be the widest
}

// A slot's length, and how many writes a second are unremarkable: some 2–3 % of a core.
const (
	pressureSlot  = 100 * time.Millisecond
	pressureQuiet = 5000
)

// From so many writes a second on the window may widen, and down to so many it stays wide: wider windows
// make fewer writes, and must not take their own reason away.
const (
	pressureHigh = 20_000
	pressureLow  = pressureHigh / 4
)

func (p *pressure) add(writes int, now time.Time) {
	p.count.Add(int64(writes))
	start := p.since.Load()
	elapsed := now.UnixNano() - start
	if elapsed < int64(pressureSlot) || !p.since.CompareAndSwap(start, now.UnixNano()) {
		return
	}
	perSecond := p.count.Swap(0) * int64(time.Second) / elapsed
	p.factor.Store(1 + perSecond/pressureQuiet)
	switch {
	case perSecond > pressureHigh:
		p.wide.Store(true)
	case perSecond < pressureLow:
		p.wide.Store(false)
	}
}

// longest is the longest window there may be now.
func (p *pressure) longest() time.Duration {
	if p.wide.Load() {
		return widestWindow
	}
	return maxWindow
}
