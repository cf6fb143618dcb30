package sealer_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/sealer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is what a Sealer works with, in a bubble of its own time.
type world struct {
	mu      sync.Mutex
	ended   []sealer.Ended // in order
	through sealer.Ended
	fail    map[string][]error // what sealing gives, one after the other
	held    map[string]bool
	frames  int64
	sealed  []string
	at      map[string]time.Time
	asked   int // executions that Backlog gave
	parts   int // between two of which Seal pauses
}

func newWorld() *world {
	return &world{fail: map[string][]error{}, held: map[string]bool{}, at: map[string]time.Time{}, parts: 1}
}

func (w *world) options(after time.Duration) sealer.Options {
	return sealer.Options{
		Seal: w.seal, After: after,
		Backlog: func(_ context.Context, after sealer.Ended, limit int) ([]sealer.Ended, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			var page []sealer.Ended
			for _, e := range w.ended {
				if (e.At.After(after.At) || e.At.Equal(after.At) && e.ID > after.ID) && len(page) < limit {
					page = append(page, e)
				}
			}
			w.asked += len(page)
			return page, nil
		},
		Through: func(context.Context) (sealer.Ended, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.through, nil
		},
		SetThrough: func(_ context.Context, e sealer.Ended) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.through = e
			return nil
		},
		Held: func(id string) bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.held[id]
		},
		Frames: func() int64 {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.frames
		},
	}
}

func (w *world) seal(ctx context.Context, id string, pause journal.Pause) (journal.Sealed, error) {
	for range w.parts {
		time.Sleep(10 * time.Millisecond) // the work
		if err := pause(ctx); err != nil {
			return journal.Sealed{}, err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if errs := w.fail[id]; len(errs) > 0 {
		w.fail[id] = errs[1:]
		return journal.Sealed{}, fmt.Errorf("seal %s: %w", id, errs[0])
	}
	w.sealed = append(w.sealed, id)
	w.at[id] = time.Now()
	return journal.Sealed{Events: 10, Plain: 1000, Stored: 100}, nil
}

func (w *world) order() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.sealed)
}

// when a journal was sealed.
func (w *world) when(id string) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at[id]
}

func TestSealer_SealsWhatHasEndedForLongEnough(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, began := newWorld(), time.Now()
		w.ended = []sealer.Ended{{"old", began.Add(-time.Hour)}, {"young", began.Add(-10 * time.Second)}}
		s := sealer.New(w.options(30 * time.Second))
		s.Start()
		defer s.Stop()
		synctest.Wait()
		time.Sleep(time.Second)
		if got := w.order(); !slices.Equal(got, []string{"old"}) {
			t.Errorf("at once: %q", got)
		}
		s.Ended(sealer.Ended{ID: "new", At: time.Now()})
		s.Ended(sealer.Ended{ID: "new", At: time.Now()}) // told twice
		time.Sleep(20 * time.Second)
		if got := w.order(); !slices.Equal(got, []string{"old", "young"}) {
			t.Errorf("20 s later: %q", got)
		}
		time.Sleep(time.Minute)
		if got := w.order(); !slices.Equal(got, []string{"old", "young", "new"}) {
			t.Errorf("in the end: %q", got)
		}
		stats := s.Stats()
		if stats.Sealed != 3 || stats.Plain != 3000 || stats.Stored != 300 || stats.Waiting != 0 || stats.Failures != 0 || stats.Worked != 30*time.Millisecond {
			t.Errorf("%+v", stats)
		}
	})
}

func TestSealer_GoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, began := newWorld(), time.Now()
		var all []string
		for i := range 1200 {
			e := sealer.Ended{ID: fmt.Sprintf("e%04d", i), At: began.Add(time.Duration(i-5000) * time.Minute)}
			w.ended, all = append(w.ended, e), append(all, e.ID)
		}
		first := sealer.New(w.options(0))
		first.Start()
		time.Sleep(30 * time.Second) // enough for some 700
		first.Stop()
		before := len(w.order())
		if before < 100 || before >= len(all) {
			t.Fatalf("%d were sealed when it stopped", before)
		}
		second := sealer.New(w.options(0))
		second.Start()
		time.Sleep(time.Hour)
		second.Stop()
		got := w.order()
		slices.Sort(got)
		if got = slices.Compact(got); !slices.Equal(got, all) {
			t.Errorf("%d of %d were sealed", len(got), len(all))
		}

		// When all is sealed, a start asks for next to nothing.
		w.asked = 0
		third := sealer.New(w.options(0))
		third.Start()
		time.Sleep(time.Minute)
		third.Stop()
		if w.asked > 20 {
			t.Errorf("it looked at %d of %d again", w.asked, len(all))
		}
	})
}

