package supervisor_test

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/run/supervisor"
	"github.com/claudeops/claudeops/protocol"
)

func TestExecute(t *testing.T) {
	t.Parallel()

	t.Run("runs_to_its_end_and_leaves_only_history", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		var mu sync.Mutex
		var told []string
		defer s.Lifecycle(func(line []byte, e *execution.Event, rec execution.Record) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, e.Type+"/"+string(rec.Status))
			if !strings.HasSuffix(string(line), "}\n") || e.Seq != rec.Head {
				t.Errorf("told %q with record head %d", line, rec.Head)
			}
		})()

		rec, existing, err := s.Execute(t.Context(), supervisor.Request{
			AgentType: "free", Config: json.RawMessage(`{"n": 7, "secret": "hunter2"}`), Trigger: me,
		})
		if err != nil || existing {
			t.Fatal(err, existing)
		}
		id := rec.ExecutionID
		if err := execution.ValidateID(id); err != nil {
			t.Error(err)
		}
		if rec.Status != execution.Queued || rec.Head != 1 || rec.Trigger != me || rec.AgentType != "free" {
			t.Errorf("accepted as %+v", rec)
		}
		r := w.machine.runner(id)
		info, err := w.machine.file(id, "spec.json")
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("spec.json: %v, %v, want mode 0600", info, err)
		}
		r.log(10)
		r.progress(50, "half")
		r.cost(0.5)
		running := s.until(t, id, "the cost is known", func(rec execution.Record) bool { return rec.Cost == 0.5 })
		if running.Status != execution.Running || *running.Progress != 50 || running.ProgressMessage != "half" || running.Head != 14 {
			t.Errorf("while it runs: %+v", running)
		}
		r.complete()
		done := s.untilStatus(t, id, execution.Completed)
		if !done.Terminal || done.Head != 15 || done.Cost != 0.25 || string(done.Result) != `{"ok":true}` || done.EndedAt == nil {
			t.Errorf("at the end: %+v", done)
		}
		w.untilRetired(id)
		for _, name := range []string{"spec.json", "spawned.json", "cancel.json"} {
			if _, err := w.machine.file(id, name); !os.IsNotExist(err) {
				t.Errorf("%s is left: %v", name, err)
			}
		}
		mu.Lock()
		want := []string{"execution:queued/queued", "execution:started/running", "execution:progress/running", "execution:cost/running", "execution:completed/completed"}
		if !slices.Equal(told, want) {
			t.Errorf("told %v, want %v", told, want)
		}
		mu.Unlock()
		if text, err := os.ReadFile(filepath.Join(w.dir, "executions", id, "events.ndjson")); err != nil || strings.Contains(string(text), "hunter2") {
			t.Errorf("the journal holds the secret: %s, %v", text, err)
		}
		if counts := s.Counts(); counts != (protocol.Executions{}) {
			t.Errorf("counts are %+v, want none", counts)
		}
	})

	t.Run("an_unknown_agent_is_answered_with_the_nearest_names", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.catalogue.put(t, "name: disk-report\ncommand: [df]\n")
		s := w.start()
		_, _, err := s.Execute(t.Context(), supervisor.Request{AgentType: "disk-reprot", Trigger: me})
		if fault.CodeOf(err) != protocol.NotFound || !strings.Contains(fault.Message(err), "disk-report") {
			t.Errorf("error is %v", err)
		}
		if details, _ := json.Marshal(fault.Details(err)); string(details) != `{"nearest":["disk-report"]}` {
			t.Errorf("details are %s", details)
		}
		_, _, err = s.Execute(t.Context(), supervisor.Request{AgentType: strings.Repeat("../", 500), Trigger: me})
		if fault.CodeOf(err) != protocol.NotFound || len(fault.Message(err)) > 300 {
			t.Errorf("error is %v", err)
		}
	})

	t.Run("wrong_parameters_are_named", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		_, _, err := s.Execute(t.Context(), supervisor.Request{AgentType: "free", Config: json.RawMessage(`{"n":"x"}`), Trigger: me})
		details, _ := json.Marshal(fault.Details(err))
		if fault.CodeOf(err) != protocol.BadRequest || !strings.Contains(string(details), `"field":"n"`) {
			t.Errorf("error is %v with %s", err, details)
		}
		w.checkEmpty()
	})

	t.Run("ids_sort_by_creation_though_the_clock_has_gone_back", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.open()
		later := strings.ToLower(ulid.MustNew(ulid.Timestamp(time.Now().Add(time.Hour)), rand.Reader).String())
		if err := s.index.Put(t.Context(), []execution.Record{{ExecutionID: later, AgentType: "free", Status: execution.Completed, Terminal: true}}); err != nil {
			t.Fatal(err)
		}
		if err := s.index.SetComplete(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		life(t, s.store, later)
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if id := s.execute(t, "free"); id <= later {
			t.Errorf("%s was made after %s", id, later)
		}
	})

	t.Run("ids_sort_by_creation_across_restarts", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		var last string
		for range 3 {
			s := w.start()
			for range 20 {
				id := s.execute(t, "two")
				if id <= last {
					t.Fatalf("%s was made after %s", id, last)
				}
				last = id
			}
		}
	})
}

