package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/claudeops/claudeops/protocol"
)

// Agent is something that can be run, as the server describes it.
type Agent struct {
	Name        string          `json:"name"`
	Title       string          `json:"title"`
	Description string          `json:"description"`
	Parameters  json.RawMessage `json:"parameters"` // a JSON Schema object
	Raw         json.RawMessage `json:"-"`          // everything the server says of it
}

// AgentProblem is something wrong in a definition's file.
type AgentProblem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Field   string `json:"field"`
	Message string `json:"message"`
	Warning bool   `json:"warning"` // the definition can be run all the same
}

// Filter says which executions to list. The zero Filter is all of them.
type Filter struct {
	Status       []protocol.Status
	AgentType    string
	Since, Until time.Time // when they were queued
	Tags         []string  // only those with all of them
	Pinned       *bool     // only those that are pinned, or that are not; nil: either
	Query        string
	Limit        int    // of one page; 0 for the server's default
	Cursor       string // Page.Next of the page before
}

// Page is a part of a list, newest first.
type Page struct {
	Executions []protocol.Record `json:"executions"`
	Next       string            `json:"next"` // Cursor of the next page, "" at the end
}

// Ticket is a credential for one use, soon.
type Ticket struct {
	Ticket    string    `json:"ticket"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// Agents lists what can be run, and what is wrong with the definitions of others.
func (c *Client) Agents(ctx context.Context) ([]Agent, []AgentProblem, error) {
	var answer struct {
		Agents   []json.RawMessage `json:"agents"`
		Problems []AgentProblem    `json:"problems"`
	}
	if err := c.get(ctx, "api/agents", nil, &answer); err != nil {
		return nil, nil, err
	}
	agents := make([]Agent, 0, len(answer.Agents))
	for _, raw := range answer.Agents {
		agent := Agent{Raw: raw}
		if err := json.Unmarshal(raw, &agent); err != nil {
			return nil, nil, fmt.Errorf("read the list of agents: %w", err)
		}
		agents = append(agents, agent)
	}
	return agents, answer.Problems, nil
}

// Agent describes one agent.
func (c *Client) Agent(ctx context.Context, name string) (Agent, error) {
	var raw json.RawMessage
	if err := c.get(ctx, "api/agents/"+url.PathEscape(name), nil, &raw); err != nil {
		return Agent{}, err
	}
	agent := Agent{Raw: raw}
	if err := json.Unmarshal(raw, &agent); err != nil {
		return Agent{}, fmt.Errorf("read agent %s: %w", name, err)
	}
	return agent, nil
}

// List gives one page of executions.
func (c *Client) List(ctx context.Context, f Filter) (Page, error) {
	q := url.Values{}
	for _, status := range f.Status {
		q.Add("status", string(status))
	}
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	set("agentType", f.AgentType)
	set("q", f.Query)
	set("cursor", f.Cursor)
	if !f.Since.IsZero() {
		q.Set("since", f.Since.UTC().Format(time.RFC3339Nano))
	}
	if !f.Until.IsZero() {
		q.Set("until", f.Until.UTC().Format(time.RFC3339Nano))
	}
	for _, tag := range f.Tags {
		q.Add("tag", tag)
	}
	if f.Pinned != nil {
		q.Set("pinned", strconv.FormatBool(*f.Pinned))
	}
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	var page Page
	err := c.get(ctx, "api/executions", q, &page)
	return page, err
}

// Get gives an execution's record without a live connection.
func (c *Client) Get(ctx context.Context, executionID string) (protocol.Record, error) {
	var record protocol.Record
	err := c.get(ctx, "api/executions/"+url.PathEscape(executionID), nil, &record)
	return record, err
}

// Pin has retention leave an execution alone, and gives its record.
func (c *Client) Pin(ctx context.Context, executionID string) (protocol.Record, error) {
	return c.pin(ctx, http.MethodPut, executionID)
}

// Unpin leaves an execution to retention again, and gives its record.
func (c *Client) Unpin(ctx context.Context, executionID string) (protocol.Record, error) {
	return c.pin(ctx, http.MethodDelete, executionID)
}

func (c *Client) pin(ctx context.Context, method, executionID string) (record protocol.Record, err error) {
	answer, err := c.request(ctx, method, "api/executions/"+url.PathEscape(executionID)+"/pin", nil, nil)
	if err != nil {
		return record, err
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&record); err != nil {
		return record, fmt.Errorf("read the pinned execution: %w", err)
	}
	return record, nil
}

// CancelFilter says which executions to stop. The zero CancelFilter is all of them.
type CancelFilter struct {
	AgentType string
	Tags      []string // all of these
}

// CancelAll asks for all executions to be stopped that pass the filter and have not ended, those that
// wait first. It gives their ids, and the ids of those whose end could not be stored.
func (c *Client) CancelAll(ctx context.Context, filter CancelFilter, reason string) (ids, failed []string, err error) {
	body, err := json.Marshal(struct {
		All       bool     `json:"all,omitempty"`
		AgentType string   `json:"agentType,omitempty"`
		Tags      []string `json:"tags,omitempty"`
		Reason    string   `json:"reason,omitempty"`
	}{filter.AgentType == "" && len(filter.Tags) == 0, filter.AgentType, filter.Tags, reason})
	if err != nil {
		return nil, nil, err
	}
	answer, err := c.request(ctx, http.MethodPost, "api/executions/cancel", nil, body)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	var done struct {
		Executions []string `json:"executions"`
		Failed     []string `json:"failed"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&done); err != nil {
		return nil, nil, fmt.Errorf("read which executions are stopped: %w", err)
	}
	return done.Executions, done.Failed, nil
}

