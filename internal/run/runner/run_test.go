package runner_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/run/control"
	"github.com/claudeops/claudeops/internal/run/process"
)

func TestRun_Lines(t *testing.T) {
	t.Parallel()
	s := newScene(t, "lines", "1000")
	events := s.run()
	last := events[len(events)-1]
	if last.Type != execution.TypeCompleted || *last.ExitCode != 0 || *last.ProcessesReaped != 0 {
		t.Errorf("ended with %+v", last)
	}
	want := ""
	for i := range 1000 {
		want += fmt.Sprintf("line %d\n", i)
	}
	if got := string(s.text(execution.Stdout)); got != want {
		t.Errorf("got %d bytes, want %d", len(got), len(want))
	}
	started := events[1]
	host, err := os.Hostname()
	must(t, err)
	if started.AgentType != "test" || !slices.Equal(started.Command, s.spec.Argv) || started.Workdir != filepath.Join(s.dir, "workspace") || started.Host != host || started.PID <= 1 {
		t.Errorf("started with %+v", started)
	}
}

func TestRun_BothStreams(t *testing.T) {
	t.Parallel()
	s := newScene(t, "both", "2000")
	s.run()
	for stream, word := range map[execution.Stream]string{execution.Stdout: "out", execution.Stderr: "err"} {
		want := ""
		for i := range 2000 {
			want += fmt.Sprintf("%s %d\n", word, i)
		}
		if got := string(s.text(stream)); got != want {
			t.Errorf("%s: got %d bytes, want %d", stream, len(got), len(want))
		}
	}
}

func TestRun_Ends(t *testing.T) {
	t.Parallel()
	code := func(n int) *int { return &n }
	cases := []struct {
		name  string
		agent []string
		want  execution.Event
	}{
		{"exit 0", []string{"exit", "0"}, execution.Event{Type: execution.TypeCompleted, ExitCode: code(0)}},
		{"exit 3", []string{"exit", "3"}, execution.Event{Type: execution.TypeFailed, Reason: "exit_code", ExitCode: code(3), Error: "ended with exit code 3"}},
		{"exit 127", []string{"exit", "127"}, execution.Event{Type: execution.TypeFailed, Reason: "exit_code", ExitCode: code(127), Error: "ended with exit code 127 (in a shell: command not found)"}},
		{"SIGSEGV", []string{"signal", "11"}, execution.Event{Type: execution.TypeFailed, Reason: "signal", ExitCode: code(2), Signal: ""}},
		{"SIGKILL by another", []string{"signal", "9"}, execution.Event{Type: execution.TypeFailed, Reason: "signal", Signal: "SIGKILL", Error: "ended by SIGKILL"}},
		{"result", []string{"result", `{"a": [1, 2.50, "<&>"]}`, "0"}, execution.Event{Type: execution.TypeCompleted, ExitCode: code(0), Result: json.RawMessage(`{"a":[1,2.50,"<&>"]}`)}},
		{"result of a failure", []string{"result", `null`, "1"}, execution.Event{Type: execution.TypeFailed, Reason: "exit_code", ExitCode: code(1), Error: "ended with exit code 1", Result: json.RawMessage(`null`)}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			events := newScene(t, c.agent...).run()
			last := events[len(events)-1]
			if c.agent[0] == "signal" && c.agent[1] == "11" {
				// Go turns SIGSEGV into an exit code; what counts is that it is told as it was.
				c.want.Reason, c.want.Error = "exit_code", "ended with exit code 2"
			}
			got := execution.Event{Type: last.Type, Reason: last.Reason, ExitCode: last.ExitCode, Signal: last.Signal, Error: last.Error, Result: last.Result}
			if fmt.Sprint(asJSON(t, got)) != fmt.Sprint(asJSON(t, c.want)) {
				t.Errorf("ended with %s, want %s", asJSON(t, got), asJSON(t, c.want))
			}
		})
	}
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	must(t, err)
	return string(b)
}

