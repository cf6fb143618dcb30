package supervisor_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/protocol"
)

func (s *server) cancel(t testing.TB, id, by, reason string) execution.Record {
	t.Helper()
	rec, err := s.Cancel(t.Context(), id, by, reason)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func TestCancel(t *testing.T) {
	t.Parallel()

	t.Run("what_waits_never_runs", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		running, waiting, last := s.execute(t, "one"), s.execute(t, "one"), s.execute(t, "one")
		w.machine.runner(running)
		rec := s.cancel(t, waiting, "ann", "not needed")
		if rec.Status != execution.Cancelled || rec.CancelledBy != "ann" || rec.Reason != "not needed" || !rec.Terminal || rec.StartedAt != nil {
			t.Errorf("cancelled as %+v", rec)
		}
		if got := w.journalTypes(waiting); !slices.Equal(got, []string{execution.TypeQueued, execution.TypeCancelled}) {
			t.Errorf("journal is %v", got)
		}
		if got := s.get(t, last).QueuePosition; got != 1 {
			t.Errorf("the next is at %d", got)
		}
		w.machine.runner(running).complete()
		w.machine.runner(last)
		if n := w.machine.ranTimes(waiting); n != 0 {
			t.Errorf("the cancelled one ran %d times", n)
		}
		w.untilRetired(waiting)
	})

	t.Run("what_runs_is_being_cancelled_at_once", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		id := s.execute(t, "free")
		r := w.machine.runner(id)
		s.untilStatus(t, id, execution.Running)
		if rec := s.cancel(t, id, "ann", "enough"); rec.Status != execution.Cancelling || rec.Terminal {
			t.Errorf("answered with %+v", rec)
		}
		if got := r.wasCancelled(); got != (cancelled{"ann", "enough"}) {
			t.Errorf("the runner was told %+v", got)
		}
		// Whoever comes second changes nothing, and what happens meanwhile does not hide it.
		if rec := s.cancel(t, id, "bob", "me too"); rec.Status != execution.Cancelling {
			t.Errorf("the second is answered with %s", rec.Status)
		}
		r.progress(90, "stopping")
		rec := s.until(t, id, "progress is told", func(rec execution.Record) bool { return rec.Progress != nil })
		if rec.Status != execution.Cancelling {
			t.Errorf("after progress it is %s", rec.Status)
		}
		r.endCancelled()
		rec = s.untilStatus(t, id, execution.Cancelled)
		if rec.CancelledBy != "ann" || rec.Reason != "enough" {
			t.Errorf("cancelled by %q for %q", rec.CancelledBy, rec.Reason)
		}
		w.untilRetired(id)
		if rec := s.cancel(t, id, "cat", "late"); rec.Status != execution.Cancelled || rec.CancelledBy != "ann" {
			t.Errorf("cancelling it again gives %+v", rec)
		}
		w.checkOneEnd(id)
	})

	t.Run("as_soon_as_it_is_heard_of", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		w.machine.runner(s.execute(t, "one"))
		var all sync.WaitGroup
		defer s.Lifecycle(func(_ []byte, e *execution.Event, _ execution.Record) {
			if e.Type != execution.TypeQueued {
				return
			}
			asked := make(chan struct{})
			all.Go(func() {
				defer close(asked)
				if _, err := s.Cancel(t.Context(), e.ExecutionID, "ann", ""); err != nil {
					t.Error(err)
				}
			})
			<-asked
		})()
		id := s.execute(t, "one")
		if rec := s.untilStatus(t, id, execution.Cancelled); rec.CancelledBy != "ann" {
			t.Errorf("ended as %+v", rec)
		}
		all.Wait()
		if counts := s.Counts(); counts != (protocol.Executions{Running: 1}) {
			t.Errorf("counts are %+v", counts)
		}
	})

	t.Run("while_its_runner_starts", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		starting, hold := make(chan struct{}), make(chan struct{})
		w.machine.spawnErr = func(string) error { close(starting); <-hold; return nil }
		s := w.start()
		id := s.execute(t, "free")
		<-starting
		if rec := s.cancel(t, id, "ann", ""); rec.Status != execution.Cancelling || rec.StartedAt != nil {
			t.Errorf("answered with %+v", rec)
		}
		close(hold)
		r := w.machine.runner(id)
		r.wasCancelled()
		rec := s.until(t, id, "it has started", func(rec execution.Record) bool { return rec.StartedAt != nil })
		if rec.Status != execution.Cancelling {
			t.Errorf("once it has started it is %s", rec.Status)
		}
		r.endCancelled()
		s.untilStatus(t, id, execution.Cancelled)
	})

	t.Run("the_request_outlives_the_server", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		id := s.execute(t, "free")
		r := w.machine.runner(id)
		s.untilStatus(t, id, execution.Running)
		s.cancel(t, id, "ann", "enough")
		r.wasCancelled()
		r.mu.Lock()
		r.cancel = nil // as if it had never arrived
		r.mu.Unlock()
		s = w.start()
		if rec := s.get(t, id); rec.Status != execution.Cancelling {
			t.Errorf("after a restart it is %s", rec.Status)
		}
		if got := r.wasCancelled(); got != (cancelled{"ann", "enough"}) {
			t.Errorf("the runner was told %+v", got)
		}
		r.endCancelled()
		s.untilStatus(t, id, execution.Cancelled)
	})

	t.Run("a_runner_that_dies_meanwhile_leaves_it_cancelled", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		id := s.execute(t, "free")
		r := w.machine.runner(id)
		s.untilStatus(t, id, execution.Running)
		w.machine.set(func(m *machine) { m.marked[id] = 2 })
		s.cancel(t, id, "ann", "enough")
		r.kill()
		rec := s.untilStatus(t, id, execution.Cancelled)
		if rec.CancelledBy != "ann" || rec.ProcessesReaped != 2 {
			t.Errorf("ended as %+v", rec)
		}
	})

	t.Run("unknown_executions_are_not_found", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		for _, id := range []string{"", "x", "../../etc/passwd", strings.Repeat("0", 26), strings.Repeat("A", 26)} {
			if _, err := s.Cancel(t.Context(), id, "me", ""); fault.CodeOf(err) != protocol.NotFound {
				t.Errorf("%q: %v", id, err)
			}
			if _, err := s.Get(t.Context(), id); fault.CodeOf(err) != protocol.NotFound {
				t.Errorf("%q: %v", id, err)
			}
			if _, err := s.Watch(id, func(journal.Position) {}); fault.CodeOf(err) != protocol.NotFound {
				t.Errorf("%q: %v", id, err)
			}
		}
	})

	t.Run("racing_against_the_start_and_the_end", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.machine.auto = func(r *fakeRunner) { r.log(1); r.complete() }
		s := w.start()
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 25 {
					id := s.execute(t, "two")
					var racers sync.WaitGroup
					for range 3 {
						racers.Go(func() {
							if _, err := s.Cancel(t.Context(), id, "ann", ""); err != nil {
								t.Error(err)
							}
						})
					}
					racers.Wait()
					s.until(t, id, "it has ended", func(rec execution.Record) bool { return rec.Terminal })
					w.checkOneEnd(id)
				}
			})
		}
		all.Wait()
		if counts := s.Counts(); counts != (protocol.Executions{}) {
			t.Errorf("counts are %+v", counts)
		}
	})

	t.Run("what_waits_goes_on_waiting_when_its_end_can_not_be_stored", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		faulty := &faultyStore{}
		s := w.startWith(faulty)
		running, waiting := s.execute(t, "one"), s.execute(t, "one")
		w.machine.runner(running)
		faulty.set(func(f *faultyStore) { f.append = syscall.ENOSPC })
		_, err := s.Cancel(t.Context(), waiting, "ann", "")
		if fault.CodeOf(err) != protocol.Unavailable || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("error is %v", err)
		}
		if rec := s.get(t, waiting); rec.Status != execution.Queued || rec.QueuePosition != 1 {
			t.Errorf("it is %s at %d", rec.Status, rec.QueuePosition)
		}
		faulty.set(func(f *faultyStore) { f.append = nil })
		if rec := s.cancel(t, waiting, "ann", ""); rec.Status != execution.Cancelled {
			t.Errorf("then it is %s", rec.Status)
		}
	})
}
