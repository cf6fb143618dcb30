// Package sealer has the journals of ended executions sealed, in the background: one at a time, some
// time after they ended, with a part of one processor, and while nobody is kept waiting by it. It
// decides when and which; how a journal is sealed belongs to the journal. It knows neither index nor
// supervisor, and removes nothing.
package sealer

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/claudeops/claudeops/internal/record/journal"
)

// DefaultAfter is how long after its end an execution's journal is sealed: by then those who watched
// have read the end, and who wants to see why it failed has begun to.
const DefaultAfter = 30 * time.Second

// Ended is an execution that has ended, and when. They are in the order of At, then ID.
type Ended struct {
	ID string
	At time.Time
}

// Options are what a Sealer works with.
type Options struct {
	// Seal seals a journal, and calls pause now and then.
	Seal func(ctx context.Context, id string, pause journal.Pause) (journal.Sealed, error)
	// Backlog gives executions that have ended after one, in order, as many as limit.
	Backlog func(ctx context.Context, after Ended, limit int) ([]Ended, error)
	// Through is up to which everything is sealed, as SetThrough was told last; the zero Ended when
	// that is not known.
	Through    func(ctx context.Context) (Ended, error)
	SetThrough func(ctx context.Context, through Ended) error
	// Held reports whether the execution is in somebody's hands still, whatever its journal says.
	Held func(id string) bool
	// Frames is how many frames have been delivered to readers so far.
	Frames func() int64
	// After is how long after its end a journal is sealed. 0: at once.
	After time.Duration
	Log   *slog.Logger
}

// How long what could not be done waits until it is tried again.
const (
	heldPause  = 5 * time.Second // a writer, or the supervisor
	firstPause = time.Minute     // an error; each further one doubles it
	lastPause  = time.Hour
)

// backlogPage is how many executions of the backlog are known at a time.
const backlogPage = 500

// backlogMargin is by how much further back the backlog begins than it would have to: an execution may
// be known to have ended only after others that ended later.
const backlogMargin = 10 * time.Minute

// Sealer seals journals. Start begins, Stop ends it.
type Sealer struct {
	options Options
	log     *slog.Logger
	pace    pace

	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup
	wake   chan struct{}

	mu      sync.Mutex // guards what follows
	started bool
	stopped bool
	waiting map[string]*item
	done    Ended // the last in order of those that are done with
	noted   Ended // what SetThrough was told last
	count   Stats
}

// item is a journal that waits to be sealed.
type item struct {
	Ended
	due    time.Time
	failed time.Duration // the last pause after an error
}

// Stats are sums since the start, and how many journals wait.
type Stats struct {
	Sealed        uint64
	Failures      uint64
	Plain, Stored int64         // bytes, of those that were sealed: before and after
	Worked        time.Duration // on sealing, without the pauses
	Waiting       int           // known to wait; of a long backlog only its beginning is
}

// New makes a Sealer.
func New(o Options) *Sealer {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Sealer{options: o, log: o.Log, wake: make(chan struct{}, 1), waiting: map[string]*item{}}
	s.pace.frames = o.Frames
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Start begins. It costs nothing in proportion to what was sealed before.
func (s *Sealer) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started || s.stopped {
		return
	}
	s.started = true
	s.work.Go(s.run)
}

// Stop ends what is under way, of which nothing stays, and waits for that. It is safe to call twice,
// and before Start.
func (s *Sealer) Stop() {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.cancel()
	s.work.Wait()
}

// Ended tells of an execution that has ended. It does not block.
func (s *Sealer) Ended(e Ended) {
	s.add(e)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *Sealer) add(e Ended) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting[e.ID] == nil {
		s.waiting[e.ID] = &item{Ended: e, due: e.At.Add(s.options.After)}
	}
}

// Stats reads the counters.
func (s *Sealer) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.count
	stats.Waiting = len(s.waiting)
	stats.Worked = s.pace.worked()
	return stats
}

func (s *Sealer) run() {
	cursor, ok := s.through()
	for more := ok; s.ctx.Err() == nil; {
		next, wait := s.next(time.Now())
		switch {
		case next != nil && wait <= 0:
			s.seal(next)
		case more:
			s.note()
			page, err := s.options.Backlog(s.ctx, cursor, backlogPage)
			if err != nil {
				s.log.Warn("could not find out which journals are to be sealed; it is tried again", "error", err)
				s.sleep(firstPause)
				continue
			}
			for _, e := range page {
				s.add(e)
				cursor = e
			}
			more = len(page) == backlogPage
		default:
			s.note()
			s.sleep(wait)
		}
	}
}

