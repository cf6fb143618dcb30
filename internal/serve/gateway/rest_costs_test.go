package gateway

import (
	"strings"
	"testing"

	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/protocol"
)

func TestCosts(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	owner := d.as(d.token, nil)
	report := decode[CostReport](t, d.do(t, "GET", "/api/costs?by=agent&agentType=echo&since=2026-03-29&until=2026-04-01T00:00:00Z&timezone=Europe/Berlin", "", owner), 200)
	if report.TotalUSD != 0.75 || report.TotalNotionalUSD != 0.01 || report.EstimatedUSD != 0.1 || len(report.Entries) != 2 || report.By != "agent" || report.Timezone != "Europe/Berlin" {
		t.Errorf("%+v", report)
	}
	if e := report.Entries[0]; e.Key != "2026-01-02" || e.USD != 0.5 || e.Runs != 2 || e.Tokens.Input != 7 {
		t.Errorf("%+v", e)
	}
	d.supervisor.mu.Lock()
	f := d.supervisor.costs
	d.supervisor.mu.Unlock()
	if f.AgentType != "echo" || f.By != index.ByAgent || f.Since.UTC().Format("2006-01-02T15:04") != "2026-03-28T23:00" || f.Until.IsZero() {
		t.Errorf("%+v", f)
	}
	for query, field := range map[string]string{
		"since=x": "since", "until=2026-02-30": "until", "by=colour": "by", "timezone=Mars/Olympus": "timezone", "timezone=Local": "timezone",
		"timezone=../../etc/passwd": "timezone", "since=2026-03-02&until=2026-03-01": "until",
	} {
		if got := d.do(t, "GET", "/api/costs?"+query, "", owner); got.status != 400 || !strings.Contains(got.problem(t).Detail, field) {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
}

// TestCosts_CSV: a table for spreadsheets, in which no key is a formula.
func TestCosts_CSV(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	for accept, csv := range map[string]bool{
		"text/csv": true, "text/csv, application/json;q=0.5": true, "TEXT/CSV;charset=utf-8": true,
		"": false, "*/*": false, "application/json, text/csv;q=0.9": false, "text/csv;q=0": false, "text/html": false,
	} {
		got := d.do(t, "GET", "/api/costs", "", d.as(d.token, map[string]string{"Accept": accept}))
		if is := strings.HasPrefix(got.header.Get("Content-Type"), "text/csv"); is != csv || got.status != 200 {
			t.Errorf("%q: %d %s", accept, got.status, got.header.Get("Content-Type"))
		}
		if !csv {
			continue
		}
		want := "key,usd,runs,notional_usd,estimated_usd,unreported_runs,input_tokens,output_tokens,cache_read_tokens,cache_write_tokens\n" +
			"2026-01-02,0.50,2,0.00,0.10,0,7,0,0,0\n" +
			"'=cmd|' /C calc'!A0,0.25,1,0.01,0.00,1,0,0,0,0\n"
		if got.body != want {
			t.Errorf("%q gives\n%s\nwant\n%s", accept, got.body, want)
		}
	}
}

// TestCosts_permission: who may read executions may not yet read what they cost.
func TestCosts_permission(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	for permission, status := range map[string]int{protocol.PermRead: 403, protocol.PermSystem: 403, protocol.PermCosts: 200, protocol.PermAdmin: 200} {
		if got := d.do(t, "GET", "/api/costs", "", d.as(d.jwt(t, "somebody", permission), nil)); got.status != status {
			t.Errorf("%s gives %d, want %d: %s", permission, got.status, status, got.body)
		}
	}
}

func TestBudgets(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	owner := d.as(d.token, nil)
	reader, spender := d.as(d.jwt(t, "reader", protocol.PermRead), nil), d.as(d.jwt(t, "spender", protocol.PermCosts), nil)
	if got := d.do(t, "GET", "/api/budgets", "", reader); got.status != 403 {
		t.Errorf("who may not read costs reads budgets: %d", got.status)
	}
	report := decode[BudgetReport](t, d.do(t, "GET", "/api/budgets", "", spender), 200)
	if report.PerDay != nil || report.SpentDayUSD != 4 || report.SpentMonthUSD != 9.5 || report.ForecastMonthUSD != 20 || report.State != "warning" || report.Day != "2026-03-15" || report.Month != "2026-03" {
		t.Errorf("%+v", report)
	}
	if len(report.Agents) != 1 || report.Agents[0].Agent != "echo" || *report.Agents[0].PerDay != 2 || report.Agents[0].PerMonth != nil {
		t.Errorf("%+v", report.Agents)
	}
	if got := d.do(t, "PUT", "/api/budgets", `{"perDay": 5}`, spender); got.status != 403 {
		t.Errorf("who may read costs sets budgets: %d", got.status)
	}
	report = decode[BudgetReport](t, d.do(t, "PUT", "/api/budgets", `{"perDay": 5.5, "perMonth": null, "notional": true, "timezone": "Europe/Berlin"}`, owner), 200)
	if *report.PerDay != 5.5 || report.PerMonth != nil || !report.Notional || report.Timezone != "Europe/Berlin" || report.SpentDayUSD != 5 {
		t.Errorf("%+v", report)
	}
	for body, field := range map[string]string{
		`{"perDay": -1}`: "perDay", `{"perMonth": 1e300}`: "perMonth", `{"perDay": "5"}`: "perDay", `{"timezone": "Mars"}`: "timezone", `{"perWeek": 5}`: "perWeek",
	} {
		if got := d.do(t, "PUT", "/api/budgets", body, owner); got.status != 400 && got.status != 422 || !strings.Contains(got.body, field) {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
}
