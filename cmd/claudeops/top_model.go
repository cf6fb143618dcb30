package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

// topModel is what top shows. It belongs to one goroutine.
type topModel struct {
	server  string
	state   client.State
	host    *protocol.SystemStatus // nil: none yet, or none to be had
	hostErr string

	live  map[string]*topRow
	past  []*topRow // newest first
	known bool      // a snapshot has come

	now      time.Time
	selected string // id
	first    int    // row at the top of the list
	asks     string // id of what is to be cancelled, if y is pressed
	notice   string // what has been done, or gone wrong
	noticed  time.Time
	tail     *topTail
}

// topRow is one execution.
type topRow struct {
	rec  protocol.Record
	rate float64   // lines a second
	seen uint64    // head at the last measurement
	at   time.Time // of that; zero: none yet
}

func newTopModel(server string) *topModel {
	return &topModel{server: strings.TrimSuffix(server, "/"), live: map[string]*topRow{}, now: time.Now()}
}

// snapshot forgets what was known, but for the rates of what goes on.
func (m *topModel) snapshot(records []protocol.Record) {
	before := m.live
	m.live, m.past, m.known = make(map[string]*topRow, len(records)), nil, true
	for _, rec := range records {
		row := before[rec.ExecutionID]
		if row == nil || rec.Terminal {
			row = &topRow{}
		}
		rec.Head = max(rec.Head, row.rec.Head)
		row.rec = rec
		if rec.Terminal {
			m.past = append(m.past, row)
		} else {
			m.live[rec.ExecutionID] = row
		}
	}
	m.sortPast()
}

// apply takes a change over.
func (m *topModel) apply(u client.Update, agent string) {
	if u.Event == nil {
		records := u.Snapshot
		if agent != "" {
			records = slices.DeleteFunc(slices.Clone(records), func(r protocol.Record) bool { return r.AgentType != agent })
		}
		m.snapshot(records)
		return
	}
	rec := u.Record
	if agent != "" && rec.AgentType != agent {
		return
	}
	row := m.live[rec.ExecutionID]
	if row == nil {
		row = &topRow{}
	}
	rec.Head = max(rec.Head, row.rec.Head)
	row.rec = rec
	if !rec.Terminal {
		m.live[rec.ExecutionID] = row
		return
	}
	row.rate = 0
	delete(m.live, rec.ExecutionID)
	m.past = slices.DeleteFunc(m.past, func(r *topRow) bool { return r.rec.ExecutionID == rec.ExecutionID })
	m.past = append(m.past, row)
	m.sortPast()
}

func (m *topModel) sortPast() {
	slices.SortStableFunc(m.past, func(a, b *topRow) int {
		return cmp.Or(endOf(b.rec).Compare(endOf(a.rec)), strings.Compare(b.rec.ExecutionID, a.rec.ExecutionID))
	})
	m.past = m.past[:min(len(m.past), recentEnds)]
}

func endOf(r protocol.Record) time.Time {
	if r.EndedAt != nil {
		return *r.EndedAt
	}
	return r.QueuedAt
}

// measure takes the rates from how far journals have grown.
func (m *topModel) measure(records []protocol.Record, at time.Time) {
	for _, rec := range records {
		row := m.live[rec.ExecutionID]
		if row == nil || rec.Terminal {
			continue
		}
		if passed := at.Sub(row.at); !row.at.IsZero() && passed > 0 && rec.Head >= row.seen {
			row.rate = float64(rec.Head-row.seen) / passed.Seconds()
		}
		row.seen, row.at = rec.Head, at
		if rec.Head >= row.rec.Head {
			row.rec = rec
		}
	}
}

// rows are what runs, the oldest first, then what waits, then what has ended.
func (m *topModel) rows() []*topRow {
	rows := make([]*topRow, 0, len(m.live)+len(m.past))
	for _, row := range m.live {
		rows = append(rows, row)
	}
	waits := func(r *topRow) int {
		if r.rec.Status == execution.Queued {
			return 1
		}
		return 0
	}
	slices.SortFunc(rows, func(a, b *topRow) int {
		return cmp.Or(waits(a)-waits(b), strings.Compare(a.rec.ExecutionID, b.rec.ExecutionID))
	})
	return append(rows, m.past...)
}

