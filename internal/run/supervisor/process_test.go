package supervisor_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/run/process"
	"github.com/claudeops/claudeops/internal/run/supervisor"
)

// place is a data directory with real runners.
type place struct {
	t      testing.TB
	dir    string
	agents string
	files  string // where agents say how much they have written
}

func newPlace(t testing.TB) *place {
	t.Helper()
	p := &place{t: t, dir: filepath.Join(t.TempDir(), "data"), agents: writeAgents(t), files: t.TempDir()}
	t.Cleanup(func() { // whatever a failed test leaves
		entries, _ := os.ReadDir(filepath.Join(p.dir, "executions"))
		for _, entry := range entries {
			if execution.ValidateID(entry.Name()) != nil {
				continue
			}
			p.killRunner(entry.Name())
			if _, err := process.KillMarked(t.Context(), entry.Name()); err != nil && t.Context().Err() == nil {
				t.Error(err)
			}
		}
	})
	return p
}

// start gives a supervisor in this process.
func (p *place) start() *server {
	p.t.Helper()
	for _, dir := range []string{p.dir, filepath.Join(p.dir, "active")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			p.t.Fatal(err)
		}
	}
	log := &logBuffer{}
	s, closeAll, err := openReal(p.dir, p.agents, log)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := s.Start(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		if err := s.Stop(p.t.Context()); err != nil && p.t.Context().Err() == nil {
			p.t.Error(err)
		}
		if err := closeAll(); err != nil {
			p.t.Error(err)
		}
		if p.t.Failed() {
			p.t.Logf("the server's log:\n%s", log)
		}
	})
	return &server{Supervisor: s, log: log}
}

// runnerPID is the runner's process as its lock says, 0 when none is noted.
func (p *place) runnerPID(id string) int {
	var start struct{ Runner process.ID }
	text, err := os.ReadFile(filepath.Join(p.dir, "executions", id, "spawned.json"))
	if err != nil || json.Unmarshal(text, &start) != nil || !start.Runner.Alive() {
		return 0
	}
	return start.Runner.PID
}

// killRunner is kill -9 of the runner alone.
func (p *place) killRunner(id string) bool {
	pid := p.runnerPID(id)
	if pid <= 1 {
		return false
	}
	found, err := process.Find(pid)
	return err == nil && found.Signal(syscall.SIGKILL) == nil
}

func (p *place) countConfig(lines, rate int) (config json.RawMessage, acked func() int) {
	file := filepath.Join(p.files, strconv.Itoa(rand.Int()))
	config = json.RawMessage(fmt.Sprintf(`{"lines": %d, "rate": %d, "file": %q}`, lines, rate, file))
	return config, func() int {
		text, err := os.ReadFile(file)
		if err != nil {
			return 0
		}
		n, _ := strconv.Atoi(string(text))
		return n
	}
}

// tally checks an ended execution's journal against what its agent has written.
type tally struct{ acked, stored, gaps, duplicates, wrong int }

func (p *place) tally(id string, acked int) tally {
	p.t.Helper()
	w := &world{t: p.t, dir: p.dir}
	w.checkOneEnd(id)
	result := tally{acked: acked}
	var line string
	next := 1
	for _, e := range w.journalEvents(id) {
		if e.Type != execution.TypeLog || e.Stream != execution.Stdout {
			continue
		}
		line += *e.Message
		if e.Partial {
			continue
		}
		n, err := strconv.Atoi(strings.Fields(line + " x x")[1])
		switch {
		case err != nil || line != countedLine(n):
			result.wrong++
		case n < next:
			result.duplicates++
		case n > next:
			result.gaps += n - next
			next = n + 1
		default:
			next++
		}
		result.stored++
		line = ""
	}
	return result
}

func (p *place) strays(id string) int {
	p.t.Helper()
	found, err := process.Marked(id)
	if err != nil {
		p.t.Fatal(err)
	}
	return len(found)
}

