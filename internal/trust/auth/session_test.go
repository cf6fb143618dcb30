package auth_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

func TestSession_cookie(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		target, basePath string
		secure           bool
		name, path       string
	}{
		"plain":            {"http://localhost:3000/", "", false, "claudeops-3000", "/"},
		"another_port":     {"http://localhost:3001/", "", false, "claudeops-3001", "/"},
		"usual_port":       {"http://ops.example/", "", false, "claudeops-80", "/"},
		"tls":              {"http://ops.example/", "", true, "__Host-claudeops-443", "/"},
		"tls_with_port":    {"http://ops.example:8443/", "", true, "__Host-claudeops-8443", "/"},
		"below_a_path":     {"http://localhost:3000/", "/ops", false, "claudeops-3000", "/ops/"},
		"below_a_path_tls": {"http://ops.example/", "/ops", true, "claudeops-443", "/ops/"},
		"ipv6":             {"http://[::1]:3000/", "", false, "claudeops-3000", "/"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			a := open(t, auth.Options{DataDir: dir, BasePath: test.basePath})
			request := func() *http.Request {
				r := httptest.NewRequest("POST", test.target, nil)
				return r.WithContext(auth.WithPeer(r.Context(), auth.Peer{Address: "192.0.2.7", Secure: test.secure}))
			}
			w := httptest.NewRecorder()
			signed, err := a.SetSession(w, request(), owner(t, a, dir))
			if err != nil {
				t.Fatal(err)
			}
			if signed.Kind != auth.KindSession || signed.ID != auth.OwnerID || signed.Expires.IsZero() {
				t.Errorf("signed in as %+v", signed)
			}
			cookies := w.Result().Cookies()
			if len(cookies) != 1 {
				t.Fatalf("%d cookies are set", len(cookies))
			}
			c := cookies[0]
			if c.Name != test.name || c.Path != test.path || c.Secure != test.secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Domain != "" || c.MaxAge <= 0 {
				t.Errorf("the cookie is %s", c)
			}
			data, err := os.ReadFile(filepath.Join(dir, auth.SessionsFile))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(data), c.Value) {
				t.Error("the file holds the cookie's value")
			}
			r := request()
			r.AddCookie(c)
			if _, err := a.Request(r); err != nil {
				t.Error(err)
			}
			r.AddCookie(&http.Cookie{Name: c.Name, Value: "planted"})
			if _, err := a.Request(r); err == nil {
				t.Error("of two cookies of one name, one was believed")
			}
		})
	}
}

func TestSession_over_tls_a_cookie_without_the_prefix_is_nothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := open(t, auth.Options{DataDir: dir})
	r := signIn(t, a, owner(t, a, dir), "http://ops.example:8443/")
	if _, err := a.Request(r); err != nil {
		t.Fatal(err)
	}
	r.TLS = &tls.ConnectionState{}
	if _, err := a.Request(r); !errors.Is(err, auth.ErrNone) {
		t.Errorf("%v, want ErrNone", err)
	}
}

func TestSession_survives_a_restart_and_ends_for_good(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := open(t, auth.Options{DataDir: dir})
	p := owner(t, a, dir)
	stays, ends := signIn(t, a, p, "http://localhost:3000/"), signIn(t, a, p, "http://localhost:3000/")
	gone, err := a.Request(ends)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	if err := a.ClearSession(w, ends); err != nil {
		t.Fatal(err)
	}
	if c := w.Result().Cookies(); len(c) != 1 || c[0].MaxAge >= 0 {
		t.Errorf("the browser is told %v, want to forget the cookie", c)
	}
	if err := a.Check(gone); !errors.Is(err, auth.ErrExpired) {
		t.Errorf("a connection of the session is told %v, want ErrExpired", err)
	}
	// No Close: as after kill -9.
	b := open(t, auth.Options{DataDir: dir})
	if _, err := b.Request(stays); err != nil {
		t.Errorf("the session did not survive: %v", err)
	}
	if _, err := b.Request(ends); !errors.Is(err, auth.ErrExpired) {
		t.Errorf("the session came back: %v", err)
	}
	if n, err := b.EndSessions(auth.OwnerID); n != 1 || err != nil {
		t.Errorf("ended %d sessions, %v", n, err)
	}
	if _, err := b.Request(stays); err == nil {
		t.Error("the session did not end")
	}
	if err := b.ClearSession(httptest.NewRecorder(), httptest.NewRequest("POST", "http://localhost:3000/", nil)); err != nil {
		t.Errorf("signing out without a session: %v", err)
	}
}

