package main

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/width"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

// textLine is one line of the screen, which never gets wider than it may. Whatever text comes into it
// is made harmless first: only what is painted here are escape sequences.
type textLine struct {
	b     strings.Builder
	used  int
	limit int
	color bool
	base  string // SGR of the whole line
}

// add writes text up to the line's end.
func (l *textLine) add(sgr, text string) *textLine {
	text = clip(flat(text), l.limit-l.used)
	if text == "" {
		return l
	}
	l.used += displayWidth(text)
	if l.color && l.base != "" {
		sgr = strings.Trim(l.base+";"+sgr, ";")
	}
	if !l.color || sgr == "" {
		l.b.WriteString(text)
		return l
	}
	l.b.WriteString("\x1b[" + sgr + "m" + text + "\x1b[0m")
	return l
}

// to fills the line with spaces up to a column.
func (l *textLine) to(column int) *textLine {
	return l.add("", strings.Repeat(" ", max(min(column, l.limit)-l.used, 0)))
}

// cell writes text into a field of so many columns, and a space behind it.
func (l *textLine) cell(sgr, text string, columns int, right bool) *textLine {
	text = clip(flat(text), columns)
	end := l.used + columns + 1
	if right {
		l.add("", strings.Repeat(" ", columns-displayWidth(text)))
	}
	return l.add(sgr, text).to(end)
}

// flat makes text one harmless line without tabs.
func flat(text string) string { return strings.ReplaceAll(neutral(text), "\t", "    ") }

// clip cuts text to so many columns, and says with … that it did.
func clip(text string, columns int) string {
	if columns <= 0 {
		return ""
	}
	used, fits := 0, 0
	for i, r := range text {
		w := runeWidth(r)
		if used+w > columns {
			return text[:fits] + "…"
		}
		used += w
		if used < columns {
			fits = i + len(string(r)) // … has room behind it
		}
	}
	return text
}

func displayWidth(text string) int {
	n := 0
	for _, r := range text {
		n += runeWidth(r)
	}
	return n
}

// runeWidth is how many columns a terminal gives a character.
func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// topColumns is how the list is laid out on a terminal so wide.
type topColumns struct{ id, agent, status, duration, lines, rate, progress, cost int }

func columnsFor(w int) topColumns {
	c := topColumns{id: 14, agent: 12, status: 12, duration: 9, lines: 8, rate: 7, progress: 8}
	if w >= 100 {
		c.agent, c.cost = 18, 9
	}
	if w >= 140 {
		c.id = 26
	}
	if w < 72 {
		c.lines = 0
	}
	if w < 56 {
		c.progress, c.agent = 0, 10
	}
	return c
}

// view draws the model on a screen of w columns and h rows.
func (m *topModel) view(w, h int, color bool) []string {
	if w <= 0 || h <= 0 {
		return nil
	}
	screen := make([]string, 0, h)
	put := func(build func(*textLine)) {
		l := &textLine{limit: w, color: color}
		build(l)
		screen = append(screen, l.b.String())
	}
	put(func(l *textLine) {
		sgr, text := m.connection()
		l.add(bold, "claudeops ").add("", m.server+"  ").add(sgr, text)
		if clock := m.now.Format("15:04:05"); l.used+len(clock)+1 < w {
			l.to(w-len(clock)).add(dim, clock)
		}
	})
	put(func(l *textLine) { m.viewHost(l) })
	put(func(l *textLine) { l.add(bold, m.summary()) })
	put(func(l *textLine) {
		c := columnsFor(w)
		l.base = "7"
		l.cell("", "ID", c.id, false).cell("", "AGENT", c.agent, false).cell("", "STATUS", c.status, false).cell("", "DURATION", c.duration, true)
		if c.lines > 0 {
			l.cell("", "LINES", c.lines, true)
		}
		l.cell("", "LINES/S", c.rate, true)
		if c.progress > 0 {
			l.cell("", "PROGRESS", c.progress, true)
		}
		if c.cost > 0 {
			l.cell("", "COST", c.cost, true)
		}
		l.add("", "DETAIL").to(w)
	})
	below := 0
	if m.tail != nil {
		below = max((h-len(screen)-1)/2, 2)
	}
	m.viewList(put, w, max(h-len(screen)-1-below, 0))
	if m.tail != nil {
		m.viewTail(put, w, max(h-len(screen)-1, 0))
	}
	for len(screen) < h-1 {
		screen = append(screen, "")
	}
	screen = screen[:max(h-1, 0)]
	put(func(l *textLine) { m.viewFoot(l) })
	return screen
}

