package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

const speaker = `
description: Says what it is told.
parameters:
  type: object
  additionalProperties: false
  required: [word]
  properties:
    word: {type: string}
    times: {type: integer, default: 1}
    loud: {type: boolean, default: false}
    code: {type: integer, default: 0}
    list: {type: array, items: {type: string}}
shell: |
  n=0
  while [ $n -lt "$CLAUDEOPS_PARAM_TIMES" ]; do
    echo "$CLAUDEOPS_PARAM_WORD"
    n=$((n + 1))
  done
  [ "$CLAUDEOPS_PARAM_LOUD" = true ] && echo LOUD >&2
  echo "::progress 50::half"
  printf '{"config":%s}' "$CLAUDEOPS_CONFIG" >"$CLAUDEOPS_RESULT"
  printf 'no newline'
  exit "$CLAUDEOPS_PARAM_CODE"
`

func TestCommandLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.define("speaker", speaker)
	w.define("sleeper", "description: Sleeps.\ncommand: [sleep, '1000']\n")
	w.define("single", "concurrency: 1\ncommand: [sleep, '1000']\n")
	w.define("broken", "command: [df\n")
	w.define("killed", "shell: kill -KILL $$\n")
	w.serve()

	t.Run("run_ends_as_the_agent_does", func(t *testing.T) {
		t.Parallel()
		o := w.cli("run", "speaker", "-c", "word=hello; $(world)", "-c", "times=2", "-c", "loud=true", "-c", `list=["a","b"]`)
		o.check(t, 0, "completed")
		if want := "hello; $(world)\nhello; $(world)\nno newline"; o.stdout != want {
			t.Errorf("stdout is %q, want the agent's own bytes %q", o.stdout, want)
		}
		if !strings.Contains(o.stderr, "LOUD\n") || !strings.Contains(o.stderr, "50 % half") {
			t.Errorf("stderr is %q", o.stderr)
		}
		w.cli("run", "speaker", "-c", "word=x", "-c", "code=7").check(t, 7, "failed")
		w.cli("run", "killed").check(t, 137, "failed")
		w.cli("run", "speaker", "-q", "-c", "word=x").check(t, 0)
	})

	t.Run("run_says_what_is_wrong_with_parameters", func(t *testing.T) {
		t.Parallel()
		w.cli("run", "speaker").check(t, 2, "word")
		w.cli("run", "speaker", "-c", "word=x", "-c", "times=often").check(t, 2, "times=often", "integer")
		w.cli("run", "speaker", "-c", "word=x", "-c", "mood=good").check(t, 2, "mood")
		w.cli("run", "speaker", "-c", "word").check(t, 2, "key=value")
		w.cli("run", "nobody").check(t, 2, "nobody", "agents")
		w.cli("run").check(t, 2, "run AGENT")
		w.cli("run", "--nonsense", "speaker").check(t, 2, "nonsense")
	})

	t.Run("json_gives_the_journals_lines", func(t *testing.T) {
		t.Parallel()
		o := w.cli("run", "speaker", "-c", "word=x", "-c", "times=3", "--json")
		o.check(t, 0)
		var id string
		for i, line := range strings.Split(strings.TrimSuffix(o.stdout, "\n"), "\n") {
			var e protocol.Event
			if err := json.Unmarshal([]byte(line), &e); err != nil || e.Seq != uint64(i+1) {
				t.Fatalf("line %d is %q: %v", i+1, line, err)
			}
			id = e.ExecutionID
		}
		journal, err := os.ReadFile(filepath.Join(w.dir, "executions", id, "events.ndjson"))
		if err != nil || string(journal) != o.stdout {
			t.Errorf("run --json gives %q, the journal holds %q, %v", o.stdout, journal, err)
		}
		if again := w.cli("logs", "--json", id); again.stdout != o.stdout {
			t.Errorf("logs --json gives %q", again.stdout)
		}
		if some := w.cli("logs", "--json", "--since", "2", id); some.stdout != o.stdout[nthLine(o.stdout, 2):] {
			t.Errorf("logs --since 2 gives %q", some.stdout)
		}
		if last := w.cli("logs", "--json", "--tail", "1", id); last.stdout != o.stdout[nthLine(o.stdout, strings.Count(o.stdout, "\n")-1):] {
			t.Errorf("logs --tail 1 gives %q", last.stdout)
		}
		if followed := w.cli("logs", "--json", "-f", id); followed.stdout != o.stdout {
			t.Errorf("logs -f of an ended execution gives %q", followed.stdout)
		}
		w.cli("logs", "--since", "99", id).check(t, 2, "99", "last event")
		w.cli("logs", "-f", "--since", "99", id).check(t, 2, "99", "last event")
		w.cli("logs", "--since", "-1", id).check(t, 2, "-1")
	})

	t.Run("ids_may_be_cut_short", func(t *testing.T) {
		t.Parallel()
		w.cli("run", "speaker", "-c", "word=other").check(t, 0)
		id := strings.TrimSpace(w.cli("run", "-d", "sleeper").stdout)
		w.cli("logs", "-q", id[:22]).check(t, 0)
		w.cli("cancel", id[:22]).check(t, 0, id, "stopped")
		w.cli("logs", id[:2]).check(t, 1, "more than one")
		w.cli("logs", "zzzz").check(t, 1, "zzzz")
		w.cli("logs", "../../etc/passwd").check(t, 2, "neither")
		w.cli("cancel", "0000").check(t, 1, "0000")
	})

	t.Run("ps_and_cancel", func(t *testing.T) {
		t.Parallel()
		running := strings.TrimSpace(w.cli("run", "-d", "single").stdout)
		waiting := strings.TrimSpace(w.cli("run", "-d", "single").stdout)
		await(t, "the first one runs", func() bool {
			return strings.Contains(w.cli("ps", "--agent-type", "single").stdout, "● running")
		})
		table := w.cli("ps", "--agent-type", "single")
		table.check(t, 0, running, waiting, "● running", "◌ queued", "number 1 in the queue", "owner (cli)")
		lines := strings.Split(strings.TrimSpace(table.stdout), "\n")
		if len(lines) != 3 {
			t.Fatalf("ps gives %q", table.stdout)
		}
		column := strings.Index(lines[0], "STATUS")
		for _, line := range lines[1:] {
			if r := []rune(line); len(r) < column || r[column] != '●' && r[column] != '◌' {
				t.Errorf("%q is not aligned with %q", line, lines[0])
			}
		}
		var record protocol.ExecutionStatus
		first, _, _ := strings.Cut(w.cli("ps", "--json", "--agent-type", "single").stdout, "\n")
		if err := json.Unmarshal([]byte(first), &record); err != nil || record.Type != protocol.TypeExecutionStatus || record.AgentType != "single" {
			t.Errorf("ps --json gives %q, %v", first, err)
		}
		o := w.cli("cancel", waiting, running)
		o.check(t, 0, "taken out of the queue", "stopped, 1 process reaped")
		w.cli("cancel", running).check(t, 0, "had ended already (cancelled)")
		w.cli("ps", "-a", "--agent-type", "single").check(t, 0, "⊘ cancelled", "by owner")
		w.cli("ps", "--agent-type", "single").check(t, 0, "nothing runs")
	})

	t.Run("agents_with_problems", func(t *testing.T) {
		t.Parallel()
		w.cli("agents").check(t, 1, "speaker", "Says what it is told.", "word*", "system-health", "broken.yaml:")
		for line := range strings.Lines(w.cli("agents", "--json").stdout) {
			var object map[string]any
			if err := json.Unmarshal([]byte(line), &object); err != nil {
				t.Errorf("%q: %v", line, err)
			}
		}
	})

	t.Run("token_and_link", func(t *testing.T) {
		t.Parallel()
		if got := strings.TrimSpace(w.cli("token").stdout); got != w.token() {
			t.Errorf("token gives %q", got)
		}
		link := strings.TrimSpace(w.cli("open").stdout)
		if !strings.HasPrefix(link, w.url()+"/login?ticket=") || strings.Contains(link, w.token()) {
			t.Errorf("open gives %q", link)
		}
		if link == strings.TrimSpace(w.cli("token", "--ticket").stdout) {
			t.Error("two links are the same")
		}
		cmd := exec.Command(binary, "ps", "--url", w.url(), "--data", t.TempDir())
		cmd.Env = append(cleanEnviron(), "CLAUDEOPS_TOKEN=guessed-by-somebody-who-should-not")
		if text, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(text), "claudeops:") {
			t.Errorf("with a wrong token ps gives %q, %v", text, err)
		}
	})

	t.Run("version", func(t *testing.T) {
		t.Parallel()
		w.cli("version").check(t, 0, "claudeops ", "go1.")
		w.cli("version", "--json").check(t, 0, `"go":"go1.`)
		w.cli("nonsense").check(t, 2, "nonsense")
		w.cli("cancle", "x").check(t, 2, "cancle", "cancel")
		w.cli("logs", "--since", "1", "--tail", "1", "x").check(t, 2, "since")
		w.cli().check(t, 0, "claudeops serve", "claudeops run system-health")
	})
}