func TestRun_BadResult(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ command, says string }{
		"not JSON": {`echo '{"a":' > "$CLAUDEOPS_RESULT"`, "not valid JSON"},
		"too long": {`head -c 1048577 /dev/zero | tr '\0' 1 > "$CLAUDEOPS_RESULT"`, "1048577 bytes"},
		"a link":   {`ln -s /etc/hostname "$CLAUDEOPS_RESULT"`, "symbolic link"},
		"a pipe":   {`mkfifo "$CLAUDEOPS_RESULT"`, "not a file"},
		"a folder": {`mkdir "$CLAUDEOPS_RESULT"`, "not a file"},
		"not UTF8": {`printf '"\xff"' > "$CLAUDEOPS_RESULT"`, "not UTF-8"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := script(t, "bash", "-c", c.command)
			events := s.run()
			last, note := events[len(events)-1], events[len(events)-2]
			if last.Type != execution.TypeCompleted || last.Result != nil {
				t.Errorf("ended with %+v", last)
			}
			if note.Type != execution.TypeLog || note.Stream != execution.Agent || note.Level != execution.Warn || !strings.Contains(*note.Message, c.says) {
				t.Errorf("told %s, which should contain %q", asJSON(t, note), c.says)
			}
		})
	}
}

func TestRun_SpawnFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(text), mode))
		must(t, os.Chmod(path, mode))
		return path
	}
	cases := map[string]struct {
		argv    []string
		workdir string
		says    string
	}{
		"no such program":      {[]string{"no-such-program"}, "", `"no-such-program" is not in the agent's PATH`},
		"no such file":         {[]string{"/no/such/file"}, "", "/no/such/file does not exist"},
		"not executable":       {[]string{file("plain", "#!/bin/sh\n", 0o644)}, "", "is not executable: chmod +x"},
		"a directory":          {[]string{dir}, "", "is a directory"},
		"no interpreter":       {[]string{file("script", "#!/no/interpreter -x\n", 0o755)}, "", "asks for the interpreter /no/interpreter"},
		"no program at all":    {[]string{file("text", "hello\n", 0o755)}, "", "neither a program for this machine nor a script"},
		"no working directory": {[]string{"true"}, "/no/such/dir", "working directory /no/such/dir does not exist"},
		"a file for directory": {[]string{"true"}, file("file", "", 0o644), "is not a directory"},
		"nothing":              {nil, "", "the command is empty"},
		"too long":             {[]string{"true", strings.Repeat("x", 3<<20)}, "", "too long"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, "none")
			s.spec.Argv, s.spec.Workdir = c.argv, c.workdir
			events := s.run()
			last := events[len(events)-1]
			if len(events) != 2 || last.Type != execution.TypeFailed || last.Reason != "spawn_failed" || !strings.Contains(last.Error, c.says) {
				t.Errorf("%d events, the last %s; should say %q", len(events), asJSON(t, last), c.says)
			}
		})
	}
}

func TestRun_CancelPolite(t *testing.T) {
	t.Parallel()
	for _, sig := range []string{"SIGTERM", "SIGINT"} {
		t.Run(sig, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, "polite")
			s.spec.StopSignal, s.spec.StopGrace = sig, time.Hour
			s.spawn().dial()
			s.until("ready")
			must(t, s.link.Cancel("bob", ""))
			must(t, s.link.Cancel("eve", "too late"))
			events := s.wait()
			last, bye := events[len(events)-1], events[len(events)-2]
			if last.Type != execution.TypeCancelled || last.By != "bob" || last.Reason != "" || *last.ExitCode != 0 || *last.ProcessesReaped != 1 {
				t.Errorf("ended with %s", asJSON(t, last))
			}
			if want := map[string]string{"SIGTERM": "bye terminated", "SIGINT": "bye interrupt"}[sig]; *bye.Message != want {
				t.Errorf("it said %q", *bye.Message)
			}
		})
	}
}

