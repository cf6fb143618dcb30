package e2e

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/protocol"
)

// TestProxies serves through the web servers people put in front, with the very snippets of the
// documentation, under a base path, over each transport: every line arrives once, in order, and while
// the agent still runs.
func TestProxies(t *testing.T) {
	t.Parallel()
	proxies := map[string]func(t *testing.T, backend string) (address string){"nginx": startNginx, "caddy": startCaddy}
	transports := map[string]client.Transport{"websocket": client.WebSocket, "sse": client.SSE, "poll": client.Poll}
	for name, start := range proxies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "--base-path", "/ops", "--trust-proxy", "127.0.0.1")
			w.define("talker", "shell: 'i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo line $i; sleep 0.02; done; read wait < $CLAUDEOPS_PARAM_GATE'\nparameters: {type: object, properties: {gate: {type: string}}}\n")
			w.serve()
			address := start(t, w.listen)
			checkRedirect(t, address)
			for transportName, transport := range transports {
				t.Run(transportName, func(t *testing.T) {
					ctx := testContext(t, time.Minute)
					c, err := client.New("http://"+address+"/ops", client.WithToken(w.token()), client.WithTransports(transport))
					if err != nil {
						t.Fatal(err)
					}
					defer c.Close()
					// The agent waits at a pipe for us: lines that come before it is opened came live.
					gate := filepath.Join(t.TempDir(), "gate")
					if out, err := exec.Command("mkfifo", gate).CombinedOutput(); err != nil {
						t.Fatalf("mkfifo: %v: %s", err, out)
					}
					ack, err := c.Execute(ctx, "talker", map[string]string{"gate": gate})
					if err != nil {
						t.Fatal(err)
					}
					next, lines := uint64(1), 0
					for e, err := range c.Subscribe(ctx, protocol.Cursor{ExecutionID: ack.ExecutionID}) {
						if err != nil {
							t.Fatal(err)
						}
						if e.Seq != next {
							t.Fatalf("event %d, want %d", e.Seq, next)
						}
						next++
						if e.Message != nil && strings.HasPrefix(*e.Message, "line ") {
							if lines++; lines == 40 {
								if err := os.WriteFile(gate, []byte("go on\n"), 0); err != nil {
									t.Fatal(err)
								}
							}
						}
					}
					if lines != 40 {
						t.Errorf("%d lines of 40", lines)
					}
				})
			}
		})
	}
}

// checkRedirect holds that the page is found without the slash at the end of its path, too.
func checkRedirect(t *testing.T, address string) {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := transport.RoundTrip(httptest.NewRequest(http.MethodGet, "http://"+address+"/ops", nil).WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if to := answer.Header.Get("Location"); answer.StatusCode/100 != 3 || !strings.HasSuffix(to, "/ops/") {
		t.Errorf("/ops answers %s and leads to %q", answer.Status, to)
	}
}

// installed demands a program of Debian's packages.
func installed(t *testing.T, program, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + program)
	}
	if err != nil {
		t.Fatalf("%s is not installed; install it with: apt-get install -y %s", program, pkg)
	}
	return path
}

// snippet gives a configuration of the documentation with this test's addresses in it.
func snippet(t *testing.T, file string, replace ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "docs", "proxies", file))
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("docs/proxies/%s has no %q", file, replace[i])
		}
	}
	return strings.NewReplacer(replace...).Replace(text)
}

func startNginx(t *testing.T, backend string) string {
	t.Helper()
	path := installed(t, "nginx", "nginx-light")
	dir, address := t.TempDir(), freeAddress(t)
	text := snippet(t, "nginx.conf", "listen 80;", "listen "+address+";", "127.0.0.1:3000", backend)
	conf := fmt.Sprintf("daemon off;\npid %[1]s/pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\nclient_body_temp_path %[1]s/a;\nproxy_temp_path %[1]s/b;\nfastcgi_temp_path %[1]s/c;\nuwsgi_temp_path %[1]s/d;\nscgi_temp_path %[1]s/e;\n%[2]s\n}\n", dir, text)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	startProxy(t, address, exec.Command(path, "-p", dir, "-e", "stderr", "-c", file))
	return address
}

func startCaddy(t *testing.T, backend string) string {
	t.Helper()
	path := installed(t, "caddy", "caddy")
	dir, address := t.TempDir(), freeAddress(t)
	text := "{\n\tadmin off\n\tauto_https off\n\tgrace_period 1s\n}\n" + snippet(t, "Caddyfile", "ops.example.com {", "http://"+address+" {", "127.0.0.1:3000", backend)
	file := filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "run", "--config", file, "--adapter", "caddyfile")
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	startProxy(t, address, cmd)
	return address
}

// startProxy runs a proxy until the test ends.
func startProxy(t *testing.T, address string, cmd *exec.Cmd) {
	t.Helper()
	log := &logBuffer{}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		<-ended
		if t.Failed() {
			t.Logf("%s:\n%s", cmd.Path, log)
		}
	})
	await(t, "the proxy listens", func() bool {
		select {
		case <-ended:
			t.Fatalf("%s ended:\n%s", cmd.Path, log)
		default:
		}
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return false
		}
		conn.Close()
		return true
	})
}
