// Package drivertest is the suite that every driver passes: what a runner relies on whatever kind
// of agent it runs. It starts no process; it plays the runner's part over a recorded session.
package drivertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/logtext"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
	"github.com/claudeops/claudeops/internal/run/runner/logline"
)

// Kit is a driver under test.
type Kit struct {
	Driver driver.Driver
	// Invocation is one that the driver can run.
	Invocation driver.Invocation
	// Lines are stdout lines of the kind that the driver reads, for it to meet beside the suite's.
	Lines []string
	// KeepsText says that the driver records every line it takes so that its text can be had back
	// (package logtext); a driver that turns lines into something else does not.
	KeepsText bool
}

// Suite runs every test of the suite.
func Suite(t *testing.T, kit Kit) {
	t.Run("command", func(t *testing.T) { t.Parallel(); kit.command(t) })
	t.Run("lines", func(t *testing.T) { t.Parallel(); kit.lines(t) })
	t.Run("exits", func(t *testing.T) { t.Parallel(); kit.exits(t) })
	t.Run("stop and input", func(t *testing.T) { t.Parallel(); kit.stop(t) })
}

// hostile are lines that any agent may write.
var hostile = []string{"", " ", ":", "::", "::::", "{", "{}", "[]", "null", "\x00", "\xff\xfe", "é\xc3", "::error::\xff", `{"type":`, `{"type":null}`, `{"type":17,"message":[]}`,
	"::progress 40::x", "::progress NaN::x", "::group::\x1b[31m", `{"a":"` + string(bytes.Repeat([]byte("x"), 200_000)) + `"}`, "\r", "ERROR x", "\u2028"}

func (kit Kit) command(t *testing.T) {
	inv := kit.Invocation
	inv.Argv, inv.Env = slices.Clone(inv.Argv), slices.Clone(inv.Env)
	cmd, err := kit.Driver.Command(inv)
	if err != nil {
		t.Fatal(err)
	}
	if len(cmd.Argv) == 0 || cmd.Argv[0] == "" {
		t.Errorf("nothing to start: %q", cmd.Argv)
	}
	if !slices.Equal(inv.Argv, kit.Invocation.Argv) || !slices.Equal(inv.Env, kit.Invocation.Env) {
		t.Error("the invocation was changed")
	}
	for _, kv := range inv.Env {
		if !slices.Contains(cmd.Env, kv) && bytes.HasPrefix([]byte(kv), []byte("CLAUDEOPS_")) {
			t.Errorf("%q does not reach the agent", kv)
		}
	}
}

func (kit Kit) lines(t *testing.T) {
	s := newSession(t)
	a := kit.Driver.Open(kit.Invocation, s)
	a.Started()
	reads := a.Reads()
	for _, in := range []struct {
		stream execution.Stream
		first  string
	}{{execution.Stdout, reads.Stdout}, {execution.Stderr, reads.Stderr}} {
		for _, text := range append(slices.Clone(hostile), kit.Lines...) {
			if text == "" || !slices.Contains([]byte(in.first), text[0]) || len(text) > max(reads.MaxLine, logline.MaxBytes) {
				continue // the runner would not give it
			}
			before := len(s.events)
			line := []byte(text)
			taken := a.Line(in.stream, line)
			if string(line) != text {
				t.Errorf("%.60q: the line was changed", text)
			}
			for i := range line { // the runner reads over it next
				line[i] = '!'
			}
			if !taken && len(s.events) != before {
				t.Errorf("%.60q: not taken, but %d events were added", text, len(s.events)-before)
			}
			if taken && kit.KeepsText {
				if got := logtext.AppendAll(nil, bytes.Join(s.events[before:], nil)); string(got) != text+"\n" {
					t.Errorf("%.60q comes back as %.60q", text, got)
				}
			}
			if c := a.Cost(); c < 0 || math.IsNaN(c) || math.IsInf(c, 0) {
				t.Errorf("%.60q: cost %v", text, c)
			}
		}
	}
	for _, line := range s.events {
		var e execution.Event
		if err := json.Unmarshal(line, &e); err != nil || !utf8.Valid(line) || bytes.Count(line, []byte("\n")) != 1 {
			t.Errorf("an event that is no line of JSON: %.100q (%v)", line, err)
		}
	}
}