func TestSession_that_cant_be_read_is_set_aside(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"garbage": "{", "another_version": `{"version":2,"sessions":[]}`, "odd": `{"version":1,"sessions":[null,{}]}`,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, auth.SessionsFile), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		a := open(t, auth.Options{DataDir: dir})
		if _, err := a.Request(signIn(t, a, owner(t, a, dir), "http://localhost/")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSession_time(t *testing.T) {
	t.Parallel()
	const idle, longest = 7 * 24 * time.Hour, 30 * 24 * time.Hour
	inBubble := func(name string, check func(t *testing.T, dir string, a *auth.Authenticator)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				a, err := auth.Open(auth.Options{DataDir: dir, SessionIdle: idle, SessionMax: longest})
				if err != nil {
					t.Fatal(err)
				}
				defer a.Close()
				check(t, dir, a)
			})
		})
	}
	inBubble("unused_it_ends", func(t *testing.T, dir string, a *auth.Authenticator) {
		r := signIn(t, a, owner(t, a, dir), "http://localhost/")
		time.Sleep(idle - time.Second)
		if _, err := a.Request(r); err != nil {
			t.Fatalf("it ended early: %v", err)
		}
		time.Sleep(idle + time.Second)
		if _, err := a.Request(r); !errors.Is(err, auth.ErrExpired) {
			t.Errorf("%v, want ErrExpired", err)
		}
	})
	inBubble("used_it_lasts_but_not_for_ever", func(t *testing.T, dir string, a *auth.Authenticator) {
		r := signIn(t, a, owner(t, a, dir), "http://localhost/")
		p, err := a.Request(r)
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		for time.Since(begun) < longest-idle/2 {
			time.Sleep(idle / 2)
			if err := a.Check(p); err != nil { // as a live connection does
				t.Fatalf("after %s: %v", time.Since(begun), err)
			}
		}
		// A restart knows of that use.
		again, err := auth.Open(auth.Options{DataDir: dir, SessionIdle: idle, SessionMax: longest})
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		if _, err := again.Request(r); err != nil {
			t.Errorf("after a restart: %v", err)
		}
		time.Sleep(idle / 2)
		if err := a.Check(p); !errors.Is(err, auth.ErrExpired) {
			t.Errorf("after %s: %v, want ErrExpired", time.Since(begun), err)
		}
	})
	inBubble("signing_in_with_a_session_prolongs_nothing", func(t *testing.T, dir string, a *auth.Authenticator) {
		first, err := a.Request(signIn(t, a, owner(t, a, dir), "http://localhost/"))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(idle / 2)
		ticket, _, err := a.IssueTicket(first)
		if err != nil {
			t.Fatal(err)
		}
		redeemed, err := a.RedeemTicket(ticket)
		if err != nil {
			t.Fatal(err)
		}
		second, err := a.Request(signIn(t, a, redeemed, "http://localhost/"))
		if err != nil {
			t.Fatal(err)
		}
		if !second.Expires.Equal(first.Expires) {
			t.Errorf("the second session ends %s, the first %s", second.Expires, first.Expires)
		}
	})
	inBubble("a_user_has_so_many_and_the_least_used_goes", func(t *testing.T, dir string, a *auth.Authenticator) {
		p := owner(t, a, dir)
		var all []*http.Request
		for range 201 {
			all = append(all, signIn(t, a, p, "http://localhost/"))
			time.Sleep(time.Second)
		}
		if _, err := a.Request(all[0]); err == nil {
			t.Error("the oldest is still there")
		}
		if _, err := a.Request(all[1]); err != nil {
			t.Errorf("the second oldest is gone: %v", err)
		}
	})
}

func TestTicket(t *testing.T) {
	t.Parallel()

	t.Run("of_a_hundred_racing_redemptions_one_succeeds", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		a := open(t, auth.Options{DataDir: dir})
		p := owner(t, a, dir)
		for range 50 {
			ticket, _, err := a.IssueTicket(p)
			if err != nil {
				t.Fatal(err)
			}
			var won atomic.Int64
			var wg sync.WaitGroup
			start := make(chan struct{})
			for range 100 {
				wg.Go(func() {
					<-start
					if got, err := a.RedeemTicket(ticket); err == nil && got.ID == p.ID {
						won.Add(1)
					}
				})
			}
			close(start)
			wg.Wait()
			if won.Load() != 1 {
				t.Fatalf("%d redemptions succeeded", won.Load())
			}
		}
	})

	t.Run("is_good_for_thirty_seconds", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			a, err := auth.Open(auth.Options{DataDir: dir})
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			p := owner(t, a, dir)
			early, expires, err := a.IssueTicket(p)
			if err != nil {
				t.Fatal(err)
			}
			if life := time.Until(expires); life != auth.TicketLife || life > 30*time.Second {
				t.Errorf("it lives for %s", life)
			}
			late, _, _ := a.IssueTicket(p)
			time.Sleep(auth.TicketLife - time.Millisecond)
			if _, err := a.RedeemTicket(early); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Millisecond)
			_, err = a.RedeemTicket(late)
			wantCode(t, err, protocol.Unauthenticated)
		})
	})

	t.Run("ends_with_the_session_it_came_from", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		a := open(t, auth.Options{DataDir: dir})
		r := signIn(t, a, owner(t, a, dir), "http://localhost/")
		p, err := a.Request(r)
		if err != nil {
			t.Fatal(err)
		}
		ticket, _, err := a.IssueTicket(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.ClearSession(httptest.NewRecorder(), r); err != nil {
			t.Fatal(err)
		}
		_, err = a.RedeemTicket(ticket)
		wantCode(t, err, protocol.Unauthenticated)
		_, _, err = a.IssueTicket(p)
		wantCode(t, err, protocol.Unauthenticated)
	})

	t.Run("nobody_gets_none_and_nobody_without_bound", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		a := open(t, auth.Options{DataDir: dir})
		_, _, err := a.IssueTicket(auth.Principal{})
		wantCode(t, err, protocol.Unauthenticated)
		for _, made := range []string{"", "x", strings.Repeat("A", 43)} {
			_, err := a.RedeemTicket(made)
			wantCode(t, err, protocol.Unauthenticated)
		}
		p := owner(t, a, dir)
		var last string
		issued := 0
		for err = nil; err == nil; {
			var ticket string
			if ticket, _, err = a.IssueTicket(p); err == nil {
				last = ticket
			}
			if issued++; issued > 100_000 {
				t.Fatal("there is no limit")
			}
		}
		wantCode(t, err, protocol.LimitReached)
		if _, err := a.RedeemTicket(last); err != nil {
			t.Fatal(err)
		}
		if _, _, err := a.IssueTicket(p); err != nil {
			t.Errorf("after one was used there is room: %v", err)
		}
	})
}

func TestPeerOf(t *testing.T) {
	t.Parallel()
	if p := auth.PeerOf(context.Background()); p != (auth.Peer{}) {
		t.Errorf("nowhere is %+v", p)
	}
}
