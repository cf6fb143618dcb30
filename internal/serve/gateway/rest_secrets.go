package gateway

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/trust/audit"
	"github.com/claudeops/claudeops/internal/trust/secrets"
	"github.com/claudeops/claudeops/internal/trust/secrets/source"
	"github.com/claudeops/claudeops/protocol"
)

// Secrets keeps values that agents are given. The gateway stores and removes them, and never reads one.
type Secrets interface {
	List() ([]secrets.Info, error)
	Set(name, value string) (secrets.Info, error)
	Remove(name string) error
}

type secretsAnswer struct {
	Body struct {
		Secrets []secrets.Info `json:"secrets" nullable:"false" doc:"By name. Values are never shown."`
	}
}

type setSecretRequest struct {
	Body struct {
		Name  string `json:"name" minLength:"1" maxLength:"100" doc:"As env: {KEY: {secret: name}} in a definition has it."`
		Value string `json:"value" minLength:"1" doc:"Encrypted before it is stored, and never shown again."`
	}
}

type secretAnswer struct{ Body secrets.Info }

type secretPath struct {
	Name string `path:"name" maxLength:"100" doc:"The secret's name."`
}

func (g *Gateway) registerSecrets() {
	tags := []string{"secrets"}
	operation(g, huma.Operation{
		OperationID: "list-secrets", Method: http.MethodGet, Path: "/api/secrets", Tags: tags,
		Summary: "The names of the secrets there are",
	}, func(context.Context, *struct{}) (*secretsAnswer, error) {
		store, err := g.secrets()
		if err != nil {
			return nil, err
		}
		list, err := store.List()
		if err != nil {
			return nil, fault.Wrap(protocol.Internal, err, "the secrets can't be read: %v", err)
		}
		out := &secretsAnswer{}
		out.Body.Secrets = list
		return out, nil
	})
	operation(g, huma.Operation{
		OperationID: "set-secret", Method: http.MethodPost, Path: "/api/secrets", Tags: tags,
		Summary: "Store a secret, in place of one of that name", DefaultStatus: http.StatusCreated,
		Description: "Runs that start from now on get it; those that run keep what they have.",
	}, g.setSecret)
	operation(g, huma.Operation{
		OperationID: "remove-secret", Method: http.MethodDelete, Path: "/api/secrets/{name}", Tags: tags,
		Summary: "Remove a secret", DefaultStatus: http.StatusNoContent,
		Description: "Runs whose definition names it can't be started any more.",
	}, g.removeSecret)
}

func (g *Gateway) secrets() (Secrets, error) {
	if g.opts.Secrets == nil {
		return nil, fault.New(protocol.Unavailable, "this server has no store of secrets")
	}
	return g.opts.Secrets, nil
}

func (g *Gateway) setSecret(ctx context.Context, in *setSecretRequest) (*secretAnswer, error) {
	store, err := g.secrets()
	if err != nil {
		return nil, err
	}
	if !source.ValidName(in.Body.Name) {
		return nil, badField("name", "can't be a secret's name: use 1 to 100 of a-z, A-Z, 0-9, _, . and -, a letter or digit first")
	}
	if err := secrets.Check(in.Body.Value); err != nil {
		return nil, badField("value", "%v", err)
	}
	info, err := store.Set(in.Body.Name, in.Body.Value)
	if err != nil {
		err = fault.Wrap(protocol.Internal, err, "the secret can't be stored: %v", err)
	}
	g.auditREST(ctx, principalOf(ctx), audit.Entry{Action: "secret.set", Target: in.Body.Name}, err)
	if err != nil {
		return nil, err
	}
	return &secretAnswer{info}, nil
}

func (g *Gateway) removeSecret(ctx context.Context, in *secretPath) (*struct{}, error) {
	store, err := g.secrets()
	if err != nil {
		return nil, err
	}
	err = store.Remove(in.Name)
	switch {
	case errors.Is(err, secrets.ErrNotFound):
		err = fault.New(protocol.NotFound, "there is no secret %.100q; GET /api/secrets lists them", in.Name)
	case err != nil:
		err = fault.Wrap(protocol.Internal, err, "the secret can't be removed: %v", err)
	}
	g.auditREST(ctx, principalOf(ctx), audit.Entry{Action: "secret.remove", Target: in.Name}, err)
	return nil, err
}
