package runner_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/run/control"
	"github.com/claudeops/claudeops/internal/run/process"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
)

// talker is a driver that uses all of the seam: it keeps stdin open, waits for lines of JSON however
// long and slow, asks for approvals and lets them expire, knows what a run costs, decides what
// became of it, and ends the agent in the agent's own way.
type talker struct{}

const talkerMaxLine = 1 << 20

type talk struct {
	s      driver.Session
	cost   float64
	wait   map[string]func() // approvals not answered, and how to stop their clock
	result json.RawMessage
}

func (talker) Command(inv driver.Invocation) (driver.Command, error) {
	if string(inv.Options) == `"refuse"` {
		return driver.Command{}, errors.New("these options can't be run")
	}
	return driver.Command{Argv: inv.Argv, Env: append(inv.Env, "FROM_DRIVER=yes"), Stdin: true}, nil
}

func (talker) Open(_ driver.Invocation, s driver.Session) driver.Agent {
	return &talk{s: s, wait: make(map[string]func())}
}

func (*talk) Reads() driver.Reads { return driver.Reads{Stdout: "{", MaxLine: talkerMaxLine} }
func (t *talk) Started()          { t.must(t.s.Send([]byte("hello\n"))) }
func (t *talk) Cost() float64     { return t.cost }

func (t *talk) must(err error) {
	if err != nil {
		t.s.Log(execution.Agent, execution.Error, []byte(err.Error()), nil)
	}
}

func (t *talk) Line(_ execution.Stream, line []byte) bool {
	var m struct {
		Type, ID, Text string
		USD            float64
	}
	if json.Unmarshal(line, &m) != nil {
		return false
	}
	switch m.Type {
	case "say":
		t.s.Log(execution.Agent, execution.Info, []byte(fmt.Sprintf("%d bytes: %.10s", len(m.Text), m.Text)), []byte(`{"tool":"say"}`))
	case "cost":
		t.cost = m.USD
		estimated := true
		notional := m.Text == "notional"
		t.must(t.s.Emit(&execution.Event{Type: execution.TypeCost, USD: &m.USD, Model: "m", Estimated: &estimated, Notional: &notional}))
	case "ask":
		expires := execution.At(time.Now().Add(300 * time.Millisecond))
		t.must(t.s.Emit(&execution.Event{Type: execution.TypeApproval, RequestID: m.ID, Tool: "rm", Input: json.RawMessage(`{}`), ExpiresAt: &expires}))
		t.wait[m.ID] = t.s.After(300*time.Millisecond, func() { t.answer(m.ID, execution.TypeDenied, "timeout") })
	case "cheat":
		t.must(t.s.Emit(&execution.Event{Type: execution.TypeCompleted}))
	case "result":
		t.result = json.RawMessage(`{"by":"driver"}`)
		t.s.End(driver.Outcome{Result: t.result}, 10*time.Second)
		t.s.CloseInput()
	case "broke":
		t.s.End(driver.Outcome{Failed: true, Reason: execution.ReasonBudgetExceeded, Error: "no money left"}, 0)
	default:
		return false
	}
	return true
}

func (t *talk) answer(id, kind, by string) {
	delete(t.wait, id)
	t.must(t.s.Emit(&execution.Event{Type: kind, RequestID: id, By: by}))
	t.must(t.s.Send([]byte(kind + " " + id + "\n")))
}

func (t *talk) Input(in driver.Input) error {
	if in.Text != "" {
		return t.s.Send([]byte(in.Text + "\n"))
	}
	stop, ok := t.wait[in.RequestID]
	if !ok {
		return fmt.Errorf("no request %q waits for an answer", in.RequestID)
	}
	stop()
	kind := execution.TypeDenied
	if in.Decision == "allow" {
		kind = execution.TypeApproved
	}
	t.answer(in.RequestID, kind, in.By)
	return nil
}

func (t *talk) Stop() time.Duration {
	t.s.Log(execution.Agent, execution.Info, []byte("asked to stop"), nil)
	t.must(t.s.Send([]byte("please end\n")))
	t.s.CloseInput()
	return 10 * time.Second
}

func (t *talk) Exited(x driver.Exit) driver.Outcome {
	return driver.Outcome{Failed: true, Reason: execution.ReasonAgentError, Error: fmt.Sprintf("no result, exit code %d", x.Code)}
}

