// Package retention keeps the record bounded in size, by rules that can be seen before they bite. It
// owns the rules, the plan they lead to, and the one loop that carries it out. It removes nothing
// itself (whoever keeps executions does), and never touches what runs, waits, is not settled or is
// pinned.
package retention

import (
	"fmt"
	"time"
)

// Rules say how long and how much is kept. What is zero is not set.
type Rules struct {
	LogsAge         Bound[time.Duration] // log lines, since the execution's end
	LogsSize        Bound[int64]         // log lines of all together, bytes on disk
	ExecutionsAge   Bound[time.Duration] // whole executions, since their end
	ExecutionsCount Bound[int64]         // whole executions
}

// Bound is one rule. The zero Bound is not set: for the server that is no bound, for an agent the
// server's.
type Bound[T time.Duration | int64] struct {
	Set   bool
	Limit T // Unlimited: as much as there is
}

// Unlimited is the Limit of a bound that was set to be none.
const Unlimited = -1

// At makes a bound of a limit.
func At[T time.Duration | int64](limit T) Bound[T] { return Bound[T]{Set: true, Limit: limit} }

// Bounds reports whether there is anything to hold to.
func (b Bound[T]) Bounds() bool { return b.Set && b.Limit >= 0 }

func (b Bound[T]) or(other Bound[T]) Bound[T] {
	if b.Set {
		return b
	}
	return other
}

// Policy is the server's rules, and those of agents that have their own.
type Policy struct {
	Server Rules
	Agents map[string]Rules // only what an agent's definition sets
}

// Rule names one of the rules, as flags and definitions do.
type Rule string

// The rules, in the order in which they are looked at. The first that hits is the reason.
const (
	ExecutionsAge   Rule = "executions.age"
	ExecutionsCount Rule = "executions.count"
	LogsAge         Rule = "logs.age"
	LogsSize        Rule = "logs.size"
)

// AllRules lists every rule.
var AllRules = []Rule{ExecutionsAge, ExecutionsCount, LogsAge, LogsSize}

// Whole reports whether the rule takes whole executions, not only their log lines.
func (r Rule) Whole() bool { return r == ExecutionsAge || r == ExecutionsCount }

// Empty reports whether nothing is bounded for anybody.
func (p Policy) Empty() bool {
	if p.Server.bounds() {
		return false
	}
	for _, rules := range p.Agents {
		if rules.bounds() {
			return false
		}
	}
	return true
}

func (r Rules) bounds() bool {
	return r.LogsAge.Bounds() || r.LogsSize.Bounds() || r.ExecutionsAge.Bounds() || r.ExecutionsCount.Bounds()
}

// For gives the rules that an agent's executions are under: each of its own, else the server's.
func (p Policy) For(agent string) Rules {
	own := p.Agents[agent]
	return Rules{
		LogsAge: own.LogsAge.or(p.Server.LogsAge), LogsSize: own.LogsSize.or(p.Server.LogsSize),
		ExecutionsAge: own.ExecutionsAge.or(p.Server.ExecutionsAge), ExecutionsCount: own.ExecutionsCount.or(p.Server.ExecutionsCount),
	}
}

// Check says which bound makes no sense. Nothing is kept for less than a minute by mistake, nor none
// at all: whoever wants that says so with the smallest bounds there are.
func (r Rules) Check() error {
	if a := r.LogsAge; a.Bounds() && a.Limit < MinAge {
		return fmt.Errorf("%s is %v, the least is %v", LogsAge, a.Limit, MinAge)
	}
	if a := r.ExecutionsAge; a.Bounds() && a.Limit < MinAge {
		return fmt.Errorf("%s is %v, the least is %v", ExecutionsAge, a.Limit, MinAge)
	}
	if n := r.ExecutionsCount; n.Bounds() && n.Limit < 1 {
		return fmt.Errorf("%s is %d, the least is 1", ExecutionsCount, n.Limit)
	}
	if n := r.LogsSize; n.Bounds() && n.Limit < 1 {
		return fmt.Errorf("%s is %d, the least is 1 byte", LogsSize, n.Limit)
	}
	return nil
}

// MinAge is the least age that can be a rule: who has just seen an execution end looks at it.
const MinAge = time.Minute
