package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Notifications are the channels and rules of a server, and what became of its last messages.
type Notifications struct {
	Channels   []NotificationChannel `json:"channels"`
	Rules      []json.RawMessage     `json:"rules"` // as GET /api/notifications describes them
	Deliveries []Delivery            `json:"deliveries"`
	Problem    string                `json:"problem,omitempty"` // what is wrong with the file; the last good rules hold
}

// NotificationChannel is one way to reach somebody, without its credential.
type NotificationChannel struct {
	Name         string `json:"name"`
	Kind         string `json:"kind"`   // the service, such as ntfy or slack, or "webhook"
	Signed       bool   `json:"signed"` // whether a webhook is signed
	AllowPrivate bool   `json:"allowPrivate"`
}

// Delivery is a message on its way over one channel.
type Delivery struct {
	Message struct {
		ID          string    `json:"id"`
		Type        string    `json:"type"`
		ExecutionID string    `json:"executionId,omitempty"`
		AgentType   string    `json:"agentType,omitempty"`
		Title       string    `json:"title"`
		Body        string    `json:"body"`
		Link        string    `json:"link,omitempty"`
		CreatedAt   time.Time `json:"createdAt"`
	} `json:"message"`
	Channel  string    `json:"channel"`
	State    string    `json:"state"` // pending, sent, given_up or joined
	Attempts int       `json:"attempts"`
	Next     time.Time `json:"next"`            // of a pending one: not before
	Error    string    `json:"error,omitempty"` // of the last attempt
}

// Notifications gives the channels, rules and deliveries. It needs the permission admin.
func (c *Client) Notifications(ctx context.Context) (Notifications, error) {
	var n Notifications
	err := c.get(ctx, "api/notifications", nil, &n)
	return n, err
}

// TestNotification sends a test message over a channel; nil when the channel has taken it. It needs
// the permission admin.
func (c *Client) TestNotification(ctx context.Context, channel string) error {
	body, err := json.Marshal(map[string]string{"channel": channel})
	if err != nil {
		return err
	}
	answer, err := c.request(ctx, http.MethodPost, "api/notifications/test", nil, body)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}
