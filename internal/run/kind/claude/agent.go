package claude

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/run/approval"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
	"github.com/claudeops/claudeops/internal/run/sessionfile"
	"github.com/claudeops/claudeops/internal/run/stall"
	"github.com/claudeops/claudeops/internal/run/transcript"
	"github.com/claudeops/claudeops/protocol"
)

// maxLine is how long a line of the stream may be to be read. A longer one is recorded as it is.
const maxLine = 128 << 20

// agent is one run of the CLI.
type agent struct {
	session driver.Session
	say     *transcript.Writer
	options Options
	broken  error // why the options can't be read
	grace   driver.Settings
	desk    *approval.Desk

	sessionID string
	version   string
	requests  int // control requests sent

	result     *result // the last one
	subtype    string  // of it
	results    int
	inputEnded bool
	stopped    bool

	tools      map[string]string // in flight: name by id
	todos      map[string]bool   // ids of calls that write the list of things to do
	background map[string]bool   // tasks that go on after the turn
	limit      limits
	cost       *ledger
	silence    *stall.Watch
	ending     ending
	context    int64    // tokens of the last request to the model
	stderr     []string // the last lines
}

func newAgent(o Options, broken error, inv driver.Invocation, s driver.Session) *agent {
	mode := o.Approvals
	if mode == "" {
		mode = approval.ModeDeny
	}
	a := &agent{session: s, say: transcript.NewWriter(s), options: o, broken: broken, grace: inv.Settings,
		desk: approval.NewDesk(s, mode, inv.Settings), tools: map[string]string{}, todos: map[string]bool{}, background: map[string]bool{},
		cost: newLedger(sessionfile.In(inv.StateDir, "claude"), o.Resume, inv.Prices)}
	if a.grace.ExitGrace <= 0 {
		a.grace.ExitGrace = driver.DefaultExitGrace
	}
	return a
}

func (a *agent) Reads() driver.Reads {
	return driver.Reads{Stdout: "{", Stderr: driver.EveryByte, MaxLine: maxLine}
}

func (a *agent) Started() {
	if a.broken != nil {
		a.session.End(driver.Outcome{Failed: true, Reason: execution.ReasonSpawnFailed, Error: a.broken.Error()}, 0)
		return
	}
	a.say.Say(execution.Info, a.options.Prompt, transcript.Data{Kind: transcript.User})
	if a.options.streams() {
		a.control("initialize", map[string]any{"hooks": nil})
		_ = a.send(userMessage(a.options.Prompt)) // that it does not read is told by its end
	}
	a.silence = stall.Start(a.session, a.say, "Claude Code", time.Duration(a.options.StallTimeout), a.waits)
}

func userMessage(text string) map[string]any {
	return map[string]any{"type": "user", "session_id": "", "message": map[string]any{"role": "user", "content": text}, "parent_tool_use_id": nil}
}

// control sends a control request. Its answer needs no attention: what it brings about is told by the stream.
func (a *agent) control(subtype string, fields map[string]any) {
	request := map[string]any{"subtype": subtype}
	for name, value := range fields {
		request[name] = value
	}
	a.requests++
	_ = a.send(map[string]any{"type": "control_request", "request_id": fmt.Sprintf("claudeops_%d", a.requests), "request": request})
}

// send writes one message to the CLI's stdin. An error says that the CLI does not read any more, which
// its end will tell.
func (a *agent) send(v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	return a.session.Send(b.Bytes())
}

func (a *agent) Line(stream execution.Stream, line []byte) bool {
	if stream == execution.Stderr {
		a.remember(line)
		return false
	}
	var m message
	if !readJSON(line, &m) || m.Type == "" {
		return false
	}
	a.silence.Spoke()
	a.say.Begin(line)
	a.read(&m)
	return true
}

const (
	keptWords  = 5
	wordsBytes = 500
)

// remember keeps the last lines of stderr for when there is no result.
func (a *agent) remember(line []byte) {
	text := strings.TrimSpace(string(bytes.ToValidUTF8(line, []byte("�"))))
	if text == "" {
		return
	}
	a.stderr = append(a.stderr, transcript.Clip(text, wordsBytes))
	if len(a.stderr) > keptWords {
		a.stderr = a.stderr[1:]
	}
}

func (a *agent) lastWords() string { return strings.Join(a.stderr, " / ") }