// nthLine is the offset after n lines.
func nthLine(text string, n int) int {
	at := 0
	for range n {
		at += strings.IndexByte(text[at:], '\n') + 1
	}
	return at
}

func TestCommandLine_without_a_server(t *testing.T) {
	t.Parallel()

	t.Run("says_how_to_start_one", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		for _, args := range [][]string{{"ps"}, {"logs", "0"}, {"agents"}, {"open"}, {"cancel", "0"}} {
			cmd := exec.Command(binary, append(args, "--url", w.url(), "--data", w.dir)...)
			cmd.Env = cleanEnviron()
			text, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(text), "nothing listens on "+w.listen) || !strings.Contains(string(text), "start it with: claudeops serve") {
				t.Errorf("%v gives %q, %v", args, text, err)
			}
		}
	})

	t.Run("run_starts_one_for_as_long_as_it_lasts", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.define("speaker", speaker)
		o := w.cli("run", "speaker", "-c", "word=alone", "-c", "code=3")
		o.check(t, 3, "alone", "failed")
		if _, err := os.Stat(filepath.Join(w.dir, "server.json")); !os.IsNotExist(err) {
			t.Errorf("the announcement is still there: %v", err)
		}
		// What it did is found by the server that comes.
		w.serve()
		w.cli("ps", "-a").check(t, 0, "speaker", "✕ failed")
	})

	t.Run("run_detached_goes_on_by_itself", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.define("sleeper", "command: [sleep, '1000']\n")
		o := w.cli("run", "-d", "sleeper")
		o.check(t, 0, "claudeops serve")
		id := strings.TrimSpace(o.stdout)
		if len(strays(t, id)) == 0 {
			t.Fatal("nothing runs")
		}
		// Stopping it takes no server either.
		w.cli("cancel", id).check(t, 0, "stopped, 1 process reaped")
		if left := strays(t, id); len(left) != 0 {
			t.Errorf("left behind: %+v", left)
		}
	})

	t.Run("two_runs_share_one_and_the_second_outlives_it", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.define("waiter", "shell: |\n  echo up\n  while [ ! -e \"$CLAUDEOPS_PARAM_FILE\" ]; do sleep 0.05; done\n  echo down\nparameters: {type: object, properties: {file: {type: string}}}\n")
		files := []string{filepath.Join(w.agents, "first"), filepath.Join(w.agents, "second")}
		var commands []*exec.Cmd
		var outputs []*logBuffer
		for i, file := range files {
			cmd, out := w.command("run", "waiter", "-c", "file="+file), &logBuffer{}
			cmd.Stdout, cmd.Stderr = out, out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			commands, outputs = append(commands, cmd), append(outputs, out)
			await(t, "run "+itoa(i)+" shows its agent", func() bool { return strings.Contains(out.String(), "up\n") })
		}
		for i, file := range files {
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := commands[i].Wait(); err != nil || strings.Count(outputs[i].String(), "down\n") != 1 || strings.Count(outputs[i].String(), "up\n") != 1 {
				t.Errorf("run %d ends with %v:\n%s", i, err, outputs[i])
			}
		}
	})
}

