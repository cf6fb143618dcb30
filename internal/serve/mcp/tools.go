package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"

	"github.com/google/jsonschema-go/jsonschema"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
)

// tools are what a model can call. Their names and arguments are part of the contract.
type tools struct{ caller }

type none struct{}

type startInput struct {
	Agent          string                     `json:"agent" jsonschema:"the agent's name, from list_agents"`
	Parameters     map[string]json.RawMessage `json:"parameters,omitempty" jsonschema:"the agent's parameters; list_agents gives their schema"`
	IdempotencyKey string                     `json:"idempotencyKey,omitempty" jsonschema:"the same key gives the same run when the call is repeated"`
}

type runInput struct {
	ExecutionID string `json:"executionId" jsonschema:"the run's id"`
}

type stopInput struct {
	runInput
	Reason string `json:"reason,omitempty" jsonschema:"why it is stopped, for the record"`
}

type waitInput struct {
	runInput
	TimeoutMs int `json:"timeoutMs,omitempty" jsonschema:"how long to wait, in milliseconds: 60000 when absent, 600000 at most"`
}

type tailInput struct {
	runInput
	Since *uint64 `json:"since,omitempty" jsonschema:"give lines after this event number, such as next of the call before; absent: the last lines"`
	Limit int     `json:"limit,omitempty" jsonschema:"how many events to look at, 1 to 1000; 100 when absent"`
}

type listInput struct {
	Agent  string `json:"agent,omitempty" jsonschema:"only runs of this agent"`
	Status string `json:"status,omitempty" jsonschema:"only runs of this status: queued, running, cancelling, completed, failed, cancelled; several with commas"`
	Since  string `json:"since,omitempty" jsonschema:"only runs queued from then on, RFC 3339"`
	Limit  int    `json:"limit,omitempty" jsonschema:"1 to 1000; 50 when absent"`
	Cursor string `json:"cursor,omitempty" jsonschema:"next of the page before"`
}

type searchInput struct {
	Query       string `json:"query" jsonschema:"the text to find, or an RE2 expression when regex is true"`
	Regex       bool   `json:"regex,omitempty"`
	ExecutionID string `json:"executionId,omitempty" jsonschema:"search this run alone; absent: all runs, the newest first"`
	Agent       string `json:"agent,omitempty" jsonschema:"search only runs of this agent"`
	Since       string `json:"since,omitempty" jsonschema:"only lines from then on, RFC 3339"`
	Limit       int    `json:"limit,omitempty" jsonschema:"how many lines to give at most; 50 when absent, 500 at most"`
}

type answerInput struct {
	runInput
	RequestID string `json:"requestId" jsonschema:"which question, from list_pending"`
	Decision  string `json:"decision" jsonschema:"allow or deny"`
	Scope     string `json:"scope,omitempty" jsonschema:"once, the default, or run: the same is not asked again in this run"`
	Text      string `json:"text,omitempty" jsonschema:"the choice that answers a question, or why it is denied"`
}

type costsInput struct {
	By       string `json:"by,omitempty" jsonschema:"day, agent, model, trigger or user"`
	Since    string `json:"since,omitempty" jsonschema:"RFC 3339"`
	Until    string `json:"until,omitempty" jsonschema:"RFC 3339"`
	Timezone string `json:"timezone,omitempty" jsonschema:"an IANA name, for by day"`
}

func (t *tools) register(s *sdk.Server) {
	reads := func() *sdk.ToolAnnotations {
		return &sdk.ToolAnnotations{ReadOnlyHint: true, OpenWorldHint: new(false)}
	}
	add(s, "list_agents", "Lists the agents that can be run, with the JSON Schema of their parameters.", reads(), t.listAgents)
	add(s, "start_run", "Starts an agent and answers at once with the run's record; its executionId is what the other tools take.",
		&sdk.ToolAnnotations{DestructiveHint: new(true)}, t.startRun)
	add(s, "get_run", "Gives a run's record: status, reason, result, cost, parameters.", reads(), t.getRun)
	add(s, "list_runs", "Lists runs, the newest first.", reads(), t.listRuns)
	add(s, "tail_logs", "Gives log lines of a run, the last ones or those after an event number.", reads(), t.tailLogs)
	add(s, "search_logs", "Finds log lines by text or regular expression, in one run or in all.", reads(), t.searchLogs)
	add(s, "wait_run", "Waits until a run has ended and gives its record; when the time is over before, the record as it is (ended: false).", reads(), t.waitRun)
	add(s, "stop_run", "Stops a run: its whole process tree is ended. One that has ended is left as it is.",
		&sdk.ToolAnnotations{DestructiveHint: new(true), IdempotentHint: true}, t.stopRun)
	add(s, "list_pending", "Lists what runs wait for: permissions to use a tool, and questions.", reads(), t.listPending)
	add(s, "answer_pending", "Answers what a run waits for. It needs the permission executions:approve, which starting runs does not give.",
		&sdk.ToolAnnotations{DestructiveHint: new(true)}, t.answerPending)
	add(s, "get_costs", "Sums what runs have cost, in USD.", reads(), t.getCosts)
}

// anyValue stands for a parameter of an agent: the agent's own schema decides what it must be.
var anyValue = map[reflect.Type]*jsonschema.Schema{reflect.TypeFor[json.RawMessage](): {}}