func (m *topModel) viewHost(l *textLine) {
	if m.host == nil {
		l.add(dim, m.hostText())
		return
	}
	h := m.host
	bar := func(name string, percent float64, rest string) {
		sgr := green
		switch {
		case percent >= 90:
			sgr = red
		case percent >= 75:
			sgr = yellow
		}
		const size = 8
		done := min(max(int(percent/100*size+.5), 0), size)
		l.add(bold, name+" ").add(sgr, strings.Repeat("▓", done)+strings.Repeat("░", size-done)).add("", fmt.Sprintf(" %3.0f %%%s  ", percent, rest))
	}
	bar("CPU", h.CPU, "")
	bar("MEM", h.Memory.Percent, " of "+bytesText(int64(h.Memory.Total)))
	disk := " of " + bytesText(int64(h.Disk.Total))
	if h.Disk.Condition != "" {
		disk += ", nothing is started"
	}
	bar("DISK", h.Disk.Percent, disk)
	l.add(bold, "LOAD ").add("", fmt.Sprintf("%.2f %.2f %.2f", h.Load[0], h.Load[1], h.Load[2]))
}

// viewList draws the rows of the list that fit, with the selected one among them.
func (m *topModel) viewList(put func(func(*textLine)), w, room int) {
	rows := m.rows()
	at, _ := m.choice(rows)
	if len(rows) == 0 {
		if room > 0 && m.known {
			put(func(l *textLine) { l.add(dim, "nothing runs, and nothing has") })
		}
		return
	}
	if at < m.first {
		m.first = at
	}
	if at >= m.first+room {
		m.first = at - room + 1
	}
	m.first = max(min(m.first, len(rows)-room), 0)
	for i, row := range rows[m.first:min(m.first+room, len(rows))] {
		put(func(l *textLine) { m.viewRow(l, row, m.first+i == at, w) })
	}
}

func (m *topModel) viewRow(l *textLine, row *topRow, selected bool, w int) {
	r, c := row.rec, columnsFor(w)
	if selected {
		l.base = "7"
	} else if r.Terminal {
		l.base = dim
	}
	l.cell("", r.ExecutionID, c.id, false).cell(bold, r.AgentType, c.agent, false)
	l.cell(statusColor(string(r.Status)), statusSign(r.Status)+" "+string(r.Status), c.status, false)
	l.cell("", recordDuration(r, m.now), c.duration, true)
	if c.lines > 0 {
		l.cell("", countText(r.Head), c.lines, true)
	}
	l.cell("", rateText(row), c.rate, true)
	if c.progress > 0 {
		l.cell("", progressText(r), c.progress, true)
	}
	if c.cost > 0 {
		l.cell("", costText(r), c.cost, true)
	}
	l.add("", detailText(r))
	if selected {
		l.to(w)
	}
}

func (m *topModel) viewTail(put func(func(*textLine)), w, room int) {
	if room == 0 {
		return
	}
	events, trouble := m.tail.last(room - 1)
	put(func(l *textLine) {
		l.add(dim, "── ").add(bold, m.tail.agent).add(dim, " "+m.tail.id+" ")
		if trouble != "" {
			l.add(red, trouble+" ")
		}
		l.add(dim, strings.Repeat("─", max(w-l.used, 0)))
	})
	for i := range events {
		put(func(l *textLine) { viewEvent(l, &events[i]) })
	}
}

func viewEvent(l *textLine, e *protocol.Event) {
	l.add(dim, e.Timestamp.Local().Format("15:04:05")+" ")
	switch e.Type {
	case execution.TypeLog:
		sgr := map[execution.Level]string{execution.Error: red, execution.Warn: yellow, execution.Debug: dim}[e.Level]
		l.add(sgr, (&escapeFilter{}).strip(lastSegment(value(e.Message)), true))
	case execution.TypeProgress:
		l.add(cyan, fmt.Sprintf("%.0f %% %s", value(e.Progress), value(e.Message)))
	case execution.TypeFailed:
		l.add(red, "failed: "+failure(e.Error, e.Reason, e.ExitCode, e.Signal))
	default:
		l.add(dim, strings.TrimPrefix(e.Type, "execution:"))
	}
}

func (m *topModel) viewFoot(l *textLine) {
	if m.asks != "" {
		name := m.asks
		if row := m.live[m.asks]; row != nil {
			name = row.rec.AgentType + " " + m.asks
		}
		l.add(bold+";"+yellow, "Cancel "+name+", and end all it has started?  y yes  n no")
		return
	}
	if m.notice != "" {
		l.add(yellow, m.notice)
		return
	}
	l.add(dim, "q quit  ↑↓ select  enter what it writes  x cancel")
}
