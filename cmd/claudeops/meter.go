package main

import (
	"fmt"
	"io"
	"time"

	"github.com/claudeops/claudeops/internal/record/backup"
)

// meter shows how far something is: on a terminal in place, elsewhere on a line now and then, with
// --json as an object.
type meter struct {
	c    *command
	what string // "copied", "checked"
	tty  bool
	last time.Time
	open bool // the line in place is not ended
}

// How often it is told, on a terminal and elsewhere.
const (
	meterTick   = 100 * time.Millisecond
	meterPeriod = 5 * time.Second
)

func (c *command) newMeter(what string) *meter {
	return &meter{c: c, what: what, tty: isTerminal(c.stderr) && !c.json, last: time.Now()}
}

func (m *meter) show(p backup.Progress) {
	every := meterPeriod
	if m.tty {
		every = meterTick
	}
	now := time.Now()
	if now.Sub(m.last) < every {
		return
	}
	m.last = now
	if m.c.json {
		_ = newLines(m.c.stdout).object(map[string]any{"type": "progress", "done": p.Done, "executions": p.Executions, "bytes": p.Bytes})
		return
	}
	text := fmt.Sprintf("%d of %s, %s %s", p.Done, count(p.Executions, "execution", "executions"), bytesText(p.Bytes), m.what)
	if !m.tty {
		fmt.Fprintln(m.c.stderr, text)
		return
	}
	_, _ = io.WriteString(m.c.stderr, "\r\x1b[K"+m.c.paint(m.c.stderr, cyan, text))
	m.open = true
}

// end takes the line off the terminal.
func (m *meter) end() {
	if m.open {
		m.open = false
		_, _ = io.WriteString(m.c.stderr, "\r\x1b[K")
	}
}
