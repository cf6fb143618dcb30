package gateway

import (
	"context"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/retention"
	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

// rulesBody are rules in an answer. They marshal themselves.
type rulesBody struct{ retention.Rules }

// Schema is AgentRetention's.
func (rulesBody) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[AgentRetention](), true, "AgentRetention")
}

type retentionQuery struct {
	Limit string `query:"limit" doc:"How many removals at most are listed, those that go first; 1000 when absent. The totals are of all."`
}

// listedRemovals is how many removals an answer lists that was asked for no number.
const listedRemovals = 1000

type retentionAnswer struct{ Body RetentionReport }

// RetentionReport says what is to be removed, or was, and by which rules.
type RetentionReport struct {
	Rules    rulesBody            `json:"rules" doc:"The server's. What is absent is kept without a bound."`
	Agents   map[string]rulesBody `json:"agents,omitempty" doc:"What agents have of their own, which counts for them instead."`
	DryRun   bool                 `json:"dryRun" doc:"Whether this is what would be removed, and nothing was."`
	Removals []RetentionRemoval   `json:"removals" nullable:"false" doc:"Those that ended first come first."`
	Totals   RetentionTotals      `json:"totals"`
	More     bool                 `json:"more,omitempty" doc:"There are more removals than are listed."`
}

// RetentionRemoval is one execution that loses something.
type RetentionRemoval struct {
	ExecutionID string    `json:"executionId"`
	AgentType   string    `json:"agentType"`
	EndedAt     time.Time `json:"endedAt"`
	What        string    `json:"what" enum:"execution,logs" doc:"All of it, or its log lines alone."`
	Rule        string    `json:"rule" enum:"executions.age,executions.count,logs.age,logs.size" doc:"Why."`
	Limit       string    `json:"limit" doc:"The rule's bound, such as 30d."`
	Own         bool      `json:"own,omitempty" doc:"The bound is the agent's own."`
	Bytes       int64     `json:"bytes" doc:"On disk; after a run, what was freed."`
	Error       string    `json:"error,omitempty" doc:"Why it could not be removed; it is tried again."`
}

// RetentionTotals sums removals up.
type RetentionTotals struct {
	Executions int   `json:"executions" doc:"Whole ones."`
	Logs       int   `json:"logs" doc:"Executions that lose their log lines alone."`
	Bytes      int64 `json:"bytes"`
	Failed     int   `json:"failed,omitempty" doc:"Executions that could not be removed, and are not in the other sums."`
	Spared     int   `json:"spared,omitempty" doc:"Executions that were pinned, or worked on by others, when it was their turn."`
}

func (g *Gateway) registerRetention() {
	operation(g, huma.Operation{
		OperationID: "preview-retention", Method: http.MethodGet, Path: "/api/retention", Tags: []string{"executions"},
		Summary: "What is kept, and what goes next",
		Description: "The rules in force, and exactly what the next run would remove if it were now. What runs, waits or is " +
			"pinned is never among it.",
	}, g.previewRetention)
	operation(g, huma.Operation{
		OperationID: "run-retention", Method: http.MethodPost, Path: "/api/retention", Tags: []string{"executions"},
		Summary: "Remove now what the rules say", DefaultStatus: http.StatusOK,
		Description: "Otherwise the server does so by itself, now and then. Answers when it is done; who leaves before ends it " +
			"after the execution it is at. Each removal is in the audit log.",
	}, g.runRetention)
}

func (in *retentionQuery) limit() (int, error) {
	if in.Limit == "" {
		return listedRemovals, nil
	}
	n, err := protocol.ParseSeq(in.Limit)
	if err != nil {
		return 0, badField("limit", "%s", err)
	}
	return int(n), nil
}

func (g *Gateway) previewRetention(ctx context.Context, in *retentionQuery) (*retentionAnswer, error) {
	limit, err := in.limit()
	if err != nil {
		return nil, err
	}
	liftDeadlines(exchangeOf(ctx).w)
	plan, err := g.opts.Retention.Preview(ctx)
	if err != nil {
		return nil, err
	}
	scope := principalOf(ctx).Scope(protocol.PermRead)
	plan = slices.DeleteFunc(plan, func(r retention.Removal) bool { return !scope.Allows(r.Agent) })
	report := newRetentionReport(g.opts.Retention.Policy())
	maps.DeleteFunc(report.Agents, func(agent string, _ rulesBody) bool { return !scope.Allows(agent) })
	report.DryRun = true
	report.add(plan, limit)
	return &retentionAnswer{report}, nil
}

func (g *Gateway) runRetention(ctx context.Context, in *retentionQuery) (*retentionAnswer, error) {
	limit, err := in.limit()
	if err != nil {
		return nil, err
	}
	liftDeadlines(exchangeOf(ctx).w)
	p := principalOf(ctx)
	report := newRetentionReport(g.opts.Retention.Policy())
	done, err := g.opts.Retention.Run(ctx, retention.Actor{ID: p.ID, Kind: p.Kind, Address: auth.PeerOf(ctx).Address, Via: "rest"})
	if err != nil {
		return nil, err
	}
	for _, failure := range done.Failed {
		if len(report.Removals) < limit {
			r := removalOf(failure.Removal)
			r.Bytes, r.Error = 0, fault.Message(coded(failure.Err))
			report.Removals = append(report.Removals, r)
		} else {
			report.More = true
		}
	}
	report.add(done.Removed, limit)
	report.Totals.Failed, report.Totals.Spared = len(done.Failed), len(done.Spared)
	return &retentionAnswer{report}, nil
}

func newRetentionReport(policy retention.Policy) RetentionReport {
	report := RetentionReport{Rules: rulesBody{policy.Server}, Agents: map[string]rulesBody{}, Removals: []RetentionRemoval{}}
	for name, rules := range policy.Agents {
		report.Agents[name] = rulesBody{rules}
	}
	return report
}

func (r *RetentionReport) add(removals []retention.Removal, limit int) {
	sum := retention.Sum(removals)
	r.Totals.Executions, r.Totals.Logs, r.Totals.Bytes = sum.Executions, sum.Logs, sum.Bytes
	for _, one := range removals {
		if len(r.Removals) >= limit {
			r.More = true
			return
		}
		r.Removals = append(r.Removals, removalOf(one))
	}
}

func removalOf(r retention.Removal) RetentionRemoval {
	out := RetentionRemoval{
		ExecutionID: r.ID, AgentType: r.Agent, EndedAt: r.Ended.UTC(), What: "execution",
		Rule: string(r.Rule), Limit: r.Limit, Own: r.Own, Bytes: r.Bytes,
	}
	if !r.Rule.Whole() {
		out.What = "logs"
	}
	return out
}
