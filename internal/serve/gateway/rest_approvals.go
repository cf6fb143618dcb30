package gateway

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/run/supervisor"
	"github.com/claudeops/claudeops/internal/trust/audit"
	"github.com/claudeops/claudeops/protocol"
)

type continueRequest struct {
	ID   string `path:"id" doc:"The execution whose session goes on."`
	Body struct {
		Prompt string `json:"prompt" minLength:"1" maxLength:"1048576" doc:"What the agent is to do next."`
	}
}

type approvalsAnswer struct {
	Body struct {
		Approvals []supervisor.Approval `json:"approvals" nullable:"false" doc:"Oldest first."`
	}
}

func (g *Gateway) registerApprovals() {
	tags := []string{"executions"}
	operation(g, huma.Operation{
		OperationID: "continue-execution", Method: http.MethodPost, Path: "/api/executions/{id}/continue", Tags: tags,
		Summary: "Start the next turn of an agent's session", DefaultStatus: http.StatusCreated,
		Description: "The new execution has the same agent, parameters and directory, and belongs to the one whose session goes on (parent). 409 when that has not ended, or has no session.",
	}, g.continueExecution)
	operation(g, huma.Operation{
		OperationID: "list-approvals", Method: http.MethodGet, Path: "/api/approvals", Tags: tags,
		Summary:     "What waits for an answer, in all executions",
		Description: "Answered with POST /api/executions/{id}/input.",
	}, func(ctx context.Context, _ *struct{}) (*approvalsAnswer, error) {
		scope := principalOf(ctx).Scope(protocol.PermRead, protocol.PermApprove)
		out := &approvalsAnswer{}
		out.Body.Approvals = []supervisor.Approval{}
		for _, a := range g.opts.Supervisor.Approvals() {
			if scope.Allows(a.AgentType) {
				out.Body.Approvals = append(out.Body.Approvals, a)
			}
		}
		return out, nil
	})
}

func (g *Gateway) continueExecution(ctx context.Context, in *continueRequest) (*createAnswer, error) {
	if err := execution.ValidateID(in.ID); err != nil {
		return nil, badField("id", "%s", err)
	}
	p := principalOf(ctx)
	rec, err := acting(ctx, g.opts.Supervisor, p, in.ID, protocol.PermExecute)
	if err == nil {
		request := requestOf(g.opts.Auth, p, "continue")
		request.Tags = rec.Tags
		rec, err = g.opts.Supervisor.Continue(ctx, in.ID, in.Body.Prompt, request)
	}
	g.auditREST(ctx, p, audit.Entry{Action: "execution.continue", Target: in.ID, Detail: rec.ExecutionID}, err)
	if err != nil {
		return nil, err
	}
	return &createAnswer{Status: http.StatusCreated, Location: g.opts.BasePath + "/api/executions/" + rec.ExecutionID, Body: limited(rec, p)}, nil
}
