package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Secret is a secret of the server without its value, which is never shown.
type Secret struct {
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// Secrets lists the secrets by name. It needs the permission admin, as the other two do.
func (c *Client) Secrets(ctx context.Context) ([]Secret, error) {
	var answer struct {
		Secrets []Secret `json:"secrets"`
	}
	err := c.get(ctx, "api/secrets", nil, &answer)
	return answer.Secrets, err
}

// SetSecret stores a secret, in place of one of that name.
func (c *Client) SetSecret(ctx context.Context, name, value string) (Secret, error) {
	body, err := json.Marshal(map[string]string{"name": name, "value": value})
	if err != nil {
		return Secret{}, err
	}
	answer, err := c.request(ctx, http.MethodPost, "api/secrets", nil, body)
	if err != nil {
		return Secret{}, err
	}
	defer answer.Body.Close()
	var secret Secret
	if err := json.NewDecoder(answer.Body).Decode(&secret); err != nil {
		return Secret{}, fmt.Errorf("read the stored secret: %w", err)
	}
	return secret, nil
}

// RemoveSecret removes a secret.
func (c *Client) RemoveSecret(ctx context.Context, name string) error {
	answer, err := c.request(ctx, http.MethodDelete, "api/secrets/"+url.PathEscape(name), nil, nil)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}
