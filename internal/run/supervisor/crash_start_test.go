package supervisor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/run/supervisor"
)

func TestCrash_between_spawn_and_start(t *testing.T) {
	t.Parallel()

	// accepted makes an execution that waits, and stops the server as if it had died just then.
	accepted := func(t *testing.T) (w *world, id string) {
		t.Helper()
		w = newWorld(t)
		s := w.start()
		running := s.execute(t, "one")
		w.machine.runner(running)
		id = s.execute(t, "one")
		w.stop()
		w.machine.runner(running).complete()
		return w, id
	}
	boot := func(t *testing.T, w *world) string {
		// What the supervisor itself writes.
		id := w.start().execute(t, "free")
		w.machine.runner(id)
		var start struct{ Boot string }
		text, err := os.ReadFile(filepath.Join(w.dir, "executions", id, "spawned.json"))
		if err == nil {
			err = json.Unmarshal(text, &start)
		}
		if err != nil || start.Boot == "" {
			t.Fatal(err, start)
		}
		w.stop()
		return start.Boot
	}
	spawned := func(t *testing.T, w *world, id string, value any) {
		t.Helper()
		text, err := json.Marshal(value)
		if err == nil {
			err = os.WriteFile(filepath.Join(w.dir, "executions", id, "spawned.json"), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}

	t.Run("a_runner_on_its_way_is_waited_for", func(t *testing.T) {
		t.Parallel()
		w, id := accepted(t)
		hold := make(chan struct{})
		r := w.machine.launch(id, hold)
		spawned(t, w, id, map[string]any{"boot": boot(t, newWorld(t)), "runner": r.pid})
		s := w.start()
		w.machine.dialled(id, 5) // opportunities to go wrong
		if rec := s.get(t, id); rec.Status != execution.Queued {
			t.Fatalf("it is %+v while its runner starts", rec)
		}
		close(hold)
		s.untilStatus(t, id, execution.Running)
		w.machine.runner(id).complete()
		s.untilStatus(t, id, execution.Completed)
		if n := w.machine.ranTimes(id); n != 1 {
			t.Errorf("ran %d times", n)
		}
	})

	t.Run("of_two_runners_one_runs_it", func(t *testing.T) {
		t.Parallel()
		w, id := accepted(t)
		hold := make(chan struct{})
		w.machine.launch(id, hold) // which nobody noted
		spawned(t, w, id, map[string]any{"boot": boot(t, newWorld(t))})
		s := w.start()
		r := w.machine.runner(id)
		close(hold)
		r.complete()
		s.untilStatus(t, id, execution.Completed)
		w.checkOneEnd(id)
		if n := w.machine.ranTimes(id); n != 1 {
			t.Errorf("ran %d times", n)
		}
	})

	t.Run("what_a_forked_child_of_the_dead_server_holds_for_a_moment_is_no_runner", func(t *testing.T) {
		t.Parallel()
		w, id := accepted(t)
		copied, _, err := w.machine.store.Append(id)
		if err != nil {
			t.Fatal(err)
		}
		asked := make(chan struct{})
		faulty := &faultyStore{written: func() { close(asked) }}
		s := w.openWith(faulty)
		go func() {
			<-asked
			copied.Close()
		}()
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.machine.runner(id).complete()
		s.untilStatus(t, id, execution.Completed)
	})

	t.Run("a_runner_that_never_began_is_started_anew", func(t *testing.T) {
		t.Parallel()
		w, id := accepted(t)
		r := w.machine.launch(id, make(chan struct{}))
		r.kill()
		spawned(t, w, id, map[string]any{"boot": boot(t, newWorld(t)), "runner": r.pid})
		s := w.start()
		w.machine.runner(id).complete()
		s.untilStatus(t, id, execution.Completed)
	})

	t.Run("one_that_may_have_begun_is_not_started_twice", func(t *testing.T) {
		t.Parallel()
		w, id := accepted(t)
		w.machine.set(func(m *machine) { m.ran[id] = 1 })
		spawned(t, w, id, map[string]any{"boot": boot(t, newWorld(t))})
		s := w.start()
		if rec := s.untilStatus(t, id, execution.Failed); rec.Reason != string(execution.ReasonRunnerLost) {
			t.Errorf("reason is %q", rec.Reason)
		}
		if n := w.machine.ranTimes(id); n != 1 {
			t.Errorf("ran %d times", n)
		}
	})

	t.Run("nor_one_that_was_started_before_the_machine_went_down", func(t *testing.T) {
		t.Parallel()
		w, id := accepted(t)
		spawned(t, w, id, map[string]any{"boot": "another"})
		s := w.start()
		if rec := s.untilStatus(t, id, execution.Failed); rec.Reason != string(execution.ReasonHostRestarted) {
			t.Errorf("reason is %q", rec.Reason)
		}
	})

	t.Run("nor_one_of_which_a_power_loss_has_left_half_a_note", func(t *testing.T) {
		t.Parallel()
		w, id := accepted(t)
		if err := os.WriteFile(filepath.Join(w.dir, "executions", id, "spawned.json"), []byte(`{"bo`), 0o600); err != nil {
			t.Fatal(err)
		}
		s := w.start()
		if rec := s.untilStatus(t, id, execution.Failed); rec.Reason != string(execution.ReasonHostRestarted) {
			t.Errorf("reason is %q", rec.Reason)
		}
	})

	t.Run("without_its_spec_it_can_not_be_started", func(t *testing.T) {
		t.Parallel()
		w, id := accepted(t)
		if err := os.Remove(filepath.Join(w.dir, "executions", id, "spec.json")); err != nil {
			t.Fatal(err)
		}
		s := w.start()
		rec := s.untilStatus(t, id, execution.Failed)
		if rec.Reason != string(execution.ReasonSpawnFailed) || !strings.Contains(rec.Error, "spec.json") {
			t.Errorf("ended as %+v", rec)
		}
	})
}

func TestSpawn_failure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.machine.spawnErr = func(string) error { return fmt.Errorf("start the runner: exec format error") }
	s := w.start()
	id, next := s.execute(t, "one"), s.execute(t, "one")
	for _, id := range []string{id, next} {
		rec := s.untilStatus(t, id, execution.Failed)
		if rec.Reason != string(execution.ReasonSpawnFailed) || !strings.Contains(rec.Error, "exec format error") {
			t.Errorf("ended as %+v", rec)
		}
		if got := w.journalTypes(id); !slices.Equal(got, []string{execution.TypeQueued, execution.TypeFailed}) {
			t.Errorf("journal is %v", got)
		}
	}
}

// TestStart_cost shows that a start looks at what is active, not at the history.
func TestStart_cost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.options.MaxQueued = -1
	s := w.start()
	running := s.execute(t, "one")
	w.machine.runner(running)
	s.untilStatus(t, running, execution.Running)
	w.stop()
	x, err := index.Open(filepath.Join(w.dir, "index.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	const ended = 20_000
	var records []execution.Record
	for i := range ended {
		records = append(records, execution.Record{
			ExecutionID: fmt.Sprintf("01h%023d", i), AgentType: "free", Status: execution.Completed, Terminal: true, Head: 3, QueuedAt: time.UnixMilli(int64(i)),
		})
	}
	if err := x.Put(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	faulty := &faultyStore{}
	s = w.startWith(faulty)
	faulty.set(func(f *faultyStore) {
		if f.opened > 5 {
			t.Errorf("the start opened %d journals for 1 active execution", f.opened)
		}
		t.Logf("journals opened: %d, ended executions: %d", f.opened, ended)
	})
	page, err := s.List(t.Context(), index.Filter{Count: true})
	if err != nil || page.Total != ended+1 {
		t.Errorf("%d listed, %v", page.Total, err)
	}
}

func TestStop(t *testing.T) {
	t.Parallel()

	t.Run("leaves_agents_running_and_refuses_new_ones", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		if !s.Ready() {
			t.Error("a started supervisor is not ready")
		}
		id := s.execute(t, "free")
		r := w.machine.runner(id)
		for range 2 {
			if err := s.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if s.Ready() {
			t.Error("a stopped supervisor is ready")
		}
		if !w.machine.Alive(r.pid) {
			t.Error("the runner went with the server")
		}
		if _, _, err := s.Execute(t.Context(), supervisor.Request{AgentType: "free", Trigger: me}); err == nil || !strings.Contains(err.Error(), "shutting down") {
			t.Errorf("execute: %v", err)
		}
		if _, err := s.Cancel(t.Context(), id, "me", ""); err == nil {
			t.Error("a stopped supervisor cancels")
		}
		if err := s.Start(t.Context()); err == nil {
			t.Error("it starts again")
		}
	})

	t.Run("before_start", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.open()
		if _, _, err := s.Execute(t.Context(), supervisor.Request{AgentType: "free", Trigger: me}); err == nil || !strings.Contains(err.Error(), "starting") {
			t.Errorf("execute: %v", err)
		}
		if err := s.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if err := s.Start(t.Context()); err == nil {
			t.Error("it starts after it was stopped")
		}
	})

	t.Run("while_it_starts", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.open()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Start(ctx); err == nil {
			t.Error("it starts although its context is over")
		}
	})
}
