package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/claudeops/claudeops/protocol"
)

// Schedule is when an agent is started without a hand.
type Schedule struct {
	Agent    string      `json:"agent"`
	N        int         `json:"n"` // its place in the agent's definition, from 0
	Cron     string      `json:"cron"`
	Timezone string      `json:"timezone"`
	Text     string      `json:"text"` // when it is due, in words
	Enabled  bool        `json:"enabled"`
	Paused   bool        `json:"paused"`
	PausedBy string      `json:"pausedBy"`
	Next     []time.Time `json:"next"` // with the offset of the time zone
	Last     *Occurrence `json:"last"` // the newest due time that passed
	Waiting  int         `json:"waiting"`
	Error    string      `json:"error"` // why a start is tried again

	Raw json.RawMessage `json:"-"` // everything the server says of it
}

// Occurrence is a due time and what became of it.
type Occurrence struct {
	Agent       string     `json:"agent"`
	N           int        `json:"n"`
	Due         time.Time  `json:"due"`
	Until       *time.Time `json:"until"` // the last of several that were skipped together
	Count       int        `json:"count"` // how many they are
	Outcome     string     `json:"outcome"`
	ExecutionID string     `json:"executionId"`
	Reason      string     `json:"reason"`
}

// SchedulePreview is when an expression would be due.
type SchedulePreview struct {
	Text     string      `json:"text"`
	Timezone string      `json:"timezone"`
	Next     []time.Time `json:"next"`
}

// Schedules lists the schedules of all agents.
func (c *Client) Schedules(ctx context.Context) ([]Schedule, error) {
	var body struct {
		Schedules []json.RawMessage `json:"schedules"`
	}
	if err := c.get(ctx, "api/schedules", nil, &body); err != nil {
		return nil, err
	}
	list := make([]Schedule, len(body.Schedules))
	for i, raw := range body.Schedules {
		if err := json.Unmarshal(raw, &list[i]); err != nil {
			return nil, fmt.Errorf("read schedule %d: %w", i, err)
		}
		list[i].Raw = raw
	}
	return list, nil
}

// Occurrences gives what was due in a span of time and what became of it, and what is due in it.
func (c *Client) Occurrences(ctx context.Context, from, to time.Time) ([]Occurrence, error) {
	q := url.Values{"from": {from.Format(time.RFC3339)}, "to": {to.Format(time.RFC3339)}}
	var body struct {
		Occurrences []Occurrence `json:"occurrences"`
	}
	err := c.get(ctx, "api/schedules/occurrences", q, &body)
	return body.Occurrences, err
}

// PreviewSchedule says when a cron expression would be due; timezone "" is the server's.
func (c *Client) PreviewSchedule(ctx context.Context, cron, timezone string) (SchedulePreview, error) {
	q := url.Values{"cron": {cron}}
	if timezone != "" {
		q.Set("timezone", timezone)
	}
	var preview SchedulePreview
	err := c.get(ctx, "api/schedules/preview", q, &preview)
	return preview, err
}

// PauseSchedule keeps the n-th schedule of an agent, from 0, from starting anything.
func (c *Client) PauseSchedule(ctx context.Context, agent string, n int) error {
	return c.changeSchedule(ctx, agent, n, "pause", nil)
}

// ResumeSchedule lets a schedule go on from now.
func (c *Client) ResumeSchedule(ctx context.Context, agent string, n int) error {
	return c.changeSchedule(ctx, agent, n, "resume", nil)
}

// RunSchedule starts a schedule's run out of turn, and gives the execution's record.
func (c *Client) RunSchedule(ctx context.Context, agent string, n int) (protocol.Record, error) {
	var record protocol.Record
	err := c.changeSchedule(ctx, agent, n, "run", &record)
	return record, err
}

func (c *Client) changeSchedule(ctx context.Context, agent string, n int, action string, into any) (err error) {
	path := "api/schedules/" + url.PathEscape(agent) + "/" + strconv.Itoa(n) + "/" + action
	answer, err := c.request(ctx, http.MethodPost, path, nil, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		return fmt.Errorf("read the answer of %s: %w", path, err)
	}
	return nil
}