func TestRun_Timeouts(t *testing.T) {
	t.Parallel()
	t.Run("total", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, "ticks", "100000", "20")
		s.spec.Timeout = 300 * time.Millisecond
		events := s.run()
		last := events[len(events)-1]
		if last.Type != execution.TypeFailed || last.Reason != "timeout" || !strings.Contains(last.Error, "300ms") || *last.DurationMs < 300 {
			t.Errorf("ended with %s", asJSON(t, last))
		}
	})
	t.Run("idle", func(t *testing.T) {
		t.Parallel()
		// A second of lines, then silence: only the silence counts.
		s := script(t, "bash", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do echo $i; sleep 0.1; done; sleep 1000")
		s.spec.IdleTimeout = 700 * time.Millisecond
		events := s.run()
		last := events[len(events)-1]
		if last.Type != execution.TypeFailed || last.Reason != "idle_timeout" || !strings.Contains(last.Error, "700ms") {
			t.Errorf("ended with %s", asJSON(t, last))
		}
		if got := string(s.text("")); got != "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n" {
			t.Errorf("recorded %q", got)
		}
	})
}

// TestRun_PausedRunner stops the runner, not its agent, for longer than the agent may be silent: the agent
// was not silent, only nobody read it.
func TestRun_PausedRunner(t *testing.T) {
	t.Parallel()
	s := newScene(t, "ticks", "100000", "20")
	s.spec.IdleTimeout = 500 * time.Millisecond
	s.spawn().dial()
	s.link.Watch(true)
	id, err := process.Find(s.pid)
	must(t, err)
	for pause := range 4 {
		s.until(fmt.Sprintf("tick %d", 5+pause*10))
		must(t, id.Signal(syscall.SIGSTOP))
		time.Sleep(700 * time.Millisecond) // there is nothing to wait for but time
		must(t, id.Signal(syscall.SIGCONT))
	}
	s.until("tick 100")
	must(t, s.link.Cancel("alice", "enough"))
	events := s.wait()
	if last := events[len(events)-1]; last.Type != execution.TypeCancelled {
		t.Errorf("ended with %s", asJSON(t, last))
	}
}

func TestRun_SignalledRunner(t *testing.T) {
	t.Parallel()
	s := newScene(t, "polite")
	s.spawn().dial()
	s.until("ready")
	id, err := process.Find(s.pid)
	must(t, err)
	must(t, id.Signal(syscall.SIGHUP)) // means nothing to it
	must(t, id.Signal(syscall.SIGTERM))
	events := s.wait()
	last := events[len(events)-1]
	if last.Type != execution.TypeFailed || last.Reason != "runner_lost" || !strings.Contains(last.Error, "SIGTERM") {
		t.Errorf("ended with %s", asJSON(t, last))
	}
	if bye := events[len(events)-2]; *bye.Message != "bye terminated" {
		t.Errorf("the agent was not asked: %s", asJSON(t, bye))
	}
}

func TestRun_Environment(t *testing.T) {
	t.Setenv("CLAUDEOPS_TEST_LEAK", "must not arrive")
	s := newScene(t, "env")
	s.spec.Env = []string{"PATH=/bin", "A=1; rm -rf $(x)\n'\"", "B=-x", "CLAUDEOPS_RESULT=not this", "BYTES=\xff\xfe"}
	s.spec.Workdir = t.TempDir()
	s.run()
	text := string(s.text(execution.Stdout))
	for _, want := range []string{"PATH=/bin\n", "A=1; rm -rf $(x)\n'\"\n", "B=-x\n", "BYTES=\xff\xfe\n", "CLAUDEOPS_EXECUTION_ID=" + s.id + "\n",
		"CLAUDEOPS_RESULT=" + s.dir + "/result.json\n", "CLAUDEOPS_WORKSPACE=" + s.dir + "/workspace\n", "workdir " + s.spec.Workdir + "\n",
		"leads its session true\n", "stdin 0 EOF\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q", want)
		}
		text = strings.Replace(text, want, "", 1)
	}
	rest := strings.Fields(text)
	if len(rest) != 2 || rest[0] != "umask" || rest[1] != "22" {
		t.Errorf("it also found %q", text)
	}
}

