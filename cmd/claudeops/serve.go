package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/claudeops/claudeops/internal/app"
	"github.com/claudeops/claudeops/internal/host/space"
	"github.com/claudeops/claudeops/internal/record/retention"
	"github.com/claudeops/claudeops/internal/run/agent"
	"github.com/claudeops/claudeops/internal/run/supervisor"
	"github.com/claudeops/claudeops/web"
)

// serveFlags are what serve can be told.
type serveFlags struct {
	config    app.Config
	proxies   []string
	logFormat string
	logLevel  string
	printLink bool
	open      bool

	maxRunning int

	lowDisk   string
	retention [4]string // of logs age and size, of executions age and count

	jwtSecretFile, jwtPublicKeyFile string
}

// retentionFlags are the bounds of what is kept, in the order of serveFlags.retention.
var retentionFlags = [4]struct{ name, usage string }{
	{"retention-logs-age", "`age` at which an ended execution loses its log lines and keeps its record, such as 30d (default unlimited)"},
	{"retention-logs-size", "`size` that the log lines of all ended executions may take together, such as 10GiB (default unlimited)"},
	{"retention-executions-age", "`age` at which an ended execution is removed, such as 365d (default unlimited)"},
	{"retention-executions-count", "`number` of ended executions that are kept (default unlimited)"},
}

// rules reads the bounds of what is kept.
func (f *serveFlags) rules() (r retention.Rules, err error) {
	for i, flag := range retentionFlags {
		text := f.retention[i]
		if text == "" {
			continue
		}
		switch i {
		case 0:
			r.LogsAge.Set = true
			r.LogsAge.Limit, err = agent.ParseAge(text)
		case 1:
			r.LogsSize.Set = true
			r.LogsSize.Limit, err = agent.ParseKeptSize(text)
		case 2:
			r.ExecutionsAge.Set = true
			r.ExecutionsAge.Limit, err = agent.ParseAge(text)
		case 3:
			r.ExecutionsCount.Set = true
			r.ExecutionsCount.Limit, err = agent.ParseKeptCount(text)
		}
		if err != nil {
			return r, usageError("--%s: %w", flag.name, err)
		}
	}
	return r, nil
}

