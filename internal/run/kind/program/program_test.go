package program_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/logtext"
	"github.com/claudeops/claudeops/internal/run/kind/program"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
	"github.com/claudeops/claudeops/internal/run/runner/logline"
)

// recording is a Session that keeps the events' lines.
type recording struct {
	driver.Session
	enc    *logline.Encoder
	seq    uint64
	lines  []byte
	full   bool // progress comes too fast
	events []string
}

func (r *recording) Log(stream execution.Stream, level execution.Level, message, data []byte) {
	index := logline.Stdout
	if stream == execution.Stderr {
		index = logline.Stderr
	}
	r.seq++
	r.lines = r.enc.Append(r.lines, r.seq, 0, logline.LevelOf(level), index, message, false, data)
	r.events = append(r.events, fmt.Sprintf("%s %s %q %s", stream, level, message, data))
}

func (r *recording) Progress(percent float64, message string, line []byte) bool {
	if r.full {
		return false
	}
	r.lines = fmt.Appendf(r.lines, `{"type":"execution:progress","executionId":"x","seq":1,"data":{"line":%q}}`+"\n", line)
	r.events = append(r.events, fmt.Sprintf("progress %v %q", percent, message))
	return true
}

func open(full bool) (*recording, driver.Agent) {
	r := &recording{enc: logline.NewEncoder("01hzy3v8k9q2w4e6r8t0y2u4i6"), full: full}
	return r, program.Driver{}.Open(driver.Invocation{}, r)
}

func TestLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		line string
		want string // "" when it is a plain line
	}{
		{"::progress 40::Indexing", `progress 40 "Indexing"`},
		{"::progress 40::", `progress 40 ""`},
		{"::progress  7.5 :: x ", `progress 7.5 "x"`},
		{"::progress 0::a::b", `progress 0 "a::b"`},
		{"::progress 100::", `progress 100 ""`},
		{"::progress 100.1::", ""},
		{"::progress -1::", ""},
		{"::progress NaN::", ""},
		{"::progress 1e1::", ""},
		{"::progress 0x10::", ""},
		{"::progress ::", ""},
		{"::progress::", ""},
		{"::progress 40", ""},
		{"::progress 40:Indexing", ""},
		{":progress 40::x", ""},
		{" ::progress 40::x", ""},
		{"::group::A  name ", `stdout info "A  name " {"command":"group","group":"A  name"}`},
		{"::group::", `stdout info "" {"command":"group","group":""}`},
		{"::endgroup::", `stdout info "" {"command":"endgroup","group":""}`},
		{"::endgroup::\r", `stdout info "\r" {"command":"endgroup","group":""}`},
		{"::endgroup::x", ""},
		{"::debug::x", `stdout debug "x" {"command":"debug"}`},
		{"::warning::x::y", `stdout warn "x::y" {"command":"warning"}`},
		{"::error::", `stdout error "" {"command":"error"}`},
		{"::error:: \t", `stdout error " \t" {"command":"error"}`},
		{"::error::\xff", ""},
		{"::Error::x", ""},
		{"::error ::x", ""},
		{"::notice::x", ""},
		{"::", ""},
		{"::::", ""},
		{`::error::{"command":"error"}`, ""}, // could not be told from a line that is that JSON
		{`::error::{"command":"error"} ` + "\r", ""},
	} {
		r, a := open(false)
		done := a.Line(execution.Stdout, []byte(c.line))
		if done != (c.want != "") || done && (len(r.events) != 1 || r.events[0] != c.want) {
			t.Errorf("%q: %v, %q; want %q", c.line, done, r.events, c.want)
		}
	}
}

func TestLine_ProgressTooFast(t *testing.T) {
	t.Parallel()
	r, a := open(true)
	if !a.Line(execution.Stdout, []byte("::progress 40::x")) {
		t.Fatal("not taken")
	}
	if want := `stdout debug "::progress 40::x" {"command":"progress","progress":40}`; r.events[0] != want {
		t.Errorf("got %s, want %s", r.events[0], want)
	}
}

func TestLine_NestedGroups(t *testing.T) {
	t.Parallel()
	r, a := open(false)
	for _, line := range []string{"::group::a", "::group::b", "::endgroup::", "::endgroup::", "::endgroup::"} {
		a.Line(execution.Stdout, []byte(line))
	}
	for i, want := range []string{"a", "b", "b", "a", ""} {
		if got := fmt.Sprintf(`"group":%q}`, want); r.events[i][len(r.events[i])-len(got):] != got {
			t.Errorf("event %d: %s, want %s", i, r.events[i], got)
		}
	}
}

// FuzzLine: a line that is taken comes back as it was; one that is not leaves no event.
func FuzzLine(f *testing.F) {
	for _, s := range []string{"::progress 40::Indexing", "::group::G", "::endgroup::\r", `::error::{"command":"error"}`, "::debug::\x00\"é", "::progress 1.::"} {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, line []byte, full bool) {
		for _, c := range line {
			if c == '\n' {
				return
			}
		}
		r, a := open(full)
		if !a.Line(execution.Stdout, line) {
			if len(r.events) != 0 {
				t.Fatalf("%q was not taken, but made %q", line, r.events)
			}
			return
		}
		if len(r.events) != 1 {
			t.Fatalf("%q made %q", line, r.events)
		}
		if full || line[2] != 'p' { // this session's own progress events are not quite JSON
			if got := logtext.AppendAll(nil, r.lines); string(got) != string(line)+"\n" {
				t.Fatalf("%q comes back as %q", line, got)
			}
		}
	})
}

func TestExited(t *testing.T) {
	t.Parallel()
	_, a := open(false)
	for x, want := range map[driver.Exit]driver.Outcome{
		{Code: 0}:                     {},
		{Code: 1}:                     {Failed: true, Reason: execution.ReasonExitCode, Error: "ended with exit code 1"},
		{Code: 126}:                   {Failed: true, Reason: execution.ReasonExitCode, Error: "ended with exit code 126 (in a shell: found, but could not be executed)"},
		{Code: 143}:                   {Failed: true, Reason: execution.ReasonExitCode, Error: "ended with exit code 143 (in a shell: ended by signal 15)"},
		{Code: 255}:                   {Failed: true, Reason: execution.ReasonExitCode, Error: "ended with exit code 255"},
		{Code: -1, Signal: "SIGSEGV"}: {Failed: true, Reason: execution.ReasonSignal, Error: "ended by SIGSEGV"},
	} {
		if got := a.Exited(x); got.Failed != want.Failed || got.Reason != want.Reason || got.Error != want.Error {
			t.Errorf("%+v: %+v, want %+v", x, got, want)
		}
	}
	if a.Stop() != time.Duration(0) || a.Cost() != 0 || a.Input(driver.Input{}) == nil {
		t.Error("a program is stopped by signal, costs nothing and takes no input")
	}
}
