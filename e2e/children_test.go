package e2e

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/run/process"
	"github.com/claudeops/claudeops/protocol"
)

// hardToKill are agents that do not want to end, each with how many processes they are at least.
var hardToKill = []struct {
	name   string
	shell  string
	expect int
}{
	{"ignores_signals", `trap '' TERM INT HUP QUIT; echo up; while :; do sleep 0.1; done`, 1},
	{"double_fork_and_setsid", `trap '' TERM; setsid sh -c 'trap "" TERM HUP; (while :; do sleep 0.1; done) </dev/null >/dev/null 2>&1 &'; echo up; while :; do sleep 0.1; done`, 2},
	{"daemon_in_another_session_without_our_mark", `env -u CLAUDEOPS_EXECUTION_ID setsid sh -c '(sleep 987654 </dev/null >/dev/null 2>&1 &)'; echo up; sleep 1000`, 2},
	{"forks_while_it_is_killed", `trap 'for i in 1 2 3 4 5; do sh -c "trap \"\" TERM; sleep 1000" & done' TERM; echo up; while :; do sleep 0.05; done`, 2},
	{"grandchild_holds_the_pipe", `(trap '' TERM; exec sleep 1000) & echo up; trap 'exit 0' TERM; wait`, 1},
	{"stopped_itself", `echo up; kill -STOP $$; sleep 1000`, 1},
}

// TestHardToKill cancels agents through the whole of it: the last event comes within the grace and two
// seconds, says how many were reaped, and no process is left that carries the execution's id.
func TestHardToKill(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const grace = 500 * time.Millisecond
	for _, a := range hardToKill {
		w.define("agent-"+dashed(a.name), fmt.Sprintf("stop: {signal: SIGTERM, grace: 500ms}\nshell: |\n  %s\n", a.shell))
	}
	w.serve()
	for _, a := range hardToKill {
		t.Run(a.name, func(t *testing.T) {
			ctx := testContext(t, time.Minute)
			c := w.client()
			record := w.start(ctx, c, "agent-"+dashed(a.name), nil)
			var asked time.Time
			var end protocol.Event
			for e, err := range c.Subscribe(ctx, protocol.Cursor{ExecutionID: record.ExecutionID}) {
				if err != nil {
					t.Fatal(err)
				}
				if e.Type == execution.TypeLog && *e.Message == "up" {
					asked = time.Now()
					if _, err := c.Cancel(ctx, record.ExecutionID, "enough"); err != nil {
						t.Fatal(err)
					}
				}
				end = e
			}
			took := time.Since(asked)
			if end.Type != execution.TypeCancelled || end.By != "owner" || end.Reason != "enough" {
				t.Fatalf("the last event is %+v", end)
			}
			if left := strays(t, record.ExecutionID); len(left) != 0 {
				t.Errorf("left behind: %+v", left)
			}
			if n := *end.ProcessesReaped; n < a.expect {
				t.Errorf("%d processes were reaped, want %d at least", n, a.expect)
			}
			t.Logf("stopped in %v with a grace of %v, %d processes reaped", took.Round(time.Millisecond), grace, *end.ProcessesReaped)
		})
	}
	if left := unmarkedSleepers(); left != 0 {
		t.Errorf("%d processes without our mark were left behind", left)
	}
}

// unmarkedSleepers counts the daemons that took our mark out of their environment.
func unmarkedSleepers() int {
	n := 0
	all, _ := process.List()
	for _, info := range all {
		if commandLine(info.PID) == "sleep 987654" {
			n++
		}
	}
	return n
}