// add registers a tool. Arguments are decoded from the bytes they came as, since the SDK's own
// decoding takes integers beyond 2^53 through a float.
func add[In any](s *sdk.Server, name, description string, hints *sdk.ToolAnnotations, handle func(context.Context, In) (any, error)) {
	schema, err := jsonschema.For[In](&jsonschema.ForOptions{TypeSchemas: anyValue})
	if err != nil {
		panic(fmt.Sprintf("the arguments of %s have no schema: %v", name, err)) // a type in this file is wrong
	}
	resolved, err := schema.Resolve(nil)
	if err != nil {
		panic(fmt.Sprintf("the arguments of %s have a wrong schema: %v", name, err))
	}
	s.AddTool(&sdk.Tool{Name: name, Description: description, Annotations: hints, InputSchema: schema},
		func(ctx context.Context, request *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
			result := &sdk.CallToolResult{}
			out, err := decodeAndCall(ctx, resolved, request.Params.Arguments, handle)
			if err != nil {
				result.SetError(err) // for the model to read
				return result, nil
			}
			text, err := json.Marshal(out)
			if err != nil {
				return nil, fmt.Errorf("encode the answer of %s: %w", name, err)
			}
			result.Content = []sdk.Content{&sdk.TextContent{Text: string(text)}}
			result.StructuredContent = json.RawMessage(text)
			return result, nil
		})
}

func decodeAndCall[In any](ctx context.Context, schema *jsonschema.Resolved, arguments json.RawMessage, handle func(context.Context, In) (any, error)) (any, error) {
	if len(arguments) == 0 {
		arguments = json.RawMessage("{}")
	}
	var instance any
	if err := json.Unmarshal(arguments, &instance); err != nil {
		return nil, fmt.Errorf("the arguments are no JSON: %w", err)
	}
	if err := schema.Validate(instance); err != nil {
		return nil, fmt.Errorf("the arguments are wrong: %w", err)
	}
	var in In
	if err := json.Unmarshal(arguments, &in); err != nil {
		return nil, fmt.Errorf("the arguments are wrong: %w", err)
	}
	return handle(ctx, in)
}

func (t *tools) listAgents(ctx context.Context, _ none) (any, error) {
	return t.get(ctx, "/api/agents", nil)
}

// get gives the API's answer as it is.
func (c caller) get(ctx context.Context, path string, query url.Values) (any, error) {
	return c.record(ctx, http.MethodGet, path, query, nil)
}

func (t *tools) startRun(ctx context.Context, in startInput) (any, error) {
	body := map[string]any{"agentType": in.Agent}
	if in.Parameters != nil {
		body["config"] = in.Parameters
	}
	if in.IdempotencyKey != "" {
		body["idempotencyKey"] = in.IdempotencyKey
	}
	return t.record(ctx, http.MethodPost, "/api/executions", nil, body)
}

func (t *tools) getRun(ctx context.Context, in runInput) (any, error) {
	path, err := in.path("")
	if err != nil {
		return nil, err
	}
	return t.get(ctx, path, nil)
}

func (t *tools) stopRun(ctx context.Context, in stopInput) (any, error) {
	body := map[string]any{}
	if in.Reason != "" {
		body["reason"] = in.Reason
	}
	path, err := in.path("/cancel")
	if err != nil {
		return nil, err
	}
	return t.record(ctx, http.MethodPost, path, nil, body)
}

// record gives what the API answers to a request, as it is.
func (c caller) record(ctx context.Context, method, path string, query url.Values, body any) (any, error) {
	var rec json.RawMessage
	err := c.call(ctx, method, path, query, body, &rec)
	if err != nil {
		return nil, err
	}
	return rec, nil
}

func (t *tools) listRuns(ctx context.Context, in listInput) (any, error) {
	query := url.Values{}
	set(query, "agentType", in.Agent)
	set(query, "status", in.Status)
	set(query, "since", in.Since)
	set(query, "cursor", in.Cursor)
	if in.Limit != 0 {
		query.Set("limit", strconv.Itoa(in.Limit))
	}
	return t.get(ctx, "/api/executions", query)
}

func (t *tools) listPending(ctx context.Context, _ none) (any, error) {
	return t.get(ctx, "/api/approvals", nil)
}

func (t *tools) answerPending(ctx context.Context, in answerInput) (any, error) {
	path, err := in.path("/input")
	if err != nil {
		return nil, err
	}
	body := map[string]any{"requestId": in.RequestID, "decision": in.Decision}
	if in.Scope != "" {
		body["scope"] = in.Scope
	}
	if in.Text != "" {
		body["text"] = in.Text
	}
	return t.record(ctx, http.MethodPost, path, nil, body)
}

func (t *tools) getCosts(ctx context.Context, in costsInput) (any, error) {
	query := url.Values{}
	set(query, "by", in.By)
	set(query, "since", in.Since)
	set(query, "until", in.Until)
	set(query, "timezone", in.Timezone)
	return t.get(ctx, "/api/costs", query)
}

func set(query url.Values, name, value string) {
	if value != "" {
		query.Set(name, value)
	}
}

// path is where the API has a run, or a part of it.
func (in runInput) path(part string) (string, error) {
	if in.ExecutionID == "" {
		return "", fmt.Errorf("executionId is empty: give the id of a run, such as start_run or list_runs answer")
	}
	return "/api/executions/" + url.PathEscape(in.ExecutionID) + part, nil
}