func TestRun_interrupted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.define("deaf", "stop: {signal: SIGTERM, grace: 300ms}\nshell: |\n  trap '' TERM INT\n  echo up\n  while :; do sleep 0.05; done\n")
	w.define("slow-to-end", "stop: {signal: SIGTERM, grace: 60s}\nshell: |\n  trap '' TERM INT\n  echo up\n  while :; do sleep 0.05; done\n")
	w.serve()

	begin := func(t *testing.T, agent string) (*exec.Cmd, *logBuffer) {
		cmd, out := w.command("run", agent), &logBuffer{}
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		await(t, "the agent is up", func() bool { return strings.Contains(out.String(), "up\n") })
		return cmd, out
	}
	interrupt := func(t *testing.T, cmd *exec.Cmd) {
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
	}

	t.Run("once_stops_the_agent", func(t *testing.T) {
		t.Parallel()
		cmd, out := begin(t, "deaf")
		interrupt(t, cmd)
		if _ = cmd.Wait(); cmd.ProcessState.ExitCode() != 130 || !strings.Contains(out.String(), "cancelled by owner") || !strings.Contains(out.String(), "reaped") {
			t.Errorf("it ends with %d:\n%s", cmd.ProcessState.ExitCode(), out)
		}
	})

	t.Run("twice_returns_while_it_is_being_stopped", func(t *testing.T) {
		t.Parallel()
		cmd, out := begin(t, "slow-to-end")
		interrupt(t, cmd)
		await(t, "it says that it stops", func() bool { return strings.Contains(out.String(), "stopping") })
		await(t, "the server knows", func() bool { return strings.Contains(w.cli("ps").stdout, "cancelling") })
		interrupt(t, cmd)
		if _ = cmd.Wait(); cmd.ProcessState.ExitCode() != 130 || !strings.Contains(out.String(), "claudeops logs -f") || !strings.Contains(out.String(), "claudeops cancel") ||
			strings.Contains(out.String(), "leaves it running") {
			t.Errorf("it ends with %d:\n%s", cmd.ProcessState.ExitCode(), out)
		}
		w.cli("ps").check(t, 0, "slow-to-end", "cancelling")
	})
}

