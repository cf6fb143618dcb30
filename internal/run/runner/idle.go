package runner

import "time"

// idleTick is how often it is looked whether the agent is silent: often enough to notice a time in which
// this process did not run.
func (r *run) idleTick() time.Duration { return min(r.spec.IdleTimeout/8, 15*time.Second) }

// quietFor is how much longer the agent may be silent. Time in which the journal had no room does
// not count, for the agent could not write; nor does time in which this process was stopped or got no
// processor, for it did not read what the agent wrote.
func (r *run) quietFor() time.Duration {
	now := int64(time.Since(r.began)) // by the clock that never jumps
	if r.rec.stalled.Load() {
		r.lastByte.Store(now)
	}
	if absent := now - r.idleLooked - int64(r.idleTick()); absent > int64(r.idleTick()) {
		last := r.lastByte.Load()
		r.lastByte.CompareAndSwap(last, min(last+absent, now)) // unless something has come meanwhile
	}
	r.idleLooked = now
	return r.spec.IdleTimeout - time.Duration(now-r.lastByte.Load())
}