// through is where the backlog begins; false when there is no more time to find out.
func (s *Sealer) through() (Ended, bool) {
	for pause := heldPause; s.ctx.Err() == nil; pause = min(2*pause, lastPause) {
		through, err := s.options.Through(s.ctx)
		if err == nil {
			s.mu.Lock()
			s.done, s.noted = through, through
			s.mu.Unlock()
			if through == (Ended{}) {
				return through, true
			}
			return Ended{At: through.At.Add(-backlogMargin)}, true
		}
		s.log.Warn("could not find out which journals are sealed; it is tried again", "error", err)
		s.sleep(pause)
	}
	return Ended{}, false
}

// sleep waits for a time, or until there is something new; for ever when it is not positive.
func (s *Sealer) sleep(wait time.Duration) {
	var due <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-s.ctx.Done():
	case <-s.wake:
	case <-due:
	}
}

// next is the journal whose turn it is, and for how long it must wait still; nil when there is none.
func (s *Sealer) next(now time.Time) (*item, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var first *item
	for _, i := range s.waiting {
		if first == nil || i.due.Before(first.due) || i.due.Equal(first.due) && i.ID < first.ID {
			first = i
		}
	}
	if first == nil {
		return nil, 0
	}
	return first, first.due.Sub(now)
}

// seal seals one journal.
func (s *Sealer) seal(i *item) {
	if s.options.Held != nil && s.options.Held(i.ID) {
		s.later(i, heldPause)
		return
	}
	s.pace.begin()
	sealed, err := s.options.Seal(s.ctx, i.ID, s.pace.pause)
	s.pace.end()
	switch {
	case err == nil:
		s.settled(i, func(c *Stats) {
			c.Sealed++
			c.Plain += sealed.Plain
			c.Stored += sealed.Stored
		})
		s.log.Debug("journal sealed", "executionId", i.ID, "events", sealed.Events, "bytes", sealed.Plain, "stored", sealed.Stored)
		if sealed.Damaged > 0 {
			s.log.Warn("a journal had damaged blocks when it was sealed; they were kept as they are", "executionId", i.ID, "blocks", sealed.Damaged)
		}
	case s.ctx.Err() != nil:
	case errors.Is(err, journal.ErrLocked):
		s.later(i, heldPause)
	case errors.Is(err, journal.ErrNotFound):
		s.settled(i, func(*Stats) {}) // removed meanwhile
	case errors.Is(err, journal.ErrNotEnded):
		s.settled(i, func(c *Stats) { c.Failures++ })
		s.log.Warn("journal stays as it is: its last event is damaged or missing", "executionId", i.ID, "error", err)
	default:
		s.mu.Lock()
		s.count.Failures++
		i.failed = min(max(2*i.failed, firstPause), lastPause)
		s.mu.Unlock()
		s.later(i, i.failed)
		s.log.Warn("journal could not be sealed; it is as it was, and is tried again", "executionId", i.ID, "in", i.failed, "error", err)
	}
}

func (s *Sealer) later(i *item, pause time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i.due = time.Now().Add(pause)
}

// settled takes a journal off the list.
func (s *Sealer) settled(i *item, count func(*Stats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	count(&s.count)
	delete(s.waiting, i.ID)
	if s.done.before(i.Ended) {
		s.done = i.Ended
	}
}

func (e Ended) before(other Ended) bool {
	return e.At.Before(other.At) || e.At.Equal(other.At) && e.ID < other.ID
}

// note leaves for the next start up to where everything is done with.
func (s *Sealer) note() {
	s.mu.Lock()
	through := s.done
	for _, i := range s.waiting {
		if i.before(through) {
			through = Ended{At: i.At.Add(-time.Millisecond)}
		}
	}
	same := through == s.noted
	s.mu.Unlock()
	if same || through == (Ended{}) {
		return
	}
	if err := s.options.SetThrough(s.ctx, through); err != nil {
		if s.ctx.Err() == nil {
			s.log.Warn("could not note which journals are sealed; the next start looks at some of them again", "error", err)
		}
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noted = through
}
