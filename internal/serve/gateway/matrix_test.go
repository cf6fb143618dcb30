package gateway

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

// scopes are what a grant can be narrowed to, and whether the agent echo is among it.
var scopes = map[string]bool{"": true, "@echo": true, "@ec*": true, "@e?ho": true, "@other-*": false, "@echo-x": false}

// credential is one way to show who one is.
type credential struct {
	kind, state string
	header      map[string]string
	valid       bool
}

var keyNumber = make(chan int, 1)

func init() { keyNumber <- 0 }

// credentials gives each kind of credential that holds a grant, in each state it can be in.
func (d *door) credentials(t *testing.T, grant string) []credential {
	t.Helper()
	sign := func(expires time.Time) string {
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": "somebody", "exp": expires.Unix(), "permissions": []string{grant}}).SignedString(doorSecret)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	owner, err := d.auth.Token(t.Context(), d.token)
	if err != nil {
		t.Fatal(err)
	}
	key := func() (auth.APIKey, string) {
		n := <-keyNumber
		keyNumber <- n + 1
		key, secret, err := d.auth.CreateKey(owner, fmt.Sprintf("key %d", n), []string{grant}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		return key, secret
	}
	session := func(secret string) map[string]string {
		a := d.do(t, "POST", "/login", `{"token":"`+secret+`"}`, nil)
		if a.status != 200 || len(a.cookies) != 1 {
			t.Fatalf("signing in with a key: %d %s", a.status, a.body)
		}
		return map[string]string{"Cookie": a.cookies[0].String(), "Origin": d.server.URL}
	}
	_, live := key()
	gone, revoked := key()
	_, forSession := key()
	goneToo, endedSession := key()
	all := []credential{
		{"jwt", "valid", d.as(sign(time.Now().Add(time.Hour)), nil), true},
		{"jwt", "expired", d.as(sign(time.Now().Add(-time.Hour)), nil), false},
		{"key", "valid", d.as(live, nil), true},
		{"key", "mistyped", d.as(live[:len(live)-1]+"!", nil), false},
		{"session of a key", "valid", session(forSession), true},
		{"session of a key", "revoked", session(endedSession), false},
		{"key", "revoked", d.as(revoked, nil), false},
	}
	for _, id := range []string{gone.ID, goneToo.ID} {
		if _, ok, err := d.auth.RevokeKey(id); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	return all
}

// TestMatrix_routes: every route, for every permission that opens it, narrowed to every scope, shown by
// every credential in every state.
func TestMatrix_routes(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(o *Options) {
		o.Limits = protocol.DefaultLimits()
		o.Limits.UserMessagesPerSecond = 100_000
	})
	id := d.supervisor.begin("echo")
	d.supervisor.say(id, logLine("stdout", "a"))
	count := 0
	for pattern, rule := range protocol.RoutePermission {
		for _, perm := range rule {
			if !slices.Contains(protocol.NarrowPermissions, perm) {
				continue
			}
			for scope, allowed := range scopes {
				for _, c := range d.credentials(t, perm+scope) {
					a := d.do(t, examples(id)[pattern][0], examples(id)[pattern][1], examples(id)[pattern][2], c.header)
					count++
					about := fmt.Sprintf("%s with %s%s by %s (%s): %d %.200s", pattern, perm, scope, c.kind, c.state, a.status, a.body)
					switch {
					case !c.valid:
						// 429 once there were too many: the failures of all of them are counted to one address.
						if a.status != http.StatusUnauthorized && a.status != http.StatusTooManyRequests {
							t.Error(about, "want 401")
						}
					case pattern == "POST /api/executions/{id}/input" && perm == protocol.PermApprove: // the example sends text
						if a.status != http.StatusNotFound {
							t.Error(about, "want 404")
						}
					case pattern == "GET /api/budgets" && scope != "": // budgets are those of all agents
						if a.status != http.StatusForbidden {
							t.Error(about, "want 403")
						}
					case allowed:
						if a.status >= 400 {
							t.Error(about, "want to be let in")
						}
					case strings.Contains(pattern, "{"):
						if a.status != http.StatusNotFound {
							t.Error(about, "want 404")
						}
					case a.status == http.StatusForbidden:
					case a.status > 202 || strings.Contains(a.body, id) || strings.Contains(a.body, `"name":"echo"`):
						t.Error(about, "shows what may not be read")
					}
				}
			}
		}
	}
	t.Logf("%d requests", count)
}

// TestMatrix_reads: what one may do to an execution shows nothing of it.
func TestMatrix_cancelReadsNothing(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	id := d.supervisor.begin("echo")
	a := d.do(t, "POST", "/api/executions/"+id+"/cancel", `{"reason":"r"}`, d.as(d.jwt(t, "stopper", protocol.PermCancel), nil))
	answer := decode[map[string]any](t, a, 202)
	if answer["executionId"] != id || answer["status"] == nil {
		t.Errorf("%s", a.body)
	}
	for name := range answer {
		if name != "executionId" && name != "status" && name != "terminal" {
			t.Errorf("it tells %s: %s", name, a.body)
		}
	}
}
