package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/run/transcript"
	"github.com/claudeops/claudeops/protocol"
)

// printer shows an execution's events to a person: what the agent wrote goes to stdout and stderr as
// the agent wrote it there, everything else to stderr. On a terminal the agent's colours are shown, and
// nothing else of its text can do more than be read; anywhere else escape sequences are left out. With
// raw its bytes come through as they are.
type printer struct {
	c          *command
	raw        bool // the agent's bytes as they are
	quiet      bool // nothing but the agent's output
	timestamps bool

	outTTY, errTTY bool

	mu     sync.Mutex                // guards what follows, and the order of what is written
	open   map[execution.Stream]bool // streams whose last line is not ended
	escape map[execution.Stream]*escapeFilter
	last   execution.Stream // that wrote to the terminal last
	status string           // progress, on the terminal's last line
	failed error            // of writing
}

func (c *command) newPrinter() *printer {
	return &printer{c: c, outTTY: isTerminal(c.stdout), errTTY: isTerminal(c.stderr), open: map[execution.Stream]bool{},
		escape: map[execution.Stream]*escapeFilter{}}
}

// event shows one event.
func (p *printer) event(e *protocol.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.Terminal() {
		p.end(e)
		return
	}
	switch e.Type {
	case execution.TypeLog:
		p.log(e)
	case execution.TypeQueued:
		p.noteLocked(dim, "◌", fmt.Sprintf("%s %s is queued", e.AgentType, e.ExecutionID))
	case execution.TypeStarted:
		p.noteLocked(dim, "●", fmt.Sprintf("%s runs as process %d", e.AgentType, e.PID))
	case execution.TypeProgress:
		p.progress(e)
	case execution.TypeTruncated:
		p.noteLocked(yellow, "!", fmt.Sprintf("output past the limit of %s is not recorded", bytesText(value(e.Limit))))
	case execution.TypeApproval:
		p.noteLocked(yellow, "?", fmt.Sprintf("asks before it uses %s (request %s): %s", e.Tool, e.RequestID, e.Input))
	case execution.TypeApproved:
		p.noteLocked(dim, "✓", "approved by "+e.By)
	case execution.TypeDenied:
		p.noteLocked(yellow, "✕", "denied by "+e.By)
	}
}

// note says something about the execution.
func (p *printer) note(color, sign, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.noteLocked(color, sign, text)
}

// saysNothing reports a message of an agent's protocol that holds nothing for people.
func saysNothing(e *protocol.Event) bool {
	if e.Stream != execution.Agent {
		return false
	}
	var d struct {
		Kind string `json:"kind"`
	}
	return json.Unmarshal(e.Data, &d) == nil && d.Kind == transcript.Raw
}

func (p *printer) log(e *protocol.Event) {
	if saysNothing(e) {
		return
	}
	w, tty := p.c.stdout, p.outTTY
	if e.Stream == execution.Stderr {
		w, tty = p.c.stderr, p.errTTY
	}
	text := ""
	if e.Message != nil {
		text = *e.Message
	}
	if e.Raw != nil && (!tty || p.raw) {
		text = string(e.Raw)
	}
	again := false // the line begins anew on the terminal
	switch {
	case p.raw:
	case tty:
		text, again = p.display(e, w, text)
	case p.c.color == "always":
		text = p.filter(e.Stream).show(text, true, !e.Partial)
	default:
		text = p.filter(e.Stream).strip(text, !e.Partial)
	}
	if tty {
		p.clearStatus()
		if p.last != e.Stream && p.open[p.last] {
			p.write(w, "\n") // the other stream's line goes on below
			p.open[p.last] = false
		}
		if again && p.open[e.Stream] {
			p.write(w, "\r\x1b[K")
			p.open[e.Stream] = false
		}
	}
	if p.timestamps && !p.open[e.Stream] {
		text = p.c.paint(w, dim, e.Timestamp.Local().Format("15:04:05.000")) + " " + text
	}
	if !e.Partial {
		text += "\n"
	}
	p.write(w, text)
	p.open[e.Stream] = e.Partial
	if tty {
		p.last = e.Stream
	}
}

func (p *printer) filter(stream execution.Stream) *escapeFilter {
	f := p.escape[stream]
	if f == nil {
		f = &escapeFilter{}
		p.escape[stream] = f
	}
	return f
}

// display is a log line made fit for a terminal. again says that the agent has returned to the
// beginning of the line, and what was shown of it is to be replaced.
func (p *printer) display(e *protocol.Event, w io.Writer, text string) (_ string, again bool) {
	f, colored := p.filter(e.Stream), p.c.colored(w)
	text = strings.TrimRight(text, "\r")
	if i := strings.LastIndexByte(text, '\r'); i >= 0 {
		f.show(text[:i], false, true) // for the colours it leaves behind
		text, again = text[i+1:], true
	}
	text = f.show(text, colored, !e.Partial)
	if strings.Contains(text, "\x1b") {
		return text, again // the agent's own colours
	}
	switch e.Level {
	case execution.Error:
		text = p.c.paint(w, red, text)
	case execution.Warn:
		text = p.c.paint(w, yellow, text)
	case execution.Debug:
		text = p.c.paint(w, dim, text)
	}
	return text, again
}

