package acp

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

const (
	maxLine = 128 << 20
	// protocolVersion is the version of the protocol that this client speaks.
	protocolVersion = 1
	// stopGrace is how long an agent has to end its turn when it is stopped.
	stopGrace = 5 * time.Second
)

type agent struct {
	session driver.Session
	say     *transcript.Writer
	options Options
	broken  error
	workdir string
	files   sessionfile.Dir
	grace   time.Duration
	rpc     *rpc
	desk    *approval.Desk
	silence *stall.Watch

	name    string // of the agent's program
	id      string // of the session
	loading bool   // what comes is a session's past
	prompts bool   // a turn is under way
	stopped bool

	chunks block             // what the agent says now
	tools  map[string]string // in flight: title by id
	answer string            // the last thing it has said
	reason string            // the turn's stop reason
	ended  bool
	stderr []string

	spent  *float64 // USD, of the whole session, as reported
	before float64  // of it before this execution
	tokens *protocol.Tokens
}

// block is a message that comes in parts.
type block struct {
	kind string
	text strings.Builder
}

func newAgent(o Options, broken error, inv driver.Invocation, s driver.Session) *agent {
	mode := o.Approvals
	if mode == "" {
		mode = approval.ModeDeny
	}
	a := &agent{session: s, say: transcript.NewWriter(s), options: o, broken: broken, workdir: inv.Workdir, grace: inv.Settings.ExitGrace,
		files: sessionfile.In(inv.StateDir, "acp"), desk: approval.NewDesk(s, mode, inv.Settings), tools: map[string]string{}, name: "the agent"}
	a.rpc = &rpc{send: s.Send, calls: map[int64]func(json.RawMessage, *rpcError){}}
	if a.grace <= 0 {
		a.grace = driver.DefaultExitGrace
	}
	if o.Resume != "" {
		a.files.Load(o.Resume, &a.before)
	}
	return a
}

func (a *agent) Reads() driver.Reads {
	return driver.Reads{Stdout: "{", Stderr: driver.EveryByte, MaxLine: maxLine}
}

func (a *agent) Started() {
	if a.broken != nil {
		a.fail(execution.ReasonSpawnFailed, "%v", a.broken)
		return
	}
	a.silence = stall.Start(a.session, a.say, "the agent", 0, func() bool {
		return len(a.tools) > 0 || a.desk.Waiting() > 0 || a.stopped || a.ended
	})
	a.rpc.call("initialize", map[string]any{"protocolVersion": protocolVersion,
		"clientCapabilities": map[string]any{"fs": map[string]bool{"readTextFile": false, "writeTextFile": false}, "terminal": false},
		"clientInfo":         map[string]string{"name": "claudeops", "title": "ClaudeOps", "version": "1"}}, a.initialized)
}

func (a *agent) fail(reason execution.Reason, format string, args ...any) {
	a.ended = true
	a.session.End(driver.Outcome{Failed: true, Reason: reason, Error: fmt.Sprintf(format, args...)}, 0)
}

func (a *agent) initialized(result json.RawMessage, err *rpcError) {
	var r struct {
		Version      int `json:"protocolVersion"`
		Capabilities struct {
			Load bool `json:"loadSession"`
		} `json:"agentCapabilities"`
		Info struct {
			Name    string `json:"name"`
			Title   string `json:"title"`
			Version string `json:"version"`
		} `json:"agentInfo"`
	}
	switch {
	case err != nil:
		a.fail(execution.ReasonAgentError, "the agent refused to begin: %v", err)
		return
	case !readJSON(result, &r) || r.Version != protocolVersion:
		a.fail(execution.ReasonAgentError, "the agent speaks version %d of the Agent Client Protocol; ClaudeOps speaks version %d", r.Version, protocolVersion)
		return
	}
	if r.Info.Name != "" {
		a.name = strings.TrimSpace(r.Info.Name + " " + r.Info.Version)
	}
	servers := a.options.MCPServers
	if len(servers) == 0 {
		servers = json.RawMessage("[]")
	}
	params := map[string]any{"cwd": a.workdir, "mcpServers": servers}
	if a.options.Resume == "" {
		a.rpc.call("session/new", params, a.opened)
		return
	}
	if !r.Capabilities.Load {
		a.fail(execution.ReasonAgentError, "%s can't go on with a session: it does not offer session/load", a.name)
		return
	}
	params["sessionId"] = a.options.Resume
	a.loading = true
	a.rpc.call("session/load", params, a.opened)
}

func (a *agent) opened(result json.RawMessage, err *rpcError) {
	a.loading = false
	if err != nil {
		how := ""
		if err.Code == authRequired {
			how = "; sign in with the agent's own program first"
		}
		a.fail(execution.ReasonAgentError, "the agent opened no session: %v%s", err, how)
		return
	}
	var r struct {
		SessionID string `json:"sessionId"`
	}
	readJSON(result, &r)
	a.id = r.SessionID
	if a.id == "" {
		a.id = a.options.Resume
	}
	if a.id == "" {
		a.fail(execution.ReasonAgentError, "the agent opened a session without an id")
		return
	}
	_ = a.session.Emit(&execution.Event{Type: execution.TypeSession, SessionID: a.id, Agent: a.name})
	a.say.Say(execution.Info, a.name, transcript.Data{Kind: transcript.Session, ID: a.id, Name: a.name})
	if a.options.Mode == "" {
		a.prompt()
		return
	}
	a.rpc.call("session/set_mode", map[string]any{"sessionId": a.id, "modeId": a.options.Mode}, func(_ json.RawMessage, err *rpcError) {
		if err != nil {
			a.fail(execution.ReasonAgentError, "the agent refused the mode %q: %v", a.options.Mode, err)
			return
		}
		a.prompt()
	})
}

