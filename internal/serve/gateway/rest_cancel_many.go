package gateway

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/trust/audit"
	"github.com/claudeops/claudeops/protocol"
)

// CancelMany says which executions to stop. A misspelled filter must not be taken for none.
type CancelMany struct {
	_         struct{} `additionalProperties:"false"`
	All       bool     `json:"all,omitempty" doc:"Every execution that has not ended. Needed where no filter is given."`
	AgentType string   `json:"agentType,omitempty" doc:"Only those of this agent."`
	Tags      []string `json:"tags,omitempty" doc:"Only those with all of these tags."`
	Reason    string   `json:"reason,omitempty" maxLength:"2000" doc:"Why, in your words."`
}

type cancelManyRequest struct{ Body CancelMany }

// CancelledMany is what became of it.
type CancelledMany struct {
	Executions []string `json:"executions" nullable:"false" doc:"Ids of those that have ended or are being stopped, those that waited first."`
	Failed     []string `json:"failed,omitempty" doc:"Ids of those whose end could not be stored: they still wait. The server's log says why."`
}

type cancelManyAnswer struct{ Body CancelledMany }

func (g *Gateway) registerCancelMany() {
	operation(g, huma.Operation{
		OperationID: "cancel-executions", Method: http.MethodPost, Path: "/api/executions/cancel", Tags: []string{"executions"},
		Summary: "Stop all executions, or those of an agent or with a tag", DefaultStatus: http.StatusAccepted,
		Description: "Those that wait are taken out of the queue first, so that none of them starts when another ends. Only executions of agents that you may cancel are stopped.",
	}, g.cancelMany)
}

func (g *Gateway) cancelMany(ctx context.Context, in *cancelManyRequest) (*cancelManyAnswer, error) {
	body := in.Body
	if !body.All && body.AgentType == "" && len(body.Tags) == 0 {
		return nil, badField("all", "must be true to stop every execution; or give agentType or tags")
	}
	p := principalOf(ctx)
	filter := index.Filter{AgentType: body.AgentType, Tags: body.Tags, Limit: index.MaxLimit}
	if scope := p.Scope(protocol.PermCancel); !scope.All() {
		filter.Agents = scope.Patterns()
	}
	liftDeadlines(exchangeOf(ctx).w)
	out := &cancelManyAnswer{CancelledMany{Executions: []string{}}}
	var err error
	for _, statuses := range [][]execution.Status{{execution.Queued}, {execution.Queued, execution.Running}} {
		filter.Status = statuses
		var ids []string
		if ids, err = g.allOf(ctx, filter); err != nil {
			break
		}
		for _, id := range ids {
			if _, failed := g.opts.Supervisor.Cancel(ctx, id, p.ID, body.Reason); failed != nil {
				g.log.Error("an execution could not be cancelled", "executionId", id, "error", failed)
				out.Body.Failed = append(out.Body.Failed, id)
				continue
			}
			out.Body.Executions = append(out.Body.Executions, id)
		}
	}
	detail := fmt.Sprintf("%d executions", len(out.Body.Executions))
	if body.AgentType != "" {
		detail += ", agent " + quoted(body.AgentType)
	}
	if len(body.Tags) > 0 {
		detail += ", tags " + quoted(strings.Join(body.Tags, " "))
	}
	if body.Reason != "" {
		detail += ": " + body.Reason
	}
	g.auditREST(ctx, p, audit.Entry{Action: "executions.cancel", Detail: detail}, err)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// allOf lists the ids of all executions that pass the filter.
func (g *Gateway) allOf(ctx context.Context, filter index.Filter) (ids []string, err error) {
	for {
		page, err := g.opts.Supervisor.List(ctx, filter)
		if err != nil {
			return nil, err
		}
		for i := range page.Executions {
			ids = append(ids, page.Executions[i].ExecutionID)
		}
		if page.Next == "" {
			return ids, nil
		}
		filter.Cursor = page.Next
	}
}
