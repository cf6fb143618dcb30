package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/run/process"
	"github.com/claudeops/claudeops/protocol"
)

// nobody is the ordinary user that servers of these tests run as.
const nobody = 65534

// asNobody has the servers of a world run as an ordinary user, who may write no cgroup. The tests
// themselves must be root's for that.
func (w *world) asNobody() {
	w.t.Helper()
	if os.Getuid() != 0 {
		w.t.Fatal("run this test as root: it starts servers as another user")
	}
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		w.t.Fatalf("%v: apt-get install util-linux", err)
	}
	home := filepath.Dir(w.dir)
	for dir := home; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := os.Chown(home, nobody, nobody); err != nil {
		w.t.Fatal(err)
	}
	w.via = []string{setpriv, "--reuid", strconv.Itoa(nobody), "--regid", strconv.Itoa(nobody), "--clear-groups", "--"}
}

// sleepers are the living processes that sleep for exactly so many seconds.
func sleepers(t *testing.T, seconds string) []process.Info {
	t.Helper()
	all, err := process.List()
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(p process.Info) bool {
		return p.State == 'Z' || commandLine(p.PID) != "sleep "+seconds
	})
}

// TestRunnerKilled_hidden kills runners whose agents have left processes that do not carry the
// execution's id any more: they are ended, or the last event names them.
func TestRunnerKilled_hidden(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.asNobody()
	cases := []struct{ name, shell string }{
		{"emptied", `env -i sleep SECONDS & echo up; wait`},
		{"daemon", `setsid env -i sh -c '(sleep SECONDS &) </dev/null >/dev/null 2>&1'; echo up; sleep 1000`},
		{"late", `sleep 1; setsid env -i A=b sh -c '(sleep SECONDS &) </dev/null >/dev/null 2>&1'; echo up; sleep 1000`},
		{"deep", `setsid env -i sh -c 'setsid sh -c "setsid sleep SECONDS & sleep 1000" & sleep 1000' </dev/null >/dev/null 2>&1 & echo up; sleep 1000`},
	}
	for i, c := range cases {
		w.define(c.name, "shell: |\n  "+strings.ReplaceAll(c.shell, "SECONDS", fmt.Sprint(700_100+i))+"\n")
	}
	w.serve()
	for i, c := range cases {
		for _, serverToo := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/server=%v", c.name, serverToo), func(t *testing.T) {
				ctx := testContext(t, 2*time.Minute)
				seconds := fmt.Sprint(700_100 + i)
				cl := w.client()
				record := w.start(ctx, cl, c.name, nil)
				for e, err := range cl.Subscribe(ctx, protocol.Cursor{ExecutionID: record.ExecutionID}) {
					if err != nil {
						t.Fatal(err)
					}
					if e.Type == execution.TypeLog && *e.Message == "up" {
						break
					}
				}
				await(t, "the agent has started its process", func() bool { return len(sleepers(t, seconds)) == 1 })
				trace := filepath.Join(w.dir, "executions", record.ExecutionID, "processes.ndjson")
				if serverToo { // only what the runner has noted is known then
					await(t, "the runner has noted it", func() bool {
						b, _ := os.ReadFile(trace)
						return strings.Contains(string(b), fmt.Sprintf(`"pid":%d,`, sleepers(t, seconds)[0].PID))
					})
					w.kill()
				}
				for _, pid := range w.runners() {
					if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
						t.Fatal(err)
					}
				}
				if serverToo {
					w.serve()
				}
				end := waitEnd(ctx, t, w.client(), record.ExecutionID)
				if end.Status != execution.Failed || end.Reason != string(execution.ReasonRunnerLost) {
					t.Errorf("ended with %+v", end)
				}
				left := sleepers(t, seconds)
				for _, p := range left {
					if !slices.ContainsFunc(end.Survivors, func(s execution.Survivor) bool { return s.PID == p.PID }) {
						t.Errorf("process %d lives on, and the record does not say so: %+v", p.PID, end)
					}
					_ = syscall.Kill(p.PID, syscall.SIGKILL)
				}
				if serverToo && len(left) > 0 {
					t.Errorf("the runner had noted it, and yet it lives on: %+v", left)
				}
				await(t, "the runner's notes are removed", func() bool {
					_, err := os.Stat(trace)
					return err != nil
				})
			})
		}
	}
}

