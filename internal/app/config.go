package app

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/claudeops/claudeops/internal/host/space"
	"github.com/claudeops/claudeops/internal/record/retention"
	"github.com/claudeops/claudeops/internal/record/sealer"
	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

// DefaultListen is where a server listens that is told nothing else.
const DefaultListen = "127.0.0.1:3000"

// Config is what an operator can set. The zero value of every field but DataDir has a meaning.
type Config struct {
	// DataDir is where everything is kept. Required; made when it is missing.
	DataDir string
	// AgentsDir holds the definitions, *.yaml. Empty: only what is built in.
	AgentsDir string
	// NotificationsFile says whom to tell of what. Empty: notifications.yaml in the data directory.
	NotificationsFile string
	// Listen is host:port. Empty: DefaultListen. Port 0: any that is free.
	Listen string
	// InsecureListen allows an address that others can reach without TLS, over which they can read
	// the token.
	InsecureListen bool
	// TLSCert and TLSKey are PEM files. Empty: no TLS.
	TLSCert, TLSKey string

	// BasePath is the path the server is reached under behind a proxy, like "/ops". Empty: the root.
	BasePath string
	// AllowedHosts are names the server answers to beside loopback's and the one it listens on.
	AllowedHosts []string
	// AllowedOrigins are origins whose pages may use the API beside our own.
	AllowedOrigins []string
	// TrustedProxies are the addresses whose X-Forwarded-For and -Proto are believed.
	TrustedProxies []netip.Prefix
	// JWT says which JSON web tokens to trust. Zero: none.
	JWT auth.JWT

	// Prices is a file with prices of models, in place of the program's own. Empty: prices.json in the
	// data directory, where there is one.
	Prices string
	// MaxRunning is how many executions run at a time. 0: the supervisor's default; below 0: no limit.
	MaxRunning int
	// Drain starts nothing: what is new is queued, and what runs goes on.
	Drain bool
	// SealAfter is how long after its end an execution's journal is sealed, into a form that takes up a
	// part of the room. 0: sealer.DefaultAfter; below 0: never.
	SealAfter time.Duration
	// Limits and Heartbeat of the live transports. Zero: the protocol's defaults.
	Limits    protocol.Limits
	Heartbeat protocol.Heartbeat

	// Retention says how much is kept, where an agent's definition does not. Zero: everything.
	Retention retention.Rules
	// RetentionInterval is how often that is looked at. 0: retention.DefaultInterval.
	RetentionInterval time.Duration

	// LowDisk is how much must be free on the disk of the data directory for anything to be started.
	// Zero: space's default.
	LowDisk space.Mark
	// Statfs says how much is. Nil: the system.
	Statfs func(path string) (space.Figures, error)

	// Temporary says that the server is for one command and ends with it.
	Temporary bool
	// Executable is the program that runners and builtins are started from. Empty: this one.
	Executable string
	// Assets is the built dashboard. Nil: a page that says it was not built.
	Assets fs.FS
	// Version is what the server calls itself. Empty: "dev".
	Version string
	// Log gets what an operator should know. Nil: nothing is logged.
	Log *slog.Logger
	// ShutdownGrace is how long a shutdown waits for what is under way. 0: 10 s.
	ShutdownGrace time.Duration
}

// ConfigError says what is wrong with a Config; nothing was opened for good.
type ConfigError struct{ err error }

func (e *ConfigError) Error() string { return e.err.Error() }
func (e *ConfigError) Unwrap() error { return e.err }

func (c *Config) complete() error {
	if c.DataDir == "" {
		return errors.New("no data directory given; name one with --data")
	}
	if c.Listen == "" {
		c.Listen = DefaultListen
	}
	if c.Version == "" {
		c.Version = "dev"
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.SealAfter == 0 {
		c.SealAfter = sealer.DefaultAfter
	}
	if c.ShutdownGrace <= 0 {
		c.ShutdownGrace = 10 * time.Second
	}
	if c.Limits == (protocol.Limits{}) {
		c.Limits = protocol.DefaultLimits()
	}
	if c.Executable == "" {
		exe, err := os.Executable()
		if err != nil {
			return fmt.Errorf("find this program's own file: %w", err)
		}
		c.Executable = exe
	}
	if c.BasePath = strings.TrimRight(c.BasePath, "/"); c.BasePath != "" && !strings.HasPrefix(c.BasePath, "/") {
		return fmt.Errorf("--base-path %s must begin with a slash", c.BasePath)
	}
	if err := c.Retention.Check(); err != nil {
		return fmt.Errorf("retention: %w", err)
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return errors.New("TLS takes both --tls-cert and --tls-key; only one was given")
	}
	return c.checkListen()
}

// checkListen refuses an address that puts the token on the network in clear text.
func (c *Config) checkListen() error {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("--listen %s is no address such as %s: %w", c.Listen, DefaultListen, err)
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return fmt.Errorf("--listen %s: %q is no port", c.Listen, port)
	}
	if c.TLSCert != "" || c.InsecureListen || loopback(host) {
		return nil
	}
	return fmt.Errorf("--listen %s can be reached by others, who could read the token off the network: give --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy that speaks TLS, or say --insecure-listen if that network is safe", c.Listen)
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