// TestRun_on_a_terminal holds what reaches a terminal to what a terminal may be shown.
func TestRun_on_a_terminal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.define("hostile", `shell: |
  printf '\033]0;owned\007\033[2Jred \033[31mtext\n'
  printf '10%%\r20%%\r30%%\n'
  printf 'warn: \342\200\256gnp.exe\n'
  echo "::progress 40::Inde\033[7mxing"
`)
	w.serve()
	show := func(args ...string) string {
		t.Helper()
		cmd := w.command(append([]string{"run", "hostile"}, args...)...)
		cmd.SysProcAttr = nil
		f, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 100})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var out bytes.Buffer
		_, _ = io.Copy(&out, f) // ends with EIO when the program does
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%v:\n%s", err, out.String())
		}
		return out.String()
	}
	text := show()
	for _, hostile := range []string{"\x1b]0;owned", "\x1b[2J", "\u202e", "10%"} {
		if strings.Contains(text, hostile) {
			t.Errorf("%q reaches the terminal: %q", hostile, text)
		}
	}
	for _, want := range []string{"␛]0;owned␇␛[2Jred \x1b[31mtext\x1b[0m", "30%", "‹U+202E›gnp.exe", "40 %"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing: %q", want, text)
		}
	}
	if raw := show("--raw"); !strings.Contains(raw, "\x1b[31mtext") {
		t.Errorf("--raw gives %q", raw)
	}
	if plain := show("--color", "never"); strings.Contains(plain, "\x1b[3") {
		t.Errorf("--color never gives %q", plain)
	}
	if lines := show("--json"); strings.Contains(lines, "\u202e") || !strings.Contains(lines, `\u202e`) {
		t.Errorf("--json gives %q", lines)
	}
	piped := w.cli("run", "hostile")
	if piped.check(t, 0); strings.Contains(piped.stdout, "\x1b") || !strings.Contains(piped.stdout, "red text\n") {
		t.Errorf("a pipe gets %q", piped.stdout)
	}
	if raw := w.cli("run", "hostile", "--raw"); !strings.Contains(raw.stdout, "\x1b[2Jred \x1b[31mtext\n") {
		t.Errorf("--raw gives a pipe %q", raw.stdout)
	}
}

// TestFollowing_through_a_restart has logs -f bridge a server that is killed and one that is stopped.
func TestFollowing_through_a_restart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.define("writer", "command: [TESTAGENT, -rate, '500', -count, '3000']\n")
	w.serve()
	id := strings.TrimSpace(w.cli("run", "-d", "writer").stdout)
	cmd, out := w.command("logs", "-f", "-q", id), &logBuffer{}
	cmd.Stdout = out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for i, end := range []func(){w.kill, w.stop} {
		want := (i + 1) * 500
		await(t, itoa(want)+" lines are shown", func() bool { return strings.Count(out.String(), "\n") > want })
		end()
		w.serve()
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(time.Minute):
		_ = cmd.Process.Kill()
		t.Fatalf("it does not end; it has shown %d lines", strings.Count(out.String(), "\n"))
	}
	next := 1
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, "n="+itoa(next)+" ") {
			t.Fatalf("line %d is %q", next, line)
		}
		next++
	}
	if next != 3001 {
		t.Errorf("%d lines were shown, want 3000", next-1)
	}
	var last protocol.Event
	for _, e := range w.journal(id) {
		last = e
	}
	if last.Type != execution.TypeCompleted {
		t.Errorf("the last event is %+v", last)
	}
}
