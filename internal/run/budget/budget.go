// Package budget knows what may be spent, by whom and in which time: it keeps the limits for all
// agents together, adds up what executions have cost, and says which limits are met. It stops
// nothing and starts nothing.
package budget

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/claudeops/claudeops/internal/record/datadir"
	"github.com/claudeops/claudeops/protocol"
)

// FileName is the file in a data directory that holds the limits for all agents together.
const FileName = "budgets.json"

// WarnPercent is the part of a limit from which it is told that it runs out.
const WarnPercent = 80

// Limits are what some executions may cost together. nil is no limit.
type Limits struct {
	PerDay   *protocol.MicroUSD // those queued on one day
	PerMonth *protocol.MicroUSD // those queued in one month
	Notional bool               // count what subscriptions pay for, too
}

// None reports whether nothing is limited.
func (l Limits) None() bool { return l.PerDay == nil && l.PerMonth == nil }

// For gives the limits that an execution is held to: none for one whose cost a subscription pays and
// they do not count, for it is not what uses them up.
func (l Limits) For(notional bool) Limits {
	if notional && !l.Notional {
		return Limits{}
	}
	return l
}

// Settings are the limits for all agents together.
type Settings struct {
	Limits
	Timezone string // of days and months; empty: UTC
}

// Spent is the cost of some executions.
type Spent struct {
	Charged, Notional protocol.MicroUSD
}

// Plus adds what others have cost.
func (s Spent) Plus(o Spent) Spent { return Spent{s.Charged + o.Charged, s.Notional + o.Notional} }

// under is the part of what was spent that a limit counts.
func (s Spent) under(l Limits) protocol.MicroUSD {
	if l.Notional {
		return s.Charged + s.Notional
	}
	return s.Charged
}

// SpentOn is what a record's execution has cost so far.
func SpentOn(rec *protocol.Record) Spent {
	if rec.CostNotional {
		return Spent{Notional: protocol.FromUSD(rec.Cost)}
	}
	return Spent{Charged: protocol.FromUSD(rec.Cost)}
}

// Period is what was spent in the day and in the month of one moment.
type Period struct {
	Day, Month Spent
}

// State says how near to a limit what was spent is.
type State string

// The states, best first.
const (
	OK       State = "ok"
	Warning  State = "warning"  // WarnPercent or more is spent
	Exceeded State = "exceeded" // nothing is left
)

// Met is a limit that is met, or nearly.
type Met struct {
	State State
	Span  string // "day" or "month"
	Limit protocol.MicroUSD
	Spent protocol.MicroUSD
}

// Check gives the limit that is met most, of those that are.
func (l Limits) Check(p Period) Met {
	worst := Met{State: OK}
	for _, one := range []Met{{Span: "day", Spent: p.Day.under(l)}, {Span: "month", Spent: p.Month.under(l)}} {
		limit := l.PerDay
		if one.Span == "month" {
			limit = l.PerMonth
		}
		if limit == nil {
			continue
		}
		one.Limit = *limit
		switch {
		case one.Spent >= one.Limit:
			one.State = Exceeded
		case float64(one.Spent) >= float64(one.Limit)*WarnPercent/100:
			one.State = Warning
		default:
			continue
		}
		if worst.State == OK || worst.State == Warning && one.State == Exceeded {
			worst = one
		}
	}
	return worst
}

// Ledger keeps the limits for all agents together, and what ended executions have cost in this day and
// month. It is safe for concurrent use.
type Ledger struct {
	path string
	now  func() time.Time

	mu       sync.Mutex // guards what follows
	settings Settings
	zone     *time.Location
	day      string // that byDay is of
	month    string // that byMonth is of
	byDay    map[string]Spent
	byMonth  map[string]Spent
}

