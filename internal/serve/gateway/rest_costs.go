package gateway

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/protocol"
)

type costsQuery struct {
	By        string `query:"by" doc:"What is summed by: day, agent, model, trigger (its kind) or user. day when absent."`
	AgentType string `query:"agentType" doc:"Only this agent."`
	Since     string `query:"since" doc:"Only executions queued then or later: a time (RFC 3339), or a day in the time zone."`
	Until     string `query:"until" doc:"Only executions queued before: a time (RFC 3339), or a day in the time zone, which is then left out."`
	Timezone  string `query:"timezone" doc:"The time zone of days, as an IANA name such as Europe/Berlin. UTC when absent."`
	Accept    string `header:"Accept" doc:"text/csv for a table, application/json otherwise."`
}

// CostEntry is what the executions of one day, agent, model, kind of trigger or user have cost.
type CostEntry struct {
	Key            string           `json:"key" doc:"The day as 2006-01-02, the agent, the model, the kind of trigger, or the user."`
	USD            float64          `json:"usd" doc:"What somebody is charged."`
	NotionalUSD    float64          `json:"notionalUsd" doc:"What would be charged, had no subscription paid for it. Not part of usd."`
	EstimatedUSD   float64          `json:"estimatedUsd" doc:"The part of usd that is an estimate."`
	Runs           int64            `json:"runs" doc:"How many executions these are. Of a model: how many used it."`
	UnreportedRuns int64            `json:"unreportedRuns" doc:"Executions whose agent reports no cost: the amounts are without them."`
	Tokens         execution.Tokens `json:"tokens"`
}

// CostReport is what executions have cost.
type CostReport struct {
	By               string      `json:"by" enum:"day,agent,model,trigger,user"`
	Timezone         string      `json:"timezone"`
	TotalUSD         float64     `json:"totalUsd" doc:"The sum of all entries, in USD."`
	TotalNotionalUSD float64     `json:"totalNotionalUsd" doc:"The same of what subscriptions pay for. Not part of totalUsd."`
	EstimatedUSD     float64     `json:"estimatedUsd" doc:"The part of totalUsd that is an estimate."`
	Entries          []CostEntry `json:"entries" nullable:"false" doc:"Days newest first, everything else by name."`
}

var costsBy = []index.CostBy{index.ByDay, index.ByAgent, index.ByModel, index.ByTrigger, index.ByUser}

func (g *Gateway) registerCosts() {
	operation(g, huma.Operation{
		OperationID: "costs", Method: http.MethodGet, Path: "/api/costs", Tags: []string{"executions"},
		Summary:     "What executions have cost",
		Description: "Sums are exact to a millionth of a dollar. An execution counts to the day on which it was queued.",
		Responses: map[string]*huma.Response{"200": {
			Description: "The sums.",
			Content: map[string]*huma.MediaType{
				"application/json": {Schema: g.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[CostReport](), true, "CostReport")},
				"text/csv":         {Schema: &huma.Schema{Type: huma.TypeString}},
			},
		}},
	}, g.costs)
}

func (in *costsQuery) filter() (filter index.CostFilter, err error) {
	filter = index.CostFilter{By: index.ByDay, AgentType: in.AgentType}
	if filter.Zone, err = zoneParam(in.Timezone); err != nil {
		return filter, err
	}
	if in.By != "" {
		filter.By = index.CostBy(in.By)
		if !slices.Contains(costsBy, filter.By) {
			return filter, badField("by", "must be day, agent, model, trigger or user, not %.40q", in.By)
		}
	}
	if filter.Since, err = dayOrTime("since", in.Since, filter.Zone); err != nil {
		return filter, err
	}
	if filter.Until, err = dayOrTime("until", in.Until, filter.Zone); err != nil {
		return filter, err
	}
	if !filter.Since.IsZero() && !filter.Until.IsZero() && filter.Until.Before(filter.Since) {
		return filter, badField("until", "must not be before since")
	}
	return filter, nil
}

// zoneParam is an optional time zone in a query. The server's own zone has a name that differs from
// machine to machine, so it is not to be had.
func zoneParam(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, badField("timezone", "must be an IANA name such as Europe/Berlin or UTC, not %.60q", name)
	}
	return zone, nil
}