// partner is the agent at the other end: it repeats what it reads on stderr, and does what its
// arguments say, one at a time: JSON as it is, "wait TEXT" until such a line was read, "eof" until
// stdin ends, "pause" within a line, "long N" for a line of JSON that long.
func partner(args []string) {
	in := bufio.NewScanner(os.Stdin)
	for _, arg := range args {
		word, rest, _ := strings.Cut(arg, " ")
		switch word {
		case "wait":
			for in.Scan() {
				fmt.Fprintln(os.Stderr, in.Text())
				if in.Text() == rest {
					break
				}
			}
		case "eof":
			for in.Scan() {
				fmt.Fprintln(os.Stderr, in.Text())
			}
			fmt.Fprintln(os.Stderr, "eof")
		case "pause":
			_, _ = os.Stdout.WriteString(`{"type":"say",`)
			time.Sleep(400 * time.Millisecond)
			fmt.Println(`"text":"slow"}`)
		case "long":
			fmt.Printf(`{"type":"say","text":"%s"}`+"\n", bytes.Repeat([]byte("y"), number(rest)-len(`{"type":"say","text":""}`)))
		case "sleep":
			time.Sleep(time.Hour)
		default:
			fmt.Println(arg)
		}
	}
}

func newTalk(t testing.TB, args ...string) *scene {
	s := newFaulty(t, append([]string{"partner"}, args...)...)
	s.spec.Driver = "talker"
	return s
}

