package gateway

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/claudeops/claudeops/protocol"
)

func TestRoutes_are_exactly_those_that_have_a_rule(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	for pattern, rule := range protocol.RoutePermission {
		if !slices.Contains(d.gateway.served, pattern) {
			t.Errorf("%s has a rule but is not served", pattern)
		}
		for _, perm := range rule {
			if perm != protocol.PermPublic && perm != protocol.PermNone && !slices.Contains(protocol.Permissions, perm) {
				t.Errorf("%s needs %q, which is no permission", pattern, perm)
			}
		}
		if _, ok := examples("x")[pattern]; !ok {
			t.Errorf("%s is not in the matrix: give it an example", pattern)
		}
	}
	for _, pattern := range d.gateway.served {
		if len(protocol.RoutePermission[pattern]) == 0 {
			t.Errorf("%s is served without a rule", pattern)
		}
	}
}

func TestRoute_without_a_rule_keeps_the_gateway_from_being_made(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	before := len(d.gateway.missing)
	d.gateway.route("GET /api/backdoor", func(http.ResponseWriter, *http.Request) {})
	if len(d.gateway.missing) != before+1 || !strings.Contains(d.gateway.missing[before].Error(), "/api/backdoor") {
		t.Errorf("missing are %v", d.gateway.missing)
	}
	if got := d.do(t, "GET", "/api/backdoor", "", d.as(d.token, nil)); got.status != 404 {
		t.Errorf("it is served: %d", got.status)
	}
}

// The whole matrix: every route for nobody, for a user with no permission, for each permission
// alone, for the admin and for the owner, by token and by cookie.
func TestPermissions_routes_by_roles(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	id := d.supervisor.begin("echo")
	type role struct {
		header      map[string]string
		known       bool
		permissions []string
	}
	roles := map[string]role{
		"nobody":           {nil, false, nil},
		"wrong_token":      {d.as(d.token[:42]+"!", nil), false, nil},
		"no_permission":    {d.as(d.jwt(t, "none"), nil), true, nil},
		"made_up":          {d.as(d.jwt(t, "made-up", "everything", "*", "public"), nil), true, nil},
		"owner":            {d.as(d.token, nil), true, protocol.Permissions},
		"owner_by_session": {map[string]string{"Origin": d.server.URL}, true, protocol.Permissions},
	}
	for _, perm := range protocol.Permissions {
		holds := []string{perm}
		if perm == protocol.PermAdmin {
			holds = protocol.Permissions
		}
		roles["only_"+perm] = role{d.as(d.jwt(t, "only-"+perm, perm), nil), true, holds}
	}
	for pattern, rule := range protocol.RoutePermission {
		example := examples(id)[pattern]
		for name, role := range roles {
			if name == "owner_by_session" { // a new one each time: one of the routes is POST /logout
				role.header["Cookie"] = d.cookie(t).String()
			}
			before := len(d.supervisor.called())
			status := d.statusOf(t, example, role.header)
			public := slices.Contains(rule, protocol.PermPublic)
			allowed := public || role.known && (slices.Contains(rule, protocol.PermNone) ||
				slices.ContainsFunc(rule, func(perm string) bool { return slices.Contains(role.permissions, perm) }))
			switch {
			case pattern == "POST /login": // its credential is in the body
				if status != http.StatusUnauthorized {
					t.Errorf("%s as %s: %d", pattern, name, status)
				}
			case pattern == "GET /api/ws": // no upgrade: what it answers is not about permissions
				if status == http.StatusForbidden {
					t.Errorf("%s as %s: %d", pattern, name, status)
				}
			case allowed && status >= 400 && !tellsMore(pattern, role.permissions, status):
				t.Errorf("%s as %s: %d, want to be let in", pattern, name, status)
			case !allowed && !role.known && status != http.StatusUnauthorized:
				t.Errorf("%s as %s: %d, want 401", pattern, name, status)
			case !allowed && role.known && status != http.StatusForbidden:
				t.Errorf("%s as %s: %d, want 403", pattern, name, status)
			}
			if calls := d.supervisor.called()[before:]; !allowed && len(calls) > 0 {
				t.Errorf("%s as %s: the supervisor was called: %v", pattern, name, calls)
			}
		}
	}
}

// tellsMore says that a live transport let the caller in and then refused what was asked of it,
// by the rule of the message.
func tellsMore(pattern string, permissions []string, status int) bool {
	switch pattern { // the role before had its way already
	case "POST /api/keys":
		return status == http.StatusConflict
	case "DELETE /api/keys/{id}", "DELETE /api/secrets/{name}":
		return status == http.StatusNotFound
	case "POST /api/executions/{id}/input": // the example is text; a decision needs executions:approve
		return status == http.StatusNotFound && !slices.Contains(permissions, protocol.PermInput)
	}
	live := pattern == "GET /api/events" || pattern == "GET /api/poll"
	return live && status == http.StatusForbidden && !slices.Contains(permissions, protocol.PermRead)
}

