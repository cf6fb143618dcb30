package acp

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
)

// silentSession checks what a driver adds and sends.
type silentSession struct{ t *testing.T }

func (s silentSession) Log(_ execution.Stream, _ execution.Level, _, data []byte) {
	if len(data) > 0 && (!json.Valid(data) || bytes.IndexByte(data, '\n') >= 0) {
		s.t.Errorf("data that is no line of JSON: %.200q", data)
	}
}

func (s silentSession) Emit(e *execution.Event) error {
	if _, err := json.Marshal(e); err != nil {
		s.t.Errorf("an event that can't be encoded: %v", err)
	}
	return nil
}

func (s silentSession) Progress(percent float64, _ string, _ []byte) bool {
	if !(percent >= 0 && percent <= 100) {
		s.t.Errorf("progress %v", percent)
	}
	return true
}

func (s silentSession) Send(b []byte) error {
	if !json.Valid(b) {
		s.t.Errorf("sent what is no JSON: %.200q", b)
	}
	return nil
}

func (silentSession) CloseInput()                            {}
func (silentSession) Active() bool                           { return false }
func (silentSession) End(driver.Outcome, time.Duration)      {}
func (silentSession) After(time.Duration, func()) (c func()) { return func() {} }

// FuzzLines: whatever lines an agent writes, the driver takes them, adds only what can be journaled, and
// gives an outcome with a reason.
func FuzzLines(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, lines []byte) {
		a := newAgent(Options{Prompt: "x", Approvals: "ask"}, nil, driver.Invocation{}, silentSession{t})
		a.Started()
		for line := range bytes.SplitSeq(lines, []byte("\n")) {
			if len(line) > 0 && line[0] == '{' {
				a.Line(execution.Stdout, bytes.Clone(line))
			}
		}
		if out := a.Exited(driver.Exit{Code: 1}); !out.Failed || out.Reason == "" || out.Error == "" {
			t.Errorf("%+v", out)
		}
		if cost := a.Cost(); cost < 0 {
			t.Errorf("cost %v", cost)
		}
	})
}

var seeds = []string{
	"{\"id\":1,\"result\":{\"protocolVersion\":1}}\n{\"id\":2,\"result\":{\"sessionId\":\"s\"}}\n{\"id\":3,\"result\":{\"stopReason\":\"end_turn\"}}",
	`{"method":"session/update","params":{"update":{"sessionUpdate":"plan","entries":[{}]}}}`,
	`{"id":"x","method":"session/request_permission","params":{"toolCall":5}}`,
	`{"id":[],"method":"elicitation/create","params":{"requestedSchema":{"properties":{"a":{"enum":["b"]}}}}}`,
	`{"method":"session/update","params":{"update":{"sessionUpdate":"usage_update","cost":{"amount":-1}}}}`,
}
