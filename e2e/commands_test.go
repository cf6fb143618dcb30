package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/claudeops/claudeops/protocol"
)

const chooser = `
parameters:
  type: object
  properties:
    mood: {type: string, enum: [good, bad], default: good}
    text: {type: string, default: ""}
    secret: {type: string, format: password}
    code: {type: integer, default: 0}
shell: |
  printf '%s|%s|' "$CLAUDEOPS_PARAM_MOOD" "$CLAUDEOPS_PARAM_TEXT"
  exit "$CLAUDEOPS_PARAM_CODE"
`

// TestCommandLine_exit_codes holds what scripts branch on.
func TestCommandLine_exit_codes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.define("chooser", chooser)
	w.define("slow", "timeout: 100ms\nstop: {grace: 100ms}\nshell: \"trap '' TERM; while :; do sleep 0.05; done\"\n")
	w.define("silent", "idleTimeout: 100ms\nstop: {grace: 100ms}\ncommand: [sleep, '1000']\n")
	w.define("missing", "command: [/no/such/program]\n")
	w.define("killed", "shell: kill -KILL $$\n")
	w.define("terminated", "shell: kill -TERM $$\n")
	w.define("sleeper", "command: [sleep, '1000']\n")
	w.serve()
	for name, want := range map[string]int{"slow": 124, "silent": 124, "missing": 126, "killed": 137, "terminated": 143} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := strings.TrimSpace(w.cli("run", "-d", name).stdout)
			w.cli("wait", id).check(t, want, id, "failed")
			w.cli("run", "-q", name).check(t, want)
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		id := strings.TrimSpace(w.cli("run", "-d", "sleeper").stdout)
		w.cli("cancel", id).check(t, 0)
		w.cli("wait", id).check(t, 130, "cancelled")
		w.cli("wait", "-q", id, id).check(t, 130)
	})
	t.Run("wrong_use", func(t *testing.T) {
		t.Parallel()
		for _, args := range [][]string{
			{"--color", "sometimes", "ps"}, {"help", "nonsense"}, {"completion", "nonsense"}, {"completion"}, {"ps", "--status", "fine"}, {"ps", "--since", "yesterday-ish"},
			{"logs", "--since", "soon", "last"}, {"run", "chooser", "-c", "text=@/no/such/file"}, {"run", "chooser", "--config-file", "/no/such/file"},
			{"wait", "zzzz"}, {"rerun", "zzzz"}, {"validate", "/no/such/directory"}, {"show"}, {"wait"}, {"serve", "--seal-after", "1fortnight"},
			{"serve", "--max-running", "many"}, {"serve", "--listen", "nonsense"}, {"serve", "--base-path", "ops"}, {"grep", "-e", "("}, {"ps", "-a", "extra"},
		} {
			if o := w.cli(args...); o.code != 2 || o.stderr == "" {
				t.Errorf("%v ends with %d: %s%s", args, o.code, o.stdout, o.stderr)
			}
		}
	})
	t.Run("unreachable", func(t *testing.T) {
		t.Parallel()
		for _, args := range [][]string{{"ps"}, {"run", "chooser"}, {"wait", "last"}, {"logs", "last"}, {"grep", "x"}, {"cancel", "last"}, {"agents"}} {
			cmd := exec.Command(binary, append(args, "--url", "http://"+freeAddress(t), "--data", t.TempDir())...)
			cmd.Env = cleanEnviron()
			if text, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 125 || !strings.Contains(string(text), "nothing listens") {
				t.Errorf("%v ends with %d: %s", args, cmd.ProcessState.ExitCode(), text)
			}
		}
	})
}

