package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/run/supervisor"
	"github.com/claudeops/claudeops/internal/trust/audit"
	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

// maxIdempotencyKey bounds a caller's key, in bytes.
const maxIdempotencyKey = 256

// config is an execution's parameters as they came: the agent's own schema says what they must be.
type config json.RawMessage

// UnmarshalJSON keeps the bytes.
func (c *config) UnmarshalJSON(b []byte) error { return (*json.RawMessage)(c).UnmarshalJSON(b) }

// Schema is any object.
func (config) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "The agent's parameters, validated against its schema."}
}

type createRequest struct {
	IdempotencyKey string `header:"Idempotency-Key" doc:"The same as idempotencyKey."`
	Body           struct {
		AgentType      string   `json:"agentType" minLength:"1" maxLength:"200" doc:"The agent's name."`
		Config         config   `json:"config,omitempty"`
		Tags           []string `json:"tags,omitempty" doc:"Beside the agent's own: letters, digits and -_.:/@, 64 at most each."`
		IdempotencyKey string   `json:"idempotencyKey,omitempty" doc:"Whoever sends the same request again with the same key gets the execution of the first time."`
	}
}

type createAnswer struct {
	Status   int
	Location string `header:"Location" doc:"Where the execution is."`
	Body     recordBody
}

type recordAnswer struct{ Body recordBody }

type executionPath struct {
	ID string `path:"id" doc:"The execution's id."`
}

type cancelRequest struct {
	ID   string `path:"id" doc:"The execution's id."`
	Body *struct {
		Reason string `json:"reason,omitempty" maxLength:"2000" doc:"Why, in your words."`
	}
}

type inputRequest struct {
	ID   string `path:"id" doc:"The execution's id."`
	Body struct {
		RequestID string `json:"requestId,omitempty" maxLength:"256" doc:"Of the request that is answered; none for text."`
		Decision  string `json:"decision,omitempty" enum:"allow,deny" doc:"The answer to that request. Needs the permission executions:approve."`
		Scope     string `json:"scope,omitempty" enum:"once,run" doc:"run: the same use of the tool is not asked for again in this run."`
		Text      string `json:"text,omitempty" maxLength:"1048576" doc:"For the agent's stdin, a newline added where it does not end with one; with a decision the choice, or why it is denied."`
		EOF       bool   `json:"eof,omitempty" doc:"Closes stdin after the text."`
	}
}

type listQuery struct {
	Status    []string `query:"status,explode" doc:"Only those that stand so: queued, running, cancelling, completed, failed, cancelled. Repeated, or with commas."`
	AgentType string   `query:"agentType" doc:"Only those of this agent."`
	Tags      []string `query:"tag,explode" doc:"Only those with this tag; repeated, with all of them."`
	Since     string   `query:"since" doc:"Only those queued then or later (RFC 3339)."`
	Until     string   `query:"until" doc:"Only those queued before (RFC 3339)."`
	Pinned    string   `query:"pinned" enum:"true,false" doc:"Only those that are pinned, or that are not."`
	Query     string   `query:"q" doc:"Only those with this text in id, agent, reason, error, progress message or parameters."`
	Limit     string   `query:"limit" doc:"How many at most, 1 to 1000; 50 when absent."`
	Cursor    string   `query:"cursor" doc:"next of the page before."`
	Count     bool     `query:"count" doc:"Whether total is wanted."`
}

type listAnswer struct {
	Body struct {
		Executions []execution.Record `json:"executions" nullable:"false" doc:"Newest first."`
		Next       string             `json:"next,omitempty" doc:"The cursor of the next page; absent on the last."`
		Total      *int64             `json:"total,omitempty" doc:"How many there are on all pages; only when count was asked for."`
	}
}

