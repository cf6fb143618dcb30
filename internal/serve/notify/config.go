package notify

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/datadir"
	"github.com/claudeops/claudeops/protocol"
)

// Config is what notifications.yaml holds.
type Config struct {
	Channels map[string]ChannelConfig `yaml:"channels" json:"channels"`
	Rules    []Rule                   `yaml:"rules" json:"rules"`
}

// ChannelConfig is one way to reach somebody: exactly one of URL and Webhook.
type ChannelConfig struct {
	// URL is a service URL of shoutrrr: ntfy, Slack, Discord, Teams, Telegram, e-mail and others.
	URL *Value `yaml:"url,omitempty" json:"url,omitempty"`
	// Webhook gets a signed POST with the message as JSON.
	Webhook *Value `yaml:"webhook,omitempty" json:"webhook,omitempty"`
	// Secret signs what a webhook gets (Standard Webhooks: whsec_ and base64).
	Secret *Value `yaml:"secret,omitempty" json:"secret,omitempty"`
	// AllowPrivate lets the address be one of this host's own networks.
	AllowPrivate bool `yaml:"allowPrivate,omitempty" json:"allowPrivate,omitempty"`
}

// Value is a text, or where a text that should not stand in the file is kept.
type Value struct {
	Text   string `yaml:"-" json:"-"`
	File   string `yaml:"file,omitempty" json:"file,omitempty"`
	Secret string `yaml:"secret,omitempty" json:"secret,omitempty"`
}

// UnmarshalYAML reads a text, {file: PATH} or {secret: NAME}.
func (v *Value) UnmarshalYAML(b []byte) error {
	if yaml.Unmarshal(b, &v.Text) == nil {
		return nil
	}
	type plain Value
	if err := yaml.UnmarshalWithOptions(b, (*plain)(v), yaml.Strict()); err != nil {
		return errors.New("must be a text, {file: PATH} or {secret: NAME}")
	}
	if (v.File == "") == (v.Secret == "") {
		return errors.New("must have exactly one of file and secret")
	}
	return nil
}

// MarshalYAML writes what UnmarshalYAML reads.
func (v Value) MarshalYAML() (any, error) {
	if v.File == "" && v.Secret == "" {
		return v.Text, nil
	}
	type plain Value
	return plain(v), nil
}

// read gives the text itself.
func (v Value) read(secret func(string) (string, error)) (string, error) {
	switch {
	case v.File != "":
		b, err := os.ReadFile(v.File)
		if err != nil {
			return "", err
		}
		return strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"), nil
	case v.Secret != "":
		return secret(v.Secret)
	}
	return v.Text, nil
}

// Parse reads a configuration and says with the line what is wrong with it.
func Parse(text []byte) (Config, error) {
	var c Config
	if len(bytes.TrimSpace(text)) == 0 {
		return c, nil
	}
	if err := yaml.UnmarshalWithOptions(text, &c, yaml.Strict()); err != nil {
		return c, errors.New(yaml.FormatError(err, false, true))
	}
	return c, c.check()
}

func (c Config) check() error {
	for _, name := range slices.Sorted(maps.Keys(c.Channels)) {
		if err := c.Channels[name].check(); err != nil {
			return fmt.Errorf("channel %s: %w", name, err)
		}
	}
	for i, rule := range c.Rules {
		if err := rule.check(); err != nil {
			return fmt.Errorf("rule %d: %w", i+1, err)
		}
		for _, to := range rule.To {
			if _, ok := c.Channels[to]; !ok {
				return fmt.Errorf("rule %d: to: there is no channel %q; these are: %s", i+1, to, strings.Join(slices.Sorted(maps.Keys(c.Channels)), ", "))
			}
		}
	}
	return nil
}

func (c ChannelConfig) check() error {
	if (c.URL == nil) == (c.Webhook == nil) {
		return errors.New("must have exactly one of url and webhook")
	}
	if c.Secret != nil && c.Webhook == nil {
		return errors.New("secret: signs a webhook; a url has its credential in itself")
	}
	return nil
}

// configFile is the file with the channels and rules in force: those of its last good state.
type configFile struct {
	path   string
	secret func(string) (string, error)
	log    *slog.Logger

	mu      sync.Mutex // guards what follows
	text    []byte     // as it was last read
	read    bool
	config  Config
	problem string // what is wrong with text; empty: nothing
}

func newConfigFile(path string, secret func(string) (string, error), log *slog.Logger) *configFile {
	f := &configFile{path: path, secret: secret, log: log}
	f.reload()
	return f
}

// reload reads the file when it has changed. It is looked at by its content: an editor may keep size
// and time, and no file system has to tell.
func (f *configFile) reload() {
	text, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = nil, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.complain(fmt.Sprintf("read %s: %v", f.path, err))
		return
	}
	if f.read && bytes.Equal(text, f.text) {
		return
	}
	f.text, f.read = text, true
	config, err := Parse(text)
	if err != nil {
		f.complain(err.Error())
		return
	}
	f.config, f.problem = config, ""
}

// complain notes a problem, and logs it when it is new. The caller holds mu.
func (f *configFile) complain(problem string) {
	if problem != f.problem {
		f.log.Error("the notifications file is wrong; the last good rules hold", "file", f.path, "problem", problem)
	}
	f.problem = problem
}

func (f *configFile) current() channels {
	f.mu.Lock()
	defer f.mu.Unlock()
	return channels{f.config, f.secret}
}

func (f *configFile) state() (Config, string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.config, f.problem
}

// Replace writes a new file, after it was checked. A channel value that is empty keeps what the
// file has under the same name: what is shown of a channel never holds its credential.
func (n *Notifier) Replace(c Config) error {
	old, _ := n.config.state()
	for name, channel := range c.Channels {
		before := old.Channels[name]
		channel.URL = kept(channel.URL, before.URL)
		channel.Webhook = kept(channel.Webhook, before.Webhook)
		channel.Secret = kept(channel.Secret, before.Secret)
		c.Channels[name] = channel
	}
	if err := c.check(); err != nil {
		return fault.New(protocol.BadRequest, "%s", err)
	}
	text, err := yaml.Marshal(c)
	if err != nil {
		return fmt.Errorf("write the notifications file: %w", err)
	}
	if _, err := Parse(text); err != nil {
		return fault.New(protocol.BadRequest, "%s", err)
	}
	if err := datadir.WriteFile(n.opts.File, text); err != nil {
		return err
	}
	n.config.reload()
	return nil
}

func kept(now, before *Value) *Value {
	if now != nil && *now == (Value{}) && before != nil {
		return before
	}
	return now
}
