package supervisor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/rundir"
	"github.com/claudeops/claudeops/internal/run/supervisor"
	"github.com/claudeops/claudeops/protocol"
)

// ended runs an agent to its end.
func (w *world) ended(s *server, agentType string) string {
	w.t.Helper()
	id := s.execute(w.t, agentType)
	r := w.machine.runner(id)
	r.log(20)
	r.complete()
	s.untilStatus(w.t, id, execution.Completed)
	w.untilRetired(id)
	eventually(w.t, "it is history", func() bool { return slices.Contains(s.touchable(w.t), id) })
	return id
}

// touchable are the executions that retention may touch, last ended first.
func (s *server) touchable(t testing.TB) []string {
	t.Helper()
	var ids []string
	for e, err := range s.Ended(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, e.ID)
	}
	return ids
}

func (s *server) pinned(t testing.TB, id string) bool {
	t.Helper()
	page, err := s.List(t.Context(), index.Filter{Pinned: new(true)})
	if err != nil {
		t.Fatal(err)
	}
	listed := slices.ContainsFunc(page.Executions, func(rec execution.Record) bool { return rec.ExecutionID == id })
	if rec := s.get(t, id); rec.Pinned != listed {
		t.Errorf("%s: its record says %v, the list of the pinned %v", id, rec.Pinned, listed)
	}
	return listed
}

func TestPin(t *testing.T) {
	t.Parallel()

	t.Run("survives_the_server_the_end_and_the_index", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		old, waits, runs := w.ended(s, "free"), "", ""
		runs, waits = s.execute(t, "one"), s.execute(t, "one")
		s.untilStatus(t, runs, execution.Running)
		for _, id := range []string{old, runs, waits, old} { // twice is as good as once
			rec, err := s.Pin(t.Context(), id, "me", true)
			if err != nil || !rec.Pinned {
				t.Fatalf("pinning %s gives %v, %v", id, rec.Pinned, err)
			}
		}
		check := func(when string, s *server) {
			t.Helper()
			for _, id := range []string{old, runs, waits} {
				if !s.pinned(t, id) {
					t.Errorf("%s: %s is not pinned any more", when, id)
				}
			}
			if slices.Contains(s.touchable(t), old) {
				t.Errorf("%s: retention may touch what is pinned", when)
			}
		}
		check("at once", s)
		check("after a restart", w.start())
		s = w.server
		w.machine.runner(runs).complete()
		s.untilStatus(t, runs, execution.Completed)
		w.untilRetired(runs)
		check("after its end", s)
		w.stop()
		for _, suffix := range []string{"", "-wal", "-shm"} {
			_ = os.Remove(filepath.Join(w.dir, "index.sqlite"+suffix))
		}
		s = w.start()
		check("with a new index", s)
		for _, id := range []string{old, waits} {
			if rec, err := s.Pin(t.Context(), id, "me", false); err != nil || rec.Pinned || s.pinned(t, id) {
				t.Errorf("unpinning %s gives %v, %v", id, rec.Pinned, err)
			}
		}
		if !slices.Contains(s.touchable(t), old) {
			t.Error("retention does not touch what is unpinned")
		}
	})

	t.Run("of_nothing_is_not_found", func(t *testing.T) {
		t.Parallel()
		s := newWorld(t).start()
		for _, id := range []string{"01jd3kq7f00000000000000000", "nothing", "../../etc"} {
			if _, err := s.Pin(t.Context(), id, "me", true); fault.CodeOf(err) != protocol.NotFound {
				t.Errorf("pinning %q gives %v", id, err)
			}
		}
	})

	t.Run("that_an_index_has_lost_counts_all_the_same", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		id := w.ended(s, "free")
		// As after a power loss: the file is durable, the index has lost its last transaction.
		if err := rundir.WritePin(filepath.Join(w.dir, "executions", id), rundir.Pin{By: "me"}); err != nil {
			t.Fatal(err)
		}
		if err := s.Remove(t.Context(), id); fault.CodeOf(err) != protocol.Conflict {
			t.Errorf("removing it gives %v", err)
		}
		if err := s.index.Fill(t.Context(), s.store); err != nil {
			t.Fatal(err)
		}
		if rec, err := s.index.Get(t.Context(), id); err != nil || !rec.Pinned {
			t.Errorf("comparing the index with the journals leaves it at %v, %v", rec.Pinned, err)
		}
	})
}