// life stores the journal of an execution that was accepted.
func life(t testing.TB, store journal.Store, id string) {
	t.Helper()
	w, err := store.Create(id)
	if err == nil {
		_, err = w.Append(fmt.Appendf(nil, `{"type":"execution:queued","executionId":"%s","seq":1,"timestamp":"2026-03-01T00:00:00.000Z","agentType":"free"}`+"\n", id), 1)
		err = errors.Join(err, w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// checkEmpty checks that no execution has left anything.
func (w *world) checkEmpty() {
	w.t.Helper()
	for _, dir := range []string{"active", "executions"} {
		entries, err := os.ReadDir(filepath.Join(w.dir, dir))
		if err != nil {
			w.t.Fatal(err)
		}
		for _, entry := range entries {
			if execution.ValidateID(entry.Name()) == nil {
				w.t.Errorf("%s/%s is left", dir, entry.Name())
			}
		}
	}
	page, err := w.server.List(w.t.Context(), index.Filter{})
	if err != nil || len(page.Executions) != 0 {
		w.t.Errorf("listed are %d executions, %v", len(page.Executions), err)
	}
}

func TestIdempotency(t *testing.T) {
	t.Parallel()
	request := func(user, key, config string) supervisor.Request {
		return supervisor.Request{AgentType: "free", Config: json.RawMessage(config), IdempotencyKey: key, Trigger: execution.Trigger{Kind: "api", User: user}}
	}

	t.Run("a_hundred_racing_requests_make_one_execution", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		ids := make([]string, 100)
		old := make([]bool, 100)
		var all sync.WaitGroup
		for i := range ids {
			all.Go(func() {
				config := []string{`{"n":1}`, ` { "n" : 1 } `}[i%2]
				rec, existing, err := s.Execute(t.Context(), request("me", "k", config))
				if err != nil {
					t.Error(err)
				}
				ids[i], old[i] = rec.ExecutionID, existing
			})
		}
		all.Wait()
		slices.Sort(ids)
		if distinct := slices.Compact(ids); len(distinct) != 1 || distinct[0] == "" {
			t.Fatalf("made %v", distinct)
		}
		fresh := 0
		for _, existing := range old {
			if !existing {
				fresh++
			}
		}
		if fresh != 1 {
			t.Errorf("%d were told they made it", fresh)
		}
		page, err := s.List(t.Context(), index.Filter{Count: true})
		if err != nil || page.Total != 1 {
			t.Errorf("%d executions, %v", page.Total, err)
		}
	})

	t.Run("the_key_is_bound_to_the_request_and_the_user", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		first, _, err := s.Execute(t.Context(), request("me", "k", `{}`))
		if err != nil {
			t.Fatal(err)
		}
		for _, same := range []string{``, `null`, ` {} `} {
			rec, existing, err := s.Execute(t.Context(), request("me", "k", same))
			if err != nil || !existing || rec.ExecutionID != first.ExecutionID {
				t.Errorf("config %q: %v, %v, %v", same, rec.ExecutionID, existing, err)
			}
		}
		_, _, err = s.Execute(t.Context(), request("me", "k", `{"n":1}`))
		if fault.CodeOf(err) != protocol.Conflict || !strings.Contains(err.Error(), first.ExecutionID) {
			t.Errorf("other parameters: %v, want a conflict that names %s", err, first.ExecutionID)
		}
		another := request("me", "k", `{}`)
		another.AgentType = "two"
		if _, _, err = s.Execute(t.Context(), another); fault.CodeOf(err) != protocol.Conflict {
			t.Errorf("another agent: %v, want a conflict", err)
		}
		rec, existing, err := s.Execute(t.Context(), request("you", "k", `{}`))
		if err != nil || existing || rec.ExecutionID == first.ExecutionID {
			t.Errorf("another user: %v, %v, %v", rec.ExecutionID, existing, err)
		}
	})

	t.Run("it_outlives_the_server_the_agent_and_the_index", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		first, _, err := s.Execute(t.Context(), request("me", "k", `{"n":1}`))
		if err != nil {
			t.Fatal(err)
		}
		check := func(what string) {
			t.Helper()
			rec, existing, err := w.server.Execute(t.Context(), request("me", "k", `{"n":1}`))
			if err != nil || !existing || rec.ExecutionID != first.ExecutionID {
				t.Errorf("%s: %v, %v, %v", what, rec.ExecutionID, existing, err)
			}
			if _, _, err = w.server.Execute(t.Context(), request("me", "k", `{"n":2}`)); fault.CodeOf(err) != protocol.Conflict {
				t.Errorf("%s: %v, want a conflict", what, err)
			}
		}
		w.start()
		check("after a restart")
		w.machine.runner(first.ExecutionID).complete()
		w.untilRetired(first.ExecutionID)
		w.stop()
		for _, part := range []string{"", "-wal", "-shm"} {
			os.Remove(filepath.Join(w.dir, "index.sqlite"+part))
		}
		w.start()
		check("after the index was lost")
		w.catalogue.drop("free")
		check("after the agent was removed")
	})

	t.Run("a_request_that_failed_leaves_the_key_free", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		if _, _, err := s.Execute(t.Context(), request("me", "k", `{"n":"x"}`)); fault.CodeOf(err) != protocol.BadRequest {
			t.Fatal(err)
		}
		if _, existing, err := s.Execute(t.Context(), request("me", "k", `{"n":1}`)); err != nil || existing {
			t.Errorf("%v, %v", existing, err)
		}
	})
}