// flush writes what is kept of escape sequences that were never finished.
func (p *printer) flush() {
	for stream, f := range p.escape {
		if f.unfinished == "" {
			continue
		}
		w, tty := p.c.stdout, p.outTTY
		if stream == execution.Stderr {
			w, tty = p.c.stderr, p.errTTY
		}
		if tty {
			p.write(w, f.show("", false, true))
		} else {
			p.write(w, f.strip("", true))
		}
	}
}

func (p *printer) progress(e *protocol.Event) {
	if p.quiet {
		return
	}
	text := fmt.Sprintf("%3.0f %%", value(e.Progress))
	if e.Message != nil && *e.Message != "" {
		text += " " + neutral(*e.Message)
	}
	if !p.errTTY {
		p.noteLocked(dim, "·", text)
		return
	}
	const width = 20
	done := min(max(int(value(e.Progress)/100*width), 0), width)
	text = strings.Repeat("▓", done) + strings.Repeat("░", width-done) + " " + text
	if limit := columns(p.c.stderr) - 1; limit > 0 && len([]rune(text)) > limit {
		text = string([]rune(text)[:limit])
	}
	p.clearStatus()
	p.status = text
	p.endLines()
	p.write(p.c.stderr, p.c.paint(p.c.stderr, cyan, text))
}

// clearStatus takes the progress off the terminal.
func (p *printer) clearStatus() {
	if p.status != "" {
		p.status = ""
		p.write(p.c.stderr, "\r\x1b[K")
	}
}

// endLines ends lines that are not, so that what comes does not stand behind the agent's text.
func (p *printer) endLines() {
	if p.open[p.last] && (p.outTTY || p.errTTY) {
		p.write(p.c.stderr, "\n")
		p.open[p.last] = false
	}
}

func (p *printer) noteLocked(color, sign, text string) {
	if p.quiet {
		return
	}
	p.clearStatus()
	p.endLines()
	p.write(p.c.stderr, p.c.paint(p.c.stderr, color, sign+" "+neutral(text))+"\n")
}

func (p *printer) end(e *protocol.Event) {
	p.clearStatus()
	p.flush()
	p.endLines()
	var text string
	color, sign := green, "✓"
	switch e.Type {
	case execution.TypeCompleted:
		text = "completed"
	case execution.TypeFailed:
		color, sign = red, "✕"
		text = "failed: " + failure(e.Error, e.Reason, e.ExitCode, e.Signal)
	case execution.TypeCancelled:
		color, sign = yellow, "⊘"
		text = "cancelled"
		if e.By != "" {
			text += " by " + e.By
		}
		if e.Reason != "" {
			text += ": " + e.Reason
		}
	}
	if e.DurationMs != nil {
		text += " after " + durationText(time.Duration(*e.DurationMs)*time.Millisecond)
	}
	if n := value(e.ProcessesReaped); n > 0 {
		text += ", " + count(n, "process", "processes") + " reaped"
	}
	if cost := value(e.Cost); cost > 0 {
		text += fmt.Sprintf(", $%.4f", cost)
	}
	p.noteLocked(color, sign, text)
	if len(e.Result) > 0 && !p.quiet && p.errTTY {
		p.noteLocked(dim, " ", "result: "+shorten(string(e.Result), max(columns(p.c.stderr)-12, 60)))
	}
}

// failure says why an execution failed, in few words.
func failure(message, reason string, exitCode *int, signal string) string {
	if message != "" {
		return message
	}
	switch {
	case signal != "":
		return "ended by " + signal
	case exitCode != nil:
		return fmt.Sprintf("exit code %d", *exitCode)
	default:
		return reason
	}
}

func (p *printer) write(w io.Writer, text string) {
	if _, err := io.WriteString(w, text); err != nil && p.failed == nil {
		p.failed = fmt.Errorf("write the output: %w", err)
	}
}

func gapMessage(gap *client.GapError) protocol.LogsGap {
	return protocol.LogsGap{Type: protocol.TypeLogsGap, ExecutionID: gap.ExecutionID, From: gap.From, To: gap.To, Reason: gap.Reason}
}

func value[T any](p *T) T {
	var zero T
	if p == nil {
		return zero
	}
	return *p
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// durationText is a duration as people read it: 350 ms, 3.1 s, 2:14, 1:02:03.
func durationText(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d:%02d", int(d.Minutes()), int(d.Seconds())%60)
	default:
		return fmt.Sprintf("%d:%02d:%02d", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60)
	}
}

func bytesText(n int64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	f, i := float64(n), 0
	for f >= 1024 && i < len(units)-1 {
		f, i = f/1024, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.3g %s", f, units[i])
}

func shorten(text string, width int) string {
	runes := []rune(text)
	if len(runes) <= width {
		return text
	}
	return string(runes[:max(width-1, 0)]) + "…"
}

// fieldsOf are the fields that a refused config names.
func fieldsOf(details json.RawMessage) []fieldProblem {
	var d struct {
		Fields []fieldProblem `json:"fields"`
	}
	if json.Unmarshal(details, &d) == nil && d.Fields != nil {
		return d.Fields
	}
	var list []fieldProblem
	if json.Unmarshal(details, &list) == nil {
		return list
	}
	return nil
}

type fieldProblem struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}
