package gateway

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/serve/notify"
	"github.com/claudeops/claudeops/protocol"
)

// noNotifier keeps what it is told and sends nothing.
type noNotifier struct{ config notify.Config }

func (n *noNotifier) State() notify.State {
	return notify.State{Channels: []notify.ChannelState{}, Rules: []notify.Rule{}, Deliveries: []notify.Delivery{}}
}

func (n *noNotifier) Replace(c notify.Config) error {
	n.config = c
	return nil
}

func (n *noNotifier) Test(_ context.Context, channel string) error {
	switch channel {
	case "x":
		return nil
	case "broken":
		return errors.New("it answered 500")
	}
	return fault.New(protocol.NotFound, "there is no channel %q", channel)
}

func TestNotifications_REST(t *testing.T) {
	t.Parallel()
	notifier := &noNotifier{}
	d := newDoor(t, func(o *Options) { o.Notifier = notifier })
	put := `{"channels":{"hook":{"webhook":"https://example.com/x","secret":""}},"rules":[{"when":"no_success","to":["hook"],"after":"26h"}]}`
	if got := d.do(t, "PUT", "/api/notifications", put, d.as(d.token, nil)); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	hook := notifier.config.Channels["hook"]
	if hook.URL != nil || hook.Webhook == nil || hook.Webhook.Text != "https://example.com/x" || hook.Secret == nil || hook.Secret.Text != "" {
		t.Errorf("the channel is %+v", hook)
	}
	if rules := notifier.config.Rules; len(rules) != 1 || rules[0].After.String() != "26h0m0s" {
		t.Errorf("the rules are %+v", rules)
	}
	for body, want := range map[string]string{`{"channel":"x"}`: "", `{"channel":"broken"}`: "it answered 500", `{"channel":"nope"}`: "nope", `{}`: "channel"} {
		got := d.do(t, "POST", "/api/notifications/test", body, d.as(d.token, nil))
		if (want == "") != (got.status == 204) || !strings.Contains(got.body, want) {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
}
