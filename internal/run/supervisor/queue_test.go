package supervisor_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/run/supervisor"
	"github.com/claudeops/claudeops/protocol"
)

func TestQueue(t *testing.T) {
	t.Parallel()

	t.Run("starts_in_order_and_shows_the_place_in_line", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		var ids []string
		for i := range 5 {
			rec, _, err := s.Execute(t.Context(), supervisor.Request{AgentType: "one", Trigger: me})
			if err != nil {
				t.Fatal(err)
			}
			if rec.QueuePosition != i {
				t.Errorf("execution %d is accepted at place %d", i+1, rec.QueuePosition)
			}
			ids = append(ids, rec.ExecutionID)
		}
		for running := range ids {
			w.machine.runner(ids[running])
			s.untilStatus(t, ids[running], execution.Running)
			page, err := s.List(t.Context(), index.Filter{Status: []execution.Status{execution.Queued}})
			if err != nil || len(page.Executions) != len(ids)-running-1 {
				t.Fatalf("%d wait, %v, want %d", len(page.Executions), err, len(ids)-running-1)
			}
			for i := running + 1; i < len(ids); i++ {
				rec := s.get(t, ids[i])
				if rec.Status != execution.Queued || rec.QueuePosition != i-running {
					t.Errorf("with %d running, %d is %s at %d", running+1, i+1, rec.Status, rec.QueuePosition)
				}
				if listed := page.Executions[len(ids)-1-i]; listed.ExecutionID != ids[i] || listed.QueuePosition != rec.QueuePosition {
					t.Errorf("listed is %s at %d", short(listed.ExecutionID), listed.QueuePosition)
				}
			}
			if counts := s.Counts(); counts != (protocol.Executions{Queued: len(ids) - running - 1, Running: 1}) {
				t.Errorf("counts are %+v", counts)
			}
			w.machine.runner(ids[running]).complete()
		}
		s.untilStatus(t, ids[len(ids)-1], execution.Completed)
	})

	t.Run("agents_do_not_wait_for_each_other_until_the_limit_of_all", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.options.MaxRunning = 3
		s := w.start()
		one, oneWaits := s.execute(t, "one"), s.execute(t, "one")
		free := []string{s.execute(t, "free"), s.execute(t, "free"), s.execute(t, "free"), s.execute(t, "free")}
		for _, id := range []string{one, free[0], free[1]} {
			w.machine.runner(id)
		}
		positions := func(want map[string]int) {
			t.Helper()
			for id, position := range want {
				if got := s.get(t, id).QueuePosition; got != position {
					t.Errorf("%s is at %d, want %d", short(id), got, position)
				}
			}
		}
		// oneWaits is held by its own agent's limit, the others by the limit of all.
		positions(map[string]int{oneWaits: 1, free[2]: 1, free[3]: 2})
		w.machine.runner(free[0]).complete()
		w.machine.runner(free[2])
		positions(map[string]int{oneWaits: 1, free[3]: 1})
		// When both could start, the older goes first.
		w.machine.runner(one).complete()
		w.machine.runner(oneWaits)
		positions(map[string]int{free[3]: 1})
	})

	t.Run("of_many_agents_the_oldest_execution_goes_first", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.options.MaxRunning = 1
		s := w.start()
		w.machine.auto = func(r *fakeRunner) { r.complete() }
		hold := make(chan struct{})
		w.machine.spawnErr = func(string) error { <-hold; return nil }
		var ids []string
		for i := range 12 {
			name := fmt.Sprintf("agent-%d", i%6)
			w.catalogue.put(t, "name: "+name+"\ncommand: [\"true\"]\nconcurrency: 1\n")
			ids = append(ids, s.execute(t, name))
		}
		close(hold)
		for _, id := range ids {
			s.untilStatus(t, id, execution.Completed)
		}
		w.machine.mu.Lock()
		defer w.machine.mu.Unlock()
		if !slices.Equal(w.machine.began, ids) {
			t.Errorf("ran in the order %v, want %v", w.machine.began, ids)
		}
	})

	t.Run("a_full_queue_refuses_what_would_wait_and_nothing_else", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.options.MaxQueued = 2
		s := w.start()
		running := s.execute(t, "one")
		w.machine.runner(running)
		s.execute(t, "one")
		s.execute(t, "one")
		_, _, err := s.Execute(t.Context(), supervisor.Request{AgentType: "one", Trigger: me})
		if fault.CodeOf(err) != protocol.LimitReached {
			t.Errorf("the fourth: %v, want limit_reached", err)
		}
		w.machine.runner(s.execute(t, "free"))
		w.machine.runner(running).complete()
		s.untilStatus(t, running, execution.Completed)
		eventually(t, "there is room again", func() bool { return s.Counts().Queued == 1 })
		s.execute(t, "one")
	})

	t.Run("a_limit_that_is_raised_lets_more_start", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		ids := []string{s.execute(t, "one"), s.execute(t, "one"), s.execute(t, "one")}
		w.machine.runner(ids[0])
		if n := w.machine.ranTimes(ids[1]); n != 0 {
			t.Fatal("the second ran beside the first")
		}
		w.catalogue.put(t, "name: one\ncommand: [\"true\"]\nconcurrency: 2\n")
		w.machine.runner(ids[1])
		if got := s.get(t, ids[2]).QueuePosition; got != 1 {
			t.Errorf("the third is at %d", got)
		}
		w.catalogue.put(t, "name: one\ncommand: [\"true\"]\n")
		w.machine.runner(ids[2])
	})

	t.Run("it_outlives_the_server_in_its_order", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		ids := []string{s.execute(t, "one"), s.execute(t, "one"), s.execute(t, "one")}
		w.machine.runner(ids[0])
		s.untilStatus(t, ids[0], execution.Running)
		w.catalogue.drop("one") // what waits knows all it needs
		s = w.start()
		for i, id := range ids {
			rec := s.get(t, id)
			if rec.QueuePosition != i {
				t.Errorf("%d is %s at %d", i+1, rec.Status, rec.QueuePosition)
			}
		}
		for _, id := range ids {
			w.machine.runner(id).complete()
			s.untilStatus(t, id, execution.Completed)
			if n := w.machine.ranTimes(id); n != 1 {
				t.Errorf("ran %d times", n)
			}
		}
	})
}

