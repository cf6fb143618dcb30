package gateway

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

// TestDoor_foreignAuthorization: a credential that is meant for a proxy does not defeat a cookie.
func TestDoor_foreignAuthorization(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	cookie := d.cookie(t)
	origin := "http://" + strings.TrimPrefix(d.server.URL, "http://")
	for _, header := range []string{"Basic dXNlcjpwYXNz", "Negotiate abc", "Digest username=x"} {
		with := map[string]string{"Authorization": header, "Cookie": cookie.String(), "Origin": origin, "Sec-Fetch-Site": "same-origin"}
		if a := d.do(t, "GET", "/api/session", "", with); a.status != 200 {
			t.Errorf("%s with a cookie: %d %s", header, a.status, a.body)
		}
		if a := d.do(t, "GET", "/api/session", "", map[string]string{"Authorization": header}); a.status != 401 {
			t.Errorf("%s alone: %d", header, a.status)
		}
	}
	with := map[string]string{"Authorization": "Bearer wrong", "Cookie": cookie.String()}
	if a := d.do(t, "GET", "/api/session", "", with); a.status != 401 {
		t.Errorf("a wrong token with a cookie: %d", a.status)
	}
}

// TestDoor_probes: liveness and readiness are asked for by address, whatever name that gives.
func TestDoor_probes(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"", "/ops"} {
		d := newDoor(t, func(o *Options) { o.BasePath = base })
		for _, host := range []string{"10.1.2.3:3000", "pod-7.cluster.local", "evil.example"} {
			for _, path := range []string{"/healthz", "/readyz"} {
				if a := d.do(t, "GET", base+path, "", map[string]string{"Host": host}); a.status != 200 {
					t.Errorf("%s at %s: %d %s", base+path, host, a.status, a.body)
				}
			}
			if a := d.do(t, "GET", base+"/api/session", "", map[string]string{"Host": host}); a.status != 421 {
				t.Errorf("the API at %s: %d", host, a.status)
			}
			if a := d.do(t, "POST", base+"/healthz", "", map[string]string{"Host": host}); a.status != 421 {
				t.Errorf("a POST at %s: %d", host, a.status)
			}
		}
	}
}

// TestDoor_misconfiguredProxy: whoever opens the page behind a proxy that sets the wrong headers reads
// which ones to set, and the log has it once.
func TestDoor_misconfiguredProxy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		proxies []netip.Prefix
		header  map[string]string
		status  int
		says    []string
	}{
		"Host is another name": {nil, map[string]string{"Host": "ops.example"}, 421, []string{"--allow-host ops.example", "Host header"}},
		"Host is replaced":     {nil, map[string]string{"Host": "localhost:3000", "Origin": "https://ops.example"}, 403, []string{"proxy_set_header Host", "--allow-host ops.example", "--allow-origin https://ops.example"}},
		"the port is missing":  {nil, map[string]string{"Host": "localhost", "Origin": "http://localhost:8443"}, 403, []string{"$http_host"}},
		"https is not told":    {nil, map[string]string{"Host": "localhost", "Origin": "https://localhost"}, 403, []string{"X-Forwarded-Proto", "--trust-proxy 127.0.0.1"}},
		"the trusted proxy does not tell": {[]netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, map[string]string{"Host": "localhost", "Origin": "https://localhost"}, 403,
			[]string{"the proxy at 127.0.0.1", "X-Forwarded-Proto"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log lockedBuffer
			d := newDoor(t, func(o *Options) {
				o.TrustedProxies = c.proxies
				o.Log = slog.New(slog.NewTextHandler(&log, nil))
			})
			c.header["Accept"] = "text/html,*/*;q=0.8"
			for range 3 {
				a := d.do(t, "GET", "/", "", c.header)
				if a.status != c.status || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
					t.Fatalf("%d %s %s", a.status, a.header.Get("Content-Type"), a.body)
				}
				for _, want := range c.says {
					if !strings.Contains(a.body, want) {
						t.Errorf("the page does not say %q: %s", want, a.body)
					}
				}
			}
			if n := strings.Count(log.String(), "level=WARN"); n != 1 {
				t.Errorf("logged %d times: %s", n, log.String())
			}
			delete(c.header, "Accept")
			d.do(t, "GET", "/api/session", "", c.header).problem(t)
		})
	}
}

// TestDoor_followedLinks: a link on another page, on another port of this host too, leads to the page
// and to nothing that answers with data.
func TestDoor_followedLinks(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	for _, site := range []string{"cross-site", "same-site"} {
		header := d.as(d.token, map[string]string{"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"})
		for path, status := range map[string]int{"/": 200, "/executions": 200, "/login": 200, "/metrics": 403, "/debug/pprof/": 403, "/api/session": 403} {
			if a := d.do(t, "GET", path, "", header); a.status != status {
				t.Errorf("%s, %s: %d, want %d", site, path, a.status, status)
			}
		}
	}
}

// TestDoor_ticketFromElsewhere: a link on another page must not replace a session by itself.
func TestDoor_ticketFromElsewhere(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	ticket := decode[struct{ Ticket string }](t, d.do(t, "POST", "/api/tickets", "", d.as(d.token, nil)), 201).Ticket
	path := "/login?ticket=" + ticket
	for name, header := range map[string]map[string]string{
		"another site":          {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
		"another port":          {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
		"a referring page only": {"Referer": "https://evil.example/"},
	} {
		a := d.do(t, "GET", path, "", header)
		if a.status != 200 || len(a.cookies) != 0 || !strings.Contains(a.body, "href=") || !strings.Contains(a.header.Get("Content-Security-Policy"), "frame-ancestors 'none'") || strings.Contains(a.header.Get("Content-Security-Policy"), "sandbox") {
			t.Errorf("%s: %d %v %s", name, a.status, a.cookies, a.body)
		}
	}
	if a := d.do(t, "GET", path, "", map[string]string{"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}); a.status != 303 || len(a.cookies) != 1 {
		t.Errorf("from the page that asks: %d %v", a.status, a.cookies)
	}
}

// TestDoor_rawRequests: what only raw bytes can say.
func TestDoor_rawRequests(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	address := d.server.Listener.Addr().String()
	ask := func(text string) (status int, closes bool) {
		t.Helper()
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		return response.StatusCode, response.Close
	}
	if status, _ := ask("OPTIONS * HTTP/1.1\r\nHost: evil.example\r\n\r\n"); status != 421 {
		t.Errorf("OPTIONS * under a foreign name: %d", status)
	}
	if status, _ := ask("OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n"); status != 400 {
		t.Errorf("OPTIONS *: %d", status)
	}
	if _, closes := ask("POST /api/tickets HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"); !closes {
		t.Error("a request with Content-Length and Transfer-Encoding leaves the connection open")
	}
}
