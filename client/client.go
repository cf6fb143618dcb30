// Package client talks to a ClaudeOps server: it starts agents, stops them, and yields every event
// of an execution once and in order, however often the connection is lost in between.
//
// A Client holds at most one connection, shared by everything it does, made when first needed and
// made again for as long as anybody needs it. It prefers WebSocket, falls back to server-sent
// events and then to long polling where something in between does not let WebSocket through, and
// returns to WebSocket when it can. A subscription is a cursor: whatever happens to the connection,
// it goes on at the next sequence number.
//
// The package decides nothing about executions and keeps no history: what it cannot hand on at once
// it leaves on the server and asks for again.
package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Client is a connection to one server with one credential. It is safe for concurrent use.
type Client struct {
	base  *url.URL // http or https, path ends in "/"
	cfg   config
	calls *calls

	life   context.Context
	end    context.CancelCauseFunc
	wg     sync.WaitGroup
	wake   chan struct{} // cap 1: somebody needs a connection
	resync chan struct{} // cap 1: subscriptions changed

	mu       sync.Mutex
	closed   bool
	running  bool
	link     link                 // nil while there is none
	linkLost chan struct{}        // of link: closed when it has gone
	waiters  map[*waiter]struct{} // who waits for a link
	inCall   int                  // calls that are not over
	topics   map[string]*topic    // by execution
	watch    watchState
	system   systemState
	token    string // as the credential last gave it
}

// New makes a client for the server at rawURL, such as "http://127.0.0.1:3000" or
// "https://host/base/path"; ws and wss are taken as well. It does not connect yet.
func New(rawURL string, options ...Option) (*Client, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("server address %q: %w", rawURL, err)
	}
	switch u.Scheme {
	case "http", "https":
	case "ws":
		u.Scheme = "http"
	case "wss":
		u.Scheme = "https"
	default:
		return nil, fmt.Errorf("server address %q: wants http:// or https:// in front", rawURL)
	}
	if u.Host == "" {
		return nil, fmt.Errorf("server address %q: has no host", rawURL)
	}
	if u.User != nil {
		return nil, fmt.Errorf("server address: a credential does not belong in a URL; use WithToken")
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("server address %q: takes no query and no fragment", rawURL)
	}
	if !strings.HasSuffix(u.Path, "/") {
		u.Path += "/"
	}
	c := &Client{
		base:    u,
		cfg:     defaults(),
		calls:   newCalls(),
		wake:    make(chan struct{}, 1),
		resync:  make(chan struct{}, 1),
		waiters: map[*waiter]struct{}{},
		topics:  map[string]*topic{},
	}
	for _, option := range options {
		option(&c.cfg)
	}
	if err := c.cfg.check(); err != nil {
		return nil, err
	}
	c.life, c.end = context.WithCancelCause(context.Background())
	return c, nil
}

// Close ends the connection and everything that uses it with ErrClosed, and returns when nothing of
// the client runs any more. Executions go on. It is safe to call twice.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.end(ErrClosed)
	c.wg.Wait()
	c.cfg.closeIdle()
	return nil
}

// URL is the server's address, with its base path, ending in "/".
func (c *Client) URL() string { return c.base.String() }

// needLocked makes sure that the goroutine that keeps the connection runs and is awake. The caller
// has registered what it needs before.
func (c *Client) needLocked() error {
	if c.closed {
		return ErrClosed
	}
	if !c.running {
		c.running = true
		c.wg.Add(1)
		go func() {
			defer c.wg.Done()
			c.run()
		}()
	}
	poke(c.wake)
	return nil
}

// needed reports whether anything wants a connection now.
func (c *Client) needed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.inCall > 0 || len(c.waiters) > 0 || len(c.topics) > 0 || len(c.watch.watchers) > 0 || len(c.system.watchers) > 0
}

// url gives the address of an escaped path below the server's.
func (c *Client) url(path string, query url.Values) string {
	return c.base.String() + path + encodeQuery(query)
}

func encodeQuery(query url.Values) string {
	if len(query) == 0 {
		return ""
	}
	return "?" + query.Encode()
}

// authorize gives the request the credential, which never goes into the URL.
func (c *Client) authorize(ctx context.Context, r *http.Request) error {
	token, err := c.credential(ctx, false)
	if err != nil {
		return err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r.Header.Set("User-Agent", c.cfg.userAgent)
	return nil
}

// credential gives the token to use. With renew it is asked for anew, and ErrCredential tells that
// there is no other.
func (c *Client) credential(ctx context.Context, renew bool) (string, error) {
	c.mu.Lock()
	known := c.token
	c.mu.Unlock()
	if known != "" && !renew {
		return known, nil
	}
	if c.cfg.credential == nil {
		return "", nil
	}
	token, err := c.cfg.credential(ctx)
	if err != nil {
		return "", fmt.Errorf("get a credential: %w", err)
	}
	if renew && token == known {
		return "", ErrCredential
	}
	c.mu.Lock()
	c.token = token
	c.mu.Unlock()
	return token, nil
}

// poke wakes whoever waits on a channel of capacity 1.
func poke(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// cause is why ctx ended, the client's own end before the context's.
func (c *Client) cause(ctx context.Context) error {
	if c.life.Err() != nil {
		return context.Cause(c.life)
	}
	if err := ctx.Err(); err != nil {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
			return cause
		}
		return err
	}
	return nil
}
