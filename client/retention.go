package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Retention says what is to be removed, or was.
type Retention struct {
	Rules    json.RawMessage            `json:"rules"`            // the server's, as GET /api/retention describes them
	Agents   map[string]json.RawMessage `json:"agents,omitempty"` // what agents have of their own
	DryRun   bool                       `json:"dryRun"`           // this is what would be removed; nothing was
	Removals []Removal                  `json:"removals"`         // those that ended first come first
	Totals   RetentionTotals            `json:"totals"`
	More     bool                       `json:"more,omitempty"` // there are more removals than are listed
}

// Removal is one execution that loses something.
type Removal struct {
	ExecutionID string    `json:"executionId"`
	AgentType   string    `json:"agentType"`
	EndedAt     time.Time `json:"endedAt"`
	What        string    `json:"what"`  // "execution": all of it; "logs": its log lines alone
	Rule        string    `json:"rule"`  // executions.age, executions.count, logs.age or logs.size
	Limit       string    `json:"limit"` // the rule's bound, such as 30d
	Own         bool      `json:"own,omitempty"`
	Bytes       int64     `json:"bytes"` // on disk; after a run, what was freed
	Error       string    `json:"error,omitempty"`
}

// RetentionTotals sums removals up, listed or not.
type RetentionTotals struct {
	Executions int   `json:"executions"` // whole ones
	Logs       int   `json:"logs"`       // executions that lose their log lines alone
	Bytes      int64 `json:"bytes"`
	Failed     int   `json:"failed,omitempty"`
	Spared     int   `json:"spared,omitempty"` // pinned before it was their turn
}

// PreviewRetention says which rules bound what is kept, and what the next run would remove now.
func (c *Client) PreviewRetention(ctx context.Context) (Retention, error) {
	var report Retention
	err := c.get(ctx, "api/retention", everyRemoval(), &report)
	return report, err
}

// RunRetention removes what the rules say, and answers when it is done. It needs the permission admin.
func (c *Client) RunRetention(ctx context.Context) (Retention, error) {
	var report Retention
	answer, err := c.request(ctx, http.MethodPost, "api/retention", everyRemoval(), nil)
	if err != nil {
		return report, err
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&report); err != nil {
		return report, fmt.Errorf("read what retention has removed: %w", err)
	}
	return report, nil
}

func everyRemoval() url.Values { return url.Values{"limit": {"1000000000"}} }