func TestProcesses(t *testing.T) {
	t.Parallel()

	t.Run("a_command_runs_to_its_end", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t)
		s := p.start()
		config, acked := p.countConfig(5000, 0)
		rec, _, err := s.Execute(t.Context(), supervisor.Request{AgentType: "count", Config: config, Trigger: me})
		if err != nil {
			t.Fatal(err)
		}
		seen, cancel := s.watch(t, rec.ExecutionID)
		defer cancel()
		done := s.untilStatus(t, rec.ExecutionID, execution.Completed)
		seen.until(done.Head)
		if got := p.tally(rec.ExecutionID, acked()); got != (tally{acked: 5000, stored: 5000}) {
			t.Errorf("tally %+v", got)
		}
		if *done.ExitCode != 0 || p.strays(rec.ExecutionID) != 0 {
			t.Errorf("ended as %+v", done)
		}
	})

	t.Run("failures_say_what_happened", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t)
		s := p.start()
		quick := s.execute(t, "quick")
		if rec := s.untilStatus(t, quick, execution.Failed); *rec.ExitCode != 3 || rec.Reason != string(execution.ReasonExitCode) {
			t.Errorf("quick: %+v", rec)
		}
		missing := s.execute(t, "missing")
		if rec := s.untilStatus(t, missing, execution.Failed); rec.Reason != string(execution.ReasonSpawnFailed) || !strings.Contains(rec.Error, "/no/such/program") {
			t.Errorf("missing: %+v", rec)
		}
	})

	t.Run("a_stubborn_agent_is_stopped_with_all_its_children", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t)
		s := p.start()
		id := s.execute(t, "stubborn")
		s.until(t, id, "all are there", func(rec execution.Record) bool { return rec.Head >= 3 })
		s.cancel(t, id, "ann", "enough")
		rec := s.untilStatus(t, id, execution.Cancelled)
		if rec.CancelledBy != "ann" || rec.Reason != "enough" || rec.ProcessesReaped < 3 || p.strays(id) != 0 {
			t.Errorf("ended as %+v with %d strays", rec, p.strays(id))
		}
	})

	t.Run("a_killed_runner_takes_its_tree_along", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t)
		s := p.start()
		id := s.execute(t, "stubborn")
		s.until(t, id, "all are there", func(rec execution.Record) bool { return rec.Head >= 3 })
		config, acked := p.countConfig(1_000_000, 2000)
		rec, _, err := s.Execute(t.Context(), supervisor.Request{AgentType: "count", Config: config, Trigger: me})
		if err != nil {
			t.Fatal(err)
		}
		counting := rec.ExecutionID
		s.until(t, counting, "some lines are there", func(rec execution.Record) bool { return rec.Head >= 500 })
		for _, id := range []string{id, counting} {
			if !p.killRunner(id) {
				t.Fatal("there is no runner to kill")
			}
		}
		if rec := s.untilStatus(t, id, execution.Failed); rec.Reason != string(execution.ReasonRunnerLost) || rec.ProcessesReaped < 2 || p.strays(id) != 0 {
			t.Errorf("ended as %+v with %d strays", rec, p.strays(id))
		}
		rec = s.untilStatus(t, counting, execution.Failed)
		if rec.Reason != string(execution.ReasonRunnerLost) || p.strays(counting) != 0 {
			t.Errorf("ended as %+v with %d strays", rec, p.strays(counting))
		}
		got := p.tally(counting, acked())
		if got.gaps != 0 || got.duplicates != 0 || got.wrong != 0 || got.stored == 0 || got.stored > got.acked+1 {
			t.Errorf("tally %+v", got)
		}
		fmt.Fprintf(t.Output(), "acked %d / stored %d / gaps %d / duplicates %d / stray processes %d\n", got.acked, got.stored, got.gaps, got.duplicates, p.strays(counting))
	})

	t.Run("many_that_end_at_once", func(t *testing.T) {
		t.Parallel()
		n := 100
		if testing.Short() {
			n = 20
		}
		p := newPlace(t)
		s := p.start()
		ids := make([]string, n)
		var all sync.WaitGroup
		for worker := range 4 {
			all.Go(func() {
				for i := worker; i < n; i += 4 {
					ids[i] = s.execute(t, "quick")
				}
			})
		}
		all.Wait()
		w := &world{t: t, dir: p.dir}
		for _, id := range ids {
			rec := s.untilStatus(t, id, execution.Failed)
			if rec.ExitCode == nil || *rec.ExitCode != 3 {
				t.Errorf("%s ended as %+v", short(id), rec)
			}
			var texts []string
			for _, e := range w.journalEvents(id) {
				if e.Type == execution.TypeLog {
					texts = append(texts, *e.Message)
				}
			}
			slices.Sort(texts)
			if !slices.Equal(texts, []string{"err", "out"}) {
				t.Errorf("%s has lines %q", short(id), texts)
			}
			w.checkOneEnd(id)
		}
	})
}

func TestProcesses_runner_can_not_be_started(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.openReal("/no/such/claudeops")
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	id := s.execute(t, "free")
	rec := s.untilStatus(t, id, execution.Failed)
	if rec.Reason != string(execution.ReasonSpawnFailed) || !strings.Contains(rec.Error, "/no/such/claudeops") {
		t.Errorf("ended as %+v", rec)
	}
}

