package runner

import (
	"sync"
	"time"
)

// flusher is a journal writer that can make durable what it holds while another goroutine appends.
// An error is as final as one of Sync's.
type flusher interface{ Flush() error }

// syncer makes what a recorder appends durable: events other than log lines at once, log lines
// within the interval. It sleeps while there is nothing to do.
type syncer struct {
	interval time.Duration
	now      chan struct{} // something is wanted at once
	soon     chan struct{} // something is wanted within the interval
	done     chan struct{}
	once     sync.Once
	wg       sync.WaitGroup
}

func (s *syncer) start(r *recorder, interval time.Duration) {
	s.interval = interval
	s.now, s.soon, s.done = make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{})
	s.wg.Go(func() { s.loop(r) })
}

// wanted asks for a sync. It never blocks.
func (s *syncer) wanted(atOnce bool) {
	c := s.soon
	if atOnce {
		c = s.now
	}
	select {
	case c <- struct{}{}:
	default:
	}
}

// stop ends the goroutine; a sync under way is waited for.
func (s *syncer) stop() {
	s.once.Do(func() { close(s.done) })
	s.wg.Wait()
}

func (s *syncer) loop(r *recorder) {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	armed := false
	for {
		select {
		case <-s.done:
			return
		case <-s.soon:
			if !armed {
				armed = true
				timer.Reset(s.interval)
			}
			continue
		case <-s.now:
		case <-timer.C:
			armed = false
		}
		s.sync(r)
	}
}

// sync makes durable what is appended now. Where the journal can, others append meanwhile.
func (s *syncer) sync(r *recorder) {
	f, ok := r.writer.(flusher)
	if !ok {
		_ = r.makeDurable() // an error is told to whom it concerns
		return
	}
	r.mu.Lock()
	at, broken := r.head, r.broken
	r.mu.Unlock()
	if broken != nil {
		return
	}
	err := f.Flush()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.breakLocked(err)
		return
	}
	r.durableLocked(at)
}
