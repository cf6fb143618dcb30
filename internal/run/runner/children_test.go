package runner_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/run/process"
)

// script makes a scene of a shell or perl program.
func script(t testing.TB, argv ...string) *scene {
	t.Helper()
	s := newScene(t, "none")
	program(t, argv[0])
	s.spec.Argv = argv
	return s
}

// TestChildren_HardToKill cancels agents that do not want to end: the last event comes, and nothing is
// left.
func TestChildren_HardToKill(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		scene func(testing.TB) *scene
		least int // processes that had to be ended
	}{
		{"sleeps", func(t testing.TB) *scene { return newScene(t, "sleep") }, 1},
		{"ignores signals", func(t testing.TB) *scene { return newScene(t, "deaf") }, 1},
		{"has stopped itself", func(t testing.TB) *scene { return newScene(t, "frozen") }, 1},
		{"double fork and setsid, without environment", func(t testing.TB) *scene { return newScene(t, "daemon") }, 2},
		{"shell with a pipeline", func(t testing.TB) *scene {
			return script(t, "bash", "-c", "trap '' TERM; echo ready; sleep 1000 | cat | (sleep 1000; cat)")
		}, 4},
		{"fork bomb", func(t testing.TB) *scene { return script(t, "perl", "-e", bomb) }, 100},
		{"forks and exits without end", func(t testing.TB) *scene { return script(t, "perl", "-e", hydra) }, 2},
		{"forks while being killed", func(t testing.TB) *scene { return script(t, "perl", "-e", phoenix) }, 5},
	}
	for _, c := range cases {
		for _, noCgroup := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/cgroup=%v", c.name, !noCgroup), func(t *testing.T) {
				s := c.scene(t)
				s.spec.NoCgroup = noCgroup
				s.spawn().dial()
				s.until("ready")
				asked := time.Now()
				must(t, s.link.Cancel("alice", "enough"))
				events := s.wait()
				last := events[len(events)-1]
				if last.Type != execution.TypeCancelled || last.By != "alice" || last.Reason != "enough" {
					t.Errorf("ended with %+v", last)
				}
				if *last.ProcessesReaped < c.least {
					t.Errorf("%d processes reaped, at least %d had to be", *last.ProcessesReaped, c.least)
				}
				// How long that takes is a figure of the soak: here it only has to end.
				t.Logf("ended in %v, %d processes reaped", last.Timestamp.Sub(asked), *last.ProcessesReaped)
			})
		}
	}
}

// TestChildren_Leftover: the main process ends, and leaves something behind that does not end by itself.
func TestChildren_Leftover(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		agent  []string
		reaped int
		cut    bool // it could still write when it was ended
	}{
		{"grandchild writes without end", []string{"holder"}, 1, true},
		{"daemon with an empty environment", []string{"daemon", "leave"}, 1, true},
		{"silent, output closed", []string{"mutechild"}, 1, false},
	}
	for _, c := range cases {
		for _, noCgroup := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/cgroup=%v", c.name, !noCgroup), func(t *testing.T) {
				t.Parallel()
				s := newScene(t, c.agent...)
				s.spec.NoCgroup = noCgroup
				events := s.run()
				last := events[len(events)-1]
				if last.Type != execution.TypeCompleted || *last.ExitCode != 0 {
					t.Errorf("ended with %+v", last)
				}
				if *last.ProcessesReaped != c.reaped {
					t.Errorf("%d processes reaped, want %d", *last.ProcessesReaped, c.reaped)
				}
				if told := s.warned(events, "left behind by the main process"); told != c.cut {
					t.Errorf("told of output that was cut: %v, want %v", told, c.cut)
				}
				// What the grandchild wrote is there, whole, in order.
				n := 0
				for line := range bytes.Lines(s.text(execution.Stdout)) {
					if bytes.HasPrefix(line, []byte("held ")) {
						if string(line) != fmt.Sprintf("held %d\n", n) {
							t.Fatalf("line %d is %q", n, line)
						}
						n++
					}
				}
				if c.agent[0] == "holder" && n == 0 {
					t.Error("nothing of what the grandchild wrote is there")
				}
			})
		}
	}
}

