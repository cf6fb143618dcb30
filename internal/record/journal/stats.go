package journal

import (
	"sync/atomic"
	"time"
)

// Stats are what the writers that were opened through one Files have done since it was opened. Those
// of other processes, the runners, are not among them.
type Stats struct {
	Syncs    uint64        // times a journal was made durable
	SyncTime time.Duration // spent on that
	LastSync time.Time     // end of the last that succeeded; zero before the first
	Failures uint64        // times it failed
}

// Stats reads the counters.
func (f *Files) Stats() Stats {
	s := Stats{
		Syncs: f.counted.syncs.Load(), SyncTime: time.Duration(f.counted.nanoseconds.Load()),
		Failures: f.counted.failures.Load(),
	}
	if last := f.counted.last.Load(); last != 0 {
		s.LastSync = time.Unix(0, last)
	}
	return s
}

type counted struct {
	syncs, failures   atomic.Uint64
	nanoseconds, last atomic.Int64
}

// sync makes what data holds durable, and publishes a new journal's names.
func (c *counted) sync(data file, publish func() error) error {
	began := time.Now()
	err := data.Sync()
	if err == nil && publish != nil {
		err = publish()
	}
	if err != nil {
		c.failures.Add(1)
		return err
	}
	ended := time.Now()
	c.syncs.Add(1)
	c.nanoseconds.Add(int64(ended.Sub(began)))
	c.last.Store(ended.UnixNano())
	return nil
}
