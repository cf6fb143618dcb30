package runner_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/run/control"
	"github.com/claudeops/claudeops/protocol"
)

// TestRun_MergedOutput: with one pipe for both, lines keep the order in which they were written.
func TestRun_MergedOutput(t *testing.T) {
	t.Parallel()
	s := newScene(t, "both", "400")
	s.spec.MergeOutput = true
	s.run()
	n := 0
	for line := range strings.Lines(string(s.text(execution.Stdout))) {
		want := fmt.Sprintf("out %d\n", n/2)
		if n%2 == 1 {
			want = fmt.Sprintf("err %d\n", n/2)
		}
		if line != want {
			t.Fatalf("line %d is %q, want %q", n, line, want)
		}
		n++
	}
	if n != 800 {
		t.Errorf("%d lines", n)
	}
}

// TestRun_PlainLines: no line is a command, however it looks.
func TestRun_PlainLines(t *testing.T) {
	t.Parallel()
	const foreign = "::progress 40::x\n::error::y\n::group::z\n::stop-commands::t\n"
	s := newScene(t, "say", foreign)
	s.spec.PlainLines = true
	for _, e := range s.run() {
		if e.Type == execution.TypeProgress || e.Type == execution.TypeLog && (e.Data != nil || e.Level == execution.Error) {
			t.Errorf("taken for a command: %s", asJSON(t, e))
		}
	}
	if got := string(s.text(execution.Stdout)); got != foreign {
		t.Errorf("recorded %q", got)
	}
}

// TestRun_StopCommands: between ::stop-commands::TOKEN and ::TOKEN:: no line is a command.
func TestRun_StopCommands(t *testing.T) {
	t.Parallel()
	const text = "::progress 10::a\n::stop-commands::k3y\n::progress 20::b\n::other::\n::error::c\n::k3y::\n::progress 30::d\n::stop-commands::\n::progress 40::e\n"
	s := newScene(t, "say", text)
	var percents []float64
	for _, e := range s.run() {
		if e.Type == execution.TypeProgress {
			percents = append(percents, *e.Progress)
		}
		if e.Level == execution.Error {
			t.Errorf("taken for a command: %s", asJSON(t, e))
		}
	}
	if fmt.Sprint(percents) != "[10 30 40]" {
		t.Errorf("progress %v", percents)
	}
	if got := string(s.text(execution.Stdout)); got != text {
		t.Errorf("recorded %q", got)
	}
}

// TestRun_Stdin: text that people send reaches an agent whose stdin is open, each as a line, until its end.
func TestRun_Stdin(t *testing.T) {
	t.Parallel()
	s := script(t, "bash", "-c", `echo ready; while IFS= read -r l; do echo "got <$l>"; done; echo end; sleep 1000`)
	s.spec.OpenStdin, s.spec.Secrets = true, []string{"hunter2hunter2"}
	s.spawn().dial()
	s.until("ready")
	ctx := testContext(t)
	send := func(in control.Input) error { return s.link.Input(ctx, in) }
	must(t, send(control.Input{Text: "one", By: "ann"}))
	must(t, send(control.Input{Text: "two\nthree\n", By: "bob"}))
	must(t, send(control.Input{Text: "hunter2hunter2", By: "bob"}))
	if err := send(control.Input{RequestID: "r", Decision: "allow"}); fault.CodeOf(err) != protocol.Conflict {
		t.Errorf("an answer nobody asked for: %v", err)
	}
	s.until("got <three>")
	must(t, send(control.Input{EOF: true, By: "ann"}))
	s.until("end")
	if err := send(control.Input{Text: "late"}); fault.CodeOf(err) != protocol.Conflict {
		t.Errorf("text for a closed stdin: %v", err)
	}
	must(t, s.link.Cancel("ann", ""))
	var sent []string
	for _, e := range s.wait() {
		if e.Type == execution.TypeInput {
			sent = append(sent, e.By+": "+e.Text)
		}
	}
	if want := []string{"ann: one", "bob: two\nthree\n", "bob: ••••••"}; fmt.Sprint(sent) != fmt.Sprint(want) {
		t.Errorf("events of %q, want %q", sent, want)
	}
	if got := string(s.text(execution.Stdout)); got != "ready\ngot <one>\ngot <two>\ngot <three>\ngot <••••••>\nend\n" {
		t.Errorf("recorded %q", got)
	}
}

func TestRun_StdinClosed(t *testing.T) {
	t.Parallel()
	s := newScene(t, "sleep")
	s.spawn().dial()
	s.until("ready")
	if err := s.link.Input(testContext(t), control.Input{Text: "x"}); fault.CodeOf(err) != protocol.Conflict || !strings.Contains(err.Error(), "stdin: open") {
		t.Errorf("text for an agent without stdin: %v", err)
	}
	must(t, s.link.Cancel("ann", ""))
	s.wait()
}

// TestRun_FastProgress: a line that is redrawn without a pause is shown while it grows, not at its end.
func TestRun_FastProgress(t *testing.T) {
	t.Parallel()
	s := script(t, "perl", "-e", `$| = 1; for (my $i = 0; ; $i++) { print "\rstep $i"; select undef, undef, undef, 0.02 }`)
	s.spawn().dial()
	s.until("step 5")
	must(t, s.link.Cancel("ann", ""))
	s.wait()
}