// warned reports whether the runner has logged a warning with that text.
func (s *scene) warned(events []execution.Event, text string) bool {
	s.t.Helper()
	for _, e := range events {
		if e.Type == execution.TypeLog && e.Stream == execution.Agent && e.Level == execution.Warn && strings.Contains(*e.Message, text) {
			return true
		}
	}
	return false
}

// TestChildren_StillWriting: the main process ends before those that pass its output on. All of it is
// recorded.
func TestChildren_StillWriting(t *testing.T) {
	t.Parallel()
	const lines = 500
	cases := []struct{ name, script string }{
		{"a filter behind the whole script", `exec > >(while read -r l; do echo "$(date +%T) $l"; done) 2>&1; for i in $(seq 500); do echo line $i; done`},
		{"a background job", `(for i in $(seq 500); do echo line $i; /bin/true; done) & exit 0`},
		{"a daemon that pauses", `setsid bash -c 'for i in $(seq 500); do echo line $i; [ $((i % 100)) = 0 ] && sleep 0.2; done' & exit 0`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := script(t, "bash", "-c", c.script)
			s.spec.StopGrace = time.Minute
			events := s.run()
			if last := events[len(events)-1]; last.Type != execution.TypeCompleted || *last.ProcessesReaped != 0 {
				t.Errorf("ended with %s", asJSON(t, last))
			}
			n := 0
			for line := range bytes.Lines(s.text(execution.Stdout)) {
				if n++; !bytes.HasSuffix(line, fmt.Appendf(nil, "line %d\n", n)) {
					t.Fatalf("line %d is %q", n, line)
				}
			}
			if n != lines {
				t.Errorf("%d of %d lines are recorded", n, lines)
			}
		})
	}
}

// TestChildren_CancelWhileDraining: who cancels does not wait for output that goes on after the main
// process has ended.
func TestChildren_CancelWhileDraining(t *testing.T) {
	t.Parallel()
	s := newScene(t, "holder")
	s.spec.StopGrace = time.Hour
	s.spawn().dial()
	s.until("held 100")
	must(t, s.link.Cancel("alice", "enough"))
	// The writer is deaf to the stop signal; it is killed only after the grace.
	s.until("held 200")
	pid := s.leftover()
	must(t, pid.Signal(syscall.SIGKILL))
	events := s.wait()
	if last := events[len(events)-1]; last.Type != execution.TypeCancelled || last.By != "alice" {
		t.Errorf("ended with %s", asJSON(t, last))
	}
}

// leftover finds the one child that the runner has.
func (s *scene) leftover() process.ID {
	s.t.Helper()
	list, err := process.List()
	must(s.t, err)
	for _, p := range list {
		if p.PPID == s.pid && p.State != 'Z' {
			return p.ID
		}
	}
	s.t.Fatal("the runner has no child")
	return process.ID{}
}

// TestChildren_StopOnce: the stop signal goes once, to those alive at that moment.
func TestChildren_StopOnce(t *testing.T) {
	t.Parallel()
	const cleanup = `for i in 1 2 3 4 5 6 7 8; do bash -c 'trap "echo disturbed; exit 1" TERM; sleep 0.05; echo cleaned'; done; echo all clean; exit 0`
	cases := []struct {
		name, script, to string
		want             []string
		not              string
	}{
		{"a trap's own commands", `trap '` + strings.ReplaceAll(cleanup, "'", `'\''`) + `' TERM; echo ready; sleep 1000 & wait; sleep 1000`, "", []string{"all clean"}, "disturbed"},
		{"a trap behind a command in the foreground", `trap '` + strings.ReplaceAll(cleanup, "'", `'\''`) + `' TERM; echo ready; sleep 1000`, "", []string{"all clean"}, "disturbed"},
		{"a bare pipeline", `echo ready; sleep 1000 | cat | sleep 1000`, "", nil, "disturbed"},
		{"a wrapper that passes it on", `trap 'kill -TERM $child' TERM; bash -c 'n=0; trap "n=\$((n+1)); echo signal \$n" TERM; echo ready; for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.05; done; while [ $n = 0 ]; do sleep 0.05; done; sleep 0.3; echo told $n times' & child=$!; wait; wait; wait`, "main", []string{"told 1 times"}, "told 2"},
	}
	for _, c := range cases {
		for _, noCgroup := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/cgroup=%v", c.name, !noCgroup), func(t *testing.T) {
				t.Parallel()
				s := script(t, "bash", "-c", c.script)
				s.spec.NoCgroup, s.spec.StopGrace, s.spec.StopTo = noCgroup, time.Minute, c.to
				s.spawn().dial()
				s.until("ready")
				must(t, s.link.Cancel("alice", ""))
				events := s.wait()
				if last := events[len(events)-1]; last.Type != execution.TypeCancelled {
					t.Errorf("ended with %s", asJSON(t, last))
				}
				text := string(s.text(""))
				for _, want := range c.want {
					if !strings.Contains(text, want) {
						t.Errorf("%q is missing in %q", want, text)
					}
				}
				if strings.Contains(text, c.not) {
					t.Errorf("%q is in %q", c.not, text)
				}
			})
		}
	}
}