func (c *command) serveCommand() *cobra.Command {
	f := &serveFlags{}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server and its page",
		Long: `Runs the server and its page until it is told to end (Ctrl-C, SIGTERM). Agents run on when it
ends, however it ends; the next server finds them.

On a terminal it prints a link that signs one browser in, once, within ten minutes; claudeops open
gives another. With --open it opens the page in the browser of this desktop, if there is one.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.serve(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.config.Listen, "listen", app.DefaultListen, "`address` to listen on; port 0 takes any that is free")
	flags.StringVar(&f.config.AgentsDir, "agents", "", "`directory` with agent definitions, *.yaml")
	flags.StringVar(&f.config.NotificationsFile, "notifications", "", "`file` that says whom to tell of what (default notifications.yaml in the data directory)")
	flags.StringVar(&f.config.BasePath, "base-path", "", "`path` the server is reached under behind a proxy, such as /ops")
	flags.StringSliceVar(&f.config.AllowedHosts, "allow-host", nil, "`name` the server answers to beside localhost (repeatable)")
	flags.StringSliceVar(&f.config.AllowedOrigins, "allow-origin", nil, "`origin` whose pages may use the API, such as https://app.example (repeatable)")
	flags.StringSliceVar(&f.proxies, "trust-proxy", nil, "`address` or network of a proxy whose X-Forwarded-For and -Proto are believed (repeatable)")
	flags.BoolVar(&f.config.InsecureListen, "insecure-listen", false, "allow an address that others can reach without TLS")
	flags.StringVar(&f.config.TLSCert, "tls-cert", "", "PEM `file` with the certificate")
	flags.StringVar(&f.config.TLSKey, "tls-key", "", "PEM `file` with its key")
	flags.IntVar(&f.maxRunning, "max-running", supervisor.DefaultMaxRunning, "`number` of executions that run at a time, more are queued; 0 to start nothing and queue everything, -1 for no limit")
	flags.StringVar(&f.config.Prices, "prices", "", "JSON `file` with prices of models that take the place of the program's (default prices.json in the data directory)")
	flags.StringVar(&f.lowDisk, "low-disk", "", "`size` or share, such as 5GiB or 5%, that must be free on the disk of the data directory for anything to be started; off to start regardless (default 1GiB or 2%, whichever is more, but not over 10%)")
	for i, flag := range retentionFlags {
		flags.StringVar(&f.retention[i], flag.name, "", flag.usage)
	}
	f.config.RetentionInterval = retention.DefaultInterval
	flags.Var((*duration)(&f.config.RetentionInterval), "retention-interval", "`time` between two looks at what is not to be kept any more")
	flags.Var((*sealAfter)(&f.config.SealAfter), "seal-after", "`time` from the end of an execution until its journal is sealed into a tenth of its size or so; 0 for at once, never for not at all")
	flags.StringVar(&f.jwtSecretFile, "jwt-secret-file", "", "`file` with the secret shared with the issuer of JWTs (HS256), 32 bytes or more")
	flags.StringVar(&f.jwtPublicKeyFile, "jwt-public-key-file", "", "PEM `file` with the issuer's public keys")
	flags.StringVar(&f.config.JWT.JWKSFile, "jwt-jwks-file", "", "`file` with the issuer's JWK set, read again when it changes")
	flags.StringVar(&f.config.JWT.JWKSURL, "jwt-jwks-url", "", "`address` of the issuer's JWK set")
	flags.StringVar(&f.config.JWT.Issuer, "jwt-issuer", "", "`issuer` that iss in a JWT must name")
	flags.StringVar(&f.config.JWT.Audience, "jwt-audience", "", "`audience` that aud in a JWT must hold")
	flags.StringVar(&f.logFormat, "log-format", "text", "`format` of the server's log: text or json")
	flags.StringVar(&f.logLevel, "log-level", "info", "`level` from which it is written: debug, info, warn, error")
	flags.BoolVar(&f.open, "open", false, "open the page in a browser, where this machine has a desktop")
	flags.BoolVar(&f.printLink, "print-link", false, "print the sign-in link even when stdout is no terminal")
	return cmd
}

func (c *command) serve(ctx context.Context, f *serveFlags) error {
	log, err := newLog(c.stderr, f.logFormat, f.logLevel)
	if err != nil {
		return err
	}
	config := f.config
	if config.DataDir, err = c.dataDir(); err != nil {
		return err
	}
	if config.Retention, err = f.rules(); err != nil {
		return err
	}
	if config.LowDisk, err = space.ParseMark(f.lowDisk, agent.ParseKeptSize); err != nil {
		return usageError("--low-disk: %w", err)
	}
	if config.MaxRunning = f.maxRunning; f.maxRunning == 0 {
		config.Drain = true
		log.Warn("nothing will be started, as --max-running 0 says; what is new is queued, what runs goes on")
	}
	if config.RetentionInterval < time.Second {
		return usageError("--retention-interval %v is less than the least, 1s", config.RetentionInterval)
	}
	for _, text := range f.proxies {
		prefix, err := parsePrefix(text)
		if err != nil {
			return usageError("--trust-proxy %s is neither an address nor a network such as 10.0.0.0/8", text)
		}
		config.TrustedProxies = append(config.TrustedProxies, prefix)
	}
	if config.JWT.Secret, err = readSecret(f.jwtSecretFile); err != nil {
		return err
	}
	if config.JWT.PublicKey, err = readSecret(f.jwtPublicKeyFile); err != nil {
		return err
	}
	config.Assets, config.Version, config.Log = web.Dashboard(), buildInfo().Version, log

	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	a, err := app.New(config)
	var wrong *app.ConfigError
	if errors.As(err, &wrong) {
		return usageError("%w", err)
	}
	if err != nil {
		return err
	}
	var browser sync.WaitGroup
	defer browser.Wait()
	return a.Run(ctx, func() {
		// From here on a second Ctrl-C ends the program at once.
		context.AfterFunc(ctx, stop)
		if f.printLink || isTerminal(c.stdout) {
			c.printLink(ctx, a)
		}
		if f.open {
			browser.Go(func() { c.openBrowser(ctx, a, config.DataDir, log) })
		}
	})
}

func (c *command) printLink(ctx context.Context, a *app.App) {
	link, expires, err := a.SignInLink(ctx)
	if err != nil {
		fmt.Fprintln(c.stderr, "claudeops:", err)
		return
	}
	fmt.Fprintf(c.stdout, "\n  ClaudeOps %s is at %s\n\n  Sign in once, within %d minutes:\n\n    %s\n\n  Another link: %s open%s\n  End the server with Ctrl-C; agents run on.\n\n",
		buildInfo().Version, a.URL(), int(time.Until(expires).Round(time.Minute).Minutes()), c.paint(c.stdout, bold, link), calledAs(), c.dataFlag())
}

// calledAs is the program as it can be called again from here.
func calledAs() string {
	if len(os.Args) > 0 && strings.Contains(os.Args[0], "/") {
		return os.Args[0]
	}
	return "claudeops"
}

// dataFlag is what has to be said beside a command for it to find the same data directory.
func (c *command) dataFlag() string {
	if c.data == "" || os.Getenv(twin("data")) == c.data {
		return ""
	}
	return " --data " + c.data
}

func newLog(w interface{ Write([]byte) (int, error) }, format, level string) (*slog.Logger, error) {
	options := &slog.HandlerOptions{}
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, usageError("--log-level %s is none of debug, info, warn and error", level)
	}
	options.Level = l
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	default:
		return nil, usageError("--log-format %s is neither text nor json", format)
	}
}

func parsePrefix(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		return netip.ParsePrefix(text)
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}

func readSecret(file string) ([]byte, error) {
	if file == "" {
		return nil, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return []byte(strings.TrimRight(string(b), "\r\n")), nil
}