func TestSealer_TriesAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.fail["full"] = []error{fs.ErrInvalid, fs.ErrInvalid, fs.ErrInvalid}
		w.fail["locked"] = []error{journal.ErrLocked}
		w.fail["removed"] = []error{journal.ErrNotFound, fs.ErrInvalid}
		w.fail["open"] = []error{journal.ErrNotEnded, fs.ErrInvalid}
		w.held["held"] = true
		s := sealer.New(w.options(0))
		s.Start()
		defer s.Stop()
		began := time.Now()
		for _, id := range []string{"full", "locked", "removed", "open", "held", "good"} {
			s.Ended(sealer.Ended{ID: id, At: began})
		}
		time.Sleep(time.Second)
		if got := w.order(); !slices.Equal(got, []string{"good"}) {
			t.Errorf("at once: %q", got)
		}
		w.mu.Lock()
		through := w.through
		w.mu.Unlock()
		if through.At.After(began) {
			t.Errorf("sealed through %+v, though some wait since %v", through, began)
		}
		if waiting := s.Stats().Waiting; waiting != 3 {
			t.Errorf("%d wait, want full, locked and held", waiting)
		}
		time.Sleep(6 * time.Second)
		if got := w.order(); !slices.Equal(got, []string{"good", "locked"}) {
			t.Errorf("soon: %q", got)
		}
		w.mu.Lock()
		w.held["held"] = false
		w.mu.Unlock()
		time.Sleep(time.Hour)
		if got := w.order(); !slices.Equal(got, []string{"good", "locked", "held", "full"}) {
			t.Errorf("in the end: %q", got)
		}
		// One minute, then two, then four.
		if waited := w.when("full").Sub(began).Round(time.Minute); waited != 7*time.Minute {
			t.Errorf("a full disk was tried for %v", waited)
		}
		if stats := s.Stats(); stats.Failures != 4 || stats.Waiting != 0 {
			t.Errorf("%+v", stats)
		}
	})
}

// A quarter of the time is work, and while others are busy none is, but for a little.
func TestSealer_LeavesTimeToOthers(t *testing.T) {
	t.Parallel()
	for _, busy := range []bool{false, true} {
		t.Run(fmt.Sprintf("busy_%t", busy), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				w.parts = 100
				ctx, cancel := context.WithCancel(t.Context())
				var others sync.WaitGroup
				defer others.Wait()
				defer cancel()
				if busy {
					others.Go(func() {
						for ctx.Err() == nil {
							w.mu.Lock()
							w.frames += 1000
							w.mu.Unlock()
							time.Sleep(50 * time.Millisecond)
						}
					})
				}
				s := sealer.New(w.options(0))
				s.Start()
				defer s.Stop()
				began := time.Now()
				s.Ended(sealer.Ended{ID: "long", At: began})
				time.Sleep(time.Hour)
				took := w.when("long").Sub(began)
				if !busy && took != 4*time.Second {
					t.Errorf("1 s of work took %v, want 4 s", took)
				}
				if busy && (took < 900*time.Second || took > 1100*time.Second) {
					t.Errorf("1 s of work took %v while many frames went out, want some 10 s for each of its 100 parts", took)
				}
			})
		})
	}
}

func TestSealer_Stop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		never := sealer.New(w.options(0))
		never.Stop()
		never.Start()
		never.Ended(sealer.Ended{ID: "x", At: time.Now()})
		never.Stop()

		w.parts = 1_000_000
		s := sealer.New(w.options(0))
		s.Start()
		s.Start()
		s.Ended(sealer.Ended{ID: "long", At: time.Now()})
		time.Sleep(time.Minute)
		var stops sync.WaitGroup
		for range 3 {
			stops.Go(s.Stop)
		}
		stops.Wait()
		if stats := s.Stats(); stats.Sealed != 0 || stats.Failures != 0 {
			t.Errorf("%+v", stats)
		}
	})
}

func TestSealer_AsksAgainWhatItCouldNotLearn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.ended = []sealer.Ended{{"old", time.Now().Add(-time.Hour)}}
		options := w.options(0)
		backlog, failures := options.Backlog, 3
		options.Backlog = func(ctx context.Context, after sealer.Ended, limit int) ([]sealer.Ended, error) {
			if failures--; failures >= 0 {
				return nil, errors.New("the index is being rebuilt")
			}
			return backlog(ctx, after, limit)
		}
		s := sealer.New(options)
		s.Start()
		defer s.Stop()
		time.Sleep(time.Hour)
		if got := w.order(); !slices.Equal(got, []string{"old"}) {
			t.Errorf("%q", got)
		}
	})
}
