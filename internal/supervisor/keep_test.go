package supervisor_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"claudeops/internal/execution"
	"claudeops/internal/fault"
	"claudeops/internal/index"
	"claudeops/internal/journal"
	"claudeops/protocol"
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
		if err := index.WritePin(filepath.Join(w.dir, "executions", id), index.Pin{By: "me"}); err != nil {
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

// A removal that an error interrupts at either store is finished by the next one, or by the next start.
func TestRemove_interrupted(t *testing.T) {
	t.Parallel()
	for name, finish := range map[string]func(w *world, s *server, id string) *server{
		"again": func(w *world, s *server, id string) *server {
			if err := s.Remove(w.t.Context(), id); err != nil {
				w.t.Error(err)
			}
			return s
		},
		"by_the_next_start": func(w *world, _ *server, _ string) *server { return w.start() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			s := w.start()
			id := w.ended(s, "free")
			ctx, cancel := context.WithCancel(t.Context())
			w.reached = func(step string) {
				if step == "journal-removed" {
					cancel() // the index is not written any more
				}
			}
			if err := s.Remove(ctx, id); !errors.Is(err, context.Canceled) {
				t.Fatalf("it gives %v", err)
			}
			w.reached = nil
			if _, err := s.index.Get(t.Context(), id); err != nil {
				t.Fatalf("nothing was interrupted: %v", err)
			}
			w.checkGone(finish(w, s, id), id)
		})
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