// Open reads the limits of a data directory. now is the clock.
func Open(dataDir string, now func() time.Time) (*Ledger, error) {
	l := &Ledger{path: filepath.Join(dataDir, FileName), now: now, zone: time.UTC, byDay: map[string]Spent{}, byMonth: map[string]Spent{}}
	text, err := os.ReadFile(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	var f file
	if err == nil {
		if err = json.Unmarshal(text, &f); err != nil {
			err = fmt.Errorf("%s: %w; correct the file, or remove it and set budgets anew", l.path, err)
		}
	}
	if err == nil {
		l.settings = f.settings()
		l.zone, err = time.LoadLocation(l.settings.Timezone)
	}
	if err != nil {
		return nil, fmt.Errorf("read budgets: %w", err)
	}
	return l, nil
}

// file is the form of the file: amounts in USD.
type file struct {
	PerDay   *float64 `json:"perDay,omitempty"`
	PerMonth *float64 `json:"perMonth,omitempty"`
	Notional bool     `json:"notional,omitempty"`
	Timezone string   `json:"timezone,omitempty"`
}

func (f file) settings() Settings {
	micros := func(usd *float64) *protocol.MicroUSD {
		if usd == nil {
			return nil
		}
		return new(protocol.FromUSD(*usd))
	}
	return Settings{Limits{micros(f.PerDay), micros(f.PerMonth), f.Notional}, f.Timezone}
}

// Settings are the limits in force.
func (l *Ledger) Settings() Settings {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.settings
}

// Set changes the limits, durably. Where the time zone changes, Load has to follow: what was added up
// is then of other days.
func (l *Ledger) Set(s Settings) error {
	zone, err := time.LoadLocation(s.Timezone)
	if err != nil {
		return fmt.Errorf("set budgets: %w", err)
	}
	usd := func(m *protocol.MicroUSD) *float64 {
		if m == nil {
			return nil
		}
		return new(m.USD())
	}
	text, err := json.Marshal(file{usd(s.PerDay), usd(s.PerMonth), s.Notional, s.Timezone})
	if err != nil {
		return fmt.Errorf("set budgets: %w", err)
	}
	if err := datadir.WriteFile(l.path, append(text, '\n')); err != nil {
		return fmt.Errorf("set budgets: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settings, l.zone = s, zone
	return nil
}

// Moment is now in the time zone of the limits, with the beginnings of its day and month.
func (l *Ledger) Moment() (now, day, month time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.momentLocked()
}

func (l *Ledger) momentLocked() (now, day, month time.Time) {
	now = l.now().In(l.zone)
	year, m, d := now.Date()
	return now, time.Date(year, m, d, 0, 0, 0, 0, l.zone), time.Date(year, m, 1, 0, 0, 0, 0, l.zone)
}

// turnLocked forgets what was of another day or month.
func (l *Ledger) turnLocked() (day, month string) {
	now, _, _ := l.momentLocked()
	day, month = now.Format(time.DateOnly), now.Format("2006-01")
	if l.day != day {
		l.day, l.byDay = day, map[string]Spent{}
	}
	if l.month != month {
		l.month, l.byMonth = month, map[string]Spent{}
	}
	return day, month
}

// Load replaces what ended executions have cost, by agent.
func (l *Ledger) Load(day, month map[string]Spent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turnLocked()
	l.byDay, l.byMonth = day, month
}

// Ended adds what an execution has cost that has just ended.
func (l *Ledger) Ended(rec *protocol.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turnLocked()
	l.addLocked(l.byDay, l.byMonth, rec)
}

func (l *Ledger) addLocked(byDay, byMonth map[string]Spent, rec *protocol.Record) {
	spent := SpentOn(rec)
	if spent == (Spent{}) {
		return
	}
	queued := rec.QueuedAt.In(l.zone)
	if queued.Format(time.DateOnly) == l.day {
		byDay[rec.AgentType] = byDay[rec.AgentType].Plus(spent)
	}
	if queued.Format("2006-01") == l.month {
		byMonth[rec.AgentType] = byMonth[rec.AgentType].Plus(spent)
	}
}

// Sums are what was spent in the day and month of now.
type Sums struct {
	Now     time.Time // in the time zone of the limits
	All     Period
	ByAgent map[string]Period
}

// Sums adds up what ended executions have cost, and what those have cost so far that have not.
func (l *Ledger) Sums(running []protocol.Record) Sums {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turnLocked()
	byDay, byMonth := map[string]Spent{}, map[string]Spent{}
	for i := range running {
		l.addLocked(byDay, byMonth, &running[i])
	}
	now, _, _ := l.momentLocked()
	sums := Sums{Now: now, ByAgent: map[string]Period{}}
	for _, days := range []map[string]Spent{l.byDay, byDay} {
		for agent, spent := range days {
			p := sums.ByAgent[agent]
			p.Day = p.Day.Plus(spent)
			sums.ByAgent[agent] = p
			sums.All.Day = sums.All.Day.Plus(spent)
		}
	}
	for _, months := range []map[string]Spent{l.byMonth, byMonth} {
		for agent, spent := range months {
			p := sums.ByAgent[agent]
			p.Month = p.Month.Plus(spent)
			sums.ByAgent[agent] = p
			sums.All.Month = sums.All.Month.Plus(spent)
		}
	}
	return sums
}

// Forecast is what a month will have cost at its end, if it goes on as it went so far. The first day
// counts as a whole one: an hour tells nothing.
func Forecast(spent protocol.MicroUSD, now time.Time) protocol.MicroUSD {
	year, month, _ := now.Date()
	begin := time.Date(year, month, 1, 0, 0, 0, 0, now.Location())
	end := time.Date(year, month+1, 1, 0, 0, 0, 0, now.Location())
	gone := max(now.Sub(begin), 24*time.Hour)
	return max(spent, protocol.MicroUSD(float64(spent)*(float64(end.Sub(begin))/float64(gone))))
}

// Next is when a span of now ends: the next day or month.
func Next(span string, now time.Time) time.Time {
	year, month, day := now.Date()
	if span == "month" {
		return time.Date(year, month+1, 1, 0, 0, 0, 0, now.Location())
	}
	return time.Date(year, month, day+1, 0, 0, 0, 0, now.Location())
}
