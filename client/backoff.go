package client

import (
	"math/rand/v2"
	"time"
)

// backoff gives the waits between attempts: none before the first, then anything below a bound that
// doubles, so that clients which were lost together do not come back together.
type backoff struct {
	min, max time.Duration
	attempt  int
	draw     func(time.Duration) time.Duration // below the given bound; nil: at random
}

func (b *backoff) next() time.Duration {
	b.attempt++
	if b.attempt == 1 {
		return 0
	}
	bound := b.max
	if doublings := b.attempt - 2; doublings < 32 && b.min<<doublings > 0 && b.min<<doublings < b.max {
		bound = b.min << doublings
	}
	return b.jitter(bound)
}

func (b *backoff) jitter(bound time.Duration) time.Duration {
	if b.draw != nil {
		return b.draw(bound)
	}
	return rand.N(bound)
}

func (b *backoff) reset() { b.attempt = 0 }
