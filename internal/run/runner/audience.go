package runner

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/journal"
)

// replayedProgress is how many progress events, and how many cost events, are kept for servers that
// connect later. Each makes those before it moot; all of them are in the journal.
const replayedProgress = 256

// audience keeps what servers are to hear, and wakes those that are connected. Each of them reads
// at its own pace: there is no queue, and telling never blocks.
type audience struct {
	mu       sync.Mutex
	life     []lifeEvent // durable, in order
	passing  int         // progress and cost events in life
	trouble  string      // why nothing can be recorded at the moment
	ended    bool        // no more will come
	hearers  map[*hearer]struct{}
	ever     bool // somebody has connected
	arrived  chan struct{}
	watching atomic.Int32 // hearers that watch

	head atomic.Pointer[journal.Position]
}

// hearer is one connected server.
type hearer struct {
	wake  chan struct{}
	watch atomic.Bool
}

func newAudience(head journal.Position) *audience {
	a := &audience{hearers: make(map[*hearer]struct{}), arrived: make(chan struct{})}
	a.head.Store(&head)
	return a
}

func (h *hearer) poke() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

func (a *audience) enter() *hearer {
	h := &hearer{wake: make(chan struct{}, 1)}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.hearers[h] = struct{}{}
	if !a.ever {
		a.ever = true
		close(a.arrived)
	}
	h.poke()
	return h
}

func (a *audience) leave(h *hearer) {
	a.setWatch(h, false)
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.hearers, h)
}

func (a *audience) setWatch(h *hearer, on bool) {
	if h.watch.Swap(on) == on {
		return
	}
	if on {
		a.watching.Add(1)
		h.poke()
	} else {
		a.watching.Add(-1)
	}
}

// grew notes the journal's new head. It costs next to nothing while nobody watches.
func (a *audience) grew(head journal.Position) {
	a.head.Store(&head)
	if a.watching.Load() == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for h := range a.hearers {
		if h.watch.Load() {
			h.poke()
		}
	}
}

// durable adds events that are safe now.
func (a *audience) durable(events []lifeEvent) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range events {
		a.life = append(a.life, e)
		if passing(e.kind) {
			a.passing++
		}
	}
	if a.passing > 4*replayedProgress {
		a.forget()
	}
	a.wakeAll()
}

func passing(kind string) bool {
	return kind == execution.TypeProgress || kind == execution.TypeCost
}

// forget leaves the newest of the passing events.
func (a *audience) forget() {
	kept := map[string]int{}
	for i := len(a.life) - 1; i >= 0; i-- {
		kind := a.life[i].kind
		if !passing(kind) {
			continue
		}
		if kept[kind]++; kept[kind] > replayedProgress {
			a.life[i].line = nil
		}
	}
	a.life = slices.DeleteFunc(a.life, func(e lifeEvent) bool { return e.line == nil })
	a.passing = 0
	for _, n := range kept {
		a.passing += min(n, replayedProgress)
	}
}

// stalled tells that the journal has no room, or with nil that it has again.
func (a *audience) stalled(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.trouble = ""
	if err != nil {
		a.trouble = err.Error()
	}
	a.wakeAll()
}

// end says that there is nothing more to hear.
func (a *audience) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended = true
	a.wakeAll()
}

func (a *audience) wakeAll() {
	for h := range a.hearers {
		h.poke()
	}
}

// lastEvent is the seq of the newest event there is to hear of; 0 before the first.
func (a *audience) lastEvent() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.life) == 0 {
		return 0
	}
	return a.life[len(a.life)-1].seq
}

// after lists the events after seq, and what else there is to say.
func (a *audience) after(seq uint64) (events []lifeEvent, trouble string, ended bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	from, _ := slices.BinarySearchFunc(a.life, seq+1, func(e lifeEvent, seq uint64) int {
		switch {
		case e.seq < seq:
			return -1
		case e.seq > seq:
			return 1
		default:
			return 0
		}
	})
	return slices.Clone(a.life[from:]), a.trouble, a.ended
}
