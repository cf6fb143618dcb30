package index

import (
	"context"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
)

// Cost is what one agent's executions of one day have cost.
type Cost struct {
	Day          string           `json:"day"` // 2006-01-02, UTC, of when they were queued
	AgentType    string           `json:"agentType"`
	Executions   int64            `json:"executions"`
	USD          float64          `json:"usd"`          // all of it
	EstimatedUSD float64          `json:"estimatedUsd"` // the part that is an estimate
	Tokens       execution.Tokens `json:"tokens"`
}

// CostFilter chooses what is summed. The zero CostFilter chooses everything.
type CostFilter struct {
	AgentType string
	Agents    []string  // as in Filter
	Since     time.Time // queued then or later; zero: open
	Until     time.Time // queued before; zero: open
}

// Costs sums by day and agent, newest day first, agents by name.
func (x *Index) Costs(ctx context.Context, filter CostFilter) (costs []Cost, err error) {
	shared := Filter{AgentType: filter.AgentType, Agents: filter.Agents, Since: filter.Since, Until: filter.Until}
	conditions, args := shared.where("")
	query := `SELECT queued_at / 86400000 AS day, agent, count(*), sum(cost), sum(cost * estimated),
		sum(input), sum(output), sum(cache_read), sum(cache_write)
		FROM executions` + whereClause(conditions) + ` GROUP BY day, agent ORDER BY day DESC, agent`
	err = x.use("sum costs", func(f *file) error {
		costs = []Cost{}
		rows, err := f.read.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var c Cost
			var day int64 // since 1970
			if err := rows.Scan(&day, &c.AgentType, &c.Executions, &c.USD, &c.EstimatedUSD,
				&c.Tokens.Input, &c.Tokens.Output, &c.Tokens.CacheRead, &c.Tokens.CacheWrite); err != nil {
				return err
			}
			c.Day = time.Unix(day*24*60*60, 0).UTC().Format(time.DateOnly)
			costs = append(costs, c)
		}
		return rows.Err()
	})
	return costs, err
}