func (kit Kit) exits(t *testing.T) {
	for _, x := range []driver.Exit{{Code: 0}, {Code: 1}, {Code: 127}, {Code: 255}, {Code: -1, Signal: "SIGKILL"}, {Code: -1, Signal: "SIGSEGV"}} {
		t.Run(fmt.Sprintf("%d%s", x.Code, x.Signal), func(t *testing.T) {
			a := kit.Driver.Open(kit.Invocation, newSession(t))
			a.Started()
			o := a.Exited(x)
			if x.Code != 0 && !o.Failed {
				t.Errorf("taken for a success: %+v", o)
			}
			if o.Failed && (o.Reason == "" || o.Error == "") {
				t.Errorf("failed without a reason or a word: %+v", o)
			}
			if o.Result != nil && !json.Valid(o.Result) {
				t.Errorf("result %q", o.Result)
			}
		})
	}
}

func (kit Kit) stop(t *testing.T) {
	s := newSession(t)
	a := kit.Driver.Open(kit.Invocation, s)
	a.Started()
	if err := a.Input(driver.Input{RequestID: "no such request", Decision: "allow"}); err == nil {
		t.Error("an answer to nothing was accepted")
	}
	if grace := a.Stop(); grace < 0 {
		t.Errorf("grace %v", grace)
	}
	for _, f := range s.later {
		f() // whatever it had in mind for later must do no harm now
	}
	a.Exited(driver.Exit{Code: -1, Signal: "SIGTERM"})
}

// session is a driver.Session that keeps events as the runner would journal them.
type session struct {
	t      *testing.T
	enc    *logline.Encoder
	events [][]byte
	later  []func()
}

// id is the execution's.
const id = "01hzy3v8k9q2w4e6r8t0y2u4i6"

func newSession(t *testing.T) *session { return &session{t: t, enc: logline.NewEncoder(id)} }

func (s *session) Log(stream execution.Stream, level execution.Level, message, data []byte) {
	if len(data) > 0 && !json.Valid(data) {
		s.t.Errorf("data is not JSON: %.100q", data)
	}
	index := map[execution.Stream]logline.Stream{execution.Stdout: logline.Stdout, execution.Stderr: logline.Stderr, execution.Agent: logline.Agent}
	if _, ok := index[stream]; !ok {
		s.t.Errorf("no such stream: %q", stream)
	}
	if logline.LevelOf(level).Name() != level {
		s.t.Errorf("no such level: %q", level)
	}
	s.events = append(s.events, s.enc.Append(nil, uint64(len(s.events))+1, 0, logline.LevelOf(level), index[stream], message, false, data))
}

func (s *session) Emit(e *execution.Event) error {
	e.ExecutionID, e.Seq, e.Timestamp = id, uint64(len(s.events))+1, execution.At(time.Unix(0, 0))
	line, err := json.Marshal(e)
	if err != nil {
		s.t.Errorf("an event that can't be encoded: %v", err)
		return err
	}
	s.events = append(s.events, append(line, '\n'))
	return nil
}

func (s *session) Progress(percent float64, message string, line []byte) bool {
	if !(percent >= 0 && percent <= 100) {
		s.t.Errorf("progress %v", percent)
	}
	if len(s.events)%2 == 1 {
		return false // as when there are too many
	}
	e := &execution.Event{Type: execution.TypeProgress, Progress: &percent, Message: &message}
	if line != nil {
		e.Data, _ = json.Marshal(map[string]string{"line": string(line)})
	}
	return s.Emit(e) == nil
}

func (s *session) Send([]byte) error                 { return nil }
func (s *session) CloseInput()                       {}
func (s *session) Active() bool                      { return false }
func (s *session) End(driver.Outcome, time.Duration) {}
func (s *session) After(_ time.Duration, f func()) (cancel func()) {
	s.later = append(s.later, f)
	return func() {}
}
