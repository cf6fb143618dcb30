package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Transport is a way messages travel.
type Transport string

const (
	WebSocket Transport = "websocket"
	SSE       Transport = "sse"  // server-sent events one way, POST the other
	Poll      Transport = "poll" // long polling one way, POST the other
)

// Option adjusts a Client.
type Option func(*config)

type config struct {
	credential   func(context.Context) (string, error)
	firstMessage bool
	transports   []Transport
	httpClient   *http.Client
	userAgent    string
	compress     *bool
	onState      func(State)

	backoffMin, backoffMax time.Duration
	maxAttempts            int
	handshakeTimeout       time.Duration
	probeInterval          time.Duration
	maxBuffer              int
	ownsTransport          bool
}

func defaults() config {
	return config{
		transports:       []Transport{WebSocket, SSE, Poll},
		userAgent:        "claudeops-go/1",
		backoffMin:       time.Second,
		backoffMax:       30 * time.Second,
		handshakeTimeout: 10 * time.Second,
		probeInterval:    30 * time.Second,
		maxBuffer:        8 << 20,
	}
}

func (cfg *config) check() error {
	if len(cfg.transports) == 0 {
		return errors.New("WithTransports: wants at least one transport")
	}
	for _, t := range cfg.transports {
		if t != WebSocket && t != SSE && t != Poll {
			return fmt.Errorf("WithTransports: there is no transport %q", t)
		}
	}
	if cfg.backoffMin <= 0 || cfg.backoffMax < cfg.backoffMin {
		return fmt.Errorf("WithBackoff: wants 0 < min ≤ max, got %v and %v", cfg.backoffMin, cfg.backoffMax)
	}
	if cfg.maxBuffer <= 0 {
		return fmt.Errorf("WithBuffer: wants more than 0 bytes, got %d", cfg.maxBuffer)
	}
	if cfg.httpClient == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = 4
		cfg.httpClient = &http.Client{Transport: transport}
		cfg.ownsTransport = true
	}
	return nil
}

func (cfg *config) closeIdle() {
	if cfg.ownsTransport {
		cfg.httpClient.CloseIdleConnections()
	}
}

// WithToken authenticates with a fixed token: the owner's, or a JWT.
func WithToken(token string) Option {
	return WithCredential(func(context.Context) (string, error) { return token, nil })
}

// WithCredential authenticates with the token get gives. It is asked when first needed, and again
// when the server says that the last one has expired or was revoked.
func WithCredential(get func(context.Context) (string, error)) Option {
	return func(cfg *config) { cfg.credential = get }
}

// WithFirstMessageAuth sends the credential as the first WebSocket message instead of in the
// Authorization header, for when something in between removes or logs that header.
func WithFirstMessageAuth() Option { return func(cfg *config) { cfg.firstMessage = true } }

// WithTransports sets the transports to try, the preferred one first. Default: WebSocket, SSE, Poll.
func WithTransports(transports ...Transport) Option {
	return func(cfg *config) { cfg.transports = transports }
}

// WithHTTPClient makes every request, and the WebSocket handshake, through h. Its Timeout must be 0,
// or streams would end with it.
func WithHTTPClient(h *http.Client) Option { return func(cfg *config) { cfg.httpClient = h } }

// WithUserAgent names the program to the server.
func WithUserAgent(name string) Option { return func(cfg *config) { cfg.userAgent = name } }

// WithCompression turns WebSocket compression on or off. Default: on, unless the server is on
// loopback, where it costs more than it saves.
func WithCompression(on bool) Option { return func(cfg *config) { cfg.compress = &on } }

// WithBackoff bounds the wait between attempts. The first attempt after a loss is made at once, the
// next ones after a random time below min, 2·min, 4·min … max. Default: 1 s to 30 s.
func WithBackoff(min, max time.Duration) Option {
	return func(cfg *config) { cfg.backoffMin, cfg.backoffMax = min, max }
}

// WithMaxAttempts gives up after n attempts in a row: whatever waits ends with the last attempt's
// error. Default 0: never.
func WithMaxAttempts(n int) Option { return func(cfg *config) { cfg.maxAttempts = n } }

// WithHandshakeTimeout bounds one attempt over one transport. Default: 10 s.
func WithHandshakeTimeout(d time.Duration) Option {
	return func(cfg *config) { cfg.handshakeTimeout = d }
}

// WithProbeInterval says how often, while on a fallback, the preferred transport is tried again.
// Default: 30 s.
func WithProbeInterval(d time.Duration) Option { return func(cfg *config) { cfg.probeInterval = d } }

// WithBuffer bounds what one subscription holds for a caller who is slower than the server. Past it
// the rest stays on the server and is asked for again later: nothing is lost. Default: 8 MiB.
func WithBuffer(bytes int) Option { return func(cfg *config) { cfg.maxBuffer = bytes } }

// WithState has every change of the connection told to fn, in order, one call at a time. fn must not
// block and must not call the client.
func WithState(fn func(State)) Option { return func(cfg *config) { cfg.onState = fn } }

// Status is what the connection does.
type Status string

const (
	Connecting Status = "connecting" // an attempt is being made
	Connected  Status = "connected"
	Waiting    Status = "waiting" // for the next attempt, RetryIn from now
	Idle       Status = "idle"    // nothing needs a connection
)

// State describes the connection.
type State struct {
	Status    Status
	Transport Transport     // while Connected
	Attempt   int           // since the connection was last good: 1 is the first
	RetryIn   time.Duration // while Waiting
	Err       error         // what ended the last connection or attempt
}