// choice is the selected row, the first where what was selected is gone; nil when there is none.
func (m *topModel) choice(rows []*topRow) (int, *topRow) {
	for i, r := range rows {
		if r.rec.ExecutionID == m.selected {
			return i, r
		}
	}
	if len(rows) == 0 {
		return -1, nil
	}
	m.selected = rows[0].rec.ExecutionID
	return 0, rows[0]
}

// move selects another row.
func (m *topModel) move(by int) {
	rows := m.rows()
	at, _ := m.choice(rows)
	if at >= 0 {
		m.selected = rows[min(max(at+by, 0), len(rows)-1)].rec.ExecutionID
	}
}

func (m *topModel) say(format string, args ...any) {
	m.notice, m.noticed = fmt.Sprintf(format, args...), m.now
}

func (m *topModel) summary() string {
	var running, queued int
	var rate, cost float64
	for _, r := range m.live {
		if r.rec.Status == execution.Queued {
			queued++
		} else {
			running++
		}
		rate += r.rate
		cost += r.rec.Cost
	}
	text := fmt.Sprintf("%d running, %d queued, %s lines/s", running, queued, numberText(rate))
	if cost > 0 {
		text += fmt.Sprintf(", $%.4f so far", cost)
	}
	return text
}

func (m *topModel) hostText() string {
	if m.host == nil {
		if m.hostErr != "" {
			return "the host is not shown: " + m.hostErr
		}
		return "waiting for a sample of the host"
	}
	h := m.host
	condition := ""
	if h.Disk.Condition != "" {
		condition = "; " + neutral(h.Disk.Condition)
	}
	return fmt.Sprintf("CPU %.1f %%, load %.2f %.2f %.2f, memory %.0f %% of %s, disk %.0f %% of %s%s", h.CPU, h.Load[0], h.Load[1], h.Load[2],
		h.Memory.Percent, bytesText(int64(h.Memory.Total)), h.Disk.Percent, bytesText(int64(h.Disk.Total)), condition)
}

// connection says how the connection is, and how bad that is.
func (m *topModel) connection() (sgr, text string) {
	switch m.state.Status {
	case client.Connected:
		return green, "connected (" + string(m.state.Transport) + ")"
	case client.Waiting:
		text = "no connection, next try in " + durationText(m.state.RetryIn.Round(100*time.Millisecond))
		if m.state.Err != nil {
			text += ": " + m.state.Err.Error()
		}
		return red, text
	default:
		return yellow, "connecting"
	}
}

// numberText is a number in four characters or so: 0, 7.5, 340, 12k, 3.4M.
func numberText(n float64) string {
	switch {
	case n == 0:
		return "0"
	case n < 9.95:
		return fmt.Sprintf("%.1f", n)
	case n < 9999.5:
		return fmt.Sprintf("%.0f", n)
	case n < 999_500:
		return fmt.Sprintf("%.0fk", n/1e3)
	default:
		return fmt.Sprintf("%.1fM", n/1e6)
	}
}

func countText(n uint64) string {
	if n < 1_000_000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%.1fM", float64(n)/1e6)
}

func rateText(r *topRow) string {
	if r.rec.Terminal || r.rec.Status == execution.Queued || r.at.IsZero() {
		return "–"
	}
	return numberText(r.rate)
}

func progressText(r protocol.Record) string {
	if r.Progress == nil {
		return "–"
	}
	return fmt.Sprintf("%.0f %%", *r.Progress)
}

func costText(r protocol.Record) string {
	if r.Cost == 0 {
		return "–"
	}
	return fmt.Sprintf("$%.4f", r.Cost)
}

// detailText is what there is to say beside the columns.
func detailText(r protocol.Record) string {
	if !r.Terminal && r.Progress != nil {
		return r.ProgressMessage // the rest has its column
	}
	return detail(r)
}