func TestRun_Descriptors(t *testing.T) {
	// What this process holds open without close-on-exec would reach the runner, and the agent.
	f, err := os.Open(os.DevNull)
	must(t, err)
	defer f.Close()
	_, _, errno := syscall.Syscall(syscall.SYS_FCNTL, f.Fd(), syscall.F_SETFD, 0)
	if errno != 0 {
		t.Fatal(errno)
	}
	s := script(t, "bash", "-c", "ls -l /proc/$$/fd; true")
	s.run()
	var open []string
	for line := range strings.Lines(string(s.text(execution.Stdout))) {
		if f := strings.Fields(line); len(f) > 8 {
			open = append(open, f[8]+" "+strings.TrimRight(f[10], "[]:0123456789"))
		}
	}
	if want := []string{"0 /dev/null", "1 pipe", "2 pipe"}; !slices.Equal(open, want) {
		t.Errorf("open are %q, want %q", open, want)
	}
}

func TestRun_Workspace(t *testing.T) {
	t.Parallel()
	s := newScene(t, "litter")
	outside := filepath.Join(t.TempDir(), "precious")
	must(t, os.WriteFile(outside, nil, 0o600))
	must(t, os.MkdirAll(filepath.Join(s.dir, "workspace", "old"), 0o700)) // of an earlier try
	events := s.run()                                                     // which checks that nothing is left
	if last := events[len(events)-1]; last.Type != execution.TypeCompleted {
		t.Errorf("ended with %s", asJSON(t, last))
	}
	if _, err := os.Stat(outside); err != nil {
		t.Error(err)
	}
}

func TestRun_Secrets(t *testing.T) {
	t.Parallel()
	const secret, lines = "hunter2-s3cr3t", "-----BEGIN KEY-----\nabc\"def\n-----END KEY-----"
	// Written byte by byte, within long lines across the cut, with the end left open, on both streams.
	s := script(t, "bash", "-c", `
		s=$SECRET; for ((i=0; i<${#s}; i++)); do printf %s "${s:$i:1}"; sleep 0.02; done; echo " done"
		head -c 65530 /dev/zero | tr '\0' x; echo "$SECRET$SECRET"
		echo "::progress 50::at $SECRET"; echo "::error::$SECRET"; echo "{\"key\":\"$SECRET\"}"
		echo "$LINES_" >&2
		printf '%s' "{\"$SECRET\": [\"$SECRET\", 1]}" > $CLAUDEOPS_RESULT
		printf %s "hunter2-"; sleep 0.3; printf %s "s3cr3t hunter2-"
		exit 3`, secret)
	s.spec.Env = append(s.spec.Env, "SECRET="+secret, "LINES_="+lines)
	s.spec.Secrets = []string{secret, lines, ""}
	events := s.run()
	for _, part := range []string{secret, "BEGIN KEY"} {
		must(t, filepath.WalkDir(s.dataDir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			if bytes.Contains(b, []byte(part)) {
				t.Errorf("%s holds %q", path, part)
			}
			return err
		}))
		for _, line := range s.heard.lines {
			if bytes.Contains(line, []byte(part)) {
				t.Errorf("the socket carried %q", line)
			}
		}
	}
	const m = "••••••"
	want := m + " done\n" + strings.Repeat("x", 65530) + m + m + "\n::progress 50::at " + m + "\n::error::" + m + "\n{\"key\":\"" + m + "\"}\n" + m + " hunter2-"
	if got := string(s.text(execution.Stdout)); got != want {
		t.Errorf("recorded %q", strings.ReplaceAll(got, strings.Repeat("x", 1000), ""))
	}
	if got := string(s.text(execution.Stderr)); got != m+"\n" {
		t.Errorf("recorded on stderr %q", got)
	}
	last := events[len(events)-1]
	if string(last.Result) != `{"`+m+`": ["`+m+`", 1]}` && string(last.Result) != `{"`+m+`":["`+m+`",1]}` {
		t.Errorf("result %s", last.Result)
	}
	if events[1].Command[3] != m {
		t.Errorf("started with %q", events[1].Command[3])
	}
}