func TestExecute_at_once(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.machine.auto = func(r *fakeRunner) { r.log(3); r.complete() }
	s := w.start()
	const n = 1000
	ids := make([]string, n)
	var all sync.WaitGroup
	work := make(chan int)
	for range 16 {
		all.Go(func() {
			for i := range work {
				rec, _, err := s.Execute(t.Context(), supervisor.Request{AgentType: []string{"free", "two"}[i%2], Trigger: me})
				if err != nil {
					t.Error(err)
				}
				ids[i] = rec.ExecutionID
			}
		})
	}
	for i := range n {
		work <- i
	}
	close(work)
	all.Wait()
	for _, id := range ids {
		s.untilStatus(t, id, execution.Completed)
		if got := len(w.journalTypes(id)); got != 6 {
			t.Errorf("%s has %d events, want 6", id, got)
		}
		if ran := w.machine.ranTimes(id); ran != 1 {
			t.Errorf("%s ran %d times", id, ran)
		}
	}
	page, err := s.List(t.Context(), index.Filter{Status: []execution.Status{execution.Completed}, Count: true, Limit: 1})
	if err != nil || page.Total != n {
		t.Errorf("%d are listed as completed, %v", page.Total, err)
	}
	if counts := s.Counts(); counts != (protocol.Executions{}) {
		t.Errorf("counts are %+v", counts)
	}
	fmt.Fprintf(t.Output(), "executed %d / completed %d\n", n, page.Total)
}
