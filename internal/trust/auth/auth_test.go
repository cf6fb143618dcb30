package auth_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, opts auth.Options) *auth.Authenticator {
	t.Helper()
	if opts.DataDir == "" {
		opts.DataDir = t.TempDir()
	}
	a, err := auth.Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func ownerToken(t *testing.T, dir string) string {
	t.Helper()
	token, err := auth.OwnerToken(dir)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func owner(t *testing.T, a *auth.Authenticator, dir string) auth.Principal {
	t.Helper()
	p, err := a.Token(t.Context(), ownerToken(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wantCode(t *testing.T, err error, code protocol.Code) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with code %s", code)
	}
	if got := fault.CodeOf(err); got != code {
		t.Fatalf("code of %v is %s, want %s", err, got, code)
	}
}

func mode(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

// Not parallel: the umask is the process's.
func TestOpen_files_are_private_whatever_the_umask(t *testing.T) {
	for _, umask := range []int{0, 0o022, 0o777} {
		dir := filepath.Join(t.TempDir(), "data")
		before := syscall.Umask(umask)
		a, err := auth.Open(auth.Options{DataDir: dir})
		if err == nil {
			_, err = a.SetSession(httptest.NewRecorder(), httptest.NewRequest("GET", "http://localhost:3000/", nil), owner(t, a, dir))
		}
		syscall.Umask(before)
		if err != nil {
			t.Fatalf("umask %#o: %v", umask, err)
		}
		if got := mode(t, dir); got != 0o700 {
			t.Errorf("umask %#o: the directory has mode %#o", umask, got)
		}
		for _, name := range []string{auth.OwnerFile, auth.SessionsFile} {
			if got := mode(t, filepath.Join(dir, name)); got != 0o600 {
				t.Errorf("umask %#o: %s has mode %#o", umask, name, got)
			}
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		entries, _ := os.ReadDir(dir)
		if len(entries) != 3 {
			t.Errorf("umask %#o: %d files are left, want the three", umask, len(entries))
		}
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()

	t.Run("makes_a_token_once", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		if _, err := auth.OwnerToken(dir); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("an empty directory gives %v, want ErrNotExist", err)
		}
		var tokens sync.Map
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				a, err := auth.Open(auth.Options{DataDir: dir})
				if err != nil {
					t.Error(err)
					return
				}
				defer a.Close()
				token, err := auth.OwnerToken(dir)
				if err != nil {
					t.Error(err)
				}
				if _, err := a.Token(t.Context(), token); err != nil {
					t.Error(err)
				}
				tokens.Store(token, true)
			})
		}
		wg.Wait()
		count := 0
		tokens.Range(func(token, _ any) bool {
			count++
			if len(token.(string)) != 43 {
				t.Errorf("the token has %d characters, want the 43 of 32 bytes", len(token.(string)))
			}
			return true
		})
		if count != 1 {
			t.Errorf("%d tokens were made by twenty at once", count)
		}
	})

	t.Run("takes_the_token_away_from_others", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		path := filepath.Join(dir, auth.OwnerFile)
		if err := os.WriteFile(path, []byte(strings.Repeat("a", 43)+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		open(t, auth.Options{DataDir: dir})
		if got := mode(t, path); got != 0o600 {
			t.Errorf("the file has mode %#o", got)
		}
	})

	for name, put := range map[string]func(path string) error{
		"empty":      func(p string) error { return os.WriteFile(p, nil, 0o600) },
		"short":      func(p string) error { return os.WriteFile(p, []byte("abc"), 0o600) },
		"two_lines":  func(p string) error { return os.WriteFile(p, []byte(strings.Repeat("a", 43)+"\nb"), 0o600) },
		"control":    func(p string) error { return os.WriteFile(p, []byte(strings.Repeat("a", 43)+"\x00b"), 0o600) },
		"a_link_out": func(p string) error { return os.Symlink("/etc/hostname", p) },
		"a_dir":      func(p string) error { return os.Mkdir(p, 0o700) },
	} {
		t.Run("refuses_a_token_file_that_is_"+name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := put(filepath.Join(dir, auth.OwnerFile)); err != nil {
				t.Fatal(err)
			}
			a, err := auth.Open(auth.Options{DataDir: dir})
			if err == nil {
				a.Close()
				t.Fatal("it was taken")
			}
			if !strings.Contains(err.Error(), auth.OwnerFile) {
				t.Errorf("the error does not name the file: %v", err)
			}
		})
	}
}

func TestToken_takes_the_owners_and_nothing_near_it(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := open(t, auth.Options{DataDir: dir})
	token := ownerToken(t, dir)
	p, err := a.Token(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if p.ID != auth.OwnerID || p.Kind != auth.KindOwner || !p.Expires.IsZero() {
		t.Errorf("the owner is %+v", p)
	}
	for _, perm := range protocol.Permissions {
		if !p.Can(perm) {
			t.Errorf("the owner lacks %s", perm)
		}
	}
	flipped := []byte(token)
	flipped[20] ^= 1
	for _, wrong := range []string{
		"", " ", token[:42], token + "a", token + "\n", " " + token, strings.ToUpper(token), string(flipped),
		strings.Repeat(token, 3), strings.Repeat("a", auth.MaxTokenBytes+1), strings.Repeat(".", 1<<20), "..", "a.b.c", "\x00" + token,
	} {
		_, err := a.Token(t.Context(), wrong)
		wantCode(t, err, protocol.Unauthenticated)
		if strings.Contains(err.Error(), token) {
			t.Errorf("the error holds the token: %v", err)
		}
	}
}

func TestPrincipal_Can(t *testing.T) {
	t.Parallel()
	if (auth.Principal{Permissions: []string{protocol.PermAdmin}}).Can(protocol.PermNone) {
		t.Error("nobody can do something")
	}
	reader := auth.Principal{ID: "r", Permissions: []string{protocol.PermRead, "made:up"}}
	for perm, want := range map[string]bool{
		protocol.PermNone: true, protocol.PermRead: true, protocol.PermExecute: false, protocol.PermCancel: false,
		protocol.PermSystem: false, protocol.PermAdmin: false, "": false, "made:up": false, protocol.PermPublic: false,
	} {
		if got := reader.Can(perm); got != want {
			t.Errorf("a reader can %q: %v", perm, got)
		}
	}
	admin := auth.Principal{ID: "a", Permissions: []string{protocol.PermAdmin}}
	for perm, want := range map[string]bool{protocol.PermCancel: true, "": false, "made:up": false} {
		if got := admin.Can(perm); got != want {
			t.Errorf("an admin can %q: %v", perm, got)
		}
	}
}

func TestBearer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		values  []string
		token   string
		present bool
		fails   bool
	}{
		"none":        {nil, "", false, false},
		"plain":       {[]string{"Bearer abc"}, "abc", true, false},
		"lower_case":  {[]string{"bearer abc"}, "abc", true, false},
		"spaces":      {[]string{"Bearer   abc"}, "abc", true, false},
		"basic":       {[]string{"Basic YTpi"}, "", true, true},
		"empty":       {[]string{""}, "", true, true},
		"scheme_only": {[]string{"Bearer"}, "", true, true},
		"no_token":    {[]string{"Bearer "}, "", true, true},
		"two":         {[]string{"Bearer abc", "Bearer def"}, "", true, true},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Authorization"] = test.values
		token, present, err := auth.Bearer(r)
		if token != test.token || present != test.present || (err != nil) != test.fails {
			t.Errorf("%s: %q %v %v", name, token, present, err)
		}
	}
}

