package notify

import (
	"maps"
	"net/url"
	"slices"
)

// State is what the page shows.
type State struct {
	Channels   []ChannelState `json:"channels" nullable:"false"`
	Rules      []Rule         `json:"rules" nullable:"false"`
	Deliveries []Delivery     `json:"deliveries" nullable:"false" doc:"The newest first."`
	Problem    string         `json:"problem,omitempty" doc:"What is wrong with the file; the last good rules hold."`
}

// ChannelState is a channel without its credential.
type ChannelState struct {
	Name         string `json:"name"`
	Kind         string `json:"kind" doc:"The service, such as ntfy or slack, or webhook."`
	Signed       bool   `json:"signed" doc:"Whether a webhook is signed."`
	AllowPrivate bool   `json:"allowPrivate"`
}

// State gives the channels, rules and deliveries.
func (n *Notifier) State() State {
	config, problem := n.config.state()
	s := State{Channels: []ChannelState{}, Rules: config.Rules, Deliveries: n.box.list(), Problem: problem}
	if s.Rules == nil {
		s.Rules = []Rule{}
	}
	for _, name := range slices.Sorted(maps.Keys(config.Channels)) {
		c := config.Channels[name]
		state := ChannelState{Name: name, Kind: "webhook", Signed: c.Secret != nil, AllowPrivate: c.AllowPrivate}
		if c.URL != nil {
			state.Kind = "service"
			if text, err := c.URL.read(n.resolve); err == nil {
				if u, err := url.Parse(text); err == nil && u.Scheme != "" {
					state.Kind = u.Scheme
				}
			}
		}
		s.Channels = append(s.Channels, state)
	}
	return s
}