// TestChildren_StopMain: with stop.to main, what the main process leaves behind is ended as well.
func TestChildren_StopMain(t *testing.T) {
	t.Parallel()
	s := script(t, "bash", "-c", `bash -c 'trap "echo told; exit" TERM; sleep 1000 & wait' & trap 'echo main; exit 0' TERM; echo ready; sleep 1000 & wait`)
	s.spec.StopTo, s.spec.StopGrace = "main", time.Minute
	s.spawn().dial()
	s.until("ready")
	must(t, s.link.Cancel("alice", ""))
	events := s.wait()
	if last := events[len(events)-1]; last.Type != execution.TypeCancelled {
		t.Errorf("ended with %s", asJSON(t, last))
	}
	if text := string(s.text("")); text != "ready\nmain\ntold\n" {
		t.Errorf("recorded %q", text)
	}
}

func TestChildren_StdoutClosed(t *testing.T) {
	t.Parallel()
	s := newScene(t, "mute")
	events := s.run()
	last := events[len(events)-1]
	if last.Type != execution.TypeFailed || last.Reason != "exit_code" || *last.ExitCode != 7 || string(last.Result) != `{"mute":true}` {
		t.Errorf("ended with %+v", last)
	}
	if got := string(s.text(execution.Stdout)); got != "last words\n" {
		t.Errorf("recorded %q", got)
	}
}

func TestChildren_EveryByte(t *testing.T) {
	t.Parallel()
	for seed := range 6 {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			size := 3_000_000
			s := newScene(t, "bytes", fmt.Sprint(seed), fmt.Sprint(size))
			if seed == 5 {
				s.spec.Secrets = []string{"a secret that does not occur"}
			}
			events := s.run()
			if last := events[len(events)-1]; last.Type != execution.TypeCompleted {
				t.Errorf("ended with %+v", last)
			}
			want := noise(uint64(seed), size)
			if got := s.text(""); !bytes.Equal(got, want) {
				at := 0
				for at < len(got) && at < len(want) && got[at] == want[at] {
					at++
				}
				t.Errorf("got %d bytes, want %d; first difference at %d: got %.60q, want %.60q", len(got), len(want), at, got[at:], want[at:])
			}
			for _, e := range events {
				if e.Type == execution.TypeLog && len(*e.Message) > 3*64<<10 {
					t.Errorf("event %d has a message of %d bytes", e.Seq, len(*e.Message))
				}
			}
		})
	}
}

func TestChildren_LongLine(t *testing.T) {
	t.Parallel()
	const size = 100_000_000
	s := newScene(t, "longline", fmt.Sprint(size))
	events := s.run()
	if last := events[len(events)-1]; last.Type != execution.TypeCompleted {
		t.Errorf("ended with %+v", last)
	}
	text := s.text(execution.Stdout)
	if len(text) != size+1 || !bytes.Equal(text[:size], bytes.Repeat([]byte("0123456789abcdef"), size/16)) || text[size] != '\n' {
		t.Errorf("got %d bytes", len(text))
	}
	for _, e := range events[2 : len(events)-2] {
		if !e.Partial {
			t.Fatalf("event %d is not partial", e.Seq)
		}
	}
	if events[len(events)-2].Partial {
		t.Error("the line's last event is partial")
	}
}