func (a *agent) prompt() {
	a.prompts = true
	a.say.Say(execution.Info, a.options.Prompt, transcript.Data{Kind: transcript.User})
	a.rpc.call("session/prompt", map[string]any{"sessionId": a.id, "prompt": []any{map[string]string{"type": "text", "text": a.options.Prompt}}}, a.finished)
}

// finished takes the end of the turn.
func (a *agent) finished(result json.RawMessage, err *rpcError) {
	a.prompts, a.ended = false, true
	a.flush()
	a.desk.WithdrawAll()
	var r struct {
		StopReason string `json:"stopReason"`
		Usage      *struct {
			Input      int64 `json:"inputTokens"`
			Output     int64 `json:"outputTokens"`
			CacheRead  int64 `json:"cachedReadTokens"`
			CacheWrite int64 `json:"cachedWriteTokens"`
		} `json:"usage"`
	}
	readJSON(result, &r)
	if u := r.Usage; u != nil {
		a.tokens = &protocol.Tokens{Input: u.Input, Output: u.Output, CacheRead: u.CacheRead, CacheWrite: u.CacheWrite}
	}
	a.reason = r.StopReason
	out := a.outcome()
	if err != nil {
		out.Failed, out.Reason, out.Error = true, execution.ReasonAgentError, "the turn failed: "+err.Error()
	}
	level, text := execution.Info, "done"
	if out.Failed {
		level, text = execution.Error, out.Error
	}
	a.say.Say(level, text, transcript.Data{Kind: transcript.Result, IsError: &out.Failed, Status: a.reason})
	a.tellCost()
	// Agents of this protocol serve on until their input ends, and some even then.
	a.session.CloseInput()
	a.session.End(out, min(a.grace, stopGrace))
}

// stopReasons says for people what a reason other than end_turn means.
var stopReasons = map[string]string{
	"max_tokens":        "the answer was cut off: the model's limit of tokens is reached",
	"max_turn_requests": "the agent's limit of requests in a turn is reached",
	"refusal":           "the agent refused to go on",
	"cancelled":         "the turn was cancelled",
}

func (a *agent) outcome() driver.Outcome {
	var out driver.Outcome
	if a.answer != "" {
		if b, err := json.Marshal(a.answer); err == nil {
			out.Result = b
		}
	}
	if a.reason != "end_turn" {
		out.Failed, out.Reason = true, execution.ReasonAgentError
		out.Error = stopReasons[a.reason]
		if out.Error == "" {
			out.Error = fmt.Sprintf("the turn ended for the reason %q", a.reason)
		}
	}
	return out
}

// Exited is asked only where the agent has ended before its turn.
func (a *agent) Exited(x driver.Exit) driver.Outcome {
	a.flush()
	a.desk.WithdrawAll()
	how := fmt.Sprintf("ended with exit code %d", x.Code)
	if x.Signal != "" {
		how = "ended by " + x.Signal
	}
	text := a.name + " " + how + " before its turn was over"
	if len(a.stderr) > 0 {
		text += "; its last words on stderr: " + strings.Join(a.stderr, " / ")
	}
	return driver.Outcome{Failed: true, Reason: execution.ReasonAgentError, Error: text}
}

// Stop cancels the turn.
func (a *agent) Stop() time.Duration {
	a.stopped = true
	if !a.prompts {
		a.session.CloseInput()
		return stopGrace
	}
	a.rpc.notify("session/cancel", map[string]string{"sessionId": a.id})
	a.desk.WithdrawAll()
	return stopGrace
}

func (a *agent) Input(in driver.Input) error {
	if in.RequestID != "" || in.Decision != "" {
		return a.desk.Input(in)
	}
	return fault.New(protocol.Conflict, "this agent takes no messages while it works: continue its session when it has ended")
}

func (a *agent) Line(stream execution.Stream, line []byte) bool {
	if stream == execution.Stderr {
		if text := strings.TrimSpace(string(bytes.ToValidUTF8(line, []byte("�")))); text != "" {
			a.stderr = append(a.stderr[max(0, len(a.stderr)-4):], transcript.Clip(text, 500))
		}
		return false
	}
	var m envelope
	if !readJSON(line, &m) || m.Method == "" && len(m.ID) == 0 {
		return false
	}
	a.silence.Spoke()
	a.say.Begin(line)
	switch {
	case m.Method == "session/update":
		a.update(m.Params)
		return true
	case m.Method != "" && len(m.ID) > 0 && string(m.ID) != "null":
		a.flush()
		a.request(&m)
	case m.Method == "":
		a.rpc.answered(&m)
	}
	a.say.End(m.name())
	return true
}

func (m *envelope) name() string {
	if m.Method != "" {
		return m.Method
	}
	return "answer " + string(m.ID)
}

// Cost is what this execution has cost, 0 where the agent reports nothing.
func (a *agent) Cost() float64 {
	if a.spent == nil {
		return 0
	}
	if *a.spent < a.before {
		return *a.spent // the agent counts anew
	}
	return *a.spent - a.before
}

func (a *agent) tellCost() {
	usd, reported, estimated := protocol.FromUSD(a.Cost()).USD(), a.spent != nil, false
	tokens := a.tokens
	if tokens == nil {
		tokens = &protocol.Tokens{}
	}
	_ = a.session.Emit(&execution.Event{Type: execution.TypeCost, USD: &usd, Tokens: tokens, Estimated: &estimated, Reported: &reported})
}