// What matches a pattern is masked likewise: byte by byte, across the cut of a long line, and with the
// line's end left open, where only what may be the beginning of a match waits.
func TestRun_MaskPatterns(t *testing.T) {
	t.Parallel()
	const secret = "key-0a1b2c3d"
	s := script(t, "bash", "-c", `
		s=$1; for ((i=0; i<${#s}; i++)); do printf %s "${s:$i:1}"; sleep 0.02; done; echo " done"
		head -c 65530 /dev/zero | tr '\0' x; echo "$1 $1"
		echo "::progress 50::at $1"; echo "{\"key\":\"$1\"}"
		printf '%s' "{\"$1\": [\"$1\", 1]}" > $CLAUDEOPS_RESULT
		printf %s "Go on? key-0a1b"; sleep 0.3; printf %s "2c3d key-0a1"
		exit 3`, "-", secret)
	s.spec.Patterns = []string{`key-[0-9a-f]{8}`}
	events := s.run()
	const m = "••••••"
	want := m + " done\n" + strings.Repeat("x", 65530) + m + " " + m + "\n::progress 50::at " + m + "\n{\"key\":\"" + m + "\"}\nGo on? " + m + " key-0a1"
	if got := string(s.text(execution.Stdout)); got != want {
		t.Errorf("recorded %q", strings.ReplaceAll(got, strings.Repeat("x", 1000), ""))
	}
	asked := slices.ContainsFunc(events, func(e execution.Event) bool {
		return e.Type == execution.TypeLog && *e.Message == "Go on? " && e.Partial
	})
	if !asked {
		t.Error("the question waited for what came after it")
	}
	if last := events[len(events)-1]; strings.Contains(string(last.Result), secret) {
		t.Errorf("result %s", last.Result)
	}
	if command := strings.Join(events[1].Command, " "); strings.Contains(command, secret) {
		t.Errorf("started with %q", command)
	}
}