func TestChildren_NoNewlineAtEnd(t *testing.T) {
	t.Parallel()
	s := newScene(t, "say", "one\ntwo")
	events := s.run()
	two := events[len(events)-2]
	if *two.Message != "two" || !two.Partial {
		t.Errorf("last line is %+v", two)
	}
	if got := string(s.text("")); got != "one\ntwo" {
		t.Errorf("recorded %q", got)
	}
}

func TestChildren_UnfinishedLine(t *testing.T) {
	t.Parallel()
	s := newScene(t, "say", "name? ", "-", "é\xc3", "-", "\xa9 is it\n", "-", "\n", "done\n")
	s.run()
	var got []string
	for _, e := range s.events() {
		if e.Type == execution.TypeLog {
			got = append(got, fmt.Sprintf("%s|%v|%x", *e.Message, e.Partial, e.Raw))
		}
	}
	want := []string{"name? |true|", "é|true|", "é is it|false|", "|false|", "done|false|"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestChildren_ExitAtOnce runs agents that write and are gone: not a line may be lost.
func TestChildren_ExitAtOnce(t *testing.T) {
	t.Parallel()
	runs := 300
	if testing.Short() {
		runs = 40
	}
	const workers = 3
	for w := range workers {
		t.Run(fmt.Sprint("worker ", w), func(t *testing.T) {
			t.Parallel()
			for i := w; i < runs; i += workers {
				// bash's own echo: no process but the main one, which ends right after its write
				s := script(t, "bash", "-c", fmt.Sprintf("echo out %d; echo err %d >&2; exit %d", i, i, i%3))
				events := s.run()
				last := events[len(events)-1]
				if *last.ExitCode != i%3 || *last.ProcessesReaped != 0 {
					t.Errorf("run %d ended with %+v", i, last)
				}
				if out, errs := string(s.text(execution.Stdout)), string(s.text(execution.Stderr)); out != fmt.Sprintf("out %d\n", i) || errs != fmt.Sprintf("err %d\n", i) {
					t.Errorf("run %d recorded %q and %q", i, out, errs)
				}
			}
		})
	}
}

// TestChildren_Flood has an agent write faster than can be recorded, past its limit: it is never
// held up, and the count of what was dropped is exact.
func TestChildren_Flood(t *testing.T) {
	t.Parallel()
	const lines, limit = 5_000_000, 1 << 20
	s := newScene(t, "flood", fmt.Sprint(lines))
	s.spec.MaxOutput = limit
	events := s.run()
	const kept = limit / 220
	var told []execution.Event
	logs := 0
	for _, e := range events {
		switch e.Type {
		case execution.TypeTruncated:
			told = append(told, e)
		case execution.TypeLog:
			logs++
			if len(told) > 0 {
				t.Fatalf("event %d was recorded after the limit", e.Seq)
			}
		}
	}
	if logs != kept {
		t.Errorf("%d lines recorded, want %d", logs, kept)
	}
	if len(told) != 2 {
		t.Fatalf("%d truncated events, want one at the start and one with the totals", len(told))
	}
	if total := told[1]; *total.DroppedLines != lines-kept || *total.DroppedBytes != (lines-kept)*220 || *total.Limit != limit {
		t.Errorf("totals: %d lines, %d bytes, limit %d", *total.DroppedLines, *total.DroppedBytes, *total.Limit)
	}
	if last := events[len(events)-1]; last.Type != execution.TypeCompleted {
		t.Errorf("ended with %+v", last)
	}
}

// TestChildren_RunnerKilled kills the runner: the kernel takes the main process with it, KillMarked
// the rest, daemons included.
func TestChildren_RunnerKilled(t *testing.T) {
	t.Parallel()
	for _, noCgroup := range []bool{false, true} {
		t.Run(fmt.Sprintf("cgroup=%v", !noCgroup), func(t *testing.T) {
			t.Parallel()
			s := script(t, "bash", "-c", "trap '' TERM; (setsid sleep 1000 &) ; (setsid bash -c 'trap \"\" TERM; sleep 1000 | sleep 1000') & echo ready; wait")
			s.spec.NoCgroup = noCgroup
			s.spawn().dial()
			s.until("ready")
			for ctx := testContext(t); ; time.Sleep(time.Millisecond) { // the shells start theirs in their own time
				if all, err := process.Marked(s.id); err != nil || ctx.Err() != nil {
					t.Fatalf("%d processes: %v", len(all), err)
				} else if len(all) >= 5 {
					break
				}
			}
			main := s.heard.until(t, execution.TypeStarted).PID
			mainID, err := process.Find(main)
			must(t, err)
			id, err := process.Find(s.pid)
			must(t, err)
			must(t, id.Signal(syscall.SIGKILL))
			s.heard.wait(testContext(t))
			if s.heard.err == nil {
				t.Error("the link ended as if the runner had told the end")
			}
			killed, err := process.KillMarked(testContext(t), s.id)
			must(t, err)
			if killed < 3 {
				t.Errorf("%d processes killed; there were at least three beside the main one", killed)
			}
			left, err := process.Marked(s.id)
			must(t, err)
			if len(left) > 0 || mainID.Alive() {
				t.Errorf("left: %+v, main alive: %v", left, mainID.Alive())
			}
		})
	}
}

// TestChildren_LongPath: a data directory too deep for the address of a unix socket.
func TestChildren_LongPath(t *testing.T) {
	t.Parallel()
	s := newScene(t, "sleep")
	deep := filepath.Join(t.TempDir(), strings.Repeat("deep/", 30))
	must(t, os.MkdirAll(filepath.Dir(deep), 0o700))
	must(t, os.Rename(s.dataDir, deep))
	s.dataDir, s.dir = deep, filepath.Join(deep, "executions", s.id)
	s.spawn().dial()
	s.until("ready")
	must(t, s.link.Cancel("alice", ""))
	if events := s.wait(); events[len(events)-1].Type != execution.TypeCancelled {
		t.Errorf("ended with %+v", events[len(events)-1])
	}
}

// TestChildren_OutsiderHoldsPipe: a process that is none of the agent's has its pipe open and goes
// on writing. What was there when the agent was gone is recorded; nobody waits for the outsider.
func TestChildren_OutsiderHoldsPipe(t *testing.T) {
	t.Parallel()
	s := newScene(t, "polite")
	s.spawn().dial()
	s.until("ready")
	pipe, err := os.OpenFile(fmt.Sprintf("/proc/%d/fd/1", s.heard.until(t, execution.TypeStarted).PID), os.O_WRONLY, 0)
	must(t, err)
	defer pipe.Close()
	_, err = pipe.WriteString("from outside\n")
	must(t, err)
	s.until("from outside")
	written := make(chan error)
	go func() {
		for {
			if _, err := pipe.WriteString("and again\n"); err != nil {
				written <- err
				return
			}
		}
	}()
	must(t, s.link.Cancel("alice", ""))
	events := s.wait()
	if last := events[len(events)-1]; last.Type != execution.TypeCancelled {
		t.Errorf("ended with %s", asJSON(t, last))
	}
	if err := <-written; !errors.Is(err, syscall.EPIPE) {
		t.Errorf("the outsider was told %v", err)
	}
}

// TestChildren_Zombies: orphans that end while the agent goes on are waited for at once.
func TestChildren_Zombies(t *testing.T) {
	t.Parallel()
	s := script(t, "bash", "-c", "for i in 1 2 3 4 5 6 7 8 9; do (sleep 0.01 & ) ; done; sleep 0.3; echo ready; sleep 1000")
	s.spawn().dial()
	s.until("ready")
	for ctx := testContext(t); ; time.Sleep(time.Millisecond) {
		list, err := process.List()
		must(t, err)
		zombies := 0
		for _, p := range list {
			if p.PPID == s.pid && p.State == 'Z' {
				zombies++
			}
		}
		if zombies == 0 {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("%d zombies", zombies)
		}
	}
	must(t, s.link.Cancel("alice", ""))
	s.wait()
}
