package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nicholas-fedor/shoutrrr"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/protocol"
)

// channel sends messages to one place.
type channel interface {
	send(ctx context.Context, m Message) error
}

// channels are those of one state of the file.
type channels struct {
	config Config
	secret func(string) (string, error)
}

// channel gives one by its name.
func (c channels) channel(name string) (channel, error) {
	config, ok := c.config.Channels[name]
	if !ok {
		return nil, fault.New(protocol.NotFound, "there is no channel %q; these are: %s", name, strings.Join(slices.Sorted(maps.Keys(c.config.Channels)), ", "))
	}
	source := config.URL
	if source == nil {
		source = config.Webhook
	}
	target, err := source.read(c.secret)
	if err != nil {
		return nil, fmt.Errorf("channel %s: its address can't be read: %w", name, err)
	}
	if config.URL != nil {
		return service{target, config.AllowPrivate}, nil
	}
	hook := webhook{url: target, client: &http.Client{
		Transport:     &http.Transport{DialContext: dialer(config.AllowPrivate).DialContext, DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if config.Secret != nil {
		secret, err := config.Secret.read(c.secret)
		if err != nil {
			return nil, fmt.Errorf("channel %s: its secret can't be read: %w", name, err)
		}
		if hook.signer, err = standardwebhooks.NewWebhook(secret); err != nil {
			return nil, fmt.Errorf("channel %s: secret must be base64, with whsec_ before it or without: %w", name, err)
		}
	}
	return hook, nil
}

// service is a channel that shoutrrr knows.
type service struct {
	url          string
	allowPrivate bool
}

func (s service) send(ctx context.Context, m Message) error {
	if err := s.allowed(ctx); err != nil {
		return err
	}
	sender, err := shoutrrr.NewSender(log.New(io.Discard, "", 0), s.url)
	if err != nil {
		return s.hide(err)
	}
	params := types.Params{}
	params.SetTitle(m.Title)
	text := m.Body
	if m.Link != "" {
		text = strings.TrimSpace(text + "\n" + m.Link)
	}
	if text == "" {
		text = m.Title
	}
	done := make(chan error, 1)
	go func() { // shoutrrr takes no context; its own timeouts end it
		done <- errors.Join(sender.Send(text, &params)...)
	}()
	select {
	case err := <-done:
		return s.hide(err)
	case <-ctx.Done():
		return fmt.Errorf("the service did not answer in time: %w", context.Cause(ctx))
	}
}

// hide takes the address, which holds the credential, out of an error.
func (s service) hide(err error) error {
	if err == nil {
		return nil
	}
	text := strings.ReplaceAll(err.Error(), s.url, "…")
	if u, parsed := url.Parse(s.url); parsed == nil {
		for _, part := range []string{u.Host, strings.Trim(u.Path, "/"), u.RawQuery, u.User.String()} {
			if len(part) > 3 {
				text = strings.ReplaceAll(text, part, "…")
			}
		}
	}
	return errors.New(text)
}

// allowed refuses a service on the host's own networks. For services whose address is no host name
// there is nothing to look up.
func (s service) allowed(ctx context.Context) error {
	u, err := url.Parse(s.url)
	if err != nil {
		return errors.New("the channel's url is no URL")
	}
	if s.allowPrivate {
		return nil
	}
	addresses, err := net.DefaultResolver.LookupIPAddr(ctx, u.Hostname())
	if err != nil {
		return nil // what it is, the service knows
	}
	for _, a := range addresses {
		if !public(a.IP) {
			return errPrivate(a.IP.String())
		}
	}
	return nil
}

// webhook posts a message as JSON, signed when it has a secret.
type webhook struct {
	url    string
	signer *standardwebhooks.Webhook
	client *http.Client
}

func (w webhook) send(ctx context.Context, m Message) error {
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return errors.New("the webhook's address is no URL")
	}
	now := time.Now()
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "claudeops")
	r.Header.Set("Webhook-Id", m.ID)
	r.Header.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
	if w.signer != nil {
		signature, err := w.signer.Sign(m.ID, now, body)
		if err != nil {
			return fmt.Errorf("sign a webhook: %w", err)
		}
		r.Header.Set("Webhook-Signature", signature)
	}
	answer, err := w.client.Do(r)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err // without the address, which may hold a credential
		}
		return fmt.Errorf("post the webhook: %w", err)
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, 64<<10)
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return fmt.Errorf("the webhook's receiver answered %s", answer.Status)
	}
	return nil
}

// dialer connects to public addresses alone, unless others are allowed. It looks at the address that
// is connected to, so a name that resolves differently the second time gains nothing.
func dialer(allowPrivate bool) *net.Dialer {
	return &net.Dialer{Timeout: 10 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return err
		}
		if ip := net.ParseIP(host); !allowPrivate && (ip == nil || !public(ip)) {
			return errPrivate(host)
		}
		return nil
	}}
}

func errPrivate(address string) error {
	return fmt.Errorf("%s is an address of the host's own networks: set allowPrivate: true for this channel if that is meant", address)
}

// shared is the address space of carriers (RFC 6598), which other people's networks use as their own.
var shared = net.IPNet{IP: net.IPv4(100, 64, 0, 0), Mask: net.CIDRMask(10, 32)}

func public(ip net.IP) bool {
	return !(ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() || ip.IsLinkLocalMulticast() || ip.IsMulticast() ||
		ip.IsUnspecified() || ip.IsInterfaceLocalMulticast() || shared.Contains(ip) || ip.Equal(net.IPv4bcast))
}