// TestKill_server kills the server with -9 again and again while agents write.
func TestKill_server(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 1))
	rounds, lines := 12, 12_000
	if testing.Short() {
		rounds, lines = 4, 4000
	}
	p := newPlace(t)
	server := startServer(t, p.dir, p.agents)
	config, acked := p.countConfig(lines, 2000)
	id := server.ask(command{Do: "execute", Agent: "one-count", Config: config}).ExecutionID
	var agentPID int
	eventually(t, "the agent runs", func() bool { agentPID = server.ask(command{Do: "get", ID: id}).PID; return agentPID != 0 })
	queuedConfig, queuedAcked := p.countConfig(10, 0)
	queued := server.ask(command{Do: "execute", Agent: "one-count", Config: queuedConfig}).ExecutionID

	promised := map[string]string{} // idempotency key to execution
	kills := 0
	for round := range rounds {
		// The server dies at any moment, also while it accepts.
		fuse := time.AfterFunc(time.Duration(random.IntN(400))*time.Millisecond, func() { server.cmd.Process.Kill() })
		for i := 0; ; i++ {
			key := fmt.Sprintf("%d-%d", round, i)
			a, alive := server.try(command{Do: "execute", Agent: "quick", Key: key})
			if !alive {
				break
			}
			if a.Error != "" {
				t.Fatalf("execute: %s", a.Error)
			}
			promised[key] = a.Record.ExecutionID
			if i%8 == 7 {
				time.Sleep(50 * time.Millisecond) // they take their share of the machine
			}
		}
		fuse.Stop()
		server.kill()
		kills++
		server = startServer(t, p.dir, p.agents)
		rec := server.ask(command{Do: "get", ID: id})
		if !rec.Terminal && (rec.Status != execution.Running || rec.PID != agentPID) {
			t.Fatalf("after kill %d it is %s with pid %d, was %d", kills, rec.Status, rec.PID, agentPID)
		}
	}
	rec := server.untilTerminal(id)
	if rec.Status != execution.Completed || rec.PID != agentPID {
		t.Errorf("it ended as %+v", rec)
	}
	got := p.tally(id, acked())
	fmt.Fprintf(t.Output(), "kills %d: acked %d / stored %d / gaps %d / duplicates %d / stray processes %d / agent pid unchanged %v / seed %d\n",
		kills, got.acked, got.stored, got.gaps, got.duplicates, p.strays(id), rec.PID == agentPID, seed)
	if got != (tally{acked: lines, stored: lines}) {
		t.Errorf("tally %+v", got)
	}
	if rec := server.untilTerminal(queued); rec.Status != execution.Completed || queuedAcked() != 10 {
		t.Errorf("what waited through it all ended as %+v", rec)
	}
	ids := map[string]bool{}
	for key, id := range promised {
		a, ok := server.try(command{Do: "execute", Agent: "quick", Key: key})
		if !ok || a.Error != "" || !a.Existing || a.Record.ExecutionID != id {
			t.Errorf("key %s stood for %s, is now %+v", key, id, a)
		}
		rec := server.untilTerminal(id)
		if rec.ExitCode == nil || *rec.ExitCode != 3 {
			t.Errorf("%s ended as %+v", short(id), rec)
		}
		(&world{t: t, dir: p.dir}).checkOneEnd(id)
		ids[id] = true
	}
	if len(ids) != len(promised) {
		t.Errorf("%d keys stand for %d executions", len(promised), len(ids))
	}
	fmt.Fprintf(t.Output(), "accepted in between %d / ended truly %d\n", len(promised), len(ids))
}

// TestKill_both kills server and runners at once.
func TestKill_both(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	server := startServer(t, p.dir, p.agents)
	config, acked := p.countConfig(1_000_000, 2000)
	counting := server.ask(command{Do: "execute", Agent: "count", Config: config}).ExecutionID
	stubborn := server.ask(command{Do: "execute", Agent: "stubborn"}).ExecutionID
	eventually(t, "both run", func() bool {
		return server.ask(command{Do: "get", ID: stubborn}).Head >= 3 && server.ask(command{Do: "get", ID: counting}).Head > 100
	})
	for _, id := range []string{counting, stubborn} {
		if !p.killRunner(id) {
			t.Fatal("there is no runner to kill")
		}
	}
	server.kill()
	server = startServer(t, p.dir, p.agents)
	for _, id := range []string{counting, stubborn} {
		rec := server.untilTerminal(id)
		if rec.Status != execution.Failed || rec.Reason != string(execution.ReasonRunnerLost) || p.strays(id) != 0 {
			t.Errorf("ended as %+v with %d strays", rec, p.strays(id))
		}
		if rec := server.ask(command{Do: "cancel", ID: id}); rec.Status != execution.Failed {
			t.Errorf("cancelling it gives %s", rec.Status)
		}
	}
	got := p.tally(counting, acked())
	if got.gaps != 0 || got.duplicates != 0 || got.wrong != 0 || got.stored == 0 {
		t.Errorf("tally %+v", got)
	}
}
