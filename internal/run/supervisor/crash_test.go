package supervisor_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/run/supervisor"
	"github.com/claudeops/claudeops/protocol"
)

func TestCrash(t *testing.T) {
	t.Parallel()

	t.Run("a_killed_runner_is_noticed_and_settled", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		id, next := s.execute(t, "one"), s.execute(t, "one")
		r := w.machine.runner(id)
		r.log(5)
		r.cost(0.5)
		s.until(t, id, "cost is known", func(rec execution.Record) bool { return rec.Cost > 0 })
		w.machine.set(func(m *machine) { m.marked[id] = 3 })
		words := strings.Repeat("x", 1000) + "\nrunner of execution: no space left\n"
		if err := os.WriteFile(filepath.Join(w.dir, "executions", id, "runner.log"), []byte(words), 0o600); err != nil {
			t.Fatal(err)
		}
		r.kill()
		rec := s.untilStatus(t, id, execution.Failed)
		if !strings.Contains(rec.Error, "(its last words: runner of execution: no space left)") {
			t.Errorf("it says %q", rec.Error)
		}
		if rec.Reason != string(execution.ReasonRunnerLost) || rec.ProcessesReaped != 3 || rec.Cost != 0.5 || !strings.Contains(rec.Error, "3 processes") || rec.Head != 9 {
			t.Errorf("settled as %+v", rec)
		}
		w.checkOneEnd(id)
		w.machine.runner(next) // its place is free
		w.untilRetired(id)
	})

	t.Run("what_runs_is_adopted_with_what_happened_meanwhile", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		id, waiting := s.execute(t, "one"), s.execute(t, "one")
		r := w.machine.runner(id)
		s.untilStatus(t, id, execution.Running)
		w.stop()
		r.log(100)
		r.progress(70, "alone")
		s = w.open()
		var told []string
		defer s.Lifecycle(func(_ []byte, e *execution.Event, rec execution.Record) {
			if e.ExecutionID == id {
				told = append(told, fmt.Sprint(e.Type, " ", e.Seq))
			}
		})()
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		rec := s.until(t, id, "progress is known", func(rec execution.Record) bool { return rec.Progress != nil })
		if rec.Status != execution.Running || rec.Head != 103 || rec.ProgressMessage != "alone" {
			t.Errorf("adopted as %+v", rec)
		}
		if counts := s.Counts(); counts != (protocol.Executions{Queued: 1, Running: 1}) {
			t.Errorf("counts are %+v", counts)
		}
		r.complete()
		s.untilStatus(t, id, execution.Completed)
		w.machine.runner(waiting)
		// What the server before had told is not told again.
		if want := []string{"execution:progress 103", "execution:completed 104"}; !slices.Equal(told, want) {
			t.Errorf("told %v, want %v", told, want)
		}
		if n := w.machine.ranTimes(id); n != 1 {
			t.Errorf("ran %d times", n)
		}
	})

	t.Run("what_ended_meanwhile_is_known_at_once", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		ids := []string{s.execute(t, "free"), s.execute(t, "free"), s.execute(t, "free")}
		for _, id := range ids {
			w.machine.runner(id)
			s.untilStatus(t, id, execution.Running)
		}
		w.stop()
		w.machine.runner(ids[0]).progress(30, "x")
		w.machine.runner(ids[0]).log(2000)
		w.machine.runner(ids[0]).complete()
		w.machine.set(func(m *machine) { m.marked[ids[1]] = 1 })
		w.machine.runner(ids[1]).kill()
		s = w.start()
		// Without waiting: start returns when it is so.
		if rec := s.get(t, ids[0]); rec.Status != execution.Completed || rec.ProgressMessage != "x" || rec.Head != 2004 {
			t.Errorf("the one that completed is %+v", rec)
		}
		if rec := s.get(t, ids[1]); rec.Status != execution.Failed || rec.Reason != string(execution.ReasonRunnerLost) || rec.ProcessesReaped != 1 {
			t.Errorf("the one that was killed is %+v", rec)
		}
		if rec := s.get(t, ids[2]); rec.Status != execution.Running {
			t.Errorf("the one that runs is %+v", rec)
		}
		page, err := s.List(t.Context(), index.Filter{Status: []execution.Status{execution.Running}})
		if err != nil || len(page.Executions) != 1 || page.Executions[0].ExecutionID != ids[2] {
			t.Errorf("listed as running: %+v, %v", page.Executions, err)
		}
		for _, id := range ids[:2] {
			w.untilRetired(id)
		}
	})

	t.Run("a_machine_that_went_down_is_the_reason", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		running, cancelling, waiting := s.execute(t, "one"), s.execute(t, "two"), s.execute(t, "one")
		for _, id := range []string{running, cancelling} {
			w.machine.runner(id)
			s.untilStatus(t, id, execution.Running)
		}
		s.cancel(t, cancelling, "ann", "enough")
		w.stop()
		w.reboot()
		s = w.start()
		if rec := s.get(t, running); rec.Status != execution.Failed || rec.Reason != string(execution.ReasonHostRestarted) {
			t.Errorf("what ran is %+v", rec)
		}
		if rec := s.get(t, cancelling); rec.Status != execution.Cancelled || rec.CancelledBy != "ann" {
			t.Errorf("what was being cancelled is %+v", rec)
		}
		w.machine.runner(waiting).complete()
		s.untilStatus(t, waiting, execution.Completed)
		for _, id := range []string{running, cancelling, waiting} {
			w.checkOneEnd(id)
			if n := w.machine.ranTimes(id); n != 1 {
				t.Errorf("%s ran %d times", short(id), n)
			}
		}
	})

	t.Run("an_index_that_lost_transactions_to_the_power_is_mended", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.machine.auto = func(r *fakeRunner) { r.complete() }
		s := w.start()
		old := s.execute(t, "free")
		s.untilStatus(t, old, execution.Completed)
		w.untilRetired(old)
		w.stop()
		before := w.saveIndex()
		s = w.start()
		lost := s.execute(t, "free")
		s.untilStatus(t, lost, execution.Completed)
		w.untilRetired(lost)
		w.stop()
		w.restoreIndex(before)
		w.reboot()
		s = w.start()
		if rec := s.get(t, lost); rec.Status != execution.Completed {
			t.Errorf("it is %+v", rec)
		}
		if newer := s.execute(t, "free"); newer <= lost {
			t.Errorf("id %s is not after %s", newer, lost)
		}
	})

	t.Run("a_row_that_nothing_marks_as_active_is_looked_at", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		id := s.execute(t, "free")
		r := w.machine.runner(id)
		s.untilStatus(t, id, execution.Running)
		if _, err := s.List(t.Context(), index.Filter{}); err != nil { // which has it written
			t.Fatal(err)
		}
		w.stop()
		r.complete()
		if err := os.Remove(filepath.Join(w.dir, "active", id)); err != nil {
			t.Fatal(err)
		}
		s = w.start()
		s.untilStatus(t, id, execution.Completed)
	})

	t.Run("one_that_was_stored_and_not_indexed_runs_and_keeps_its_key", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.start()
		w.stop()
		before := w.saveIndex()
		s := w.start()
		request := supervisor.Request{AgentType: "free", IdempotencyKey: "k", Trigger: me}
		w.machine.spawnErr = func(string) error { return syscall.EAGAIN } // it can't be started yet
		rec, _, err := s.Execute(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		w.stop()
		w.restoreIndex(before)
		if err := os.Remove(filepath.Join(w.dir, "executions", rec.ExecutionID, "spawned.json")); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		w.machine.set(func(m *machine) { m.spawnErr = nil })
		s = w.start()
		again, existing, err := s.Execute(t.Context(), request)
		if err != nil || !existing || again.ExecutionID != rec.ExecutionID {
			t.Errorf("the key gives %s, %v, %v, stood for %s", again.ExecutionID, existing, err, rec.ExecutionID)
		}
		w.machine.runner(rec.ExecutionID).complete()
		s.untilStatus(t, rec.ExecutionID, execution.Completed)
	})

	t.Run("one_that_can_not_be_looked_at_is_looked_at_again", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		running, waiting, free := s.execute(t, "one"), s.execute(t, "one"), s.execute(t, "free")
		r := w.machine.runner(running)
		w.machine.runner(free)
		s.untilStatus(t, running, execution.Running)
		w.stop()
		w.machine.runner(free).complete()
		faulty := &faultyStore{open: syscall.EMFILE}
		s = w.startWith(faulty)
		if !strings.Contains(s.log.String(), "too many open files") {
			t.Errorf("the log says %s", s.log)
		}
		faulty.set(func(f *faultyStore) { f.open = nil })
		s.untilStatus(t, free, execution.Completed)
		eventually(t, "all are known", func() bool { return s.Counts() == protocol.Executions{Queued: 1, Running: 1} })
		if n := w.machine.ranTimes(waiting); n != 0 {
			t.Error("what waited ran beside what it waits for")
		}
		r.complete()
		w.machine.runner(waiting).complete()
		s.untilStatus(t, waiting, execution.Completed)
	})

	t.Run("a_journal_that_lost_events_still_gets_its_end", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		id := s.execute(t, "free")
		r := w.machine.runner(id)
		r.progress(1, "first")
		r.progress(2, "second")
		s.until(t, id, "both are known", func(rec execution.Record) bool { return rec.Head == 4 })
		w.stop() // which indexes them
		r.kill()
		path := filepath.Join(w.dir, "executions", id, "events.ndjson")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.SplitAfter(string(text), "\n")
		if err := os.Truncate(path, int64(len(lines[0])+len(lines[1])+10)); err != nil { // within the first progress
			t.Fatal(err)
		}
		s = w.start()
		rec := s.untilStatus(t, id, execution.Failed)
		if rec.Reason != string(execution.ReasonRunnerLost) || rec.Head != 3 {
			t.Errorf("ended as %+v", rec)
		}
		w.checkOneEnd(id)
		w.untilRetired(id)
	})

	t.Run("half_made_executions_are_removed", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.start()
		w.stop()
		store, err := journal.OpenDir(w.dir)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		for i, make := range []func(id string) error{
			func(string) error { return nil }, // the mark alone
			func(id string) error { return createEmpty(store, id) },
			func(id string) error {
				if err := createEmpty(store, id); err != nil {
					return err
				}
				return os.WriteFile(filepath.Join(dirOf(t, store, id), "spec.json"), []byte("{}"), 0o600)
			},
		} {
			id := fmt.Sprintf("01k000000000000000000000%02d", i)
			if err := os.WriteFile(filepath.Join(w.dir, "active", id), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := make(id); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(w.dir, "active", "README"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		w.start()
		w.checkEmpty()
		if _, err := os.Stat(filepath.Join(w.dir, "active", "README")); err != nil {
			t.Errorf("a file that is no mark was touched: %v", err)
		}
	})

	t.Run("cancelling_what_a_crash_left_over_succeeds", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		id := s.execute(t, "free")
		r := w.machine.runner(id)
		s.untilStatus(t, id, execution.Running)
		w.stop()
		w.machine.set(func(m *machine) { m.killErr, m.marked[id] = fmt.Errorf("can't be killed yet"), 1 })
		r.kill()
		s = w.start() // does not wait for ever
		if rec := s.cancel(t, id, "ann", "tidy up"); rec.Status != execution.Cancelling {
			t.Errorf("answered with %s", rec.Status)
		}
		w.machine.set(func(m *machine) { m.killErr = nil })
		if rec := s.untilStatus(t, id, execution.Cancelled); rec.CancelledBy != "ann" || rec.ProcessesReaped != 1 {
			t.Errorf("ended as %+v", rec)
		}
	})
}

