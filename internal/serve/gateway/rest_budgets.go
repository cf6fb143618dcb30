package gateway

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/run/budget"
	"github.com/claudeops/claudeops/internal/run/supervisor"
	"github.com/claudeops/claudeops/internal/trust/audit"
	"github.com/claudeops/claudeops/protocol"
)

// BudgetLimits are what all agents together may cost, in USD.
type BudgetLimits struct {
	PerDay   *float64 `json:"perDay,omitempty" nullable:"true" doc:"Executions queued on one day. null, or absent: no limit. 0: nothing that costs money is started."`
	PerMonth *float64 `json:"perMonth,omitempty" nullable:"true" doc:"Executions queued in one month. null, or absent: no limit."`
	Notional bool     `json:"notional,omitempty" doc:"Counts what subscriptions pay for, too."`
	Timezone string   `json:"timezone,omitempty" doc:"Of days and months, as an IANA name. UTC when absent."`
}

// AgentSpending is what one agent may cost, and has cost.
type AgentSpending struct {
	Agent         string   `json:"agent"`
	USD           *float64 `json:"usd,omitempty" doc:"What each run may cost."`
	PerDay        *float64 `json:"perDay,omitempty"`
	PerMonth      *float64 `json:"perMonth,omitempty"`
	Notional      bool     `json:"notional,omitempty"`
	SpentDayUSD   float64  `json:"spentDayUsd"`
	SpentMonthUSD float64  `json:"spentMonthUsd"`
	State         string   `json:"state" enum:"ok,warning,exceeded"`
}

// BudgetReport is what may be spent, and what has been.
type BudgetReport struct {
	BudgetLimits
	Day              string          `json:"day" doc:"The day of spentDayUsd, as 2006-01-02."`
	Month            string          `json:"month" doc:"The month of spentMonthUsd, as 2006-01."`
	SpentDayUSD      float64         `json:"spentDayUsd" doc:"Without what subscriptions pay for, unless notional is set."`
	SpentMonthUSD    float64         `json:"spentMonthUsd"`
	ForecastMonthUSD float64         `json:"forecastMonthUsd" doc:"What the month will have cost at its end, if it goes on as it went so far."`
	State            string          `json:"state" enum:"ok,warning,exceeded" doc:"warning: 80 % or more of a limit is spent. exceeded: what is new is refused, what runs is ended."`
	Agents           []AgentSpending `json:"agents" nullable:"false" doc:"Those whose definition has a budget."`
}

type budgetsAnswer struct{ Body BudgetReport }

// NewBudgets are limits to be set. A misspelled one must not be taken for none.
type NewBudgets struct {
	_ struct{} `additionalProperties:"false"`
	BudgetLimits
}

type budgetsRequest struct{ Body NewBudgets }

func (g *Gateway) registerBudgets() {
	operation(g, huma.Operation{
		OperationID: "budgets", Method: http.MethodGet, Path: "/api/budgets", Tags: []string{"executions"},
		Summary: "What may be spent, and what has been",
	}, func(ctx context.Context, _ *struct{}) (*budgetsAnswer, error) {
		if !principalOf(ctx).Scope(protocol.PermCosts).All() {
			return nil, fault.New(protocol.Forbidden, "budgets are those of all agents, and your %s is for some; ask with one that is not narrowed", protocol.PermCosts)
		}
		return &budgetsAnswer{newBudgetReport(g.opts.Supervisor.Budgets())}, nil
	})
	operation(g, huma.Operation{
		OperationID: "set-budgets", Method: http.MethodPut, Path: "/api/budgets", Tags: []string{"executions"},
		Summary: "Change what all agents together may cost", DefaultStatus: http.StatusOK,
		Description: "Takes the place of all limits for all agents. What runs and costs money is ended at once where they are exceeded. Budgets of one agent are in its definition.",
	}, g.setBudgets)
}

func (g *Gateway) setBudgets(ctx context.Context, in *budgetsRequest) (*budgetsAnswer, error) {
	zone, err := zoneParam(in.Body.Timezone)
	if err != nil {
		return nil, err
	}
	settings := budget.Settings{Limits: budget.Limits{Notional: in.Body.Notional}}
	if in.Body.Timezone != "" {
		settings.Timezone = zone.String()
	}
	if settings.PerDay, err = amountParam("perDay", in.Body.PerDay); err != nil {
		return nil, err
	}
	if settings.PerMonth, err = amountParam("perMonth", in.Body.PerMonth); err != nil {
		return nil, err
	}
	budgets, err := g.opts.Supervisor.SetBudgets(ctx, settings)
	g.auditREST(ctx, principalOf(ctx), audit.Entry{Action: "budgets.set", Detail: limitText("perDay", settings.PerDay) + ", " + limitText("perMonth", settings.PerMonth)}, err)
	if err != nil {
		return nil, err
	}
	return &budgetsAnswer{newBudgetReport(budgets)}, nil
}

// maxBudget is far above any budget.
const maxBudget = 1_000_000_000 // USD

func amountParam(field string, usd *float64) (*protocol.MicroUSD, error) {
	if usd == nil {
		return nil, nil
	}
	if !(*usd >= 0 && *usd <= maxBudget) {
		return nil, badField(field, "must be an amount in USD from 0 to %d, not %v", maxBudget, *usd)
	}
	return new(protocol.FromUSD(*usd)), nil
}

func newBudgetReport(b supervisor.Budgets) BudgetReport {
	report := BudgetReport{
		BudgetLimits: BudgetLimits{usdOf(b.Settings.PerDay), usdOf(b.Settings.PerMonth), b.Settings.Notional, b.Settings.Timezone},
		Day:          b.Now.Format(time.DateOnly), Month: b.Now.Format("2006-01"),
		SpentDayUSD:      counted(b.Spent.Day, b.Settings.Notional),
		SpentMonthUSD:    counted(b.Spent.Month, b.Settings.Notional),
		ForecastMonthUSD: b.Forecast.USD(), State: string(b.State), Agents: make([]AgentSpending, len(b.Agents)),
	}
	for i, a := range b.Agents {
		report.Agents[i] = AgentSpending{
			Agent: a.Agent, USD: usdOf(a.Budget.USD), PerDay: usdOf(a.Budget.PerDay), PerMonth: usdOf(a.Budget.PerMonth), Notional: a.Budget.Notional,
			SpentDayUSD: counted(a.Spent.Day, a.Budget.Notional), SpentMonthUSD: counted(a.Spent.Month, a.Budget.Notional), State: string(a.State),
		}
	}
	return report
}

func limitText(name string, m *protocol.MicroUSD) string {
	if m == nil {
		return name + " none"
	}
	return name + " " + m.String()
}

func usdOf(m *protocol.MicroUSD) *float64 {
	if m == nil {
		return nil
	}
	return new(m.USD())
}

// counted is the part of what was spent that a budget counts.
func counted(s budget.Spent, notional bool) float64 {
	if notional {
		return (s.Charged + s.Notional).USD()
	}
	return s.Charged.USD()
}