// TestHold: while the queue is held nothing starts, what is new is accepted, and whoever looks is told
// why; then everything goes on by itself, in its order.
func TestHold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.open()
	const why = "the disk is nearly full"
	s.Hold(why) // before anything could have been started
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := s.execute(t, "one")
	rec, _, err := s.Execute(t.Context(), supervisor.Request{AgentType: "free", Trigger: me})
	if err != nil || rec.Status != execution.Queued || rec.QueueReason != why || rec.QueuePosition == 0 {
		t.Fatalf("accepted as %+v, %v", rec, err)
	}
	second := rec.ExecutionID
	page, err := s.List(t.Context(), index.Filter{})
	if err != nil || len(page.Executions) != 2 {
		t.Fatalf("%+v, %v", page, err)
	}
	for _, rec := range append(page.Executions, s.get(t, first)) {
		if rec.Status != execution.Queued || rec.QueueReason != why {
			t.Errorf("%s is %s, because %q", rec.ExecutionID, rec.Status, rec.QueueReason)
		}
	}
	w.machine.set(func(m *machine) {
		if s.Held() != why || len(m.spawns) != 0 {
			t.Errorf("held by %q, started are %v", s.Held(), m.spawns)
		}
	})
	// One that waits can be cancelled as ever.
	third := s.execute(t, "free")
	if rec, err := s.Cancel(t.Context(), third, "me", ""); err != nil || rec.Status != execution.Cancelled {
		t.Errorf("cancelled as %s, %v", rec.Status, err)
	}
	s.Hold("")
	for _, id := range []string{first, second} {
		if rec := s.untilStatus(t, id, execution.Running); rec.QueueReason != "" {
			t.Errorf("%s runs, and has the reason %q", id, rec.QueueReason)
		}
	}
	// What runs is not touched by a hold, and holds its place.
	s.Hold(why)
	waits := s.execute(t, "one")
	w.machine.runner(first).complete()
	s.untilStatus(t, first, execution.Completed)
	if rec := s.get(t, waits); rec.Status != execution.Queued || rec.QueueReason != why {
		t.Errorf("%s is %s, because %q", waits, rec.Status, rec.QueueReason)
	}
	// The next server holds nothing of its own.
	s = w.start()
	s.untilStatus(t, waits, execution.Running)
}