func TestRequest_a_wrong_header_is_not_made_good_by_a_cookie(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := open(t, auth.Options{DataDir: dir})
	r := signIn(t, a, owner(t, a, dir), "http://localhost:3000/")
	if _, err := a.Request(r); err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer wrong")
	_, err := a.Request(r)
	wantCode(t, err, protocol.Unauthenticated)

	_, err = a.Request(httptest.NewRequest("GET", "http://localhost:3000/", nil))
	if !errors.Is(err, auth.ErrNone) {
		t.Errorf("no credential gives %v, want ErrNone", err)
	}
}

func TestRotateOwnerToken_ends_everything_that_rests_on_the_old_one(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		a, err := auth.Open(auth.Options{DataDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		old := ownerToken(t, dir)
		p := owner(t, a, dir)
		r := signIn(t, a, p, "http://localhost:3000/")
		session, err := a.Request(r)
		if err != nil {
			t.Fatal(err)
		}
		ticket, _, err := a.IssueTicket(session)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if err := a.Check(p); err != nil {
			t.Fatal(err)
		}

		fresh, err := auth.RotateOwnerToken(dir)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		for name, err := range map[string]error{"owner": a.Check(p), "session": a.Check(session)} {
			if !errors.Is(err, auth.ErrExpired) {
				t.Errorf("%s: %v, want ErrExpired", name, err)
			}
		}
		if _, err := a.Request(r); err == nil {
			t.Error("the cookie still signs in")
		}
		if _, err := a.RedeemTicket(ticket); err == nil {
			t.Error("the ticket still signs in")
		}
		if _, err := a.Token(t.Context(), old); err == nil {
			t.Error("the old token still signs in")
		}
		if _, err := a.Token(t.Context(), fresh); err != nil {
			t.Error(err)
		}

		// Deleting the file is the same, as far as the old token goes.
		p = owner(t, a, dir)
		if err := os.Remove(filepath.Join(dir, auth.OwnerFile)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if err := a.Check(p); err == nil {
			t.Error("the deleted token is still good")
		}
		if next := ownerToken(t, dir); next == fresh {
			t.Error("the deleted token came back")
		}

		// A file that makes no sense locks nobody out.
		p = owner(t, a, dir)
		if err := os.WriteFile(filepath.Join(dir, auth.OwnerFile), []byte("oops"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if err := a.Check(p); err != nil {
			t.Errorf("a broken file ended the last good token: %v", err)
		}
	})
}

func TestFailures_slow_down_one_address(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		a, err := auth.Open(auth.Options{DataDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		from := func(address string) context.Context {
			return auth.WithPeer(t.Context(), auth.Peer{Address: address})
		}
		attempt := func(address string) error {
			_, err := a.Token(from(address), "wrong")
			return err
		}
		failed := 0
		for fault.CodeOf(attempt("192.0.2.1")) == protocol.Unauthenticated {
			if failed++; failed > 1000 {
				t.Fatal("there is no limit")
			}
		}
		err = attempt("192.0.2.1")
		wantCode(t, err, protocol.RateLimited)
		retry, ok := fault.Details(err).(fault.Retry)
		if !ok || retry.AfterMs <= 0 {
			t.Errorf("the details are %v, want how long to wait", fault.Details(err))
		}
		if _, err := a.Token(from("192.0.2.1"), ownerToken(t, dir)); err != nil {
			t.Errorf("the right token is refused too: %v", err)
		}
		wantCode(t, attempt("192.0.2.2"), protocol.Unauthenticated)

		time.Sleep(time.Duration(retry.AfterMs) * time.Millisecond)
		wantCode(t, attempt("192.0.2.1"), protocol.Unauthenticated)
		wantCode(t, attempt("192.0.2.1"), protocol.RateLimited)
		// With next to nothing left to wait, it is still something.
		time.Sleep(200*time.Millisecond - time.Microsecond)
		err = attempt("192.0.2.1")
		wantCode(t, err, protocol.RateLimited)
		if retry, _ := fault.Details(err).(fault.Retry); retry.AfterMs != 1 || !strings.Contains(err.Error(), "wait 1s") {
			t.Errorf("told to wait %d ms: %v", retry.AfterMs, err)
		}

		// One customer's IPv6 network is one address.
		for range failed {
			wantCode(t, attempt("2001:db8::1"), protocol.Unauthenticated)
		}
		wantCode(t, attempt("2001:db8::abcd:1"), protocol.RateLimited)
		wantCode(t, attempt("2001:db8:0:1::1"), protocol.Unauthenticated)
	})
}

// signIn gives a request that carries the cookie of a browser that signed in as p at target.
func signIn(t *testing.T, a *auth.Authenticator, p auth.Principal, target string) *http.Request {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", target, nil)
	if _, err := a.SetSession(w, r, p); err != nil {
		t.Fatal(err)
	}
	r = httptest.NewRequest("GET", target, nil)
	for _, cookie := range w.Result().Cookies() {
		r.AddCookie(cookie)
	}
	return r
}
