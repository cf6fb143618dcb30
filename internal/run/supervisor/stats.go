package supervisor

import (
	"sync/atomic"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
)

// Stats are what happens now, and what has happened since the supervisor was opened.
type Stats struct {
	// Executions whose end is not in the index yet, by where they stand.
	Live map[execution.Status]int
	// Stalled is how many of them can't be recorded for now, so that their agents wait.
	Stalled int

	Adopted     uint64 // runners of an earlier server that were reached
	Settled     uint64 // executions that were ended because their runner was gone
	LinksLost   uint64 // times the link to a runner broke before the last event
	JournalsCut uint64 // journals that were cut back to their last whole event

	IndexPending int           // records that have changed and are not in the index
	IndexLag     time.Duration // for how long the oldest of them has not been
	IndexErrors  uint64        // times the index could not be written
}

type counted struct {
	adopted, settled, linksLost, cut, indexErrors atomic.Uint64
}

// Stats reads the counters.
func (s *Supervisor) Stats() Stats {
	stats := Stats{
		Live:    make(map[execution.Status]int, len(execution.Statuses)),
		Adopted: s.counted.adopted.Load(), Settled: s.counted.settled.Load(), LinksLost: s.counted.linksLost.Load(),
		JournalsCut: s.counted.cut.Load(), IndexErrors: s.counted.indexErrors.Load(),
	}
	s.mu.RLock()
	for _, l := range s.live {
		l.mu.Lock()
		stats.Live[l.record.Status]++
		if l.stalled && !l.record.Terminal {
			stats.Stalled++
		}
		l.mu.Unlock()
	}
	s.mu.RUnlock()
	x := s.indexer
	x.mu.Lock()
	defer x.mu.Unlock()
	stats.IndexPending = len(x.dirty)
	oldest := x.since
	if !x.writes.IsZero() {
		oldest = x.writes // taken before anything else was marked
	}
	if !oldest.IsZero() {
		stats.IndexLag = time.Since(oldest)
	}
	return stats
}
