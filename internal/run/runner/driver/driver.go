// Package driver is the seam between a runner and the kinds of agents it can run: how one is
// started, what its lines mean, how it is asked to end, and what became of it. It holds the
// interfaces only; pipes, journal and process tree are the runner's.
package driver

import (
	"encoding/json"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
)

// Invocation is what is to be run.
type Invocation struct {
	ExecutionID string
	Agent       string
	Argv        []string
	Env         []string        // complete, the runner's own additions included
	Workdir     string          // absolute
	Options     json.RawMessage // what the kind of agent needs beside; may be nil
	PlainLines  bool            // no line is a command to the runner
	OpenStdin   bool            // people may send text to the agent's stdin
	Prices      string          // path for pricing.Open; may be empty
	Settings    Settings
	StateDir    string // where a driver may keep files over executions, each under its kind's name; empty: nowhere
}

// Settings are a definition's settings that drivers carry out, whatever the kind.
type Settings struct {
	ExitGrace       time.Duration  `json:"exitGrace,omitempty"`       // from an agent's result to its end; 0 is DefaultExitGrace
	ApprovalTimeout time.Duration  `json:"approvalTimeout,omitempty"` // until a question is denied; 0 is DefaultApprovalTimeout
	ApprovalRules   []ApprovalRule `json:"approvalRules,omitempty"`
}

// ApprovalRule says what becomes of the uses of a tool. Rules are tried in order; the first that matches
// counts. Package approval carries them out.
type ApprovalRule struct {
	Tool  string `json:"tool"`            // a name, or a pattern with * and ?
	Match string `json:"match,omitempty"` // a pattern of the tool's main argument; empty matches all
	Then  string `json:"then"`            // "allow", "deny" or "ask"
}

// What Settings leave open.
const (
	DefaultExitGrace       = time.Minute
	DefaultApprovalTimeout = time.Hour
)

// Command is the process to start.
type Command struct {
	Argv  []string // argv[0] is looked up in PATH of Env
	Env   []string
	Stdin bool // keep stdin open, for Session.Send; otherwise it is /dev/null
}

// Driver knows one kind of agent.
type Driver interface {
	// Command says what to start for inv.
	Command(inv Invocation) (Command, error)
	// Open begins one run. It is called before the process starts.
	Open(inv Invocation, s Session) Agent
}

// Installed is a Driver whose program people install.
type Installed interface {
	// Install says what to do where the program is missing.
	Install() string
}

// Agent is one run of an agent as its driver sees it. The runner calls one method at a time, and
// the functions given to Session.After in the same way, so an Agent needs no lock. No method may
// block.
type Agent interface {
	// Reads says which lines Line is to see.
	Reads() Reads
	// Started is called once, when the process runs.
	Started()
	// Line reads one whole line, without its newline; only lines that Reads asks for come here. It
	// reports whether it has dealt with it; if not, the runner logs it as any other. line is valid
	// during the call only.
	Line(stream execution.Stream, line []byte) bool
	// Input passes on a person's answer or text.
	Input(in Input) error
	// Stop asks the agent to end in its own way. The runner sends the stop signal after the time
	// it returns, unless the agent has ended by then; 0 is at once.
	Stop() time.Duration
	// Exited says what became of the agent. It is called once, when nothing of it runs any more
	// and every line has been read, unless the runner itself ended it for a reason of its own.
	Exited(x Exit) Outcome
	// Cost is what the run has cost so far, in USD.
	Cost() float64
}

// Reads selects lines: those whose first byte is one of these, per stream; none by default. What
// is longer than MaxLine bytes is split and logged as any other line. With a MaxLine such a line is
// waited for, however slowly it comes; with 0, and on stderr, as other lines, it is recorded in parts
// if it is longer than 64 KiB or comes haltingly, and is then not given to Line.
type Reads struct {
	Stdout, Stderr string
	MaxLine        int // of stdout
}

// EveryByte as Stdout or Stderr of Reads selects all lines.
var EveryByte = func() string {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	return string(all)
}()

// Session is the runner as an Agent sees it. Its methods may be called from the Agent's methods
// and from functions given to After, nowhere else. None of them blocks on the agent.
type Session interface {
	// Log adds a log event. Message is what the agent wrote, whatever bytes; data is valid JSON on
	// one line, or nil. On Stdout and Stderr the event counts as the line being read: exactly one
	// must be added for a line whose bytes are to be in the raw text, and package logtext must be
	// able to rebuild it from message and data. On Agent, what is said is not part of the agent's text.
	Log(stream execution.Stream, level execution.Level, message, data []byte)
	// Emit adds any other event: executionId, seq and timestamp are filled in. Those that end an
	// execution are refused; Outcome is their way.
	Emit(e *execution.Event) error
	// Progress adds an execution:progress event. line is the text that brought it, kept with the
	// event so that the raw text stays whole; nil when there is none. It gives false when there
	// are too many a second: the value is then told a little later unless a newer one comes
	// first, and the line is the caller's to log.
	Progress(percent float64, message string, line []byte) bool
	// Send writes to the agent's stdin, in order, without waiting for the agent to read. The error
	// says that it will not arrive: stdin is closed, or too much waits to be read.
	Send(p []byte) error
	// CloseInput closes stdin after what has been sent.
	CloseInput()
	// End stops the agent: outcome is then what became of it, whatever its exit code. The process
	// tree gets grace to end by itself before the stop signal.
	End(outcome Outcome, grace time.Duration)
	// Active reports whether a process of the agent has used the processor since it was last called.
	Active() bool
	// After calls f later, unless the run has ended or cancel is called before.
	After(d time.Duration, f func()) (cancel func())
}

// Input is what a person sends to a running agent: the answer to a request, or text for its stdin. An
// error of package fault tells the person what was wrong; protocol.Conflict where it tells nothing else.
type Input struct {
	RequestID string `json:"requestId,omitempty"`
	Decision  string `json:"decision,omitempty"` // "allow" or "deny"
	Scope     string `json:"scope,omitempty"`    // "once" or "run"; empty is once
	Text      string `json:"text,omitempty"`     // with a decision: the choice, or why it is denied
	EOF       bool   `json:"eof,omitempty"`      // nothing more comes after the text: stdin is closed
	By        string `json:"by,omitempty"`
	Via       string `json:"via,omitempty"` // protocol.ApprovalVia
}

// Exit is how the main process ended.
type Exit struct {
	Code   int    // -1 when a signal ended it
	Signal string // "SIGSEGV"; empty when it ended with a code
}

// Outcome is what became of an agent.
type Outcome struct {
	Failed bool
	Reason execution.Reason // why it failed
	Error  string           // for a person: what went wrong
	Result json.RawMessage  // takes the place of what is in the file CLAUDEOPS_RESULT names

	ResetsAt time.Time // with ReasonUsageLimit: when the account may be used again; zero when unknown
}