// TestRunnerKilled_its_tree_dies_and_it_is_settled kills the runner: what it ran is ended, and the
// execution gets its true end.
func TestRunnerKilled_its_tree_dies_and_it_is_settled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.define("tree", "shell: |\n  setsid sh -c 'trap \"\" TERM HUP; while :; do sleep 0.1; done' </dev/null >/dev/null 2>&1 &\n  sleep 1000 & sleep 1000 & echo up; wait\n")
	w.serve()
	ctx := testContext(t, time.Minute)
	c := w.client()
	record := w.start(ctx, c, "tree", nil)
	var end protocol.Event
	for e, err := range c.Subscribe(ctx, protocol.Cursor{ExecutionID: record.ExecutionID}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Type == execution.TypeLog {
			for _, pid := range w.runners() {
				id, err := process.Find(pid)
				if err != nil {
					t.Fatal(err)
				}
				if err := id.Signal(9); err != nil {
					t.Fatal(err)
				}
			}
		}
		end = e
	}
	if end.Type != execution.TypeFailed || end.Reason != string(execution.ReasonRunnerLost) {
		t.Errorf("the last event is %+v", end)
	}
	if left := strays(t, record.ExecutionID); len(left) != 0 {
		t.Errorf("left behind: %+v", left)
	}
}

// TestEverythingKilled_is_settled_by_the_next_server kills server and runner, so that nobody is left
// who knows: the next server ends what still runs and says what became of the execution.
func TestEverythingKilled_is_settled_by_the_next_server(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.define("sleeper", "shell: |\n  setsid sh -c 'trap \"\" TERM HUP; while :; do sleep 0.1; done' </dev/null >/dev/null 2>&1 &\n  sleep 1000\n")
	w.serve()
	ctx := testContext(t, time.Minute)
	record := w.start(ctx, w.client(), "sleeper", nil)
	w.kill()
	for _, pid := range w.runners() {
		id, err := process.Find(pid)
		if err != nil {
			t.Fatal(err)
		}
		if err := id.Signal(9); err != nil {
			t.Fatal(err)
		}
	}
	w.serve()
	c := w.client()
	settled, err := c.Wait(ctx, record.ExecutionID)
	if err != nil || settled.Status != execution.Failed || settled.Reason != string(execution.ReasonRunnerLost) {
		t.Errorf("the record is %+v, %v", settled, err)
	}
	if left := strays(t, record.ExecutionID); len(left) != 0 {
		t.Errorf("left behind: %+v", left)
	}
	if ack, err := c.Cancel(ctx, record.ExecutionID, ""); err != nil || ack.Status != execution.Failed {
		t.Errorf("cancelling what has ended gives %+v, %v", ack, err)
	}
}

// TestRunnerAtRest holds a runner to what many of them may cost.
func TestRunnerAtRest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.define("sleeper", "command: [sleep, '1000']\n")
	w.serve()
	record := w.start(testContext(t, time.Minute), w.client(), "sleeper", nil)
	pids := w.runners()
	if len(pids) != 1 {
		t.Fatalf("there are %d runners of %s", len(pids), record.ExecutionID)
	}
	// It comes to rest when its agent has been quiet for a moment.
	const limit = 12 << 10
	await(t, "the runner holds less than 12 MB", func() bool { return residentKB(t, pids[0]) < limit })
	t.Logf("a resting runner holds %d KB", residentKB(t, pids[0]))
}

// TestRunner_starts_before_heavy_packages holds runners to being runners before the packages are
// initialised that only the server needs.
func TestRunner_starts_before_heavy_packages(t *testing.T) {
	t.Parallel()
	initialised := func(args ...string) string {
		cmd := exec.Command(binary, args...)
		cmd.Env = append(cleanEnviron(), "GODEBUG=inittrace=1")
		text, _ := cmd.CombinedOutput() // the runner finds nothing to run and fails, as it should
		return string(text)
	}
	const heavy = "init github.com/santhosh-tekuri/jsonschema"
	if text := initialised("version"); !strings.Contains(text, heavy) {
		t.Fatalf("the test looks for what is not there:\n%s", text)
	}
	if text := initialised("runner", t.TempDir(), "0"); !strings.Contains(text, "init ") || strings.Contains(text, heavy) {
		t.Errorf("a runner initialises what it does not need:\n%s", text)
	}
}
