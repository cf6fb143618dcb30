package retention

import (
	"maps"
	"time"
)

// Stats are what was done since the keeper was made.
type Stats struct {
	Removed  map[Rule]uint64 // executions that lost something, by the rule that hit
	Freed    map[Rule]uint64 // bytes, by the rule that hit
	Failures uint64          // executions that could not be removed
	Runs     uint64          // that came to their end
	Broken   uint64          // runs that did not
	LastRun  time.Time       // the end of the last that did; zero before
}

func newStats() Stats {
	s := Stats{Removed: map[Rule]uint64{}, Freed: map[Rule]uint64{}}
	for _, rule := range AllRules { // there from the start, so that the first one is an increase
		s.Removed[rule], s.Freed[rule] = 0, 0
	}
	return s
}

// Stats reads the counters.
func (k *Keeper) Stats() Stats {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.stats
	s.Removed, s.Freed = maps.Clone(s.Removed), maps.Clone(s.Freed)
	return s
}

func (k *Keeper) count(report Report, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range report.Removed {
		k.stats.Removed[r.Rule]++
		k.stats.Freed[r.Rule] += uint64(max(0, r.Bytes))
	}
	k.stats.Failures += uint64(len(report.Failed))
	if err != nil {
		k.stats.Broken++
		return
	}
	k.stats.Runs++
	k.stats.LastRun = k.options.Now()
}