func TestRemove(t *testing.T) {
	t.Parallel()

	t.Run("leaves_nothing", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		id, stays := w.ended(s, "free"), w.ended(s, "free")
		if s.get(t, id).ExecutionID != id {
			t.Fatal("it is not there")
		}
		// Who reads it meanwhile reads to its end.
		r, err := s.store.Open(id)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if err := s.Remove(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if rec, err := index.Fold(t.Context(), r); err != nil || rec.Status != execution.Completed {
			t.Errorf("a reader of before reads %s, %v", rec.Status, err)
		}
		w.checkGone(s, id)
		if err := s.Remove(t.Context(), id); fault.CodeOf(err) != protocol.NotFound {
			t.Errorf("removing it again gives %v", err)
		}
		if got := s.touchable(t); !slices.Equal(got, []string{stays}) {
			t.Errorf("left are %v, want %s", got, stays)
		}
		w.checkGone(w.start(), id)
	})

	t.Run("refuses_what_is_not_over", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		pinned := w.ended(s, "free")
		runs, waits := s.execute(t, "one"), s.execute(t, "one")
		s.untilStatus(t, runs, execution.Running)
		if _, err := s.Pin(t.Context(), pinned, "me", true); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{pinned, runs, waits} {
			if err := s.Remove(t.Context(), id); fault.CodeOf(err) != protocol.Conflict {
				t.Errorf("removing %s gives %v", id, err)
			}
			if s.get(t, id).ExecutionID != id || len(w.journalTypes(id)) == 0 {
				t.Errorf("%s is not whole any more", id)
			}
		}
	})
}

// checkGone checks that nothing knows an execution any more.
func (w *world) checkGone(s *server, id string) {
	w.t.Helper()
	if _, err := s.Get(w.t.Context(), id); fault.CodeOf(err) != protocol.NotFound {
		w.t.Errorf("getting %s gives %v", id, err)
	}
	if _, err := s.Watch(id, func(journal.Position) {}); fault.CodeOf(err) != protocol.NotFound {
		w.t.Errorf("watching %s gives %v", id, err)
	}
	if _, err := s.index.Get(w.t.Context(), id); fault.CodeOf(err) != protocol.NotFound {
		w.t.Errorf("the index knows %s: %v", id, err)
	}
	ids, err := s.store.IDs(w.t.Context())
	if err != nil || slices.Contains(ids, id) {
		w.t.Errorf("the journals are %v, %v", ids, err)
	}
	for _, path := range []string{"active", "executions"} {
		if _, err := os.Lstat(filepath.Join(w.dir, path, id)); !errors.Is(err, os.ErrNotExist) {
			w.t.Errorf("%s/%s is there: %v", path, id, err)
		}
	}
}

