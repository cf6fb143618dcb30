package retention

import (
	"iter"
	"slices"
	"time"
)

// Ended is an execution that retention may touch.
type Ended struct {
	ID          string
	Agent       string
	At          time.Time // it ended
	LogsRemoved bool      // there are no log lines to take any more
}

// Removal is one thing that is to go, and why.
type Removal struct {
	ID    string
	Agent string
	Ended time.Time
	Rule  Rule
	Limit string // the rule's bound, for people
	Own   bool   // the bound is the agent's own, not the server's
	Bytes int64  // on disk; of removed log lines what the journal takes now
}

// Sizes gives how many bytes an execution takes on disk: all of it, and its log lines.
type Sizes func(id string) (all, logs int64, err error)

// Plan gives what goes at now, the first to have ended first. ended gives the last to end first, as
// its order is what counts: the newest stay. It asks for sizes only of what goes, and of what a rule
// about sizes is for. What a bound is for forms one pool: all executions of an agent with a bound of
// its own, and all of the agents without.
func Plan(policy Policy, now time.Time, ended iter.Seq2[Ended, error], sizes Sizes) ([]Removal, error) {
	var plan []Removal
	counts, bytes := map[string]int64{}, map[string]int64{}
	for e, err := range ended {
		if err != nil {
			return nil, err
		}
		rules, own := policy.For(e.Agent), policy.Agents[e.Agent]
		rule, limit, isOwn := Rule(""), "", false
		age := now.Sub(e.At)
		if b := rules.ExecutionsAge; b.Bounds() && age > b.Limit {
			rule, limit, isOwn = ExecutionsAge, FormatAge(b.Limit), own.ExecutionsAge.Set
		}
		if b := rules.ExecutionsCount; rule == "" && b.Bounds() {
			pool := pool(e.Agent, own.ExecutionsCount.Set)
			if counts[pool]++; counts[pool] > b.Limit {
				rule, limit, isOwn = ExecutionsCount, FormatCount(b.Limit), own.ExecutionsCount.Set
			}
		}
		if b := rules.LogsAge; rule == "" && !e.LogsRemoved && b.Bounds() && age > b.Limit {
			rule, limit, isOwn = LogsAge, FormatAge(b.Limit), own.LogsAge.Set
		}
		bySize := rule == "" && !e.LogsRemoved && rules.LogsSize.Bounds()
		if rule == "" && !bySize {
			continue
		}
		all, logs, err := sizes(e.ID)
		if err != nil {
			return nil, err
		}
		if bySize {
			pool := pool(e.Agent, own.LogsSize.Set)
			// Once it is full everything older goes, however small: what stays has no holes in time.
			if bytes[pool] += logs; bytes[pool] <= rules.LogsSize.Limit {
				continue
			}
			rule, limit, isOwn = LogsSize, FormatSize(rules.LogsSize.Limit), own.LogsSize.Set
		}
		size := all
		if !rule.Whole() {
			size = logs
		}
		plan = append(plan, Removal{ID: e.ID, Agent: e.Agent, Ended: e.At, Rule: rule, Limit: limit, Own: isOwn, Bytes: size})
	}
	slices.Reverse(plan)
	return plan, nil
}

// pool names who shares a bound. No agent has an empty name.
func pool(agent string, own bool) string {
	if own {
		return agent
	}
	return ""
}

// Totals sums a plan up.
type Totals struct {
	Executions int   // whole ones
	Logs       int   // executions that lose only their log lines
	Bytes      int64 // of both
}

// Sum gives a plan's totals.
func Sum(plan []Removal) (t Totals) {
	for _, r := range plan {
		if r.Rule.Whole() {
			t.Executions++
		} else {
			t.Logs++
		}
		t.Bytes += r.Bytes
	}
	return t
}
