package index

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

// CostBy is what costs are summed by.
type CostBy string

// What costs can be summed by.
const (
	ByDay     CostBy = "day" // on which executions were queued
	ByAgent   CostBy = "agent"
	ByModel   CostBy = "model"
	ByTrigger CostBy = "trigger" // the trigger's kind
	ByUser    CostBy = "user"    // the trigger's user
)

// Cost is what some executions have cost. Amounts are exact sums of what each of them has cost.
type Cost struct {
	Key        string // the day as 2006-01-02, the agent, model, kind of trigger or user
	Runs       int64
	Unreported int64             // runs whose agent reports no cost: the amounts are without them
	USD        protocol.MicroUSD // that somebody is charged
	Notional   protocol.MicroUSD // that a subscription pays
	Estimated  protocol.MicroUSD // the part of USD that is an estimate
	Tokens     execution.Tokens
}

// plus adds what other executions have cost.
func (c *Cost) plus(o Cost) {
	c.Runs += o.Runs
	c.Unreported += o.Unreported
	c.USD += o.USD
	c.Notional += o.Notional
	c.Estimated += o.Estimated
	c.Tokens = c.Tokens.Plus(o.Tokens)
}

// CostFilter chooses what is summed, and by what. The zero CostFilter sums everything by days in UTC.
type CostFilter struct {
	By        CostBy // empty: ByDay
	AgentType string
	Agents    []string       // as in Filter
	Since     time.Time      // queued then or later; zero: open
	Until     time.Time      // queued before; zero: open
	Zone      *time.Location // of days; nil: UTC
	Ended     bool           // only executions that have ended
}

// timeSlot is what days of every time zone can be put together from: all zones are a multiple of it
// away from UTC.
const timeSlot = 15 * time.Minute

// sums are the columns of a Cost from its second field on. Model sums have a table of their own.
const (
	sums = `count(*), sum(e.unreported), sum(e.cost * (1 - e.notional)), sum(e.cost * e.notional), sum(e.cost * e.estimated * (1 - e.notional)),
		sum(e.input), sum(e.output), sum(e.cache_read), sum(e.cache_write), sum(e.cache_write_1h)`
	modelSums = `count(*), sum(e.unreported), sum(m.cost * (1 - e.notional)), sum(m.cost * e.notional), sum(m.cost * e.estimated * (1 - e.notional)),
		sum(m.input), sum(m.output), sum(m.cache_read), sum(m.cache_write), sum(m.cache_write_1h)`
)

// Costs sums what executions have cost: days newest first, everything else by name.
func (x *Index) Costs(ctx context.Context, filter CostFilter) (costs []Cost, err error) {
	key, columns, from := "", sums, "executions e"
	switch filter.By {
	case ByDay, "":
		key = fmt.Sprintf(`e.queued_at / %d`, timeSlot.Milliseconds())
	case ByAgent:
		key = `e.agent`
	case ByTrigger:
		key = `e.trigger_kind`
	case ByUser:
		key = `e.user`
	case ByModel:
		key, columns, from = `m.model`, modelSums, `executions e JOIN models m ON m.execution_id = e.id`
	default:
		return nil, fmt.Errorf("sum costs: there is no sum by %q", filter.By)
	}
	shared := Filter{AgentType: filter.AgentType, Agents: filter.Agents, Since: filter.Since, Until: filter.Until}
	conditions, args := shared.where("")
	if filter.Ended {
		conditions = append(conditions, `status IN ('completed', 'failed', 'cancelled')`)
	}
	query := `SELECT ` + key + `, ` + columns + ` FROM ` + from + whereClause(conditions) + ` GROUP BY 1`
	err = x.use("sum costs", func(f *file) error {
		costs = []Cost{}
		rows, err := f.read.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var c Cost
			if err := rows.Scan(&c.Key, &c.Runs, &c.Unreported, &c.USD, &c.Notional, &c.Estimated,
				&c.Tokens.Input, &c.Tokens.Output, &c.Tokens.CacheRead, &c.Tokens.CacheWrite, &c.Tokens.CacheWrite1h); err != nil {
				return err
			}
			costs = append(costs, c)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, err
	}
	if filter.By == ByDay || filter.By == "" {
		return days(costs, filter.Zone)
	}
	slices.SortFunc(costs, func(a, b Cost) int { return cmp.Compare(a.Key, b.Key) })
	return costs, nil
}

// days puts the sums of time slots together to days of a zone, newest first.
func days(slots []Cost, zone *time.Location) ([]Cost, error) {
	if zone == nil {
		zone = time.UTC
	}
	byDay := make(map[string]*Cost)
	for _, slot := range slots {
		var n int64
		if _, err := fmt.Sscan(slot.Key, &n); err != nil {
			return nil, fmt.Errorf("sum costs by day: %w", err)
		}
		key := time.UnixMilli(n * timeSlot.Milliseconds()).In(zone).Format(time.DateOnly)
		day := byDay[key]
		if day == nil {
			day = &Cost{Key: key}
			byDay[key] = day
		}
		day.plus(slot)
	}
	costs := make([]Cost, 0, len(byDay))
	for _, day := range byDay {
		costs = append(costs, *day)
	}
	slices.SortFunc(costs, func(a, b Cost) int { return cmp.Compare(b.Key, a.Key) })
	return costs, nil
}