// A removal whose index can't be written is finished by the next start.
func TestRemove_that_the_index_does_not_hear_of_is_finished_by_the_next_start(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.start()
	id := w.ended(s, "free")
	w.reached = func(step string) {
		if step == supervisor.StepJournalRemoved {
			if err := s.index.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	if err := s.Remove(t.Context(), id); err == nil {
		t.Fatal("it succeeds without an index")
	}
	w.reached = nil
	s = w.open()
	if _, err := s.index.Get(t.Context(), id); err != nil {
		t.Fatalf("nothing was interrupted: %v", err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.checkGone(s, id)
}

// A store that fails after the execution is out of sight has removed it all the same.
func TestRemove_whose_store_fails(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		removes bool
		gone    bool
	}{
		"before_it_began":                  {false, false},
		"when_the_execution_was_not_there": {true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			f := &failingRemover{removes: test.removes}
			f.faultyStore = &faultyStore{}
			store, err := journal.OpenDir(w.dir)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { store.Close() })
			f.Store, w.options.Store = store, f
			s := w.start()
			id := w.ended(s, "free")
			if err := s.Remove(t.Context(), id); !errors.Is(err, syscall.EIO) {
				t.Errorf("it gives %v", err)
			}
			if test.gone {
				w.checkGone(s, id)
				return
			}
			if s.get(t, id).ExecutionID != id || len(w.journalTypes(id)) == 0 {
				t.Error("it is not whole any more")
			}
			if _, err := os.Lstat(filepath.Join(w.dir, "active", id)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("its mark: %v", err)
			}
		})
	}
}

// failingRemover reports an error of the disk, after it has removed or instead.
type failingRemover struct {
	*faultyStore
	removes bool
}

func (f *failingRemover) Remove(id string) error {
	if f.removes {
		if err := f.faultyStore.Remove(id); err != nil {
			return err
		}
	}
	return syscall.EIO
}

// actRemover removes an execution of a data directory nobody serves, or its log lines, and dies as by
// kill -9 when it comes to a step.
func actRemover(args []string) int {
	dataDir, id, what, step := args[0], args[1], args[2], args[3]
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	store, err := journal.OpenDir(dataDir) // its lock is the test's
	if err != nil {
		return fail(err)
	}
	defer store.Close()
	x, err := index.Open(filepath.Join(dataDir, "index.sqlite"))
	if err != nil {
		return fail(err)
	}
	defer x.Close()
	s, err := supervisor.Open(supervisor.Options{
		DataDir: dataDir, Executable: "none", Catalogue: &catalogue{}, Store: store, Index: x,
		Reached: func(reached string) {
			if reached == step {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
		},
	})
	if err != nil {
		return fail(err)
	}
	if what == "logs" {
		_, err = s.RemoveLogs(context.Background(), id)
	} else {
		err = s.Remove(context.Background(), id)
	}
	if err != nil {
		return fail(err)
	}
	return 0
}

// removeAndDie runs actRemover.
func (w *world) removeAndDie(id, what, step string) {
	w.t.Helper()
	w.stop()
	cmd := exec.Command(os.Args[0], "remove", w.dir, id, what, step)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		w.t.Fatalf("the remover was to die at %s, and ended with %v: %s", step, err, out)
	}
}

// Whatever step a removal dies at: the next start, or the next removal, finishes it, with the index that
// was and with one made anew.
func TestRemove_killed_at_each_step(t *testing.T) {
	t.Parallel()
	for _, step := range []string{supervisor.StepMarked, supervisor.StepJournalRemoved, supervisor.StepIndexRemoved} {
		for _, reindexed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s_reindexed_%v", step, reindexed), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				s := w.start()
				id, other := w.ended(s, "free"), w.ended(s, "free")
				w.removeAndDie(id, "all", step)
				if reindexed {
					w.reindex()
				}
				s = w.start()
				if step == supervisor.StepMarked {
					// Nothing was taken: it is whole, and goes with the next removal.
					w.untilRetired(id)
					eventually(t, "it is history again", func() bool { return slices.Contains(s.touchable(t), id) })
					if s.get(t, id).Status != execution.Completed || len(w.journalTypes(id)) == 0 {
						t.Error("it is not whole")
					}
					if err := s.Remove(t.Context(), id); err != nil {
						t.Error(err)
					}
				}
				w.checkGone(s, id)
				if s.get(t, other).Status != execution.Completed || !slices.Equal(s.touchable(t), []string{other}) {
					t.Errorf("of the others there are %v", s.touchable(t))
				}
			})
		}
	}
}

func TestRecord_of_what_is_pinned_and_removed_at_once_is_one_or_the_other(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.start()
	outcomes := map[string]int{}
	for range 20 {
		id := w.ended(s, "free")
		removed := make(chan error, 1)
		go func() { removed <- s.Remove(t.Context(), id) }()
		_, pinErr := s.Pin(t.Context(), id, "me", true)
		switch err := <-removed; {
		case err == nil && fault.CodeOf(pinErr) == protocol.NotFound:
			outcomes["removed"]++
			w.checkGone(s, id)
		case fault.CodeOf(err) == protocol.Conflict && pinErr == nil:
			outcomes["pinned"]++
			if !s.pinned(t, id) || len(w.journalTypes(id)) == 0 {
				t.Errorf("%s is pinned and not whole", id)
			}
		default:
			t.Errorf("removing gives %v, pinning %v", err, pinErr)
		}
	}
	t.Log(outcomes)
}

// withoutLogs is what an execution's readers get, from its first event on.
func (w *world) withoutLogs(s *server, id string) (types []string, gaps []journal.Gap) {
	w.t.Helper()
	r, err := s.store.Open(id)
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Close()
	buf := make([]byte, 64<<10)
	for at := (journal.Position{}); ; {
		n, next, gap, err := r.Read(at, journal.Position{}, buf)
		if err != nil {
			w.t.Fatal(err)
		}
		if gap != nil {
			gaps = append(gaps, *gap)
		}
		if n == 0 && gap == nil {
			return types, gaps
		}
		for line := range bytes.Lines(buf[:n]) {
			types = append(types, journal.TypeOf(line))
		}
		at = next
	}
}