func createEmpty(store journal.Store, id string) error {
	w, err := store.Create(id)
	if err != nil {
		return err
	}
	return w.Close()
}

func dirOf(t testing.TB, store journal.Store, id string) string {
	t.Helper()
	dir, err := store.Dir(id)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// reboot makes it look as if the machine had gone down: all runners die, and what was noted was
// noted under another boot.
func (w *world) reboot() {
	w.t.Helper()
	w.machine.mu.Lock()
	for _, r := range w.machine.all {
		r.kill()
	}
	w.machine.mu.Unlock()
	names, err := filepath.Glob(filepath.Join(w.dir, "executions", "*", "spawned.json"))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			w.t.Fatal(err)
		}
		var start map[string]any
		if err := json.Unmarshal(text, &start); err != nil {
			w.t.Fatal(err)
		}
		start["boot"] = "the one before"
		text, _ = json.Marshal(start)
		if err := os.WriteFile(name, text, 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	x, err := index.Open(filepath.Join(w.dir, "index.sqlite"))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := x.SetComplete(w.t.Context(), "the one before"); err != nil {
		w.t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) saveIndex() []byte {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, "index.sqlite"))
	if err != nil {
		w.t.Fatal(err)
	}
	return text
}

func (w *world) restoreIndex(text []byte) {
	w.t.Helper()
	for _, suffix := range []string{"-wal", "-shm"} {
		os.Remove(filepath.Join(w.dir, "index.sqlite"+suffix))
	}
	if err := os.WriteFile(filepath.Join(w.dir, "index.sqlite"), text, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func TestCrash_executions_that_end_with_their_caller_are_told_of_to_the_next_server(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.start()
	execute := func(agentType string, bound bool) string {
		rec, _, err := s.Execute(t.Context(), supervisor.Request{AgentType: agentType, Trigger: me, EndWithCaller: bound})
		if err != nil {
			t.Fatal(err)
		}
		return rec.ExecutionID
	}
	running, waits, ended, free := execute("one", true), execute("one", true), execute("free", true), execute("free", false)
	s.untilStatus(t, running, execution.Running)
	w.machine.runner(ended).complete()
	s.untilStatus(t, ended, execution.Completed)
	w.untilRetired(ended)
	if _, err := os.Lstat(filepath.Join(w.dir, "executions", ended, "caller.json")); !os.IsNotExist(err) {
		t.Errorf("whom it ended with is still kept: %v", err)
	}
	for range 2 { // the note outlives every server
		bound := map[string]string{}
		w.options.Bound = func(user, id string) { bound[id] = user }
		w.start()
		if want := map[string]string{running: "me", waits: "me"}; !maps.Equal(bound, want) {
			t.Errorf("bound are %v, want %v (not %s, %s)", bound, want, ended, free)
		}
	}

	// Half a note binds nobody, and keeps nothing from being adopted.
	w.stop()
	if err := os.WriteFile(filepath.Join(w.dir, "executions", running, "caller.json"), []byte(`{"us`), 0o600); err != nil {
		t.Fatal(err)
	}
	bound := map[string]string{}
	w.options.Bound = func(user, id string) { bound[id] = user }
	s = w.start()
	if want := map[string]string{waits: "me"}; !maps.Equal(bound, want) {
		t.Errorf("bound are %v, want %v", bound, want)
	}
	s.untilStatus(t, running, execution.Running)
}