func (g *Gateway) registerExecutions() {
	tags := []string{"executions"}
	operation(g, huma.Operation{
		OperationID: "create-execution", Method: http.MethodPost, Path: "/api/executions", Tags: tags,
		Summary: "Start an agent", DefaultStatus: http.StatusCreated,
		Description: "201 when this began an execution, 200 when the idempotency key had begun it before.",
	}, g.createExecution)
	operation(g, huma.Operation{
		OperationID: "list-executions", Method: http.MethodGet, Path: "/api/executions", Tags: tags,
		Summary: "Executions, newest first",
	}, g.listExecutions)
	operation(g, huma.Operation{
		OperationID: "get-execution", Method: http.MethodGet, Path: "/api/executions/{id}", Tags: tags,
		Summary: "How an execution stands",
	}, func(ctx context.Context, in *executionPath) (*recordAnswer, error) {
		rec, err := g.execution(ctx, in.ID)
		if err == nil {
			rec, err = g.opts.Supervisor.Describe(ctx, in.ID)
		}
		return &recordAnswer{recordBody{Record: rec}}, err
	})
	operation(g, huma.Operation{
		OperationID: "cancel-execution", Method: http.MethodPost, Path: "/api/executions/{id}/cancel", Tags: tags,
		Summary: "Stop an execution", DefaultStatus: http.StatusAccepted,
		Description: "Answers at once; the execution has ended when its event execution:cancelled says so. One that has ended already is left as it is.",
	}, g.cancelExecution)
	operation(g, huma.Operation{
		OperationID: "send-input", Method: http.MethodPost, Path: "/api/executions/{id}/input", Tags: tags,
		Summary:     "Send text or an answer to a running agent",
		Description: "409 when the execution does not run, or its stdin is closed: its definition needs stdin: open. What was sent is the event execution:input.",
	}, g.sendInput)
	operation(g, huma.Operation{
		OperationID: "pin-execution", Method: http.MethodPut, Path: "/api/executions/{id}/pin", Tags: tags,
		Summary:     "Keep an execution whatever retention says",
		Description: "One that is pinned already stays so.",
	}, func(ctx context.Context, in *executionPath) (*recordAnswer, error) {
		return g.pinExecution(ctx, in.ID, true)
	})
	operation(g, huma.Operation{
		OperationID: "unpin-execution", Method: http.MethodDelete, Path: "/api/executions/{id}/pin", Tags: tags,
		Summary: "Leave an execution to retention again", DefaultStatus: http.StatusOK,
		Description: "One that is not pinned stays so.",
	}, func(ctx context.Context, in *executionPath) (*recordAnswer, error) {
		return g.pinExecution(ctx, in.ID, false)
	})
}

// execution gives a record that the caller may read, and refuses what can't be an id before it reaches
// any store.
func (g *Gateway) execution(ctx context.Context, id string) (execution.Record, error) {
	if err := execution.ValidateID(id); err != nil {
		return execution.Record{}, badField("id", "%s", err)
	}
	return readingOf(g.opts.Supervisor, principalOf(ctx)).Get(ctx, id)
}

func (g *Gateway) createExecution(ctx context.Context, in *createRequest) (*createAnswer, error) {
	key := in.Body.IdempotencyKey
	if key == "" {
		key = in.IdempotencyKey
	} else if in.IdempotencyKey != "" && in.IdempotencyKey != key {
		return nil, badField("idempotencyKey", "is another one than in the header Idempotency-Key")
	}
	if len(key) > maxIdempotencyKey {
		return nil, badField("idempotencyKey", "may have %d bytes, has %d", maxIdempotencyKey, len(key))
	}
	p := principalOf(ctx)
	var rec execution.Record
	var existing bool
	err := mayExecute(p, in.Body.AgentType)
	if err == nil {
		request := requestOf(g.opts.Auth, p, restTrigger(ctx, p))
		request.AgentType, request.Config, request.Tags, request.IdempotencyKey = in.Body.AgentType, json.RawMessage(in.Body.Config), in.Body.Tags, key
		rec, existing, err = g.opts.Supervisor.Execute(ctx, request)
	}
	g.auditREST(ctx, p, audit.Entry{Action: "execution.create", Target: rec.ExecutionID, Detail: "agent " + quoted(in.Body.AgentType)}, err)
	if err != nil {
		return nil, err
	}
	out := &createAnswer{Status: http.StatusCreated, Location: g.opts.BasePath + "/api/executions/" + rec.ExecutionID, Body: limited(rec, p)}
	if existing {
		out.Status = http.StatusOK
	}
	return out, nil
}

func (g *Gateway) cancelExecution(ctx context.Context, in *cancelRequest) (*recordAnswer, error) {
	if err := execution.ValidateID(in.ID); err != nil {
		return nil, badField("id", "%s", err)
	}
	reason := ""
	if in.Body != nil {
		reason = in.Body.Reason
	}
	p := principalOf(ctx)
	rec, err := acting(ctx, g.opts.Supervisor, p, in.ID, protocol.PermCancel)
	if err == nil {
		rec, err = g.opts.Supervisor.Cancel(ctx, in.ID, p.ID, reason)
	}
	g.auditREST(ctx, p, audit.Entry{Action: "execution.cancel", Target: in.ID, Detail: reason}, err)
	if err != nil {
		return nil, err
	}
	return &recordAnswer{limited(rec, p)}, nil
}

func (g *Gateway) sendInput(ctx context.Context, in *inputRequest) (*recordAnswer, error) {
	if err := execution.ValidateID(in.ID); err != nil {
		return nil, badField("id", "%s", err)
	}
	p, body := principalOf(ctx), &in.Body
	rec, err := acting(ctx, g.opts.Supervisor, p, in.ID, inputPermission(body.RequestID, body.Decision))
	if err == nil {
		rec, err = g.opts.Supervisor.Input(ctx, in.ID, supervisor.Input{RequestID: body.RequestID, Decision: body.Decision, Scope: body.Scope,
			Text: body.Text, EOF: body.EOF, By: p.ID, Via: restTrigger(ctx, p)})
	}
	g.auditREST(ctx, p, audit.Entry{Action: "execution.input", Target: in.ID, Detail: inputDetail(body.RequestID, body.Decision, body.EOF)}, err)
	if err != nil {
		return nil, err
	}
	return &recordAnswer{limited(rec, p)}, nil
}

