// Package program drives agents that are ordinary programs: their lines are their log, and on stdout
// a few lines are commands to the runner. It knows nothing of processes or journals.
//
// A command is a whole line, at its start:
//
//	::progress 40::Indexing      an execution:progress event
//	::group::Name  ::endgroup::  log events with data.group, folded in the viewer
//	::debug::text  ::warning::text  ::error::text   log events of that level
//	::stop-commands::TOKEN   no line is a command until ::TOKEN:: comes, for text of others
//
// Anything else, malformed commands included, is a plain line. Every event keeps what is needed to
// give back the very line: data.command names the command in front of the message, and a progress
// event has the line in data.line.
package program

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
	"github.com/claudeops/claudeops/protocol"
)

// Driver runs programs.
type Driver struct{}

// Command starts the program as it is given.
func (Driver) Command(inv driver.Invocation) (driver.Command, error) {
	return driver.Command{Argv: inv.Argv, Env: inv.Env, Stdin: inv.OpenStdin}, nil
}

// Open begins a run.
func (Driver) Open(inv driver.Invocation, s driver.Session) driver.Agent {
	return &agent{session: s, plain: inv.PlainLines, open: inv.OpenStdin}
}

type agent struct {
	session driver.Session
	plain   bool     // no line is a command
	open    bool     // stdin takes text
	stopped string   // the token of ::stop-commands::; no line is a command until it comes
	groups  []string // those open now, outermost first
}

func (a *agent) Reads() driver.Reads {
	if a.plain {
		return driver.Reads{}
	}
	return driver.Reads{Stdout: ":"}
}

func (*agent) Started()            {}
func (*agent) Stop() time.Duration { return 0 }
func (*agent) Cost() float64       { return 0 }

// Input writes a person's text to stdin, as a line of its own or several.
func (a *agent) Input(in driver.Input) error {
	switch {
	case in.RequestID != "" || in.Decision != "":
		return fault.New(protocol.Conflict, "this agent has asked for no decision")
	case !a.open:
		return fault.New(protocol.Conflict, "the agent's stdin is closed: set stdin: open in its definition for it to take input")
	}
	if in.Text != "" {
		line := in.Text
		if !strings.HasSuffix(line, "\n") {
			line += "\n"
		}
		if err := a.session.Send([]byte(line)); err != nil {
			return fault.New(protocol.Conflict, "%v", err)
		}
		if err := a.session.Emit(&execution.Event{Type: execution.TypeInput, Text: in.Text, By: in.By}); err != nil {
			return err
		}
	}
	if in.EOF {
		a.open = false
		a.session.CloseInput()
		a.session.Log(execution.Agent, execution.Info, fmt.Appendf(nil, "stdin was closed by %s", in.By), nil)
	}
	return nil
}

// maxGroups is how deep groups nest for the end of one to be told by name.
const maxGroups = 64

func (a *agent) Line(stream execution.Stream, line []byte) bool {
	name, text, ok := split(line)
	if !ok || !utf8.Valid(line) {
		return false
	}
	if a.stopped != "" {
		if string(name) == a.stopped && len(bytes.TrimRight(text, "\r")) == 0 {
			a.stopped = ""
		}
		return false
	}
	level := execution.Info
	switch string(name) {
	case "stop-commands":
		a.stopped = string(bytes.TrimSpace(text))
		return false
	case "debug":
		level = execution.Debug
	case "warning":
		level = execution.Warn
	case "error":
		level = execution.Error
	case "group":
		group := string(bytes.TrimSpace(text))
		if len(a.groups) < maxGroups {
			a.groups = append(a.groups, group)
		}
		return a.log(stream, level, text, Data{Command: "group", Group: &group})
	case "endgroup":
		if len(bytes.TrimRight(text, "\r")) > 0 {
			return false
		}
		group := ""
		if n := len(a.groups); n > 0 {
			group, a.groups = a.groups[n-1], a.groups[:n-1]
		}
		return a.log(stream, level, text, Data{Command: "endgroup", Group: &group})
	default:
		percent, ok := bytes.CutPrefix(name, []byte("progress "))
		if !ok {
			return false
		}
		return a.progress(stream, line, percent, text)
	}
	return a.log(stream, level, text, Data{Command: string(name)})
}

// Data is the data of the log events that commands make.
type Data struct {
	Command  string   `json:"command"`
	Group    *string  `json:"group,omitempty"`
	Progress *float64 `json:"progress,omitempty"`
}

func (a *agent) log(stream execution.Stream, level execution.Level, text []byte, d Data) bool {
	data, err := json.Marshal(d)
	if err != nil || bytes.Equal(data, bytes.TrimRight(text, " \t\r")) {
		// A message that equals its data is what a JSON line gives; this one could then not be told
		// from it, so it stays a plain line.
		return false
	}
	a.session.Log(stream, level, text, data)
	return true
}

func (a *agent) progress(stream execution.Stream, line, percent, text []byte) bool {
	p, ok := parsePercent(bytes.TrimSpace(percent))
	if !ok {
		return false
	}
	if a.session.Progress(p, string(bytes.TrimSpace(text)), line) {
		return true
	}
	// Told later or never, as newer ones come; the line itself is kept.
	return a.log(stream, execution.Debug, line, Data{Command: "progress", Progress: &p})
}

// split parts "::name::text".
func split(line []byte) (name, text []byte, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte("::"))
	if !ok {
		return nil, nil, false
	}
	return bytes.Cut(rest, []byte("::"))
}

// parsePercent reads a plain decimal number from 0 to 100.
func parsePercent(b []byte) (float64, bool) {
	if len(b) == 0 || len(b) > 16 {
		return 0, false
	}
	for _, c := range b {
		if (c < '0' || c > '9') && c != '.' {
			return 0, false
		}
	}
	p, err := strconv.ParseFloat(string(b), 64)
	return p, err == nil && p >= 0 && p <= 100
}

func (a *agent) Exited(x driver.Exit) driver.Outcome {
	switch {
	case x.Signal != "":
		return driver.Outcome{Failed: true, Reason: execution.ReasonSignal, Error: "ended by " + x.Signal}
	case x.Code == 0:
		return driver.Outcome{}
	default:
		return driver.Outcome{Failed: true, Reason: execution.ReasonExitCode, Error: exitText(x.Code)}
	}
}

// exitText adds what a shell means by its own codes.
func exitText(code int) string {
	text := fmt.Sprintf("ended with exit code %d", code)
	switch {
	case code == 126:
		text += " (in a shell: found, but could not be executed)"
	case code == 127:
		text += " (in a shell: command not found)"
	case code > 128 && code < 128+65:
		text += fmt.Sprintf(" (in a shell: ended by signal %d)", code-128)
	}
	return text
}