// Create is Execute without a live connection. It gives the new execution's record.
func (c *Client) Create(ctx context.Context, agent string, config any, options ...ExecuteOption) (protocol.Record, error) {
	m, err := executeRequest(agent, config, options)
	if err != nil {
		return protocol.Record{}, err
	}
	body, err := json.Marshal(struct {
		AgentType      string          `json:"agentType"`
		Config         json.RawMessage `json:"config,omitempty"`
		Tags           []string        `json:"tags,omitempty"`
		IdempotencyKey string          `json:"idempotencyKey"`
	}{m.AgentType, m.Config, m.Tags, m.IdempotencyKey})
	if err != nil {
		return protocol.Record{}, err
	}
	var record protocol.Record
	answer, err := c.request(ctx, http.MethodPost, "api/executions", nil, body)
	if err != nil {
		return record, err
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&record); err != nil {
		return record, fmt.Errorf("read the new execution: %w", err)
	}
	return record, nil
}

// Log gives an execution's output as the agent wrote it, so far. The caller closes it.
func (c *Client) Log(ctx context.Context, executionID string) (io.ReadCloser, error) {
	answer, err := c.request(ctx, http.MethodGet, "api/executions/"+url.PathEscape(executionID)+"/log", nil, nil)
	if err != nil {
		return nil, err
	}
	return answer.Body, nil
}

// IssueTicket gives a ticket with which a browser can sign in once: open LoginURL with it.
func (c *Client) IssueTicket(ctx context.Context) (Ticket, error) {
	answer, err := c.request(ctx, http.MethodPost, "api/tickets", nil, nil)
	if err != nil {
		return Ticket{}, err
	}
	defer answer.Body.Close()
	var ticket Ticket
	if err := json.NewDecoder(answer.Body).Decode(&ticket); err != nil {
		return Ticket{}, fmt.Errorf("read the ticket: %w", err)
	}
	return ticket, nil
}

// LoginURL is the address that signs a browser in with a ticket.
func (c *Client) LoginURL(ticket string) string {
	return c.url("login", url.Values{"ticket": {ticket}})
}

// Healthy reports whether a server answers, nil if so. It needs no credential.
func (c *Client) Healthy(ctx context.Context) error {
	answer, err := c.request(ctx, http.MethodGet, "healthz", nil, nil)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

func (c *Client) get(ctx context.Context, path string, query url.Values, into any) error {
	answer, err := c.request(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		return fmt.Errorf("read the answer of %s: %w", path, err)
	}
	return nil
}

// request makes a request, with a body of JSON unless that is nil, and turns a refusal into an
// error. A credential that has expired is renewed once.
func (c *Client) request(ctx context.Context, method, path string, query url.Values, body []byte) (*http.Response, error) {
	for renewed := false; ; renewed = true {
		r, err := http.NewRequestWithContext(ctx, method, c.url(path, query), bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		if body != nil {
			r.Header.Set("Content-Type", "application/json")
		}
		answer, err := c.do(r)
		if err != nil {
			return nil, fmt.Errorf("ask the server at %s: %w", c.base.Host, err)
		}
		if answer.StatusCode < 400 {
			return answer, nil
		}
		refused := problem(answer)
		answer.Body.Close()
		if refused.Code != protocol.Unauthenticated || renewed {
			return nil, refused
		}
		if _, err := c.credential(ctx, true); err != nil {
			if errors.Is(err, ErrCredential) {
				return nil, refused
			}
			return nil, err
		}
	}
}