// said lists what the driver and the agent's stdout said, and other events by type; then what the
// agent said on stderr, for which nobody knows when it comes.
func said(events []execution.Event) []string {
	var list, stderr []string
	for _, e := range events[2:] {
		switch {
		case e.Type == execution.TypeLog && e.Stream == execution.Stderr:
			stderr = append(stderr, "stderr "+*e.Message)
		case e.Type == execution.TypeLog && e.Stream == execution.Stdout:
			list = append(list, fmt.Sprintf("out %d partial=%v", len(*e.Message), e.Partial))
		case e.Type == execution.TypeLog:
			list = append(list, fmt.Sprintf("%s %s", e.Stream, *e.Message))
		case e.Terminal():
		default:
			list = append(list, strings.TrimSpace(e.Type+" "+e.RequestID+" "+e.By))
		}
	}
	return append(list, stderr...)
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestDriver_Conversation(t *testing.T) {
	t.Parallel()
	s := newTalk(t, "wait hello", `{"type":"ask","id":"a"}`, "wait execution:approved a", `{"type":"ask","id":"b"}`, "wait execution:denied b", `{"type":"cost","usd":0.25}`, "wait more", `{"type":"cheat"}`, `{"type":"result"}`, "eof")
	s.spawn().dial()
	waitFor(t, s.heard, func() *bool {
		for _, e := range s.heard.events {
			if e.Type == execution.TypeApproval {
				return new(bool)
			}
		}
		return nil
	})
	if err := s.link.Input(testContext(t), control.Input{RequestID: "zz", Decision: "allow"}); err == nil || !strings.Contains(err.Error(), `no request "zz"`) {
		t.Errorf("answered what was not asked: %v", err)
	}
	must(t, s.link.Input(testContext(t), control.Input{RequestID: "a", Decision: "allow", By: "alice"}))
	if err := s.link.Input(testContext(t), control.Input{RequestID: "a", Decision: "deny", By: "eve"}); err == nil {
		t.Error("answered twice")
	}
	s.heard.until(t, execution.TypeCost)
	must(t, s.link.Input(testContext(t), control.Input{Text: "more"}))
	events := s.wait()
	expect(t, said(events), "execution:approval a", "execution:approved a alice", "execution:approval b", "execution:denied b timeout", "execution:cost",
		`agent a driver can't add events of type "execution:completed"`, "stderr hello", "stderr execution:approved a", "stderr execution:denied b", "stderr more", "stderr eof")
	last := events[len(events)-1]
	if last.Type != execution.TypeCompleted || string(last.Result) != `{"by":"driver"}` || *last.Cost != 0.25 || *last.ExitCode != 0 || *last.ProcessesReaped != 0 {
		t.Errorf("ended with %s", asJSON(t, last))
	}
}

// TestDriver_LongAndSlowLines: what the driver waits for reaches it whole, what is too long is
// logged as any line.
func TestDriver_LongAndSlowLines(t *testing.T) {
	t.Parallel()
	s := newTalk(t, "pause", fmt.Sprintf("long %d", talkerMaxLine), "plain", fmt.Sprintf("long %d", talkerMaxLine+1), `{"type":"unknown"}`)
	events := s.run()
	got := said(events)
	parts := 0
	for len(got) > 0 && len(got) > 4+parts && got[3+parts] == "out 65536 partial=true" {
		parts++
	}
	if parts != 16 {
		t.Errorf("the line that is too long came in %d parts", parts)
	}
	expect(t, append(got[:3:3], got[3+parts:]...), "agent 4 bytes: slow", fmt.Sprintf("agent %d bytes: yyyyyyyyyy", talkerMaxLine-len(`{"type":"say","text":""}`)), "out 5 partial=false", "out 1 partial=false", "out 18 partial=false")
	if last := events[len(events)-1]; last.Type != execution.TypeFailed || last.Reason != "agent_error" || last.Error != "no result, exit code 0" || *last.ExitCode != 0 {
		t.Errorf("ended with %s", asJSON(t, last))
	}
}

func TestDriver_Stop(t *testing.T) {
	t.Parallel()
	s := newTalk(t, "wait hello", "eof")
	s.spawn().dial()
	s.until("hello")
	must(t, s.link.Cancel("alice", ""))
	events := s.wait()
	expect(t, said(events), "agent asked to stop", "stderr hello", "stderr please end", "stderr eof")
	if last := events[len(events)-1]; last.Type != execution.TypeCancelled || *last.ExitCode != 0 || *last.ProcessesReaped != 0 {
		t.Errorf("ended with %s", asJSON(t, last))
	}
}

// TestDriver_Ends: the driver ends an agent that would go on.
func TestDriver_Ends(t *testing.T) {
	t.Parallel()
	s := newTalk(t, `{"type":"cost","usd":1.5}`, `{"type":"broke"}`, "sleep")
	events := s.run()
	last := events[len(events)-1]
	if last.Type != execution.TypeFailed || last.Reason != "budget_exceeded" || last.Error != "no money left" || *last.Cost != 1.5 || *last.ProcessesReaped != 1 {
		t.Errorf("ended with %s", asJSON(t, last))
	}
}

func TestDriver_Refuses(t *testing.T) {
	t.Parallel()
	s := newTalk(t)
	s.spec.Options = json.RawMessage(`"refuse"`)
	events := s.run()
	if last := events[len(events)-1]; last.Reason != "spawn_failed" || !strings.Contains(last.Error, "these options can't be run") {
		t.Errorf("ended with %s", asJSON(t, last))
	}
}

// TestDriver_NotReading: an agent that does not read its stdin holds nobody up.
func TestDriver_NotReading(t *testing.T) {
	t.Parallel()
	s := newTalk(t, "sleep")
	s.spawn().dial()
	s.heard.until(t, execution.TypeStarted)
	big := strings.Repeat("z", 10<<20)
	for range 6 {
		must(t, s.link.Input(testContext(t), control.Input{Text: big}))
	}
	if err := s.link.Input(testContext(t), control.Input{Text: big}); err == nil || !strings.Contains(err.Error(), "has not read") {
		t.Errorf("got %v", err)
	}
	must(t, s.link.Cancel("alice", ""))
	s.until("asked to stop")
	// It does not end at EOF either. The driver would wait for ten seconds; somebody is quicker.
	id, err := process.Find(s.heard.until(t, execution.TypeStarted).PID)
	must(t, err)
	must(t, id.Signal(syscall.SIGKILL))
	if events := s.wait(); events[len(events)-1].Type != execution.TypeCancelled {
		t.Errorf("ended with %s", asJSON(t, events[len(events)-1]))
	}
}

// TestBudget: a run is warned at 80 % of its budget and ended by the cost event that exceeds it, never
// for what a subscription pays, unless that is asked for.
func TestBudget(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		budget *control.Budget
		lines  []string
		failed bool
	}{
		"exceeded":           {&control.Budget{USD: 1_000_000}, []string{`{"type":"cost","usd":0.5}`, `{"type":"cost","usd":0.8}`, `{"type":"cost","usd":1}`, `{"type":"cost","usd":1.000001}`, "sleep"}, true},
		"all of it":          {&control.Budget{USD: 1_000_000}, []string{`{"type":"cost","usd":1}`, `{"type":"result"}`, "eof"}, false},
		"notional":           {&control.Budget{USD: 1_000_000}, []string{`{"type":"cost","usd":9,"text":"notional"}`, `{"type":"result"}`, "eof"}, false},
		"notional, asked":    {&control.Budget{USD: 1_000_000, Notional: true}, []string{`{"type":"cost","usd":9,"text":"notional"}`, "sleep"}, true},
		"without any budget": {nil, []string{`{"type":"cost","usd":9}`, `{"type":"result"}`, "eof"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTalk(t, c.lines...)
			s.spec.Budget = c.budget
			events := s.run()
			last := events[len(events)-1]
			if !c.failed {
				if last.Type != execution.TypeCompleted {
					t.Errorf("ended with %s", asJSON(t, last))
				}
				return
			}
			if last.Type != execution.TypeFailed || last.Reason != "budget_exceeded" || !strings.Contains(last.Error, "$1.00") || !strings.Contains(last.Error, "budget.usd") {
				t.Errorf("ended with %s", asJSON(t, last))
			}
			warnings := 0
			for _, line := range said(events) {
				if strings.Contains(line, "% of its budget of $1.00") {
					warnings++
				}
			}
			if want := map[string]int{"exceeded": 1}[name]; warnings != want {
				t.Errorf("warned %d times, want %d: %q", warnings, want, said(events))
			}
		})
	}
}
