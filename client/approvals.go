package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/claudeops/claudeops/protocol"
)

// Approval is something that an agent asks for and nobody has answered.
type Approval struct {
	ExecutionID string `json:"executionId"`
	AgentType   string `json:"agentType"`
	protocol.PendingApproval
}

// Answer is what is said to a request of an agent.
type Answer struct {
	RequestID string                 // of the approval
	Allow     bool                   // false denies
	Scope     protocol.ApprovalScope // empty: this request only
	Text      string                 // of a question the choice; of a denial the reason, which reaches the agent
}

// Approvals lists what waits for an answer in all executions, oldest first.
func (c *Client) Approvals(ctx context.Context) ([]Approval, error) {
	var answer struct {
		Approvals []Approval `json:"approvals"`
	}
	err := c.get(ctx, "api/approvals", nil, &answer)
	return answer.Approvals, err
}

// Answer answers a request. The first answer counts: the code of the error is then protocol.Conflict for
// the others, and protocol.NotFound where no such request waits.
func (c *Client) Answer(ctx context.Context, executionID string, a Answer) error {
	decision := "deny"
	if a.Allow {
		decision = "allow"
	}
	body, err := json.Marshal(struct {
		RequestID string                 `json:"requestId"`
		Decision  string                 `json:"decision"`
		Scope     protocol.ApprovalScope `json:"scope,omitempty"`
		Text      string                 `json:"text,omitempty"`
	}{a.RequestID, decision, a.Scope, a.Text})
	if err != nil {
		return err
	}
	answer, err := c.request(ctx, http.MethodPost, "api/executions/"+url.PathEscape(executionID)+"/input", nil, body)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// Continue starts the next turn of an ended execution's session, and gives the new execution's record.
func (c *Client) Continue(ctx context.Context, executionID, prompt string) (record protocol.Record, err error) {
	body, err := json.Marshal(struct {
		Prompt string `json:"prompt"`
	}{prompt})
	if err != nil {
		return record, err
	}
	answer, err := c.request(ctx, http.MethodPost, "api/executions/"+url.PathEscape(executionID)+"/continue", nil, body)
	if err != nil {
		return record, err
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&record); err != nil {
		return record, fmt.Errorf("read the new execution: %w", err)
	}
	return record, nil
}