// dayOrTime is an optional instant in a query, or the beginning of a day.
func dayOrTime(field, text string, zone *time.Location) (time.Time, error) {
	if day, err := time.ParseInLocation(time.DateOnly, text, zone); err == nil {
		return day, nil
	}
	at, err := timeParam(field, text)
	if err != nil {
		return at, badField(field, "must be a time like 2026-01-31T14:00:00Z or a day like 2026-01-31, not %.60q", text)
	}
	return at, nil
}

func (g *Gateway) costs(ctx context.Context, in *costsQuery) (*huma.StreamResponse, error) {
	filter, err := in.filter()
	if err != nil {
		return nil, err
	}
	if scope := principalOf(ctx).Scope(protocol.PermCosts); !scope.All() {
		filter.Agents = scope.Patterns() // at least one, or the route had refused
	}
	costs, err := g.opts.Supervisor.Costs(ctx, filter)
	if err != nil {
		return nil, err
	}
	if acceptsCSV(in.Accept) {
		return g.answerWith("text/csv; charset=utf-8", func(w io.Writer) error { return writeCosts(w, costs) }), nil
	}
	report := newCostReport(filter, costs)
	return g.answerWith("application/json", func(w io.Writer) error { return json.NewEncoder(w).Encode(report) }), nil
}

func newCostReport(filter index.CostFilter, costs []index.Cost) CostReport {
	report := CostReport{By: string(filter.By), Timezone: filter.Zone.String(), Entries: make([]CostEntry, len(costs))}
	var total, notional, estimated protocol.MicroUSD
	for i, c := range costs {
		report.Entries[i] = CostEntry{
			Key: c.Key, USD: c.USD.USD(), NotionalUSD: c.Notional.USD(), EstimatedUSD: c.Estimated.USD(),
			Runs: c.Runs, UnreportedRuns: c.Unreported, Tokens: c.Tokens,
		}
		total, notional, estimated = total+c.USD, notional+c.Notional, estimated+c.Estimated
	}
	report.TotalUSD, report.TotalNotionalUSD, report.EstimatedUSD = total.USD(), notional.USD(), estimated.USD()
	return report
}

// acceptsCSV reports whether a table is wanted rather than JSON: it is named, and before JSON.
func acceptsCSV(accept string) bool {
	best, csv := 0.0, false
	for part := range strings.SplitSeq(accept, ",") {
		kind, params, _ := strings.Cut(part, ";")
		quality := 1.0
		for param := range strings.SplitSeq(params, ";") {
			if name, value, _ := strings.Cut(strings.TrimSpace(param), "="); strings.EqualFold(name, "q") {
				if q, err := strconv.ParseFloat(value, 64); err == nil {
					quality = q
				}
			}
		}
		kind = strings.ToLower(strings.TrimSpace(kind))
		wanted := kind == "text/csv"
		if (wanted || kind == "application/json" || kind == "*/*" || kind == "application/*") && quality > best {
			best, csv = quality, wanted
		}
	}
	return csv
}

// writeCosts writes a table for spreadsheets. They take what begins like a formula for one, so such
// keys get an apostrophe before them.
func writeCosts(w io.Writer, costs []index.Cost) error {
	out := csv.NewWriter(w)
	err := out.Write([]string{"key", "usd", "runs", "notional_usd", "estimated_usd", "unreported_runs", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"})
	if err != nil {
		return err
	}
	count := func(n int64) string { return strconv.FormatInt(n, 10) }
	for _, c := range costs {
		key := c.Key
		if key != "" && strings.ContainsRune("=+-@\t\r\n|%", rune(key[0])) {
			key = "'" + key
		}
		err := out.Write([]string{key, c.USD.String(), count(c.Runs), c.Notional.String(), c.Estimated.String(), count(c.Unreported),
			count(c.Tokens.Input), count(c.Tokens.Output), count(c.Tokens.CacheRead), count(c.Tokens.CacheWrite)})
		if err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// answerWith gives an answer that write writes. What can fail has been done before: once the status
// is sent there is nobody to tell but the log.
func (g *Gateway) answerWith(contentType string, write func(io.Writer) error) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		w.Header().Set("Content-Type", contentType)
		w.Header().Add("Vary", "Accept")
		w.WriteHeader(http.StatusOK)
		if r.Method == http.MethodHead {
			return
		}
		if err := write(w); err != nil {
			g.log.Debug("an answer was not read to its end", "path", r.URL.Path, "error", err)
		}
	}}
}
