package supervisor

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/index"
)

const (
	// gather is for how long changes that nobody waits for (progress, cost) are gathered into one
	// write. Whoever asks for a list has them written first.
	gather = 250 * time.Millisecond
	// retryIndex is how often a failed write is tried again.
	retryIndex = time.Second
	// lastFlush bounds the write when the supervisor stops. What is not written then is found by
	// the next start.
	lastFlush = 5 * time.Second
)

// indexer writes the records that have changed into the index, many at a time, and retires the
// executions whose end it has written.
type indexer struct {
	s *Supervisor

	writing sync.Mutex // one write at a time, so that an older state never overwrites a newer one

	mu      sync.Mutex // guards what follows
	dirty   map[*live]struct{}
	damaged bool      // somebody has found the index broken
	since   time.Time // when the oldest of what is dirty was marked; zero: nothing is
	writes  time.Time // the same of what is being written now

	soon, now chan struct{} // capacity 1: something is dirty
}

func newIndexer(s *Supervisor) *indexer {
	return &indexer{s: s, dirty: make(map[*live]struct{}), soon: make(chan struct{}, 1), now: make(chan struct{}, 1)}
}

// mark has an execution's record written, at once or soon.
func (x *indexer) mark(l *live, urgent bool) {
	x.mu.Lock()
	x.dirty[l] = struct{}{}
	if x.since.IsZero() {
		x.since = time.Now()
	}
	x.mu.Unlock()
	signal := x.soon
	if urgent {
		signal = x.now
	}
	select {
	case signal <- struct{}{}:
	default:
	}
}

func (x *indexer) run() {
	ctx := x.s.ctx
	for {
		select {
		case <-x.now:
		case <-x.soon:
			x.linger(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlush)
			defer cancel()
			if err := x.flush(last); err != nil {
				x.s.log.Error("the index is left behind; the next start makes up for it", "error", err)
			}
			return
		}
		if err := x.flush(ctx); err != nil && ctx.Err() == nil {
			x.s.log.Error("the index can't be written; it is tried again", "error", err)
			later(ctx, retryIndex)
			x.again()
		}
	}
}

func (x *indexer) linger(ctx context.Context) {
	timer := time.NewTimer(gather)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-x.now:
	case <-ctx.Done():
	}
}

func (x *indexer) again() {
	select {
	case x.now <- struct{}{}:
	default:
	}
}

// flush writes everything that was marked before it was called.
func (x *indexer) flush(ctx context.Context) error {
	x.writing.Lock()
	defer x.writing.Unlock()
	x.mu.Lock()
	damaged := x.damaged
	x.mu.Unlock()
	if damaged {
		if err := x.renew(ctx); err != nil {
			return err
		}
	}
	batch := x.takeDirty()
	if len(batch) == 0 {
		return nil
	}
	records := make([]execution.Record, 0, len(batch))
	var ended []*live
	for l := range batch {
		rec := l.snapshot()
		records = append(records, rec)
		if rec.Terminal {
			ended = append(ended, l)
		}
	}
	if err := x.check(x.s.options.Index.Put(ctx, records)); err != nil {
		x.mu.Lock()
		for l := range batch {
			x.dirty[l] = struct{}{}
		}
		x.since, x.writes = x.writes, time.Time{}
		x.mu.Unlock()
		x.s.counted.indexErrors.Add(1)
		return err
	}
	x.mu.Lock()
	x.writes = time.Time{}
	x.mu.Unlock()
	for _, l := range ended {
		x.s.retire(l)
	}
	return nil
}

func (x *indexer) takeDirty() map[*live]struct{} {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.dirty) == 0 {
		return nil
	}
	batch := x.dirty
	x.dirty = make(map[*live]struct{})
	x.since, x.writes = time.Time{}, x.since
	return batch
}

// check takes note when an answer of the index shows that it is damaged, and has it rebuilt.
func (x *indexer) check(err error) error {
	if errors.Is(err, index.ErrDamaged) {
		x.mu.Lock()
		x.damaged = true
		x.mu.Unlock()
		x.again()
	}
	return err
}

// renew makes a new index from the journals. Until it is there, what needs one is unavailable.
func (x *indexer) renew(ctx context.Context) error {
	x.s.log.Warn("the index is damaged; it is rebuilt from the journals")
	err := x.s.options.Index.Renew(x.s.ctx, x.s.options.Store)
	if err == nil {
		err = x.s.options.Index.SetComplete(ctx, x.s.boot)
	}
	if err != nil {
		return err
	}
	x.s.mu.RLock()
	defer x.s.mu.RUnlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.damaged = false
	// What the journals don't say (that something is being cancelled) is written anew.
	for _, l := range x.s.live {
		x.dirty[l] = struct{}{}
	}
	if len(x.dirty) > 0 && x.since.IsZero() {
		x.since = time.Now()
	}
	return nil
}

// retire forgets an execution whose end is in the index. From here on it is history.
func (s *Supervisor) retire(l *live) {
	s.mu.RLock()
	known := s.live[l.id] == l
	s.mu.RUnlock()
	if !known {
		return // it is being looked at on start, and marked again when it is taken
	}
	if err := s.clean(l.id); err != nil {
		s.log.Warn("the next start will look at an ended execution again", "executionId", l.id, "error", err)
	}
	epoch := s.recent.epoch()
	s.recent.put(epoch, l.snapshot())
	rec := l.snapshot()
	s.mu.Lock()
	delete(s.live, l.id)
	if !l.counted {
		s.ledger.Ended(&rec)
	}
	s.mu.Unlock()
}
