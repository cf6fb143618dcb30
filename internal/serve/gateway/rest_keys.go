package gateway

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/trust/audit"
	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

// keyView is an API key as it is shown: the key itself is shown once, when it is made.
type keyView struct {
	ID          string     `json:"id"`
	Name        string     `json:"name" doc:"It stands in startedBy of the executions that the key starts."`
	Permissions []string   `json:"permissions" nullable:"false" doc:"Each for every agent, or narrowed as in agents:execute@deploy-*."`
	Hint        string     `json:"hint" doc:"How the key begins and ends."`
	CreatedAt   time.Time  `json:"createdAt"`
	CreatedBy   string     `json:"createdBy" doc:"The user's id."`
	ExpiresAt   *time.Time `json:"expiresAt,omitempty" doc:"None: not by itself."`
	LastUsedAt  *time.Time `json:"lastUsedAt,omitempty" doc:"To the minute; none: never."`
}

func viewOfKey(k auth.APIKey) keyView {
	return keyView{k.ID, k.Name, k.Permissions, k.Hint, k.CreatedAt, k.CreatedBy, k.ExpiresAt, k.LastUsedAt}
}

type keysAnswer struct {
	Body struct {
		Keys []keyView `json:"keys" nullable:"false" doc:"Newest first."`
	}
}

type createKeyRequest struct {
	Body struct {
		Name        string     `json:"name" minLength:"1" maxLength:"100" doc:"What the key is for. No two keys share one."`
		Permissions []string   `json:"permissions" nullable:"false" doc:"What it may do; each for every agent, or narrowed as in agents:execute@deploy-*."`
		ExpiresAt   *time.Time `json:"expiresAt,omitempty" doc:"When it ends by itself; absent: it does not."`
	}
}

// newKeyView is a key that was just made.
type newKeyView struct {
	keyView
	Key string `json:"key" doc:"The key itself. It can't be had again."`
}

type createKeyAnswer struct{ Body newKeyView }

func (g *Gateway) registerKeys() {
	tags := []string{"keys"}
	operation(g, huma.Operation{
		OperationID: "list-keys", Method: http.MethodGet, Path: "/api/keys", Tags: tags,
		Summary: "The API keys there are",
	}, func(context.Context, *struct{}) (*keysAnswer, error) {
		out := &keysAnswer{}
		out.Body.Keys = []keyView{}
		for _, key := range g.opts.Auth.Keys() {
			out.Body.Keys = append(out.Body.Keys, viewOfKey(key))
		}
		return out, nil
	})
	operation(g, huma.Operation{
		OperationID: "create-key", Method: http.MethodPost, Path: "/api/keys", Tags: tags,
		Summary: "Make an API key", DefaultStatus: http.StatusCreated,
		Description: "The answer is the only place where the key itself stands: the server keeps no more than its digest.",
	}, g.createKey)
	operation(g, huma.Operation{
		OperationID: "revoke-key", Method: http.MethodDelete, Path: "/api/keys/{id}", Tags: tags,
		Summary: "Revoke an API key", DefaultStatus: http.StatusNoContent,
		Description: "It is refused from now on, and its open connections end within 5 s. What it started runs on.",
	}, g.revokeKey)
}

func (g *Gateway) createKey(ctx context.Context, in *createKeyRequest) (*createKeyAnswer, error) {
	var expires time.Time
	if in.Body.ExpiresAt != nil {
		if expires = *in.Body.ExpiresAt; expires.IsZero() {
			return nil, badField("expiresAt", "must be a time like 2027-01-31T14:00:00Z")
		}
	}
	p := principalOf(ctx)
	key, secret, err := g.opts.Auth.CreateKey(p, in.Body.Name, in.Body.Permissions, expires)
	g.auditREST(ctx, p, audit.Entry{Action: "key.create", Target: key.ID, Detail: quoted(in.Body.Name) + " " + quoted(strings.Join(in.Body.Permissions, " "))}, err)
	if err != nil {
		return nil, err
	}
	return &createKeyAnswer{newKeyView{viewOfKey(key), secret}}, nil
}

type keyPath struct {
	ID string `path:"id" maxLength:"100" doc:"The key's id, from GET /api/keys."`
}

func (g *Gateway) revokeKey(ctx context.Context, in *keyPath) (*struct{}, error) {
	key, ok, err := g.opts.Auth.RevokeKey(in.ID)
	if !ok {
		err = fault.New(protocol.NotFound, "there is no API key %.100q; GET /api/keys lists them", in.ID)
	}
	g.auditREST(ctx, principalOf(ctx), audit.Entry{Action: "key.revoke", Target: in.ID, Detail: quoted(key.Name)}, err)
	return nil, err
}
