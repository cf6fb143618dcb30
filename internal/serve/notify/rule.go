package notify

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Kind is what a rule is about.
type Kind string

// The kinds of rules.
const (
	Failure       Kind = "failure"        // a run failed
	Recovery      Kind = "recovery"       // a run succeeded whose agent's run before had failed
	Success       Kind = "success"        // a run succeeded
	Approval      Kind = "approval"       // a run waits for an answer
	RunningLonger Kind = "running_longer" // a run has gone on for longer than after
	CostOver      Kind = "cost_over"      // a run has cost more than usd
	NoSuccess     Kind = "no_success"     // an agent has not succeeded for longer than after
	DiskLow       Kind = "disk_low"       // the data directory's disk is nearly full
)

// Kinds lists every kind.
var Kinds = []Kind{Failure, Recovery, Success, Approval, RunningLonger, CostOver, NoSuccess, DiskLow}

// DefaultAtMost is how many messages an hour a rule sends over a channel when it does not say.
const DefaultAtMost = 20

// Rule says what becomes a message, and over which channels.
type Rule struct {
	When   Kind     `yaml:"when" json:"when"`
	Agents []string `yaml:"agents,omitempty" json:"agents,omitempty"` // names, with * and ?; empty: all
	Tags   []string `yaml:"tags,omitempty" json:"tags,omitempty"`     // any of these; empty: all
	To     []string `yaml:"to" json:"to"`
	After  Duration `yaml:"after,omitempty" json:"after,omitempty"` // of running_longer and no_success
	USD    float64  `yaml:"usd,omitempty" json:"usd,omitempty"`     // of cost_over
	Quiet  *Quiet   `yaml:"quiet,omitempty" json:"quiet,omitempty"`
	// AtMost is how many messages an hour go over a channel; what is more becomes one message. 0: DefaultAtMost.
	AtMost int `yaml:"atMost,omitempty" json:"atMost,omitempty"`
}

// Quiet is a time of day in which nothing is sent; what came meanwhile is sent at its end.
type Quiet struct {
	From     string `yaml:"from" json:"from"` // 22:00
	To       string `yaml:"to" json:"to"`     // 07:00
	Timezone string `yaml:"timezone,omitempty" json:"timezone,omitempty"`
}

// Duration is written as Go writes it, with d for days besides: 26h, 10m, 2d.
type Duration time.Duration

// UnmarshalText reads a duration.
func (d *Duration) UnmarshalText(text []byte) error {
	s := string(text)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if hours, err := time.ParseDuration(days + "h"); err == nil {
			*d = Duration(hours * 24)
			return nil
		}
	}
	parsed, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("%q is no duration: write it like 90s, 10m, 26h or 2d", s)
	}
	*d = Duration(parsed)
	return nil
}

// String writes it as Go does.
func (d Duration) String() string { return time.Duration(d).String() }

// Schema is a text.
func (Duration) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Examples: []any{"26h"}, Description: "Like 90s, 10m, 26h or 2d."}
}

// MarshalText writes what UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// IsZero has an absent duration stay absent.
func (d Duration) IsZero() bool { return d == 0 }

func (r Rule) check() error {
	if !slices.Contains(Kinds, r.When) {
		return fmt.Errorf("when: must be one of %s, not %q", list(Kinds), r.When)
	}
	if len(r.To) == 0 {
		return errors.New("to: names no channel")
	}
	needsAfter := r.When == RunningLonger || r.When == NoSuccess
	switch {
	case needsAfter && r.After <= 0:
		return fmt.Errorf("after: %s needs how long, like 26h", r.When)
	case !needsAfter && r.After != 0:
		return fmt.Errorf("after: means nothing for %s", r.When)
	case r.When == CostOver && r.USD <= 0:
		return errors.New("usd: cost_over needs an amount above 0")
	case r.When != CostOver && r.USD != 0:
		return fmt.Errorf("usd: means nothing for %s", r.When)
	case r.AtMost < 0:
		return errors.New("atMost: must be 1 or more")
	case r.When == DiskLow && len(r.Agents)+len(r.Tags) > 0:
		return errors.New("disk_low is about no agent: leave agents and tags out")
	}
	for _, pattern := range r.Agents {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("agents: %q is no pattern: use * for any text and ? for one character", pattern)
		}
	}
	if r.Quiet != nil {
		if _, err := r.Quiet.until(time.Time{}); err != nil {
			return fmt.Errorf("quiet: %w", err)
		}
	}
	return nil
}

func list(kinds []Kind) string {
	words := make([]string, len(kinds))
	for i, k := range kinds {
		words[i] = string(k)
	}
	return strings.Join(words, ", ")
}

// matches reports whether the rule is about an agent.
func (r Rule) matches(a Agent) bool {
	if len(r.Agents) > 0 && !slices.ContainsFunc(r.Agents, func(pattern string) bool {
		ok, err := path.Match(pattern, a.Name)
		return ok && err == nil
	}) {
		return false
	}
	return len(r.Tags) == 0 || slices.ContainsFunc(r.Tags, func(tag string) bool { return slices.Contains(a.Tags, tag) })
}

func (r Rule) atMost() int {
	if r.AtMost == 0 {
		return DefaultAtMost
	}
	return r.AtMost
}

// until gives the end of the quiet time that now is in, or the zero time outside of it.
func (q *Quiet) until(now time.Time) (time.Time, error) {
	if q == nil {
		return time.Time{}, nil
	}
	zone := time.Local
	if q.Timezone != "" {
		var err error
		if zone, err = time.LoadLocation(q.Timezone); err != nil {
			return time.Time{}, fmt.Errorf("timezone: %q is unknown; use a name like Europe/Berlin", q.Timezone)
		}
	}
	from, err := time.Parse("15:04", q.From)
	if err != nil {
		return time.Time{}, fmt.Errorf("from: must be a time of day like 22:00, not %q", q.From)
	}
	to, err := time.Parse("15:04", q.To)
	if err != nil {
		return time.Time{}, fmt.Errorf("to: must be a time of day like 07:00, not %q", q.To)
	}
	if from.Equal(to) {
		return time.Time{}, errors.New("from and to are the same: leave quiet out, or remove the rule")
	}
	now = now.In(zone)
	at := func(clock time.Time, day int) time.Time {
		return time.Date(now.Year(), now.Month(), now.Day()+day, clock.Hour(), clock.Minute(), 0, 0, zone)
	}
	for _, day := range []int{-1, 0} { // quiet time may have begun yesterday
		begin, end := at(from, day), at(to, day)
		if !end.After(begin) {
			end = at(to, day+1)
		}
		if !now.Before(begin) && now.Before(end) {
			return end, nil
		}
	}
	return time.Time{}, nil
}