// checkWithoutLogs checks that an execution is whole but for its log lines.
func (w *world) checkWithoutLogs(s *server, id string, before execution.Record) {
	w.t.Helper()
	rec := s.get(w.t, id)
	if rec.LogsRemovedAt == nil {
		w.t.Error("its record does not say that its log lines are gone")
	}
	rec.LogsRemovedAt = nil
	if diff := cmp.Diff(before, rec); diff != "" {
		w.t.Errorf("its record has changed: -before +after\n%s", diff)
	}
	types, gaps := w.withoutLogs(s, id)
	if want := []string{execution.TypeQueued, execution.TypeStarted, execution.TypeCompleted}; !slices.Equal(types, want) {
		w.t.Errorf("left are %v, want %v", types, want)
	}
	if want := []journal.Gap{{From: 3, To: 22, Reason: journal.GapRetention}}; !slices.Equal(gaps, want) {
		w.t.Errorf("gaps are %v, want %v", gaps, want)
	}
}

func TestRemoveLogs(t *testing.T) {
	t.Parallel()

	t.Run("keeps_the_rest", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		id := w.ended(s, "free")
		before := s.get(t, id)
		if _, err := s.RemoveLogs(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		w.checkWithoutLogs(s, id, before)
		if freed, err := s.RemoveLogs(t.Context(), id); err != nil || freed != 0 {
			t.Errorf("again it frees %d, %v", freed, err)
		}
		w.stop()
		for _, suffix := range []string{"", "-wal", "-shm"} {
			_ = os.Remove(filepath.Join(w.dir, "index.sqlite"+suffix))
		}
		s = w.start()
		w.checkWithoutLogs(s, id, before)
		for e, err := range s.Ended(t.Context()) {
			if err != nil || !e.LogsRemoved {
				t.Errorf("retention sees %+v, %v", e, err)
			}
		}
		if err := s.Remove(t.Context(), id); err != nil {
			t.Error(err)
		}
		w.checkGone(s, id)
	})

	t.Run("refuses_what_is_not_over", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		pinned := w.ended(s, "free")
		runs, waits := s.execute(t, "one"), s.execute(t, "one")
		s.untilStatus(t, runs, execution.Running)
		if _, err := s.Pin(t.Context(), pinned, "me", true); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{pinned, runs, waits} {
			if _, err := s.RemoveLogs(t.Context(), id); fault.CodeOf(err) != protocol.Conflict {
				t.Errorf("of %s it gives %v", id, err)
			}
		}
		if types := w.journalTypes(pinned); len(types) != 23 {
			t.Errorf("of the pinned one there is %v", types)
		}
	})

	t.Run("leaves_what_others_work_on_for_later", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		id := w.ended(s, "free")
		writer, _, err := s.store.Append(id) // has its lock
		if err != nil {
			t.Fatal(err)
		}
		defer writer.Close()
		if _, err := s.RemoveLogs(t.Context(), id); fault.CodeOf(err) != protocol.Conflict {
			t.Errorf("it gives %v", err)
		}
		if err := s.Remove(t.Context(), id); fault.CodeOf(err) != protocol.Conflict {
			t.Errorf("removing it gives %v", err)
		}
		if s.get(t, id).LogsRemovedAt != nil || !slices.Contains(s.touchable(t), id) {
			t.Error("it is not as it was")
		}
	})
}

// Whatever step the removal of log lines dies at, doing it again finishes it.
func TestRemoveLogs_killed_at_each_step(t *testing.T) {
	t.Parallel()
	for _, step := range []string{supervisor.StepTrimmed, supervisor.StepTrimNoted} {
		for _, reindexed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s_reindexed_%v", step, reindexed), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				s := w.start()
				id := w.ended(s, "free")
				before := s.get(t, id)
				w.removeAndDie(id, "logs", step)
				if reindexed {
					w.reindex()
				}
				s = w.start()
				if rec := s.get(t, id); rec.Status != execution.Completed || rec.Cost != before.Cost {
					t.Errorf("after the start it is %+v", rec)
				}
				if _, err := s.RemoveLogs(t.Context(), id); err != nil {
					t.Fatal(err)
				}
				w.checkWithoutLogs(s, id, before)
			})
		}
	}
}

func (w *world) reindex() {
	w.t.Helper()
	store, err := journal.OpenDir(w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := errors.Join(index.Rebuild(w.t.Context(), store, filepath.Join(w.dir, "index.sqlite")), store.Close()); err != nil {
		w.t.Fatal(err)
	}
}
