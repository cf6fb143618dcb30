package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/claudeops/claudeops/protocol"
)

// CostQuery says what costs to sum, and by what. The zero CostQuery sums everything by days in UTC.
type CostQuery struct {
	By           string // day, agent, model, trigger or user; empty: day
	AgentType    string
	Since, Until time.Time // when executions were queued; zero: open
	Timezone     string    // of days: an IANA name; empty: UTC
}

// CostEntry is what the executions of one day, agent, model, kind of trigger or user have cost.
type CostEntry struct {
	Key            string          `json:"key"`
	USD            float64         `json:"usd"`            // that somebody is charged
	NotionalUSD    float64         `json:"notionalUsd"`    // that subscriptions pay for; not part of USD
	EstimatedUSD   float64         `json:"estimatedUsd"`   // the part of USD that is an estimate
	Runs           int64           `json:"runs"`           // how many executions these are
	UnreportedRuns int64           `json:"unreportedRuns"` // executions whose agent reports no cost
	Tokens         protocol.Tokens `json:"tokens"`
}

// CostReport is what executions have cost.
type CostReport struct {
	By               string      `json:"by"`
	Timezone         string      `json:"timezone"`
	TotalUSD         float64     `json:"totalUsd"`
	TotalNotionalUSD float64     `json:"totalNotionalUsd"` // not part of TotalUSD
	EstimatedUSD     float64     `json:"estimatedUsd"`     // the part of TotalUSD that is an estimate
	Entries          []CostEntry `json:"entries"`          // days newest first, everything else by name
}

// Costs sums what executions have cost.
func (c *Client) Costs(ctx context.Context, query CostQuery) (CostReport, error) {
	var report CostReport
	err := c.get(ctx, "api/costs", query.values(), &report)
	return report, err
}

func (query CostQuery) values() url.Values {
	q := url.Values{}
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	set("by", query.By)
	set("agentType", query.AgentType)
	set("timezone", query.Timezone)
	if !query.Since.IsZero() {
		q.Set("since", query.Since.UTC().Format(time.RFC3339Nano))
	}
	if !query.Until.IsZero() {
		q.Set("until", query.Until.UTC().Format(time.RFC3339Nano))
	}
	return q
}

// BudgetLimits are what all agents together may cost. nil is no limit.
type BudgetLimits struct {
	PerDay   *float64 `json:"perDay,omitempty"`   // USD
	PerMonth *float64 `json:"perMonth,omitempty"` // USD
	Notional bool     `json:"notional,omitempty"` // count what subscriptions pay for, too
	Timezone string   `json:"timezone,omitempty"` // of days and months: an IANA name; empty: UTC
}

// BudgetState says how near to a limit what was spent is.
type BudgetState string

// The states of budgets.
const (
	BudgetOK       BudgetState = "ok"
	BudgetWarning  BudgetState = "warning"  // 80 % or more is spent
	BudgetExceeded BudgetState = "exceeded" // nothing is left: what is new is refused, what runs is stopped
)

// AgentBudget is what one agent may cost, and has cost.
type AgentBudget struct {
	Agent         string      `json:"agent"`
	USD           *float64    `json:"usd,omitempty"` // each run
	PerDay        *float64    `json:"perDay,omitempty"`
	PerMonth      *float64    `json:"perMonth,omitempty"`
	Notional      bool        `json:"notional,omitempty"`
	SpentDayUSD   float64     `json:"spentDayUsd"`
	SpentMonthUSD float64     `json:"spentMonthUsd"`
	State         BudgetState `json:"state"`
}

// Budgets is what may be spent, and what has been.
type Budgets struct {
	BudgetLimits
	Day              string        `json:"day"`   // that SpentDayUSD is of, as 2006-01-02
	Month            string        `json:"month"` // that SpentMonthUSD is of, as 2006-01
	SpentDayUSD      float64       `json:"spentDayUsd"`
	SpentMonthUSD    float64       `json:"spentMonthUsd"`
	ForecastMonthUSD float64       `json:"forecastMonthUsd"` // at the month's end, if it goes on as it went so far
	State            BudgetState   `json:"state"`
	Agents           []AgentBudget `json:"agents"` // those with a budget in their definition
}

// Budgets gives what may be spent, and what has been.
func (c *Client) Budgets(ctx context.Context) (Budgets, error) {
	var budgets Budgets
	err := c.get(ctx, "api/budgets", nil, &budgets)
	return budgets, err
}

// SetBudgets changes what all agents together may cost. What is nil is no limit any more.
func (c *Client) SetBudgets(ctx context.Context, limits BudgetLimits) (Budgets, error) {
	var budgets Budgets
	body, err := json.Marshal(limits)
	if err != nil {
		return budgets, err
	}
	answer, err := c.request(ctx, http.MethodPut, "api/budgets", nil, body)
	if err != nil {
		return budgets, err
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&budgets); err != nil {
		return budgets, fmt.Errorf("read the budgets: %w", err)
	}
	return budgets, nil
}
