package supervisor_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/journal"
)

// watching collects what a watcher is told, and complains of what must not be.
type watching struct {
	t testing.TB

	mu     sync.Mutex
	inside bool
	heads  []journal.Position
	news   chan struct{} // capacity 1
}

func newWatching(t testing.TB) *watching { return &watching{t: t, news: make(chan struct{}, 1)} }

func (w *watching) grew(at journal.Position) {
	w.mu.Lock()
	if w.inside {
		w.t.Error("told twice at a time")
	}
	w.inside = true
	if n := len(w.heads); n > 0 && (at.Seq < w.heads[n-1].Seq || at.Offset < w.heads[n-1].Offset) {
		w.t.Errorf("told %v after %v", at, w.heads[n-1])
	}
	w.heads = append(w.heads, at)
	w.mu.Unlock()
	select {
	case w.news <- struct{}{}:
	default:
	}
	w.mu.Lock()
	w.inside = false
	w.mu.Unlock()
}

func (w *watching) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.heads)
}

func (w *watching) last() journal.Position {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.heads) == 0 {
		return journal.Position{}
	}
	return w.heads[len(w.heads)-1]
}

// until waits until it was told of seq.
func (w *watching) until(seq uint64) {
	w.t.Helper()
	timeout := time.After(patience)
	for w.last().Seq < seq {
		select {
		case <-w.news:
		case <-timeout:
			w.t.Fatalf("told of %v, waited in vain for %d", w.last(), seq)
		}
	}
}

func (s *server) watch(t testing.TB, id string) (*watching, func()) {
	t.Helper()
	w := newWatching(t)
	cancel, err := s.Watch(id, w.grew)
	if err != nil {
		t.Fatal(err)
	}
	return w, cancel
}

func TestWatch(t *testing.T) {
	t.Parallel()

	t.Run("from_the_queue_to_the_end", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		before, id := s.execute(t, "one"), s.execute(t, "one")
		seen, cancel := s.watch(t, id)
		defer cancel()
		if n, at := seen.count(), seen.last(); n != 1 || at.Seq != 1 {
			t.Fatalf("at once told %d times, %v", n, at)
		}
		w.machine.runner(before).complete()
		r := w.machine.runner(id)
		seen.until(2)
		r.log(500)
		seen.until(502)
		late, cancel := s.watch(t, id)
		defer cancel()
		if late.last().Seq < 502 {
			t.Errorf("who comes late is told %v first", late.last())
		}
		r.complete()
		seen.until(503)
		late.until(503)
		rec := s.untilStatus(t, id, execution.Completed)
		head, err := openHead(t, s, id)
		if err != nil || seen.last() != head || rec.Head != head.Seq {
			t.Errorf("the last word is %v, the journal ends at %v, %v", seen.last(), head, err)
		}
		w.untilRetired(id)
		after, cancel := s.watch(t, id)
		cancel()
		if n := after.count(); n != 1 || after.last() != head {
			t.Errorf("who comes after the end is told %d times, last %v", n, after.last())
		}
	})

	t.Run("the_last_call_comes_after_the_record_is_terminal", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		id := s.execute(t, "free")
		r := w.machine.runner(id)
		s.untilStatus(t, id, execution.Running)
		ended := make(chan struct{})
		var once sync.Once
		cancel, err := s.Watch(id, func(journal.Position) {
			rec, err := s.Get(context.Background(), id)
			if err != nil {
				t.Error(err)
			}
			if rec.Terminal {
				once.Do(func() { close(ended) })
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		defer cancel()
		r.complete()
		w.machine.wait(ended, "a call after the end")
	})

	t.Run("only_what_is_watched_is_noticed", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		id := s.execute(t, "free")
		r := w.machine.runner(id)
		s.untilStatus(t, id, execution.Running)
		if n := r.watchers(); n != 0 {
			t.Errorf("%d links watch what nobody does", n)
		}
		_, cancel1 := s.watch(t, id)
		_, cancel2 := s.watch(t, id)
		eventually(t, "the link watches", func() bool { return r.watchers() == 1 })
		cancel1()
		cancel1()
		if n := r.watchers(); n != 1 {
			t.Errorf("%d links watch while one does", n)
		}
		cancel2()
		if n := r.watchers(); n != 0 {
			t.Errorf("%d links watch after the last one left", n)
		}
	})

	t.Run("cancelled_from_within", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		id := s.execute(t, "free")
		r := w.machine.runner(id)
		s.untilStatus(t, id, execution.Running)
		var cancel func()
		ready := make(chan struct{})
		calls := make(chan journal.Position, 100)
		cancel, err := s.Watch(id, func(at journal.Position) {
			select {
			case <-ready:
				cancel()
			default:
			}
			calls <- at
		})
		if err != nil {
			t.Fatal(err)
		}
		<-calls
		close(ready)
		r.log(1)
		<-calls
		r.log(1)
		r.complete()
		s.untilStatus(t, id, execution.Completed)
		w.untilRetired(id)
		if n := len(calls); n != 0 {
			t.Errorf("called %d times after it was cancelled", n)
		}
	})

	t.Run("a_settled_end_is_told", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		id, waiting := s.execute(t, "one"), s.execute(t, "one")
		r := w.machine.runner(id)
		s.untilStatus(t, id, execution.Running)
		seen, cancel := s.watch(t, id)
		defer cancel()
		waits, cancel := s.watch(t, waiting)
		defer cancel()
		s.cancel(t, waiting, "ann", "")
		waits.until(2)
		r.log(10)
		r.kill()
		seen.until(13)
		w.checkOneEnd(id)
	})

	t.Run("nothing_is_missed_by_whoever_comes_at_any_time", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		const executions, watchers = 8, 40
		var all sync.WaitGroup
		for range executions {
			id := s.execute(t, "free")
			r := w.machine.runner(id)
			all.Go(func() {
				for range 200 {
					r.log(1 + rand.IntN(3))
				}
				r.complete()
			})
			for range watchers {
				all.Go(func() {
					time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond) // any time
					for {
						seen, cancel := s.watch(t, id)
						if rand.IntN(3) == 0 {
							cancel()
							continue
						}
						for {
							if rec := s.get(t, id); rec.Terminal {
								seen.until(rec.Head)
								cancel()
								return
							}
							select {
							case <-seen.news:
							case <-time.After(patience):
								t.Error("waited in vain for news")
								return
							}
						}
					}
				})
			}
		}
		all.Wait()
	})
}

func openHead(t testing.TB, s *server, id string) (journal.Position, error) {
	t.Helper()
	r, err := s.store.Open(id)
	if err != nil {
		return journal.Position{}, err
	}
	defer r.Close()
	return r.Head()
}

// watchers counts the links that want to know of growth.
func (r *fakeRunner) watchers() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for link := range r.links {
		if link.watch {
			n++
		}
	}
	return n
}
