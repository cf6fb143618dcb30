package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/internal/app"
	"github.com/claudeops/claudeops/internal/record/datadir"
	"github.com/claudeops/claudeops/internal/run/process"
	"github.com/claudeops/claudeops/internal/trust/auth"
)

// errNoServer tells that no server could be found.
var errNoServer = errors.New("no server was found")

// noServerError says which server is missing and what to do.
type noServerError struct{ text string }

func (e *noServerError) Error() string        { return e.text }
func (e *noServerError) Is(target error) bool { return target == errNoServer }

func noServer(format string, args ...any) error {
	return &noServerError{fmt.Sprintf(format, args...)}
}

// connect finds the server and makes a client for it.
func (c *command) connect(ctx context.Context, options ...client.Option) (*client.Client, error) {
	found, err := c.findServer(ctx)
	if err != nil {
		return nil, err
	}
	return c.newClient(found, options...)
}

// found is a server and the token for it.
type found struct {
	url, token string
	temporary  bool // it ends with the command that started it
}

func (c *command) newClient(f found, options ...client.Option) (*client.Client, error) {
	options = append([]client.Option{client.WithToken(f.token), client.WithUserAgent("claudeops/" + buildInfo().Version)}, options...)
	if f.temporary {
		// When it has ended, it does not come back.
		options = append(options, client.WithMaxAttempts(3))
	}
	cl, err := client.New(f.url, options...)
	if err != nil {
		return nil, err
	}
	earlier := c.close
	c.close = func() error {
		err := cl.Close()
		if earlier != nil {
			err = errors.Join(err, earlier())
		}
		return err
	}
	return cl, nil
}

// findServer gives where the server is, and the token for it: as told, else the server of the data
// directory. It makes sure that somebody answers there.
func (c *command) findServer(ctx context.Context) (found, error) {
	if c.url != "" {
		return c.serverAt(ctx, c.url)
	}
	dir, err := c.dataDir()
	if err != nil {
		return found{}, err
	}
	server, err := datadir.FindServer(dir)
	switch {
	case err == nil && servesFrom(dir, server):
		if err := answers(ctx, server.URL); err != nil {
			return found{}, fmt.Errorf("the server of %s (process %d) does not answer on %s: %w", dir, server.PID, server.Listen, err)
		}
		token, err := c.token(dir)
		return found{server.URL, token, server.Temporary}, err
	case err != nil && !errors.Is(err, datadir.ErrNoServer) && !errors.Is(err, fs.ErrNotExist):
		return found{}, err
	}
	// A server with another data directory may be where servers are when they are told nothing.
	address := "http://" + app.DefaultListen
	if os.Getenv("CLAUDEOPS_TOKEN") != "" || c.tokenFile != "" {
		return c.serverAt(ctx, address)
	}
	if answers(ctx, address) == nil {
		return found{}, noServer("no server serves from %s; what listens on %s has another data directory: name it with --data, or give its token in CLAUDEOPS_TOKEN", dir, app.DefaultListen)
	}
	return found{}, noServer("no server serves from %s, and nothing listens on %s; start it with: claudeops serve%s", dir, app.DefaultListen, c.dataFlag())
}

// serverAt makes sure that a server answers at an address that was given.
func (c *command) serverAt(ctx context.Context, address string) (found, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return found{}, usageError("--url %s is no address such as http://%s", address, app.DefaultListen)
	}
	if err := answers(ctx, address); err != nil {
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "dial" {
			return found{}, notListening(u.Host, c.dataFlag())
		}
		return found{}, err
	}
	dir, err := c.dataDir()
	if err != nil {
		dir = ""
	}
	// The owner's token in the data directory is for the server of that directory, which is here.
	if host := u.Hostname(); host != "localhost" && !net.ParseIP(host).IsLoopback() {
		dir = ""
	}
	token, err := c.token(dir)
	return found{url: address, token: token}, err
}

func notListening(host, flags string) error {
	return noServer("nothing listens on %s; start it with: claudeops serve%s", host, flags)
}

// servesFrom reports whether the process that announced itself still holds the directory's lock.
// After a kill -9 the announcement stays behind, and somebody else may listen there by now, who must
// not be shown the token.
func servesFrom(dir string, server datadir.Server) bool {
	holder, err := datadir.HeldBy(dir)
	if err != nil || holder.PID != server.PID {
		return false
	}
	if id, err := process.Find(server.PID); err != nil || !id.Alive() {
		return false
	}
	// The process exists, but may be another with its pid. Only whoever holds the lock keeps it from us.
	f, err := os.Open(filepath.Join(dir, "lock"))
	if err != nil {
		return false
	}
	defer f.Close() // gives up a lock that was taken
	return errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

func answers(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 3*time.Second, errors.New("no answer within 3 s"))
	defer cancel()
	cl, err := client.New(address)
	if err != nil {
		return err
	}
	defer cl.Close()
	return cl.Healthy(ctx)
}

// token finds the token: in the environment, in the file named, or in the data directory.
func (c *command) token(dir string) (string, error) {
	if token := os.Getenv("CLAUDEOPS_TOKEN"); token != "" {
		return strings.TrimSpace(token), nil
	}
	if c.tokenFile != "" {
		b, err := os.ReadFile(c.tokenFile)
		if err != nil {
			return "", fmt.Errorf("read the token: %w", err)
		}
		return strings.TrimSpace(string(b)), nil
	}
	if dir == "" {
		return "", errors.New("there is no token for this server: give it in CLAUDEOPS_TOKEN, or name a file with --token-file")
	}
	token, err := auth.OwnerToken(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no token in %s yet; the first claudeops serve makes it, or name another directory with --data", dir)
	}
	if errors.Is(err, fs.ErrPermission) {
		return "", fmt.Errorf("%w; only the user who runs the server may read it", err)
	}
	return token, err
}
