package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

func (d *door) ticket(t testing.TB) string {
	t.Helper()
	got := d.do(t, "POST", "/api/tickets", "", d.as(d.token, nil))
	body := decode[struct {
		Ticket    string
		ExpiresAt time.Time
	}](t, got, 201)
	if left := time.Until(body.ExpiresAt); left <= 0 || left > auth.TicketLife {
		t.Errorf("the ticket lives for %s", left)
	}
	if got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("Cache-Control is %q", got.header.Get("Cache-Control"))
	}
	return body.Ticket
}

func TestLogin_by_ticket(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	ticket := d.ticket(t)
	browser := map[string]string{"Accept": "text/html,*/*", "Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
	for _, looking := range []map[string]string{{"Sec-Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}} {
		if got := d.do(t, "GET", "/login?ticket="+ticket, "", d.merge(browser, looking)); len(got.cookies) > 0 || got.header.Get("Location") != "" {
			t.Errorf("looking at the link signed in: %d", got.status)
		}
	}
	if got := d.do(t, "HEAD", "/login?ticket="+ticket, "", nil); len(got.cookies) > 0 {
		t.Errorf("HEAD signed in: %d", got.status)
	}
	got := d.do(t, "GET", "/login?ticket="+ticket, "", browser)
	if got.status != http.StatusSeeOther || got.header.Get("Location") != "/" || len(got.cookies) != 1 {
		t.Fatalf("%d %v %s", got.status, got.header, got.body)
	}
	session := d.do(t, "GET", "/api/session", "", map[string]string{"Cookie": got.cookies[0].String()})
	who := decode[signedIn](t, session, 200)
	if who.ID != auth.OwnerID || who.Kind != auth.KindSession || !slices.Equal(who.Permissions, []string{protocol.PermAdmin}) || who.ExpiresAt == nil || who.Version != "1.2.3" {
		t.Errorf("%+v", who)
	}

	again := d.do(t, "GET", "/login?ticket="+ticket, "", nil)
	if again.status != 401 || len(again.cookies) > 0 || again.problem(t).Code != protocol.Unauthenticated {
		t.Errorf("the second use: %d %s", again.status, again.body)
	}
	again = d.do(t, "GET", "/login?ticket="+ticket, "", browser)
	if again.status != 401 || len(again.cookies) > 0 || !strings.Contains(again.body, "<!doctype html>") {
		t.Errorf("the second use in a browser: %d %s", again.status, again.body)
	}
	for _, made := range []string{"x", strings.Repeat("A", 43), strings.Repeat("A", 5000), "%00", d.token} {
		if got := d.do(t, "GET", "/login?ticket="+made, "", nil); got.status != 401 || len(got.cookies) > 0 {
			t.Errorf("a made-up ticket: %d", got.status)
		}
	}
	if got := d.do(t, "GET", "/login?token="+d.token, "", nil); len(got.cookies) > 0 || got.status != 200 {
		t.Errorf("a token in the address signed in, or was no page: %d", got.status)
	}
	if got := d.do(t, "GET", "/api/session?token="+d.token+"&access_token="+d.token, "", nil); got.status != 401 {
		t.Errorf("a token in the address was taken: %d", got.status)
	}
}

func TestLogin_by_ticket_of_a_hundred_at_once_one_gets_in(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	ticket := d.ticket(t)
	var in, out atomic.Int64
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			switch got := d.do(t, "GET", "/login?ticket="+ticket, "", nil); got.status {
			case http.StatusSeeOther:
				in.Add(1)
			case http.StatusUnauthorized:
				out.Add(1)
			default:
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
	wg.Wait()
	if in.Load() != 1 || out.Load() != 99 {
		t.Errorf("%d got in, %d did not", in.Load(), out.Load())
	}
}

func TestLogin_leads_nowhere_else(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(o *Options) { o.BasePath = "/ops" })
	for next, want := range map[string]string{
		"": "/ops/", "/": "/ops/", "/executions/x?tab=log%23L5": "/ops/executions/x?tab=log#L5",
		"//evil.example": "", "https://evil.example": "", "/\\evil.example": "", "evil": "", "/%0d%0aSet-Cookie:%20x=y": "", "javascript:alert(1)": "", "/%09/evil.example": "", "%2f%2fevil.example": "",
	} {
		got := d.do(t, "GET", "/ops/login?ticket="+d.ticket(t)+"&next="+next, "", nil)
		if want == "" {
			if got.status != 400 || len(got.cookies) > 0 || !strings.Contains(got.problem(t).Detail, "next") {
				t.Errorf("%q: %d %v", next, got.status, got.header)
			}
			continue
		}
		if got.status != 303 || got.header.Get("Location") != want {
			t.Errorf("%q: %d %q, want %q", next, got.status, got.header.Get("Location"), want)
		}
	}
}

func TestLogin_by_token(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	got := d.do(t, "POST", "/login", `{"token":"`+d.token+`"}`, map[string]string{"Origin": d.server.URL})
	who := decode[signedIn](t, got, 200)
	if who.ID != auth.OwnerID || len(got.cookies) != 1 || !got.cookies[0].HttpOnly || got.cookies[0].SameSite != http.SameSiteStrictMode {
		t.Errorf("%+v %v", who, got.cookies)
	}
	if strings.Contains(got.body, got.cookies[0].Value) || strings.Contains(got.body, d.token) {
		t.Error("the answer holds the credential")
	}
	got = d.do(t, "POST", "/login", `{"token":"`+d.jwt(t, "alice", protocol.PermRead)+`"}`, nil)
	if who := decode[signedIn](t, got, 200); who.ID != "alice" || !slices.Equal(who.Permissions, []string{protocol.PermRead}) {
		t.Errorf("%+v", who)
	}
	reader := map[string]string{"Cookie": got.cookies[0].String(), "Origin": d.server.URL}
	if got := d.do(t, "POST", "/api/executions", `{"agentType":"echo"}`, reader); got.status != 403 {
		t.Errorf("a session may do more than the token it was made from: %d", got.status)
	}
	for body, want := range map[string]int{`{"token":"wrong"}`: 401, `{"token":""}`: 422, `{}`: 422, ``: 400, `{"token":7}`: 422, `{"token":"` + strings.Repeat("a", 10_000) + `"}`: 401} {
		got := d.do(t, "POST", "/login", body, nil)
		if got.status != want || len(got.cookies) > 0 {
			t.Errorf("%.40s: %d, want %d: %.200s", body, got.status, want, got.body)
		}
		if p := got.problem(t); strings.Contains(p.Detail, "aaaa") {
			t.Errorf("the answer repeats the credential: %.200s", got.body)
		}
	}
	// A wrong body must not come back in the answer: it may hold a token.
	if got := d.do(t, "POST", "/login", `{"token":"`+d.token+`"`, nil); strings.Contains(got.body, d.token) || got.status != 400 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestLogout(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	first, second := d.cookie(t), d.cookie(t)
	as := func(c *http.Cookie) map[string]string {
		return map[string]string{"Cookie": c.String(), "Origin": d.server.URL}
	}
	if got := d.do(t, "POST", "/logout", "", map[string]string{"Cookie": first.String(), "Origin": "http://evil.example"}); got.status != 403 {
		t.Errorf("another page signed the browser out: %d", got.status)
	}
	got := d.do(t, "POST", "/logout", "{}", as(first))
	if got.status != 204 || len(got.cookies) != 1 || got.cookies[0].MaxAge >= 0 {
		t.Errorf("%d %v", got.status, got.cookies)
	}
	for cookie, want := range map[*http.Cookie]int{first: 401, second: 200} {
		if got := d.do(t, "GET", "/api/session", "", as(cookie)); got.status != want {
			t.Errorf("%d, want %d", got.status, want)
		}
	}
	third := d.cookie(t)
	if got := d.do(t, "POST", "/logout", `{"everywhere":true}`, as(second)); got.status != 204 {
		t.Errorf("%d", got.status)
	}
	for _, cookie := range []*http.Cookie{second, third} {
		if got := d.do(t, "GET", "/api/session", "", as(cookie)); got.status != 401 {
			t.Errorf("%d, want 401", got.status)
		}
	}
	if got := d.do(t, "POST", "/logout", "", nil); got.status != 204 {
		t.Errorf("signing out without a session: %d", got.status)
	}
}

func TestSession_shows_what_a_token_may_do(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	got := d.do(t, "GET", "/api/session", "", d.as(d.jwt(t, "alice"), nil))
	var raw map[string]json.RawMessage
	if err := json.Unmarshal([]byte(got.body), &raw); err != nil {
		t.Fatal(err)
	}
	if string(raw["permissions"]) != "[]" || string(raw["kind"]) != `"jwt"` || string(raw["id"]) != `"alice"` || raw["expiresAt"] == nil {
		t.Errorf("%s", got.body)
	}
}

func TestSignIn_too_many_failures_are_slowed_down(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	var limited answer
	for i := 0; limited.status != http.StatusTooManyRequests; i++ {
		if i > 5000 {
			t.Fatal("there is no limit")
		}
		limited = d.do(t, "GET", "/api/session", "", d.as("wrong", nil))
	}
	if p := limited.problem(t); p.Code != protocol.RateLimited || p.RetryAfterMs <= 0 || limited.header.Get("Retry-After") == "" {
		t.Errorf("%s", limited.body)
	}
	if got := d.do(t, "GET", "/api/session", "", d.as(d.token, nil)); got.status != 200 {
		t.Errorf("the right token is kept out: %d", got.status)
	}
	// A page left open over night is told to sign in, however often it asks.
	cookie := d.cookie(t)
	stale := map[string]string{"Cookie": cookie.String(), "Origin": d.server.URL}
	d.do(t, "POST", "/logout", "", stale)
	for range 50 {
		if got := d.do(t, "GET", "/api/session", "", stale); got.status != 401 {
			t.Fatalf("%d", got.status)
		}
	}
}

func TestSignIn_no_credential_reaches_the_log(t *testing.T) {
	t.Parallel()
	var text lockedBuffer
	d := newDoor(t, func(o *Options) {
		o.Log = slog.New(slog.NewJSONHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	used, kept, foreign := d.ticket(t), d.ticket(t), d.jwt(t, "alice", protocol.PermRead)
	cookie := d.cookie(t)
	d.do(t, "GET", "/login?ticket="+used, "", nil)
	d.do(t, "GET", "/login?ticket="+used, "", nil)
	d.do(t, "GET", "/login?ticket="+kept, "", map[string]string{"Host": "evil.example"})
	d.do(t, "GET", "/api/executions/x?ticket="+kept, "", d.as(d.token, nil))
	d.do(t, "GET", "/api/executions", "", d.as(foreign[:len(foreign)-3], nil))
	d.do(t, "POST", "/login", `{"token":"`+d.token+`"`, nil)
	d.do(t, "POST", "/login", `{"token":"`+foreign+`x"}`, nil)
	d.do(t, "GET", "/api/session", "", map[string]string{"Cookie": cookie.String(), "Authorization": "Basic " + d.token})
	d.supervisor.failWith(errors.New("broken inside"))
	d.do(t, "POST", "/api/executions", `{"agentType":"echo","config":{"text":"planted-secret"}}`, d.as(d.token, nil))
	logged := text.String()
	if !strings.Contains(logged, "broken inside") || !strings.Contains(logged, "evil.example") {
		t.Fatalf("the log does not tell what happened: %s", logged)
	}
	for name, secret := range map[string]string{"used ticket": used, "ticket": kept, "token": d.token, "cookie": cookie.Value, "JWT": foreign[:40], "parameter": "planted-secret"} {
		if strings.Contains(logged, secret) {
			t.Errorf("the log holds the %s", name)
		}
	}
}

type lockedBuffer struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}