// Input takes a person's answer to what the CLI asked, or a message that follows.
func (a *agent) Input(in driver.Input) error {
	if in.RequestID != "" || in.Decision != "" {
		return a.desk.Input(in)
	}
	if !a.options.streams() || a.inputEnded {
		return fault.New(protocol.Conflict, "this session takes no messages: its input is closed; set claude.interactive: true in the definition, or continue it when it has ended")
	}
	if in.Text != "" {
		if err := a.send(userMessage(in.Text)); err != nil {
			return fault.Wrap(protocol.Conflict, err, "the message did not reach the agent: it reads nothing any more")
		}
		if err := a.session.Emit(&execution.Event{Type: execution.TypeInput, Text: in.Text, By: in.By}); err != nil {
			return err
		}
		a.silence.Spoke()
	}
	if in.EOF {
		a.endInput()
	}
	return nil
}

func (a *agent) endInput() {
	if !a.inputEnded {
		a.inputEnded = true
		a.session.CloseInput()
	}
}

func (a *agent) Cost() float64 { return a.cost.total() }

// outcome judges a result.
func (r *result) outcome(a *agent) driver.Outcome {
	out := driver.Outcome{Result: r.value(a.options.ResultSchema != nil)}
	why := strings.ToLower(r.TerminalReason)
	switch {
	case r.IsError, failedTerminal(why), strings.HasPrefix(a.subtype, "error"):
	default:
		return out
	}
	out.Failed, out.Reason = true, execution.ReasonAgentError
	if limit := a.limit.reached(); limit != nil && r.IsError {
		limited := a.usageLimit(*limit)
		limited.Result = out.Result
		return limited
	}
	switch {
	case a.subtype == "error_max_budget_usd":
		out.Reason = execution.ReasonBudgetExceeded
	case a.desk.Expired() && strings.Contains(why, "permission"):
		out.Reason = execution.ReasonApprovalExpired
	}
	out.Error = r.explain(a.subtype)
	return out
}

// failedTerminal reports whether a turn ended before its work was done. The list of reasons grows with
// the CLI, so that they are known by what they hold.
func failedTerminal(reason string) bool {
	for _, sign := range []string{"too_long", "error", "max_", "exhausted", "limit", "refus", "abort", "interrupt", "fail", "denied", "blocked"} {
		if strings.Contains(reason, sign) {
			return true
		}
	}
	return false
}

// value is what the execution's result is: the text, or the object that fits the schema.
func (r *result) value(structured bool) json.RawMessage {
	if structured && len(r.StructuredOutput) > 0 && string(r.StructuredOutput) != "null" {
		return bytes.Clone(r.StructuredOutput)
	}
	if len(r.Result) == 0 || string(r.Result) == "null" {
		return nil
	}
	return bytes.Clone(r.Result)
}

// explain says for a person why a result is a failure.
func (r *result) explain(subtype string) string {
	var text string
	_ = json.Unmarshal(r.Result, &text) // null and an object leave it empty
	var parts []string
	if text != "" {
		parts = append(parts, transcript.Clip(text, 1000))
	}
	for _, raw := range r.Errors {
		if one := errorText(raw); one != "" && one != text {
			parts = append(parts, transcript.Clip(one, 1000))
		}
	}
	if r.StartupFailure != "" {
		parts = append(parts, "it could not start: "+r.StartupFailure)
	}
	var marks []string
	if strings.HasPrefix(subtype, "error") {
		marks = append(marks, subtype)
	}
	if r.TerminalReason != "" && r.TerminalReason != "completed" {
		marks = append(marks, r.TerminalReason)
	}
	if status := strings.Trim(string(r.APIErrorStatus), `"`); status != "" && status != "null" {
		marks = append(marks, "API status "+status)
	}
	if len(parts) == 0 {
		parts = append(parts, "Claude Code reported a failure")
	}
	message := strings.Join(parts, "; ")
	if len(marks) > 0 {
		message += " (" + strings.Join(marks, ", ") + ")"
	}
	return message
}

// errorText reads an error, which is a text or an object with a message.
func errorText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var object struct {
		Message string `json:"message"`
		Type    string `json:"type"`
	}
	if json.Unmarshal(raw, &object) == nil {
		if object.Message != "" {
			return object.Message
		}
		return object.Type
	}
	return strings.TrimSpace(string(raw))
}