// TestSurvivors has an agent become another user, whom the server may not touch: the execution ends
// nevertheless, and says who lives on.
func TestSurvivors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.asNobody()
	become := filepath.Join(filepath.Dir(w.dir), "become") // setpriv, with its owner's rights
	setpriv, err := os.ReadFile(w.via[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(become, setpriv, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(become, 0o755|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	w.define("stranger", fmt.Sprintf("stop: {grace: 100ms}\nshell: |\n  echo up; %s --reuid 0 --clear-groups sleep 700200; exit 3\n", become))
	w.define("strangers", fmt.Sprintf("stop: {grace: 100ms}\nshell: |\n  %s --reuid 0 --clear-groups sleep 700201 & echo up; wait\n", become))
	w.serve()
	for _, c := range []struct {
		agent, seconds string
		end            func(id string) // has it end
		status         execution.Status
	}{
		{"stranger", "700200", nil, execution.Cancelled},
		{"strangers", "700201", func(string) {
			for _, pid := range w.runners() {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}, execution.Failed},
	} {
		t.Run(c.agent, func(t *testing.T) {
			ctx := testContext(t, time.Minute)
			cl := w.client()
			record := w.start(ctx, cl, c.agent, nil)
			await(t, "the agent is another user", func() bool { return len(sleepers(t, c.seconds)) == 1 })
			if c.end != nil {
				c.end(record.ExecutionID)
			} else if _, err := cl.Cancel(ctx, record.ExecutionID, ""); err != nil {
				t.Fatal(err)
			}
			end := waitEnd(ctx, t, cl, record.ExecutionID)
			alive := sleepers(t, c.seconds)
			for _, p := range alive {
				_ = syscall.Kill(p.PID, syscall.SIGKILL)
			}
			if end.Status != c.status || len(alive) != 1 || len(end.Survivors) == 0 ||
				!slices.ContainsFunc(end.Survivors, func(s execution.Survivor) bool {
					return s.PID == alive[0].PID && strings.HasSuffix(s.Command, "sleep "+c.seconds)
				}) {
				t.Errorf("alive: %+v; the record: %+v", alive, end)
			}
		})
	}
}

// TestFirstProcess has the server be the first process of its pid namespace, as in a container: it
// waits for the orphans that come to it.
func TestFirstProcess(t *testing.T) {
	t.Parallel()
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		t.Fatalf("%v: apt-get install util-linux", err)
	}
	w := newWorld(t)
	w.via = []string{unshare, "--pid", "--fork", "--kill-child", "--mount-proc", "--"}
	if os.Getuid() != 0 {
		w.via = slices.Insert(w.via, 1, "--map-root-user")
	}
	w.define("brood", "shell: |\n  for i in 1 2 3 4 5; do setsid sleep 700300 & done; echo up; wait\n")
	w.serve()
	ctx := testContext(t, 2*time.Minute)
	cl := w.client()
	for range 3 {
		record := w.start(ctx, cl, "brood", nil)
		await(t, "its processes run", func() bool { return len(sleepers(t, "700300")) >= 5 })
		for _, pid := range w.runners() {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
		if end := waitEnd(ctx, t, cl, record.ExecutionID); end.Status != execution.Failed || end.ProcessesReaped < 5 || len(end.Survivors) > 0 {
			t.Errorf("ended with %+v", end)
		}
	}
	server := w.current().cmd.Process.Pid // unshare's; the server is its child
	await(t, "no zombie is left", func() bool {
		all, err := process.List()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range all {
			if below, err := process.Descends(p.PID, server); err == nil && below && p.State == 'Z' {
				return false
			}
		}
		return true
	})
}
