package sealer

import (
	"context"
	"sync"
	"time"
)

// Sealing gets one part in so many of one processor's time. A thread of low priority would get more
// when nothing else is to do, but when much is, it would be stopped in the middle of its work while the
// garbage collector, and with it everybody, waits for it.
const share = 4

// While more frames than busyFrames a second go out to readers, it waits: that is some 2 to 3 % of a
// processor, and from there on every bit of time shows in how late lines arrive. But it waits no longer
// than maxYield between two frames of its own: under load that never ends, sealing goes on slowly.
const (
	busyFrames = 5000
	busyLook   = 100 * time.Millisecond
	maxYield   = 10 * time.Second
)

// pace divides the time of sealing into work and pauses.
type pace struct {
	frames func() int64

	mu      sync.Mutex
	total   time.Duration
	resumed time.Time // when work went on
	seen    int64     // frames, when they were counted last
	looked  time.Time
}

func (p *pace) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resumed = time.Now()
}

// end counts the work since the last pause.
func (p *pace) end() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	worked := time.Since(p.resumed)
	p.total += worked
	return worked
}

func (p *pace) worked() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.total
}

// pause waits as long as what was done since the last pause asks for, and while others are busy.
func (p *pace) pause(ctx context.Context) error {
	defer p.begin()
	if err := wait(ctx, (share-1)*p.end()); err != nil {
		return err
	}
	for yielded := time.Duration(0); yielded < maxYield && p.busy(); yielded += busyLook {
		if err := wait(ctx, busyLook); err != nil {
			return err
		}
	}
	return nil
}

// busy reports whether many frames went out since it was asked last.
func (p *pace) busy() bool {
	if p.frames == nil {
		return false
	}
	frames, now := p.frames(), time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	passed := now.Sub(p.looked)
	if passed < busyLook {
		return false // too short to tell; what was found last was waited for
	}
	rate := float64(frames-p.seen) / passed.Seconds()
	first := p.looked.IsZero()
	p.seen, p.looked = frames, now
	return rate > busyFrames && !first
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