func TestCommandLine_show_rerun_and_last(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.define("chooser", chooser)
	w.serve()
	w.cli("show", "last").check(t, 1, "no execution yet")
	value := filepath.Join(t.TempDir(), "value")
	if err := os.WriteFile(value, []byte("--from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.cli("run", "chooser", "-c", "text=@"+value, "-c", "mood=bad", "-c", "code=3").check(t, 3, "bad|--from a file|")
	w.cli("show", "last").check(t, 0, "chooser", "✕ failed", "exit code", "3", `"text": "--from a file"`)
	w.cli("rerun", "last", "-c", "code=0").check(t, 0, "bad|--from a file|", "completed")
	w.cli("logs", "-q", "last").check(t, 0, "bad|--from a file|")
	var record protocol.ExecutionStatus
	if o := w.cli("show", "--json", "last"); json.Unmarshal([]byte(o.stdout), &record) != nil || record.AgentType != "chooser" || record.Status != "completed" {
		t.Errorf("show --json gives %q", o.stdout)
	}
	w.cli("wait", record.ExecutionID[:22]).check(t, 0, "completed")
	w.cli("verify", "last").check(t, 0, "1 execution")

	// A secret is not kept, so it can't be used again.
	w.cli("run", "chooser", "-c", "secret=open sesame").check(t, 0)
	w.cli("rerun", "last").check(t, 2, "secret", "-c secret=")
	w.cli("rerun", "last", "-c", "secret=another one").check(t, 0)

	cmd := w.command("run", "chooser", "-q", "-c", "text=-", "-c", "mood=good")
	cmd.Stdin = strings.NewReader("from standard input\n")
	if out, err := cmd.Output(); err != nil || string(out) != "good|from standard input|" {
		t.Errorf("-c text=- gives %q, %v", out, err)
	}

	w.cli("ps", "--status", "failed", "--since", "1h").check(t, 0, "✕ failed")
	if o := w.cli("ps", "--status", "failed", "--agent", "chooser", "-q"); strings.Count(o.stdout, "\n") != 1 {
		t.Errorf("ps --status failed gives %q", o.stdout)
	}
	w.cli("ps", "--since", "1h", "--status", "cancelled").check(t, 0, "no executions match")
	w.cli("ps", "--agent", "other", "-a").check(t, 0, "no executions match")
}

// TestLogs_since_a_time cuts a log at the time of each of its events.
func TestLogs_since_a_time(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.define("talker", "shell: 'for i in 1 2 3 4 5 6 7; do echo $i; sleep 0.01; done'\n")
	w.serve()
	all := w.cli("run", "talker", "--json").stdout
	var events []protocol.Event
	for line := range strings.Lines(all) {
		var e protocol.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	for _, e := range events {
		first := 0
		for events[first].Timestamp.Before(e.Timestamp.Time) {
			first++
		}
		at := e.Timestamp.UTC().Format("2006-01-02T15:04:05.000Z")
		if o := w.cli("logs", "--json", "--since", at, "last"); o.stdout != all[nthLine(all, first):] {
			t.Errorf("since %s it gives %q", at, o.stdout)
		}
	}
	if o := w.cli("logs", "--json", "--since", "1d", "last"); o.stdout != all {
		t.Errorf("since a day it gives %q", o.stdout)
	}
	if o := w.cli("logs", "--json", "--since", "2999-01-01", "last"); o.stdout != "" || o.code != 0 {
		t.Errorf("since a time to come it gives %d %q %q", o.code, o.stdout, o.stderr)
	}
}

// TestServe_drained holds everything back, says so, and goes on with a server that does not.
func TestServe_drained(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "--max-running", "0")
	w.define("chooser", chooser)
	s := w.serve()
	const why = "--max-running 0"
	if !strings.Contains(s.log.String(), why) {
		t.Errorf("the log does not say that nothing is started:\n%s", s.log)
	}
	id := strings.TrimSpace(w.cli("run", "-d", "chooser").stdout)
	w.cli("ps").check(t, 0, id, "queued", why)
	w.cli("show", id).check(t, 0, why)
	w.stop()
	w.args = nil
	w.serve()
	w.cli("wait", id).check(t, 0, "completed")
}

func TestRun_without_definitions_says_what_is_missing(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(binary, "run", "disk-report", "--data", filepath.Join(t.TempDir(), "data"))
	cmd.Env = cleanEnviron()
	text, _ := cmd.CombinedOutput()
	for _, want := range []string{"no agent", "disk-report", "No server runs", "--agents"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is missing: %s", want, text)
		}
	}
	if code := cmd.ProcessState.ExitCode(); code != 2 {
		t.Errorf("it ends with %d", code)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.define("good", "command: [true]\n")
	w.cli("validate", w.agents).check(t, 0, "1 definition is good")
	w.define("warned", "command: [true]\nmask: [abc]\n")
	w.cli("validate", w.agents).check(t, 0, "2 definitions are good, 1 warning", "warning: mask.0")
	w.define("broken", "command: [df\n")
	w.define("wrong", "command: [df]\ntimeout: soon\nnonsense: 1\n")
	o := w.cli("validate")
	o.check(t, 1, "broken.yaml:", "wrong.yaml:3:", "wrong.yaml:4:", "problems")
	for line := range strings.Lines(w.cli("validate", "--json").stdout) {
		if !json.Valid([]byte(line)) {
			t.Errorf("%q is no JSON", line)
		}
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.define("chooser", chooser)
	complete := func(args ...string) string { return w.cli(append([]string{"__complete"}, args...)...).stdout }
	check := func(got string, want ...string) {
		t.Helper()
		for _, text := range want {
			if !strings.Contains(got, text) {
				t.Errorf("%q is missing: %q", text, got)
			}
		}
	}
	check(complete("run", ""), "chooser", "system-health") // from the definitions
	check(complete("run", "chooser", "-c", "mood="), "mood=good", "mood=bad")
	w.serve()
	id := strings.TrimSpace(w.cli("run", "-d", "chooser").stdout)
	check(complete("run", "ch"), "chooser")
	check(complete("run", "chooser", "-c", ""), "mood=", "text=", "code=")
	check(complete("run", "chooser", "-c", "mood="), "mood=good", "mood=bad")
	for _, name := range []string{"logs", "show", "wait", "rerun", "pin"} {
		check(complete(name, ""), id, "last")
		check(complete(name, id[:8]), id)
	}
	check(complete("ps", "--status", ""), "failed", "queued")
	check(complete("ps", "--agent", ""), "chooser")
	for _, shell := range []string{"bash", "zsh", "fish"} {
		w.cli("completion", shell).check(t, 0, "claudeops")
	}
}
