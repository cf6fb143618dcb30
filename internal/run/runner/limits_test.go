package runner_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/run/control"
)

// TestRun_Limits: limits hold, or the log says that they are not enforced.
func TestRun_Limits(t *testing.T) {
	t.Parallel()
	const hog = `use strict; my @hold; for (1 .. 400) { push @hold, "x" x 1_000_000 } print "held all\n";`
	const brood = `use strict; my @p; my $n = 0; for (1 .. 100) { my $p = fork; last unless defined $p; if (!$p) { sleep 1000 } $n++; push @p, $p } kill 9, @p; print "forked $n\n";`
	cases := []struct {
		name   string
		limits control.Limits
		argv   []string
		check  func(t *testing.T, last execution.Event, text string)
	}{
		{"memory", control.Limits{Memory: 64 << 20}, []string{"perl", "-e", hog}, func(t *testing.T, last execution.Event, _ string) {
			if last.Type != execution.TypeFailed || last.Reason != string(execution.ReasonOutOfMemory) {
				t.Errorf("ended with %s", asJSON(t, last))
			}
		}},
		{"memory of a child", control.Limits{Memory: 64 << 20}, []string{"bash", "-c", "perl -e '" + hog + "' || exit 3"}, func(t *testing.T, last execution.Event, _ string) {
			if last.Type != execution.TypeFailed || last.Reason != string(execution.ReasonOutOfMemory) {
				t.Errorf("ended with %s", asJSON(t, last))
			}
		}},
		{"memory that is enough", control.Limits{Memory: 1 << 30}, []string{"perl", "-e", hog}, func(t *testing.T, last execution.Event, text string) {
			if last.Type != execution.TypeCompleted || !strings.Contains(text, "held all") {
				t.Errorf("ended with %s: %q", asJSON(t, last), text)
			}
		}},
		{"pids", control.Limits{PIDs: 20}, []string{"perl", "-e", brood}, func(t *testing.T, last execution.Event, text string) {
			n := 0
			if _, err := fmt.Sscanf(text[strings.Index(text, "forked"):], "forked %d", &n); err != nil || n < 5 || n >= 20 {
				t.Errorf("%d processes: %q", n, text)
			}
		}},
		{"nice", control.Limits{Nice: 7}, []string{"nice"}, func(t *testing.T, last execution.Event, text string) {
			if !strings.HasPrefix(text, "7") && !strings.HasPrefix(text, "1") { // the tests may be nice themselves
				t.Errorf("niceness %q", text)
			}
		}},
		{"cpu", control.Limits{CPU: 0.5}, []string{"bash", "-c", "cat /proc/self/cgroup"}, func(t *testing.T, _ execution.Event, text string) {
			if !strings.Contains(text, "claudeops-") {
				t.Errorf("in no cgroup of its own: %q", text)
			}
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := script(t, c.argv...)
			s.spec.Limits = c.limits
			events := s.run()
			if s.warned(events, "a limit of the definition is not enforced") {
				t.Logf("not enforced on this machine: %s", asJSON(t, events[2]))
				return
			}
			c.check(t, events[len(events)-1], string(s.text("")))
			left, err := filepath.Glob("/sys/fs/cgroup/*/claudeops-" + s.id)
			must(t, err)
			if len(left) > 0 {
				t.Errorf("cgroups are left: %v", left)
			}
		})
	}
}

// TestRun_BusyProgram: a program that is still being written is started when it is whole.
func TestRun_BusyProgram(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "prog")
	text, err := os.ReadFile(program(t, "true"))
	must(t, err)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	must(t, err)
	_, err = f.Write(text)
	must(t, err)
	time.AfterFunc(300*time.Millisecond, func() { _ = f.Close() })
	s := script(t, "true")
	s.spec.Argv = []string{path}
	events := s.run()
	if last := events[len(events)-1]; last.Type != execution.TypeCompleted {
		t.Errorf("ended with %s", asJSON(t, last))
	}
}

// TestRun_CRLF: the message names the carriage returns, not a missing interpreter.
func TestRun_CRLF(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "script")
	must(t, os.WriteFile(path, []byte("#!/bin/sh\r\necho x\r\n"), 0o755))
	s := script(t, "true")
	s.spec.Argv = []string{path}
	events := s.run()
	if last := events[len(events)-1]; last.Reason != string(execution.ReasonSpawnFailed) || !strings.Contains(last.Error, "CR LF") || !strings.Contains(last.Error, "dos2unix") {
		t.Errorf("ended with %s", asJSON(t, last))
	}
}
