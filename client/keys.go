package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Key is an API key of the server. The key itself is only in what CreateKey gives.
type Key struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	Permissions []string   `json:"permissions"` // each for every agent, or narrowed as in agents:execute@deploy-*
	Hint        string     `json:"hint"`        // how the key begins and ends
	CreatedAt   time.Time  `json:"createdAt"`
	CreatedBy   string     `json:"createdBy"`
	ExpiresAt   *time.Time `json:"expiresAt,omitempty"`  // nil: not by itself
	LastUsedAt  *time.Time `json:"lastUsedAt,omitempty"` // to the minute; nil: never
	Key         string     `json:"key,omitempty"`        // only when it was just made
}

// Keys lists the API keys, the newest first. It needs the permission admin, as the other two do.
func (c *Client) Keys(ctx context.Context) ([]Key, error) {
	var answer struct {
		Keys []Key `json:"keys"`
	}
	err := c.get(ctx, "api/keys", nil, &answer)
	return answer.Keys, err
}

// CreateKey makes an API key; the zero time: it does not expire by itself. Key.Key can't be had again.
func (c *Client) CreateKey(ctx context.Context, name string, permissions []string, expires time.Time) (Key, error) {
	request := map[string]any{"name": name, "permissions": permissions}
	if !expires.IsZero() {
		request["expiresAt"] = expires.UTC()
	}
	body, err := json.Marshal(request)
	if err != nil {
		return Key{}, err
	}
	answer, err := c.request(ctx, http.MethodPost, "api/keys", nil, body)
	if err != nil {
		return Key{}, err
	}
	defer answer.Body.Close()
	var key Key
	if err := json.NewDecoder(answer.Body).Decode(&key); err != nil {
		return Key{}, fmt.Errorf("read the new key: %w", err)
	}
	return key, nil
}

// RevokeKey removes an API key: its open connections end within 5 s.
func (c *Client) RevokeKey(ctx context.Context, id string) error {
	answer, err := c.request(ctx, http.MethodDelete, "api/keys/"+url.PathEscape(id), nil, nil)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}
