// Package transcript is how the drivers of coding agents write down a conversation: log events of the
// stream agent whose data says what they are (data.kind), so that a viewer shows messages, tool calls
// with their results, and subagents, and package logtext gives both what people read and the bytes that
// the agent's program wrote. It owns the shape of that data and knows no agent's protocol.
package transcript

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
	"github.com/claudeops/claudeops/internal/run/runner/logline"
)

// The kinds of events.
const (
	Text       = "text"        // what the agent says
	Thinking   = "thinking"    // what it thinks
	User       = "user"        // what it is told: the prompt, and messages that follow it
	Tool       = "tool"        // it uses a tool: id, name, input
	ToolResult = "tool_result" // what came of it: id, isError, content
	Todo       = "todo"        // its list of things to do: items
	Subagent   = "subagent"    // a subagent began, goes on or ended: id, name, status
	Retry      = "retry"       // a request to the model is tried again
	Limit      = "limit"       // how much of an account's usage limit is used: status, window, resetsAt
	Session    = "session"     // a session began or was reset: name, model
	Result     = "result"      // the end of a turn: isError
	Notice     = "notice"      // anything else that the agent's program says
	Raw        = "raw"         // a message that says nothing to a reader, or that the driver does not know
)

// Data is the data of an event. A field that does not apply is left out.
type Data struct {
	Kind    string          `json:"kind"`
	Parent  string          `json:"parent,omitempty"` // id of the tool call that started the subagent which says this
	ID      string          `json:"id,omitempty"`     // of a tool call
	Name    string          `json:"name,omitempty"`   // of a tool, subagent or session's agent
	Model   string          `json:"model,omitempty"`
	Input   json.RawMessage `json:"input,omitempty"`
	IsError *bool           `json:"isError,omitempty"`
	Content json.RawMessage `json:"content,omitempty"` // a text, or a list of blocks; images without their bytes
	Items   []Item          `json:"items,omitempty"`
	Status  string          `json:"status,omitempty"`

	Attempt     int      `json:"attempt,omitempty"`
	MaxAttempts int      `json:"maxAttempts,omitempty"`
	DelayMs     int64    `json:"delayMs,omitempty"`
	Window      string   `json:"window,omitempty"`      // "five_hour", "seven_day"
	ResetsAt    string   `json:"resetsAt,omitempty"`    // RFC 3339
	Utilization *float64 `json:"utilization,omitempty"` // percent

	// Truncated says that the message is only the beginning; the whole is in raw.
	Truncated bool `json:"truncated,omitempty"`
}

// Item is one thing to do.
type Item struct {
	Text   string `json:"text"`
	Status string `json:"status"` // pending, in_progress, completed
}

// Done gives how much of a list is done, in percent, and what is being done now.
func Done(items []Item) (percent float64, now string) {
	done := 0
	for _, item := range items {
		switch item.Status {
		case "completed":
			done++
		case "in_progress":
			if now == "" {
				now = item.Text
			}
		}
	}
	if len(items) == 0 {
		return 0, ""
	}
	return float64(done) / float64(len(items)) * 100, now
}

// MaxRaw is how long a line may be for its bytes to be kept beside the events made of it. Of a longer
// one the bytes are kept as a line of stdout.
const MaxRaw = 32 << 20

// Writer writes the events of one run. The bytes of a line go with the first event made of it.
type Writer struct {
	session driver.Session
	raw     []byte // of the line being read, until an event has taken it
}

// NewWriter writes to s.
func NewWriter(s driver.Session) *Writer { return &Writer{session: s} }

// Begin starts the events of one line.
func (w *Writer) Begin(line []byte) {
	if utf8.Valid(line) && len(line) <= MaxRaw && len(line) > 0 && line[0] == '{' && line[len(line)-1] == '}' && json.Valid(line) {
		w.raw = line
		return
	}
	// Inside an event these bytes could not be had back as they were.
	w.raw = nil
	w.session.Log(execution.Stdout, execution.Debug, line, nil)
}

// End ends the events of a line. A line that no event was made of is told by one that has its bytes.
func (w *Writer) End(summary string) {
	if w.raw != nil {
		w.Say(execution.Debug, summary, Data{Kind: Raw})
	}
	w.raw = nil
}

// Drop ends the events of a line and keeps nothing of it.
func (w *Writer) Drop() { w.raw = nil }

// Say adds an event.
func (w *Writer) Say(level execution.Level, message string, d Data) {
	if short := Clip(message, logline.MaxBytes); len(short) < len(message) {
		message, d.Truncated = short, true
	}
	w.session.Log(execution.Agent, level, []byte(message), w.encode(d))
}

// SayBefore adds an event that is not made of the line being read: one that was held back until it came.
func (w *Writer) SayBefore(level execution.Level, message string, d Data) {
	raw := w.raw
	w.raw = nil
	w.Say(level, message, d)
	w.raw = raw
}

func (w *Writer) encode(d Data) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(d); err != nil {
		// Only a raw field can be wrong. It is left out; the line itself is kept.
		d.Input, d.Content = nil, nil
		b.Reset()
		_ = e.Encode(d)
	}
	out := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	if w.raw != nil {
		out = append(out[:len(out)-1], `,"raw":`...)
		out = append(append(out, w.raw...), '}')
		w.raw = nil
	}
	return out
}

// Clip cuts text to at most limit bytes, between runes.
func Clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}

// Line gives the first line of text, cut to a length that fits a line.
func Line(text string) string {
	text = strings.TrimSpace(text)
	line, rest, more := strings.Cut(text, "\n")
	line = strings.TrimRight(line, "\r ")
	if short := Clip(line, 200); len(short) < len(line) {
		return short + "…"
	}
	if more && strings.TrimSpace(rest) != "" {
		return line + " …"
	}
	return line
}

// mainArguments are the fields of a tool's input that say most of what it does, first come first.
var mainArguments = []string{"command", "cmd", "file_path", "path", "notebook_path", "url", "query", "pattern", "description", "prompt", "skill", "question", "subject"}

// MainArgument gives what a tool's input is about: Bash's command, Read's path.
func MainArgument(input json.RawMessage) string {
	var fields map[string]json.RawMessage
	if json.Unmarshal(input, &fields) != nil {
		return ""
	}
	for _, name := range mainArguments {
		raw, ok := fields[name]
		if !ok {
			continue
		}
		var text string
		if json.Unmarshal(raw, &text) == nil {
			return text
		}
		var words []string
		if json.Unmarshal(raw, &words) == nil {
			return strings.Join(words, " ")
		}
	}
	return ""
}

// ToolLine is what people read of a tool call.
func ToolLine(name string, input json.RawMessage) string {
	if main := MainArgument(input); main != "" {
		return name + ": " + main
	}
	if text := strings.TrimSpace(string(input)); text != "" && text != "{}" && text != "null" {
		return name + ": " + Line(text)
	}
	return name
}

// Count writes a number with its noun: "1 tool", "3 tools".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