// statusOf sends a request and hangs up when the answer begins. Of a search it reads the answer to its
// end: what it still did of the supervisor would count as the next role's.
func (d *door) statusOf(t *testing.T, example [3]string, header map[string]string) int {
	t.Helper()
	r := d.request(t, example[0], example[1], example[2], header)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	response, err := d.client.Do(r.WithContext(ctx))
	if err != nil {
		t.Fatalf("%s: %v", example[1], err)
	}
	defer response.Body.Close()
	if strings.HasPrefix(response.Header.Get("Content-Type"), "application/x-ndjson") {
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			t.Fatalf("%s: %v", example[1], err)
		}
	}
	if response.StatusCode >= 400 {
		text, _ := io.ReadAll(response.Body)
		a := answer{status: response.StatusCode, header: response.Header, body: string(text)}
		if strings.HasPrefix(example[1], "/api/") && example[1] != "/api/ws" {
			p := a.problem(t)
			if a.status == 401 && response.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s: 401 without WWW-Authenticate", example[1])
			}
			if a.status == 403 && p.Code != protocol.Forbidden || a.status == 401 && p.Code != protocol.Unauthenticated && p.Code != protocol.RateLimited {
				t.Errorf("%s: %d with code %s", example[1], a.status, p.Code)
			}
		}
	}
	return response.StatusCode
}

func TestPermissions_what_is_on_no_route_is_refused(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	for _, path := range []string{"/api", "/api/", "/api/nowhere", "/api/executions/a/b/c", "/api/agents/echo/x", "/metrics/x", "/docsx", "/schemas/Execution.json", "/openapi.yaml"} {
		for _, header := range []map[string]string{nil, d.as(d.token, nil)} {
			got := d.do(t, "GET", path, "", header)
			if strings.HasPrefix(path, "/api") || strings.Contains(path, ".") {
				if got.status != 404 {
					t.Errorf("GET %s: %d, want 404", path, got.status)
				}
				continue
			}
			if got.status != 200 || !strings.Contains(got.body, "<!doctype html>") {
				t.Errorf("GET %s: %d, want the page", path, got.status)
			}
		}
	}
	for _, test := range [][2]string{{"DELETE", "/api/executions"}, {"PUT", "/api/agents/echo"}, {"PATCH", "/api/session"}, {"POST", "/api/agents"}, {"GET", "/api/tickets"}, {"GET", "/logout"}, {"POST", "/"}, {"TRACE", "/api/agents"}, {"PROPFIND", "/"}} {
		got := d.do(t, test[0], test[1], "", d.as(d.token, nil))
		if test[1] == "/logout" { // the page, since GET has no route there
			if got.status != 200 {
				t.Errorf("%v: %d", test, got.status)
			}
			continue
		}
		if got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") == "" {
			t.Errorf("%v: %d, Allow %q", test, got.status, got.header.Get("Allow"))
		}
		got.problem(t)
	}
}

func TestHealth_needs_no_credential_and_readiness_is_the_supervisors(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200} {
		if got := d.do(t, "GET", path, "", nil); got.status != want || !strings.Contains(got.body, `"ok"`) {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	d.supervisor.mu.Lock()
	d.supervisor.notReady = true
	d.supervisor.mu.Unlock()
	if got := d.do(t, "GET", "/readyz", "", nil); got.status != 503 || got.problem(t).RetryAfterMs == 0 || got.header.Get("Retry-After") != "1" {
		t.Errorf("%d %s %v", got.status, got.body, got.header)
	}
	if got := d.do(t, "GET", "/healthz", "", nil); got.status != 200 {
		t.Errorf("%d", got.status)
	}
}

func TestRate_is_each_users_own(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(o *Options) {
		o.Limits = protocol.DefaultLimits()
		o.Limits.UserMessagesPerSecond = 2
	})
	greedy, other := d.as(d.jwt(t, "greedy", protocol.PermRead), nil), d.as(d.jwt(t, "other", protocol.PermRead), nil)
	var limited answer
	for i := 0; limited.status != http.StatusTooManyRequests; i++ {
		if i > 2000 {
			t.Fatal("there is no limit")
		}
		limited = d.do(t, "GET", "/api/session", "", greedy)
	}
	if p := limited.problem(t); p.Code != protocol.RateLimited || p.RetryAfterMs <= 0 || !p.Retryable || limited.header.Get("Retry-After") == "" {
		t.Errorf("%s", limited.body)
	}
	if got := d.do(t, "GET", "/api/session", "", other); got.status != 200 {
		t.Errorf("another user is kept out too: %d", got.status)
	}
}
