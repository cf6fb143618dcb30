package gateway

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/serve/notify"
	"github.com/claudeops/claudeops/internal/trust/audit"
	"github.com/claudeops/claudeops/protocol"
)

// Notifier tells people what happens.
type Notifier interface {
	State() notify.State
	Replace(notify.Config) error
	Test(ctx context.Context, channel string) error
}

type notificationsAnswer struct{ Body notify.State }

type notificationsRequest struct {
	Body struct {
		Channels map[string]channelBody `json:"channels" doc:"By name. A channel that is left out is removed."`
		Rules    []notify.Rule          `json:"rules"`
	}
}

// channelBody is a channel as a caller gives it. The texts are credentials: they are never shown again.
type channelBody struct {
	URL          *string `json:"url,omitempty" doc:"A service URL, such as ntfy://ntfy.sh/TOPIC; empty: as it is."`
	Webhook      *string `json:"webhook,omitempty" doc:"Where messages are posted as JSON; empty: as it is."`
	Secret       *string `json:"secret,omitempty" doc:"Signs what a webhook gets (Standard Webhooks); empty: as it is."`
	AllowPrivate bool    `json:"allowPrivate,omitempty" doc:"Whether the address may be one of this host's own networks."`
}

type testRequest struct {
	Body struct {
		Channel string `json:"channel" minLength:"1" doc:"The channel's name."`
	}
}

func (g *Gateway) registerNotifications() {
	if g.opts.Notifier == nil {
		return
	}
	tags := []string{"notifications"}
	operation(g, huma.Operation{
		OperationID: "notifications", Method: http.MethodGet, Path: "/api/notifications", Tags: tags,
		Summary: "Channels, rules, and what became of the last messages",
	}, func(context.Context, *struct{}) (*notificationsAnswer, error) {
		return &notificationsAnswer{g.opts.Notifier.State()}, nil
	})
	operation(g, huma.Operation{
		OperationID: "set-notifications", Method: http.MethodPut, Path: "/api/notifications", Tags: tags,
		Summary:     "Replace channels and rules",
		Description: "Writes notifications.yaml anew, after it was checked.",
	}, g.setNotifications)
	operation(g, huma.Operation{
		OperationID: "test-notification", Method: http.MethodPost, Path: "/api/notifications/test", Tags: tags,
		Summary: "Send a test message over a channel", DefaultStatus: http.StatusNoContent,
		Description: "Answers when the channel has taken it; 503 says why it did not.",
	}, func(ctx context.Context, in *testRequest) (*struct{}, error) {
		err := g.opts.Notifier.Test(ctx, in.Body.Channel)
		if err != nil && fault.CodeOf(err) == protocol.Internal {
			err = fault.Wrap(protocol.Unavailable, err, "the channel %s did not take the message: %s", in.Body.Channel, err)
		}
		g.auditREST(ctx, principalOf(ctx), audit.Entry{Action: "notifications.test", Target: in.Body.Channel}, err)
		return &struct{}{}, err
	})
}

func (g *Gateway) setNotifications(ctx context.Context, in *notificationsRequest) (*notificationsAnswer, error) {
	config := notify.Config{Channels: map[string]notify.ChannelConfig{}, Rules: in.Body.Rules}
	value := func(text *string) *notify.Value {
		if text == nil {
			return nil
		}
		return &notify.Value{Text: *text}
	}
	for name, c := range in.Body.Channels {
		config.Channels[name] = notify.ChannelConfig{URL: value(c.URL), Webhook: value(c.Webhook), Secret: value(c.Secret), AllowPrivate: c.AllowPrivate}
	}
	err := g.opts.Notifier.Replace(config)
	g.auditREST(ctx, principalOf(ctx), audit.Entry{Action: "notifications.set"}, err)
	if err != nil {
		return nil, err
	}
	return &notificationsAnswer{g.opts.Notifier.State()}, nil
}
