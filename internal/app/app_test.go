package app_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/internal/app"
	"github.com/claudeops/claudeops/internal/record/datadir"
	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
	"github.com/claudeops/claudeops/web"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

// config is one that works, on a free port.
func config(t *testing.T) app.Config {
	t.Helper()
	return app.Config{DataDir: filepath.Join(t.TempDir(), "data"), Listen: "127.0.0.1:0", Version: "test"}
}

// run serves until the test ends.
func run(t *testing.T, c app.Config) *app.App {
	t.Helper()
	a, err := app.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- a.Run(ctx, func() { close(ready) }) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	select {
	case <-ready:
	case err := <-done:
		done <- err
		t.Fatalf("the server did not become ready: %v", err)
	}
	return a
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

func TestApp_serves_what_it_is_made_of(t *testing.T) {
	t.Parallel()
	c := config(t)
	c.BasePath = "/ops/"
	c.Assets = fstest.MapFS{"index.html": {Data: []byte("<html><head></head><body>the page</body></html>")}}
	a := run(t, c)
	if !a.Ready() || !strings.HasSuffix(a.URL(), "/ops") {
		t.Errorf("ready %v at %s", a.Ready(), a.URL())
	}
	if code, _ := get(t, a.URL()+"/readyz"); code != 200 {
		t.Errorf("readyz gives %d", code)
	}
	if code, page := get(t, a.URL()+"/"); code != 200 || !strings.Contains(page, "the page") {
		t.Errorf("the page is %d, %q", code, page)
	}
	if code, _ := get(t, a.URL()+"/api/executions"); code != 401 {
		t.Errorf("without a token a list gives %d", code)
	}

	token, err := a.Token()
	if err != nil {
		t.Fatal(err)
	}
	cl, err := client.New(a.URL(), client.WithToken(token))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx := context.Background()
	hello, err := cl.Server(ctx)
	if err != nil || hello.Message != protocol.Greeting || hello.User.ID != auth.OwnerID {
		t.Errorf("the greeting is %+v, %v", hello, err)
	}
	if agents, _, err := cl.Agents(ctx); err != nil || len(agents) != 1 {
		t.Errorf("agents are %+v, %v", agents, err)
	}
	link, expires, err := a.SignInLink(ctx)
	if err != nil || !strings.HasPrefix(link, a.URL()+"/login?ticket=") || strings.Contains(link, token) || time.Until(expires) > 10*time.Minute || time.Until(expires) < 9*time.Minute {
		t.Errorf("the link is %s until %v, %v", link, expires, err)
	}
	server, err := datadir.FindServer(c.DataDir)
	if err != nil || server.URL != a.URL() || server.PID != os.Getpid() || server.Temporary {
		t.Errorf("it announces %+v, %v", server, err)
	}
}

func TestApp_without_a_page_says_how_to_build_it(t *testing.T) {
	t.Parallel()
	a := run(t, config(t))
	if code, page := get(t, a.URL()+"/"); code != 200 && code != 404 && code != 503 || !strings.Contains(page, "make build") {
		t.Errorf("the page is %d, %q", code, page)
	}
	if dashboard := web.Dashboard(); dashboard != nil {
		if f, err := dashboard.Open("index.html"); err != nil {
			t.Errorf("the embedded dashboard has no page: %v", err)
		} else {
			f.Close()
		}
	}
}

func TestApp_ends_and_leaves_room_for_the_next(t *testing.T) {
	t.Parallel()
	c := config(t)
	for range 3 {
		a, err := app.New(c)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		ready, done := make(chan struct{}), make(chan error, 1)
		go func() { done <- a.Run(ctx, func() { close(ready) }) }()
		<-ready
		// Live connections are told to come back, and do not hold the end up.
		token, err := a.Token()
		if err != nil {
			t.Fatal(err)
		}
		lost := make(chan error, 100)
		cl, err := client.New(a.URL(), client.WithToken(token), client.WithState(func(s client.State) {
			if s.Err != nil {
				lost <- s.Err
			}
		}))
		if err != nil {
			t.Fatal(err)
		}
		watching, unwatch := context.WithCancel(context.Background())
		snapshot, over := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(over)
			for update := range cl.Executions(watching) {
				if update.Snapshot != nil {
					close(snapshot)
					break
				}
			}
			<-watching.Done()
		}()
		<-snapshot
		go func() {
			for range cl.System(watching, time.Second) {
			}
		}()
		stop()
		if err := <-done; err != nil {
			t.Errorf("it ends with %v", err)
		}
		if err := errors.Join(a.Close(), a.Close()); err != nil {
			t.Errorf("closing again gives %v", err)
		}
		unwatch()
		<-over
		if err := cl.Close(); err != nil {
			t.Error(err)
		}
		if _, err := datadir.FindServer(c.DataDir); !errors.Is(err, datadir.ErrNoServer) {
			t.Errorf("after the end FindServer gives %v", err)
		}
	}
	// One that was never run is closed as well.
	a, err := app.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if a, err = app.New(c); err != nil {
		t.Fatalf("it was left locked: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

func TestApp_holds_requests_until_it_is_ready(t *testing.T) {
	t.Parallel()
	a, err := app.New(config(t))
	if err != nil {
		t.Fatal(err)
	}
	// The port is open; nobody serves yet.
	answered := make(chan int, 1)
	go func() {
		r, err := http.Get(a.URL() + "/api/session")
		if err != nil {
			answered <- 0
			return
		}
		r.Body.Close()
		answered <- r.StatusCode
	}()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx, nil) }()
	if code := <-answered; code != 401 {
		t.Errorf("a request from before it was ready got %d, want the 401 of one without a token", code)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestNew_refuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*app.Config)
		want   []string
	}{
		"no data directory":             {func(c *app.Config) { c.DataDir = "" }, []string{"--data"}},
		"an open address":               {func(c *app.Config) { c.Listen = "0.0.0.0:0" }, []string{"--insecure-listen", "--tls-cert"}},
		"an open address without host":  {func(c *app.Config) { c.Listen = ":0" }, []string{"--insecure-listen"}},
		"a name that is not loopback":   {func(c *app.Config) { c.Listen = "localhost.evil:0" }, []string{"--insecure-listen"}},
		"no address":                    {func(c *app.Config) { c.Listen = "3000" }, []string{"--listen", "3000"}},
		"no port":                       {func(c *app.Config) { c.Listen = "127.0.0.1:http-but-not" }, []string{"--listen"}},
		"half of TLS":                   {func(c *app.Config) { c.TLSCert = "cert.pem" }, []string{"--tls-key"}},
		"a certificate that is missing": {func(c *app.Config) { c.TLSCert, c.TLSKey = "/none.pem", "/none.key" }, []string{"/none.pem"}},
		"a base path without a slash":   {func(c *app.Config) { c.BasePath = "ops" }, []string{"--base-path"}},
		"an origin that is none":        {func(c *app.Config) { c.AllowedOrigins = []string{"*"} }, []string{"*"}},
		"a secret that is too short":    {func(c *app.Config) { c.JWT.Secret = []byte("short") }, []string{"32"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wrong := config(t)
			dir := wrong.DataDir
			c.change(&wrong)
			a, err := app.New(wrong)
			if err == nil {
				a.Close()
				t.Fatal("it was taken")
			}
			for _, text := range c.want {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%q does not say %q", err, text)
				}
			}
			// What was opened before is given up again.
			again := config(t)
			again.DataDir = dir
			if a, err = app.New(again); err != nil {
				t.Fatalf("the directory was left locked: %v", err)
			}
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestNew_names_the_port_that_is_taken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := config(t)
	c.Listen = l.Addr().String()
	if a, err := app.New(c); err == nil {
		a.Close()
		t.Error("it was taken twice")
	} else if !strings.Contains(err.Error(), c.Listen) || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("the error is %q", err)
	}
}

func TestApp_speaks_TLS(t *testing.T) {
	t.Parallel()
	c := config(t)
	var pool *x509.CertPool
	c.TLSCert, c.TLSKey, pool = certificate(t)
	a := run(t, c)
	if !strings.HasPrefix(a.URL(), "https://127.0.0.1:") {
		t.Fatalf("it is at %s", a.URL())
	}
	token, err := a.Token()
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	defer transport.CloseIdleConnections()
	cl, err := client.New(a.URL(), client.WithToken(token), client.WithHTTPClient(&http.Client{Transport: transport}), client.WithTransports(client.WebSocket))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if _, err := cl.Ping(context.Background()); err != nil {
		t.Errorf("over a WebSocket with TLS: %v", err)
	}
	if _, err := cl.List(context.Background(), client.Filter{}); err != nil {
		t.Errorf("over HTTPS: %v", err)
	}
}

// certificate makes one for 127.0.0.1.
func certificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "claudeops test"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool = x509.NewCertPool()
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(cert)
	return certFile, keyFile, pool
}

// TestLockedTwice holds that two servers never share a data directory.
func TestNew_refuses_a_directory_in_use(t *testing.T) {
	t.Parallel()
	c := config(t)
	a := run(t, c)
	if second, err := app.New(c); err == nil {
		second.Close()
		t.Error("two servers share a data directory")
	} else if !errors.Is(err, datadir.ErrLocked) || !strings.Contains(err.Error(), a.Addr().String()) {
		t.Errorf("the error is %q", err)
	}
	var health struct{ Status string }
	if _, text := get(t, a.URL()+"/healthz"); json.Unmarshal([]byte(text), &health) != nil || health.Status != "ok" {
		t.Errorf("the first one's health is %q", text)
	}
}
