package gateway

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

// examples gives, for every pattern, a request that would do something if it were let in.
func examples(id string) map[string][3]string {
	return map[string][3]string{
		"GET /":                            {"GET", "/", ""},
		"GET /openapi.json":                {"GET", "/openapi.json", ""},
		"GET /api/schemas/agent.json":      {"GET", "/api/schemas/agent.json", ""},
		"GET /healthz":                     {"GET", "/healthz", ""},
		"GET /readyz":                      {"GET", "/readyz", ""},
		"GET /debug/pprof/":                {"GET", "/debug/pprof/goroutine?debug=1", ""},
		"GET /metrics":                     {"GET", "/metrics", ""},
		"GET /login":                       {"GET", "/login", ""},
		"POST /login":                      {"POST", "/login", `{"token":"x"}`},
		"POST /logout":                     {"POST", "/logout", `{}`},
		"GET /api/session":                 {"GET", "/api/session", ""},
		"POST /api/tickets":                {"POST", "/api/tickets", ""},
		"GET /api/keys":                    {"GET", "/api/keys", ""},
		"POST /api/keys":                   {"POST", "/api/keys", `{"name":"example","permissions":["executions:read"]}`},
		"DELETE /api/keys/{id}":            {"DELETE", "/api/keys/none", ""},
		"GET /api/agents":                  {"GET", "/api/agents", ""},
		"GET /api/agents/{name}":           {"GET", "/api/agents/echo", ""},
		"GET /api/executions":              {"GET", "/api/executions", ""},
		"POST /api/executions":             {"POST", "/api/executions", `{"agentType":"echo"}`},
		"GET /api/executions/{id}":         {"GET", "/api/executions/" + id, ""},
		"POST /api/executions/{id}/cancel": {"POST", "/api/executions/" + id + "/cancel", `{"reason":"r"}`},
		"POST /api/executions/{id}/input":  {"POST", "/api/executions/" + id + "/input", `{"text":"t"}`},
		"PUT /api/executions/{id}/pin":     {"PUT", "/api/executions/" + id + "/pin", ""},
		"DELETE /api/executions/{id}/pin":  {"DELETE", "/api/executions/" + id + "/pin", ""},
		"GET /api/executions/{id}/events":  {"GET", "/api/executions/" + id + "/events", ""},
		"GET /api/executions/{id}/log":     {"GET", "/api/executions/" + id + "/log", ""},
		"GET /api/executions/{id}/search":  {"GET", "/api/executions/" + id + "/search?query=a", ""},
		"GET /api/search":                  {"GET", "/api/search?query=a", ""},
		"GET /api/retention":               {"GET", "/api/retention", ""},
		"POST /api/retention":              {"POST", "/api/retention", ""},
		"GET /api/costs":                   {"GET", "/api/costs", ""},
		"POST /api/executions/cancel":      {"POST", "/api/executions/cancel", `{"all":true}`},
		"GET /api/budgets":                 {"GET", "/api/budgets", ""},
		"PUT /api/budgets":                 {"PUT", "/api/budgets", `{"perDay":5}`},
		"GET /api/system":                  {"GET", "/api/system", ""},
		"GET /api/ws":                      {"GET", "/api/ws", ""},
		"GET /api/events":                  {"GET", "/api/events?execution=" + id, ""},
		"GET /api/poll":                    {"GET", "/api/poll?execution=" + id + "&wait=1ms", ""},
		"POST /api/messages":               {"POST", "/api/messages", `{"type":"ping"}`},
		"GET /api/notifications":           {"GET", "/api/notifications", ""},
		"PUT /api/notifications":           {"PUT", "/api/notifications", `{"channels":{},"rules":[]}`},
		"POST /api/notifications/test":     {"POST", "/api/notifications/test", `{"channel":"x"}`},
		"GET /docs":                        {"GET", "/docs", ""},
		"GET /docs/{page...}":              {"GET", "/docs/protocol", ""},
		"POST /mcp":                        {"POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"ping"}`},

		"GET /api/schedules":                     {"GET", "/api/schedules", ""},
		"GET /api/schedules/occurrences":         {"GET", "/api/schedules/occurrences", ""},
		"GET /api/schedules/preview":             {"GET", "/api/schedules/preview?cron=@daily", ""},
		"POST /api/schedules/{agent}/{n}/pause":  {"POST", "/api/schedules/echo/0/pause", ""},
		"POST /api/schedules/{agent}/{n}/resume": {"POST", "/api/schedules/echo/0/resume", ""},
		"POST /api/schedules/{agent}/{n}/run":    {"POST", "/api/schedules/echo/0/run", ""},
		"POST /api/executions/{id}/continue":     {"POST", "/api/executions/" + id + "/continue", `{"prompt":"p"}`},
		"GET /api/approvals":                     {"GET", "/api/approvals", ""},
		"GET /api/secrets":                       {"GET", "/api/secrets", ""},
		"POST /api/secrets":                      {"POST", "/api/secrets", `{"name":"a","value":"x"}`},
		"DELETE /api/secrets/{name}":             {"DELETE", "/api/secrets/a", ""},
	}
}

// upgrade are the headers of a WebSocket's opening handshake.
var upgrade = map[string]string{
	"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}

func TestGuard_refuses_on_every_route_what_a_foreign_page_could_send(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(o *Options) { o.AllowedOrigins = []string{"https://app.example"} })
	id := d.supervisor.begin("echo")
	here := strings.TrimPrefix(d.server.URL, "http://")
	_, port, err := net.SplitHostPort(here)
	if err != nil {
		t.Fatal(err)
	}
	cookie := d.cookie(t)
	attacks := map[string]map[string]string{
		"origin_foreign":            {"Origin": "https://evil.example"},
		"origin_null":               {"Origin": "null"},
		"origin_suffix":             {"Origin": "http://localhost.evil:" + port},
		"origin_prefix":             {"Origin": "http://evil-localhost:" + port},
		"origin_userinfo":           {"Origin": "http://" + here + "@evil.example"},
		"origin_other_port":         {"Origin": "http://127.0.0.1:1"},
		"origin_no_port":            {"Origin": "http://127.0.0.1"},
		"origin_other_scheme":       {"Origin": "https://" + here},
		"origin_other_loopback":     {"Origin": "http://localhost:" + port},
		"origin_with_path":          {"Origin": "http://" + here + "/"},
		"origin_two_in_one":         {"Origin": "http://" + here + " https://evil.example"},
		"origin_extension":          {"Origin": "chrome-extension://abcdef"},
		"origin_allowed_and_more":   {"Origin": "https://app.example.evil"},
		"origin_allowed_over_http":  {"Origin": "http://app.example"},
		"origin_allowed_other_port": {"Origin": "https://app.example:8443"},
		"origin_file":               {"Origin": "file://"},
		"host_foreign":              {"Host": "evil.example"},
		"host_foreign_with_port":    {"Host": "evil.example:" + port},
		"host_suffix":               {"Host": "localhost.evil:" + port},
		"host_prefix":               {"Host": "evil.localhost:" + port},
		"host_trailing_dot":         {"Host": "localhost.:" + port},
		"host_any_address":          {"Host": "0.0.0.0:" + port},
		"host_short_address":        {"Host": "127.1:" + port},
		"host_decimal_address":      {"Host": "2130706433:" + port},
		"host_octal_address":        {"Host": "0177.0.0.1:" + port},
		"host_lan_address":          {"Host": "192.168.1.5:" + port},
		"host_port_not_a_number":    {"Host": "localhost:30a0"},
		"host_foreign_its_origin":   {"Host": "evil.example:" + port, "Origin": "http://evil.example:" + port},
		"site_cross":                {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
		"site_same_but_other_port":  {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
		"site_framed":               {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
	}
	before := len(d.supervisor.called())
	for pattern := range protocol.RoutePermission {
		example, ok := examples(id)[pattern]
		if !ok {
			t.Errorf("%s has no example here", pattern)
			continue
		}
		for name, attack := range attacks {
			if strings.HasPrefix(name, "host_") && attack["Origin"] == "" && (pattern == "GET /healthz" || pattern == "GET /readyz") {
				continue // probes go by address, see TestDoor_probes
			}
			for credential, headers := range map[string]map[string]string{
				"token": {"Authorization": "Bearer " + d.token}, "cookie": {"Cookie": cookie.String()}, "none": {},
			} {
				headers := d.merge(headers, attack)
				if pattern == "GET /api/ws" {
					headers = d.merge(headers, upgrade)
				}
				got := d.do(t, example[0], example[1], example[2], headers)
				if got.status != http.StatusForbidden && got.status != http.StatusMisdirectedRequest {
					t.Errorf("%s, %s, with %s: %d, want 403 or 421: %.100s", pattern, name, credential, got.status, got.body)
				}
				if p := got.problem(t); p.Code != protocol.Forbidden {
					t.Errorf("%s, %s: the code is %s", pattern, name, p.Code)
				}
				if got.header.Get("Access-Control-Allow-Origin") != "" || len(got.cookies) > 0 {
					t.Errorf("%s, %s: the answer holds %v", pattern, name, got.header)
				}
			}
		}
	}
	for _, path := range []string{"/favicon.svg", "/assets/app-B7f3kQ9z.js", "/executions/x", "/nowhere.js", "/api/nowhere"} {
		for name, attack := range attacks {
			if got := d.do(t, "GET", path, "", attack); got.status != 403 && got.status != 421 {
				t.Errorf("GET %s, %s: %d", path, name, got.status)
			}
		}
	}
	if calls := d.supervisor.called()[before:]; len(calls) > 0 {
		t.Errorf("the supervisor was called: %v", calls)
	}
}

func (d *door) merge(maps ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, m := range maps {
		for k, v := range m {
			all[k] = v
		}
	}
	return all
}

func TestGuard_refuses_writes_that_a_page_can_send_unasked(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	id := d.supervisor.begin("echo")
	cookie := d.cookie(t)
	before := len(d.supervisor.called())
	for pattern, example := range examples(id) {
		if example[0] != "POST" {
			continue
		}
		body := example[2]
		if body == "" {
			body = "{}"
		}
		for _, media := range []string{
			"", "text/plain", "text/plain; charset=utf-8", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
			"text/json", "application/jsonp", "application/json, text/plain", "application/json;charset=utf-16", "*/*", "json",
		} {
			got := d.do(t, "POST", example[1], body, d.as(d.token, map[string]string{"Content-Type": media}))
			if got.status != http.StatusUnsupportedMediaType {
				t.Errorf("%s as %q: %d, want 415", pattern, media, got.status)
			}
			got.problem(t)
		}
		if pattern == "POST /login" || pattern == "POST /logout" {
			continue // need no credential, so a cookie that is left out makes no difference
		}
		// The cookie alone: no browser of today sends a write without saying where it comes from.
		got := d.do(t, "POST", example[1], example[2], map[string]string{"Cookie": cookie.String()})
		if got.status != http.StatusForbidden || !strings.Contains(got.problem(t).Detail, "Origin") {
			t.Errorf("%s with the cookie alone: %d %s", pattern, got.status, got.body)
		}
	}
	if calls := d.supervisor.called()[before:]; len(calls) > 0 {
		t.Errorf("the supervisor was called: %v", calls)
	}

	for name, headers := range map[string]map[string]string{
		"cookie_and_origin":     {"Cookie": cookie.String(), "Origin": d.server.URL},
		"cookie_and_fetch_site": {"Cookie": cookie.String(), "Sec-Fetch-Site": "same-origin"},
		"token":                 {"Authorization": "Bearer " + d.token},
		"token_and_charset":     {"Authorization": "Bearer " + d.token, "Content-Type": "application/json; charset=UTF-8"},
	} {
		if got := d.do(t, "POST", "/api/executions", `{"agentType":"echo"}`, headers); got.status != 201 {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	// The WebSocket's handshake changes as much as a write.
	got := d.do(t, "GET", "/api/ws", "", d.merge(upgrade, map[string]string{"Cookie": cookie.String(), "Origin": "http://evil.example"}))
	if got.status != http.StatusForbidden {
		t.Errorf("a foreign page's WebSocket: %d", got.status)
	}
}

func TestWebSocket_what_is_no_handshake_is_told_so_over_http(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	for name, test := range map[string]struct {
		change map[string]string
		want   int
	}{
		"no_upgrade":       {map[string]string{"Upgrade": ""}, 426},
		"another_upgrade":  {map[string]string{"Upgrade": "h2c"}, 426},
		"no_connection":    {map[string]string{"Connection": ""}, 426},
		"no_version":       {map[string]string{"Sec-WebSocket-Version": ""}, 426},
		"another_version":  {map[string]string{"Sec-WebSocket-Version": "8"}, 426},
		"no_key":           {map[string]string{"Sec-WebSocket-Key": ""}, 400},
		"short_key":        {map[string]string{"Sec-WebSocket-Key": "AAAA"}, 400},
		"key_in_no_base64": {map[string]string{"Sec-WebSocket-Key": "?"}, 400},
	} {
		got := d.do(t, "GET", "/api/ws", "", d.as(d.token, d.merge(upgrade, test.change)))
		if got.status != test.want {
			t.Errorf("%s: %d, want %d", name, got.status, test.want)
		}
		got.problem(t)
	}
}

func TestGuard_a_missing_or_doubled_header(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	address := d.server.Listener.Addr().String()
	for name, test := range map[string]struct {
		request string
		want    []int
	}{
		"http_1_0_without_host": {"GET /api/session HTTP/1.0\r\n\r\n", []int{421}},
		"http_1_1_without_host": {"GET /healthz HTTP/1.1\r\n\r\n", []int{400}},
		"empty_host":            {"GET /api/session HTTP/1.1\r\nHost: \r\n\r\n", []int{421}},
		"two_hosts":             {"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", []int{400}},
		"absolute_target":       {"GET http://evil.example/api/session HTTP/1.1\r\nHost: localhost\r\n\r\n", []int{421}},
		"two_origins":           {"GET /healthz HTTP/1.1\r\nHost: " + address + "\r\nOrigin: http://" + address + "\r\nOrigin: http://evil.example\r\n\r\n", []int{403}},
		"empty_origin":          {"GET /healthz HTTP/1.1\r\nHost: " + address + "\r\nOrigin: \r\n\r\n", []int{403}},
		"options_star":          {"OPTIONS * HTTP/1.1\r\nHost: " + address + "\r\n\r\n", []int{400}},
		"connect":               {"CONNECT evil.example:80 HTTP/1.1\r\nHost: evil.example:80\r\n\r\n", []int{421}},
		"host_with_userinfo":    {"GET /healthz HTTP/1.1\r\nHost: a@localhost\r\n\r\n", []int{400, 421}},
		"huge_header":           {"GET /healthz HTTP/1.1\r\nHost: " + address + "\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", []int{431}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			go func() { _, _ = conn.Write([]byte(test.request)) }()
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if !slices.Contains(test.want, response.StatusCode) {
				t.Errorf("the status is %d, want one of %v", response.StatusCode, test.want)
			}
		})
	}
}

func TestGuard_lets_in_what_is_ours(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(o *Options) {
		o.AllowedHosts = []string{"ops.example", "Lan.Example:8443", "[2001:db8::5]:3000"}
		o.AllowedOrigins = []string{"https://app.example", "http://dev.example:5173"}
	})
	_, port, _ := net.SplitHostPort(d.server.Listener.Addr().String())
	for name, test := range map[string]struct {
		header map[string]string
		want   int
		cors   bool
	}{
		"plain":                      {nil, 200, false},
		"localhost":                  {map[string]string{"Host": "localhost:" + port}, 200, false},
		"localhost_upper":            {map[string]string{"Host": "LOCALHOST:" + port}, 200, false},
		"through_a_tunnel":           {map[string]string{"Host": "localhost:9999"}, 200, false},
		"without_port":               {map[string]string{"Host": "localhost"}, 200, false},
		"ipv6":                       {map[string]string{"Host": "[::1]:" + port}, 200, false},
		"another_loopback":           {map[string]string{"Host": "127.0.0.2:" + port}, 200, false},
		"allowed":                    {map[string]string{"Host": "ops.example"}, 200, false},
		"allowed_any_port":           {map[string]string{"Host": "ops.example:8080"}, 200, false},
		"allowed_its_port":           {map[string]string{"Host": "lan.example:8443"}, 200, false},
		"allowed_another_port":       {map[string]string{"Host": "lan.example:8444"}, 421, false},
		"allowed_no_port":            {map[string]string{"Host": "lan.example"}, 421, false},
		"allowed_ipv6":               {map[string]string{"Host": "[2001:DB8::5]:3000"}, 200, false},
		"below_an_allowed":           {map[string]string{"Host": "x.ops.example"}, 421, false},
		"own_origin":                 {map[string]string{"Host": "localhost:9999", "Origin": "http://localhost:9999"}, 200, false},
		"own_origin_usual_port":      {map[string]string{"Host": "ops.example", "Origin": "http://ops.example"}, 200, false},
		"own_origin_port_80_in_host": {map[string]string{"Host": "ops.example:80", "Origin": "http://ops.example"}, 200, false},
		"allowed_origin":             {map[string]string{"Origin": "https://app.example"}, 200, true},
		"allowed_origin_cross_site":  {map[string]string{"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}, 200, true},
		"allowed_origin_with_port":   {map[string]string{"Origin": "http://dev.example:5173"}, 200, true},
		"typed_address":              {map[string]string{"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, 200, false},
	} {
		got := d.do(t, "GET", "/api/session", "", d.as(d.token, test.header))
		if got.status != test.want {
			t.Errorf("%s: %d, want %d: %s", name, got.status, test.want, got.body)
		}
		allowed := got.header.Get("Access-Control-Allow-Origin")
		if test.cors && (allowed != test.header["Origin"] || got.header.Get("Access-Control-Allow-Credentials") != "true") || !test.cors && allowed != "" {
			t.Errorf("%s: Access-Control-Allow-Origin is %q", name, allowed)
		}
		if !slices.Contains(got.header.Values("Vary"), "Origin") {
			t.Errorf("%s: Vary is %v", name, got.header.Values("Vary"))
		}
	}
	// A link from elsewhere leads to the page, and only to the page.
	followed := map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
	for path, want := range map[string]int{"/": 200, "/executions/x": 200, "/login": 200, "/api/agents": 403} {
		if got := d.do(t, "GET", path, "", followed); got.status != want {
			t.Errorf("a link to %s: %d, want %d", path, got.status, want)
		}
	}
}

func TestGuard_preflight(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(o *Options) { o.AllowedOrigins = []string{"https://app.example"} })
	ask := map[string]string{"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
	got := d.do(t, "OPTIONS", "/api/executions", "", d.merge(ask, map[string]string{"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"}))
	if got.status != 204 || got.header.Get("Access-Control-Allow-Origin") != "https://app.example" ||
		!strings.Contains(got.header.Get("Access-Control-Allow-Headers"), "Authorization") || !strings.Contains(got.header.Get("Access-Control-Allow-Methods"), "POST") {
		t.Errorf("%d %v", got.status, got.header)
	}
	got = d.do(t, "OPTIONS", "/api/executions", "", d.merge(ask, map[string]string{"Origin": "https://evil.example"}))
	if got.status != 403 || got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%d %v", got.status, got.header)
	}
	got = d.do(t, "OPTIONS", "/api/executions", "", nil)
	if got.status != 405 || got.header.Get("Allow") == "" {
		t.Errorf("%d %v", got.status, got.header)
	}
}

func TestGuard_headers_on_everything(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	id := d.supervisor.begin("echo")
	paths := []string{"/", "/executions/x", "/favicon.svg", "/nowhere.js", "/api/nowhere", "/api/executions/" + id + "/log", "/api/executions/" + id, "/healthz", "/openapi.json", "/api/executions/x"}
	for _, path := range paths {
		for _, host := range []string{"", "evil.example"} {
			header := d.as(d.token, nil)
			if host != "" {
				header["Host"] = host
			}
			got := d.do(t, "GET", path, "", header)
			for name, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
				"Cross-Origin-Resource-Policy": "same-origin", "X-Frame-Options": "DENY",
			} {
				if got.header.Get(name) != want {
					t.Errorf("%s: %s is %q", path, name, got.header.Get(name))
				}
			}
			policy := got.header.Get("Content-Security-Policy")
			if len(got.header.Values("Content-Security-Policy")) != 1 || !strings.Contains(policy, "default-src '") || !strings.Contains(policy, "frame-ancestors 'none'") ||
				strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") || strings.Contains(policy, "http") {
				t.Errorf("%s: the policy is %q", path, policy)
			}
			if got.header.Get("Permissions-Policy") == "" {
				t.Errorf("%s has no Permissions-Policy", path)
			}
			if strings.HasPrefix(path, "/api/") && !strings.Contains(got.header.Get("Cache-Control"), "no-store") {
				t.Errorf("%s: Cache-Control is %q", path, got.header.Get("Cache-Control"))
			}
		}
	}
}

func TestGuard_path_tricks(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	id := d.supervisor.begin("echo")
	before := len(d.supervisor.called())
	for _, path := range []string{
		"/../owner.token", "/..%2fowner.token", "/%2e%2e/owner.token", "/%2e%2e%2fowner.token", "/%252e%252e/owner.token", "/%252e%252e%252fowner.token",
		"/assets/../../owner.token", "/assets/..%5c..%5cowner.token", "/assets/..\\owner.token", "/assets/%00", "/index.html%00.js", "/%c0%ae%c0%ae/owner.token",
		"/./index.html", "//owner.token", "/assets//app-B7f3kQ9z.js", "/assets/.", "/assets/..", "/%0d%0aSet-Cookie:x", "/%7f",
		"/api/executions/..%2f..%2fowner.token/log", "/api/executions/../../owner.token", "/api/executions/%2e%2e/log", "/api/executions/" + id + "%2flog",
		"/api/executions/" + id + "%00/log", "/api/executions/..", "/api/executions/" + strings.Repeat("a", 5000), "/api/executions/" + strings.ToUpper(id) + "/log",
		"/api/executions/%252e%252e%252f/log", "/api/agents/..%2f..%2fetc%2fpasswd", "/api/agents/%2e%2e", "/api/agents/../../x", "/api/agents/a%00b",
	} {
		got := d.do(t, "GET", path, "", d.as(d.token, nil))
		if got.status != 400 && got.status != 404 {
			t.Errorf("%s: %d, want 400 or 404", path, got.status)
		}
		if strings.Contains(got.body, d.token) || len(got.header.Values("Set-Cookie")) > 0 || got.header.Get("Location") != "" {
			t.Errorf("%s gave something away: %s", path, got.body)
		}
		got.problem(t)
	}
	if calls := d.supervisor.called()[before:]; len(calls) > 0 {
		t.Errorf("the supervisor was called: %v", calls)
	}
}

func TestGuard_options_that_are_refused(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"*", "https://*.example", "null", "app.example", "https://app.example/", "https://app.example/x", "https://", "https://a b", ""} {
		if _, err := newGuard("", nil, []string{bad}, nil); err == nil {
			t.Errorf("the origin %q was taken", bad)
		}
	}
	for _, bad := range []string{"*", "*.example", "http://a", "a/b", "a:b", "a:0", "a:70000", "", "[::1", "a..b", "."} {
		if _, err := newGuard("", []string{bad}, nil, nil); err == nil {
			t.Errorf("the host %q was taken", bad)
		}
	}
}

func TestGuard_peer(t *testing.T) {
	t.Parallel()
	g, err := newGuard("", nil, nil, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		remote string
		header http.Header
		want   auth.Peer
	}{
		"direct":                     {"192.0.2.1:5", nil, auth.Peer{Address: "192.0.2.1"}},
		"direct_that_claims":         {"192.0.2.1:5", http.Header{"X-Forwarded-For": {"203.0.113.9"}, "X-Forwarded-Proto": {"https"}}, auth.Peer{Address: "192.0.2.1"}},
		"proxy":                      {"10.1.1.1:5", http.Header{"X-Forwarded-For": {"203.0.113.9"}, "X-Forwarded-Proto": {"https"}}, auth.Peer{Address: "203.0.113.9", Secure: true}},
		"proxy_v6":                   {"[::1]:5", http.Header{"X-Forwarded-For": {"2001:db8::9"}}, auth.Peer{Address: "2001:db8::9"}},
		"client_that_claims_before":  {"10.1.1.1:5", http.Header{"X-Forwarded-For": {"1.1.1.1, 203.0.113.9"}}, auth.Peer{Address: "203.0.113.9"}},
		"two_proxies":                {"10.1.1.1:5", http.Header{"X-Forwarded-For": {"1.1.1.1, 203.0.113.9, 10.2.2.2"}}, auth.Peer{Address: "203.0.113.9"}},
		"two_headers":                {"10.1.1.1:5", http.Header{"X-Forwarded-For": {"1.1.1.1", "203.0.113.9"}}, auth.Peer{Address: "203.0.113.9"}},
		"garbage":                    {"10.1.1.1:5", http.Header{"X-Forwarded-For": {"<script>"}}, auth.Peer{Address: "10.1.1.1"}},
		"client_claims_https_before": {"10.1.1.1:5", http.Header{"X-Forwarded-Proto": {"https, http"}}, auth.Peer{Address: "10.1.1.1"}},
		"proxy_says_nothing":         {"10.1.1.1:5", nil, auth.Peer{Address: "10.1.1.1"}},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = test.remote
		for k, v := range test.header {
			r.Header[k] = v
		}
		if got := g.peer(r); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

func TestGuard_behind_a_proxy_that_ends_tls(t *testing.T) {
	t.Parallel()
	loopback := netip.MustParsePrefix("127.0.0.0/8")
	d := newDoor(t, func(o *Options) {
		o.AllowedHosts, o.TrustedProxies = []string{"ops.example"}, []netip.Prefix{loopback}
	})
	forwarded := map[string]string{"Host": "ops.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9", "Origin": "https://ops.example"}
	got := d.do(t, "POST", "/login", `{"token":"`+d.token+`"}`, forwarded)
	if got.status != 200 || len(got.cookies) != 1 || !got.cookies[0].Secure {
		t.Fatalf("%d %s %v", got.status, got.body, got.cookies)
	}
	got = d.do(t, "POST", "/api/executions", `{"agentType":"echo"}`, d.merge(forwarded, map[string]string{"Cookie": got.cookies[0].String()}))
	if got.status != 201 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := d.do(t, "GET", "/", "", d.merge(forwarded, map[string]string{"Origin": "http://ops.example"})); got.status != 403 {
		t.Errorf("the origin without TLS: %d", got.status)
	}

	// Without trust, the reason is told.
	d = newDoor(t, func(o *Options) { o.AllowedHosts = []string{"ops.example"} })
	got = d.do(t, "POST", "/login", `{"token":"`+d.token+`"}`, forwarded)
	if got.status != 403 || !strings.Contains(got.problem(t).Detail, "--trust-proxy") {
		t.Errorf("%d %s", got.status, got.body)
	}
}