// inputPermission is what text needs, or the answer to a request.
func inputPermission(requestID, decision string) string {
	if requestID != "" || decision != "" {
		return protocol.PermApprove
	}
	return protocol.PermInput
}

// inputDetail says in the audit log what was sent, but not the text.
func inputDetail(requestID, decision string, eof bool) string {
	switch {
	case decision != "":
		return decision + " " + quoted(requestID)
	case eof:
		return "end of stdin"
	}
	return "text"
}

func (g *Gateway) pinExecution(ctx context.Context, id string, pinned bool) (*recordAnswer, error) {
	if err := execution.ValidateID(id); err != nil {
		return nil, badField("id", "%s", err)
	}
	p, action := principalOf(ctx), "execution.unpin"
	if pinned {
		action = "execution.pin"
	}
	rec, err := acting(ctx, g.opts.Supervisor, p, id, protocol.PermCancel)
	if err == nil {
		rec, err = g.opts.Supervisor.Pin(ctx, id, p.ID, pinned)
	}
	g.auditREST(ctx, p, audit.Entry{Action: action, Target: id}, err)
	if err != nil {
		return nil, err
	}
	return &recordAnswer{limited(rec, p)}, nil
}

func (g *Gateway) listExecutions(ctx context.Context, in *listQuery) (*listAnswer, error) {
	filter := index.Filter{AgentType: in.AgentType, Query: in.Query, Cursor: in.Cursor, Count: in.Count, Tags: in.Tags}
	for _, entry := range in.Status {
		for _, name := range strings.Split(entry, ",") {
			status := execution.Status(strings.TrimSpace(name))
			if !status.Valid() {
				return nil, badField("status", "must be of %v, not %.40q", execution.Statuses, name)
			}
			filter.Status = append(filter.Status, status)
		}
	}
	if in.Pinned != "" {
		filter.Pinned = new(in.Pinned == "true")
	}
	var err error
	if filter.Since, err = timeParam("since", in.Since); err != nil {
		return nil, err
	}
	if filter.Until, err = timeParam("until", in.Until); err != nil {
		return nil, err
	}
	if in.Limit != "" {
		n, err := protocol.ParseSeq(in.Limit)
		if err != nil || n < 1 || n > index.MaxLimit {
			return nil, badField("limit", "must be a whole number from 1 to %d, not %.40q", index.MaxLimit, in.Limit)
		}
		filter.Limit = int(n)
	}
	page, err := readingOf(g.opts.Supervisor, principalOf(ctx)).List(ctx, filter)
	if err != nil {
		return nil, err
	}
	new(brief).records(page.Executions)
	out := &listAnswer{}
	out.Body.Executions, out.Body.Next = page.Executions, page.Next
	if out.Body.Executions == nil {
		out.Body.Executions = []execution.Record{}
	}
	if in.Count {
		out.Body.Total = &page.Total
	}
	return out, nil
}

// restTrigger says what started an execution that came over REST, or over what was turned into it.
func restTrigger(ctx context.Context, p auth.Principal) string {
	if via := viaOf(ctx); via != "rest" {
		return via
	}
	return triggerKind(exchangeOf(ctx).r.UserAgent(), p)
}

// triggerKind says what started an execution: the page keeps a session, the command line says its
// name, everything else is a program of somebody's.
func triggerKind(userAgent string, p auth.Principal) string {
	switch {
	case p.Kind == auth.KindSession:
		return "page"
	case strings.HasPrefix(userAgent, "claudeops/"):
		return "cli"
	default:
		return "api"
	}
}

// auditREST records a mutation that came over REST, with how it went.
func (g *Gateway) auditREST(ctx context.Context, p auth.Principal, e audit.Entry, err error) {
	e.Actor, e.Kind, e.Address, e.Via = p.ID, p.Kind, auth.PeerOf(ctx).Address, viaOf(ctx)
	e.Outcome = outcome(err)
	g.opts.Audit.Record(ctx, e)
}

// auditStranger records a credential that was refused. One that was good once is no attempt at anything,
// and of those that come too fast no more is recorded than are answered.
func (g *Gateway) auditStranger(ctx context.Context, pattern string, err error) {
	if errors.Is(err, auth.ErrNone) || errors.Is(err, auth.ErrExpired) || fault.CodeOf(err) != protocol.Unauthenticated {
		return
	}
	g.auditREST(ctx, auth.Principal{}, audit.Entry{Action: "session.refused", Target: pattern}, err)
}

func outcome(err error) string {
	if err == nil {
		return audit.OK
	}
	return string(fault.CodeOf(coded(err)))
}

// badField says which field is wrong, for people and for programs.
func badField(field, format string, args ...any) error {
	message := fmt.Sprintf(format, args...)
	return fault.New(protocol.BadRequest, "%s: %s", field, message).
		With(map[string]any{"fields": []FieldProblem{{field, message}}})
}

// quoted keeps a caller's text on one line and short.
func quoted(text string) string { return fmt.Sprintf("%.100q", text) }