func TestRun_Commands(t *testing.T) {
	t.Parallel()
	const said = "::group::Build\nplain\n::error::broken\n::warning::odd\n::debug::fine\n::endgroup::\n::progress 40::Indexing\n::progress 99.5::\n::progress 101::no\n{\"level\":\"warn\",\"n\":1}\n"
	s := newScene(t, "say", said)
	events := s.run()
	type row struct{ Type, Level, Message, Data, Progress string }
	var got []row
	for _, e := range events[2 : len(events)-1] {
		r := row{Type: e.Type, Level: string(e.Level), Data: string(e.Data)}
		if e.Message != nil {
			r.Message = *e.Message
		}
		if e.Progress != nil {
			r.Progress = fmt.Sprint(*e.Progress)
		}
		got = append(got, r)
	}
	const log, progress = execution.TypeLog, execution.TypeProgress
	want := []row{
		{log, "info", "Build", `{"command":"group","group":"Build"}`, ""},
		{log, "info", "plain", "", ""},
		{log, "error", "broken", `{"command":"error"}`, ""},
		{log, "warn", "odd", `{"command":"warning"}`, ""},
		{log, "debug", "fine", `{"command":"debug"}`, ""},
		{log, "info", "", `{"command":"endgroup","group":"Build"}`, ""},
		{progress, "", "Indexing", `{"line":"::progress 40::Indexing"}`, "40"},
		{progress, "", "", `{"line":"::progress 99.5::"}`, "99.5"},
		{log, "info", "::progress 101::no", "", ""},
		{log, "warn", `{"level":"warn","n":1}`, `{"level":"warn","n":1}`, ""},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
	if text := string(s.text("")); text != said {
		t.Errorf("recorded %q", text)
	}
}

// TestRun_Warnings: what the server warns of stands in the log before the agent's own lines.
func TestRun_Warnings(t *testing.T) {
	t.Parallel()
	s := newScene(t, "progress", "1")
	s.spec.Warnings = []string{"the secret pin is too short"}
	events := s.run()[1:] // after queued
	if len(events) < 2 || events[0].Type != execution.TypeStarted || events[1].Type != execution.TypeLog ||
		events[1].Level != execution.Warn || events[1].Stream != execution.Agent || *events[1].Message != "the secret pin is too short" {
		t.Errorf("got %s", asJSON(t, events[:2]))
	}
}

func TestRun_ProgressRate(t *testing.T) {
	t.Parallel()
	for _, limit := range []int64{0, 100} {
		t.Run(fmt.Sprint("limit ", limit), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, "progress", "5000")
			s.spec.MaxOutput = limit
			events := s.run()
			var told []execution.Event
			for _, e := range events {
				if e.Type == execution.TypeProgress {
					told = append(told, e)
				}
			}
			if len(told) < 2 || len(told) > 100 {
				t.Errorf("%d progress events for 5000 lines", len(told))
			}
			if last := told[len(told)-1]; *last.Progress != 100 || *last.Message != "step 5000" {
				t.Errorf("the last is %s", asJSON(t, last))
			}
			want := ""
			for i := range 5000 {
				want += fmt.Sprintf("::progress %d::step %d\n", (i+1)*100/5000, i+1)
			}
			got := string(s.text(""))
			if limit > 0 {
				if !strings.HasPrefix(want, got) || int64(len(got)) > limit {
					t.Errorf("recorded %q past the limit", got)
				}
			} else if got != want {
				t.Errorf("recorded %d bytes, want %d", len(got), len(want))
			}
		})
	}
}

func TestSpawn_Fails(t *testing.T) {
	t.Parallel()
	t.Run("no spec", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, "sleep")
		_, err := control.Spawn(self(t), s.dataDir, s.id, nil)
		if err == nil || !strings.Contains(err.Error(), "spec.json") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no journal", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, "sleep")
		must(t, os.RemoveAll(s.dir))
		if _, err := control.Spawn(self(t), s.dataDir, s.id, nil); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("unknown driver", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, "sleep")
		s.spec.Driver = "steam"
		must(t, control.WriteSpec(s.dir, &s.spec))
		if _, err := control.Spawn(self(t), s.dataDir, s.id, nil); err == nil || !strings.Contains(err.Error(), `no driver "steam"`) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("bad signal", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, "sleep")
		s.spec.StopSignal = "TERM"
		must(t, control.WriteSpec(s.dir, &s.spec))
		if _, err := control.Spawn(self(t), s.dataDir, s.id, nil); err == nil || !strings.Contains(err.Error(), `write it as SIGTERM`) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("another runner", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, "sleep")
		s.spawn().dial()
		s.until("ready")
		if _, err := control.Spawn(self(t), s.dataDir, s.id, nil); err == nil || !strings.Contains(err.Error(), "another writer holds the journal") {
			t.Errorf("got %v", err)
		}
		must(t, s.link.Cancel("alice", ""))
		s.wait()
	})
	t.Run("no such program", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, "sleep")
		if _, err := control.Spawn("/no/such/claudeops", s.dataDir, s.id, nil); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("dies", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, "sleep")
		if _, err := control.Spawn(program(t, "false"), s.dataDir, s.id, nil); err == nil || !strings.Contains(err.Error(), "exit code 1") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("bad id", func(t *testing.T) {
		t.Parallel()
		if _, err := control.Spawn(self(t), t.TempDir(), "../../etc", nil); err == nil {
			t.Error("accepted")
		}
	})
}
