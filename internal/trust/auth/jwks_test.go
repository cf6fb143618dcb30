package auth_test

import (
	"crypto"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"

	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

// jwks gives a JWK set of public keys by kid. A key named "!RS384 …" is pinned to that alg.
func jwks(t testing.TB, keys map[string]crypto.PublicKey, more ...string) string {
	t.Helper()
	entries := more
	for kid, key := range keys {
		metadata := jwkset.JWKMetadataOptions{KID: kid, USE: jwkset.UseSig}
		if alg, rest, ok := strings.Cut(strings.TrimPrefix(kid, "!"), " "); ok {
			metadata.ALG, metadata.KID = jwkset.ALG(alg), rest
		}
		jwk, err := jwkset.NewJWKFromKey(key, jwkset.JWKOptions{Metadata: metadata})
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(jwk.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, string(text))
	}
	return `{"keys":[` + strings.Join(entries, ",") + `]}`
}

func TestJWT_set_in_a_file(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) { jwtSetInAFile(t, dir) })
}

func jwtSetInAFile(t *testing.T, dir string) {
	one, two, pinned := ecKey(t, elliptic.P256()), edKey(t), rsaKey(t, 2048)
	path := filepath.Join(dir, "jwks.json")
	put := func(content string) {
		t.Helper()
		if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	odd := []string{
		`{"kty":"oct","kid":"secret","k":"` + base64.RawURLEncoding.EncodeToString(secret) + `"}`,
		`{"kty":"OKP","crv":"X25519","kid":"x","use":"enc","x":"AAAA"}`,
		`{"kty":"future","kid":"f"}`, `{}`,
		`{"kty":"EC","crv":"P-256","kid":"bad","x":"AA","y":"AA"}`,
	}
	put(jwks(t, map[string]crypto.PublicKey{"one": &one.PublicKey, "!RS384 pinned": &pinned.PublicKey}, odd...))
	a := open(t, auth.Options{DataDir: dir, JWT: auth.JWT{JWKSFile: path}})
	tokenOne := sign(t, jwt.SigningMethodES256, one, fields{"kid": "one"}, claimsOf(nil))
	tokenTwo := sign(t, jwt.SigningMethodEdDSA, two, fields{"kid": "two"}, claimsOf(nil))
	p, err := a.Token(t.Context(), tokenOne)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Token(t.Context(), sign(t, jwt.SigningMethodES256, one, nil, claimsOf(nil))); err != nil {
		t.Errorf("without kid: %v", err)
	}
	if _, err := a.Token(t.Context(), sign(t, jwt.SigningMethodRS384, pinned, fields{"kid": "pinned"}, claimsOf(nil))); err != nil {
		t.Error(err)
	}
	for name, token := range map[string]string{
		"another_kid":       sign(t, jwt.SigningMethodES256, one, fields{"kid": "pinned"}, claimsOf(nil)),
		"not_the_pinned":    sign(t, jwt.SigningMethodRS256, pinned, fields{"kid": "pinned"}, claimsOf(nil)),
		"not_known_yet":     tokenTwo,
		"the_oct_key":       sign(t, jwt.SigningMethodHS256, secret, fields{"kid": "secret"}, claimsOf(nil)),
		"the_oct_key_alone": sign(t, jwt.SigningMethodHS256, secret, nil, claimsOf(nil)),
	} {
		if _, err := a.Token(t.Context(), token); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}

	// Rotation: two replaces one. What rests on one ends, connections that live included.
	put(jwks(t, map[string]crypto.PublicKey{"two": two.Public()}))
	time.Sleep(time.Second)
	if err := a.Check(p); !errors.Is(err, auth.ErrExpired) {
		t.Errorf("%v, want ErrExpired", err)
	}
	if _, err := a.Token(t.Context(), tokenOne); err == nil {
		t.Error("a token of the old key is still taken")
	}
	if p, err = a.Token(t.Context(), tokenTwo); err != nil {
		t.Fatal(err)
	}

	// A file that has become wrong locks nobody out.
	put("{")
	time.Sleep(time.Second)
	if err := a.Check(p); err != nil {
		t.Fatalf("a broken file took the keys away: %v", err)
	}
}

func TestJWT_set_behind_an_address(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) { jwtSetBehindAnAddress(t, dir) })
}

func jwtSetBehindAnAddress(t *testing.T, dir string) {
	one, two := ecKey(t, elliptic.P256()), edKey(t)
	set := jwks(t, map[string]crypto.PublicKey{"one": &one.PublicKey})
	var asked atomic.Int64
	client := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		asked.Add(1)
		if set == "" {
			return nil, errors.New("down")
		}
		return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(set)), Request: r}, nil
	})}
	a := open(t, auth.Options{DataDir: dir, JWT: auth.JWT{JWKSURL: "https://id.example/jwks.json", Client: client}})
	tokenOne := sign(t, jwt.SigningMethodES256, one, fields{"kid": "one"}, claimsOf(nil))
	p, err := a.Token(t.Context(), tokenOne)
	if err != nil {
		t.Fatal(err)
	}
	// Made-up kids don't make us ask again and again.
	for i := range 200 {
		token := sign(t, jwt.SigningMethodES256, one, fields{"kid": fmt.Sprint("made-up-", i)}, claimsOf(nil))
		if _, err := a.Token(t.Context(), token); err == nil {
			t.Fatal("a made-up kid was taken")
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the issuer was asked %d times at once", n)
	}
	// A kid the issuer just began to use is found without waiting for the set to grow old.
	set = jwks(t, map[string]crypto.PublicKey{"two": two.Public(), "one": &one.PublicKey})
	tokenTwo := sign(t, jwt.SigningMethodEdDSA, two, fields{"kid": "two"}, claimsOf(nil))
	time.Sleep(10 * time.Second)
	if _, err := a.Token(t.Context(), tokenTwo); err != nil {
		t.Fatal(err)
	}
	// An issuer that is down for hours takes nothing away.
	set = ""
	time.Sleep(3 * time.Hour)
	for range 3 {
		if err := a.Check(p); err == nil {
			t.Fatal("the credential has not expired") // it has, after an hour
		}
		if _, err := a.Token(t.Context(), sign(t, jwt.SigningMethodES256, one, fields{"kid": "one"}, claimsOf(nil))); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		time.Sleep(10 * time.Minute)
	}
	// A key that is gone is noticed when the set is fetched again, by those who are connected too.
	fresh, err := a.Token(t.Context(), sign(t, jwt.SigningMethodES256, one, fields{"kid": "one"}, claimsOf(nil)))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	set = jwks(t, map[string]crypto.PublicKey{"two": two.Public()})
	time.Sleep(10 * time.Minute)
	_ = a.Check(fresh) // begins to fetch
	synctest.Wait()
	if err := a.Check(fresh); !errors.Is(err, auth.ErrExpired) {
		t.Errorf("%v, want ErrExpired", err)
	}
	if _, err := a.Token(t.Context(), sign(t, jwt.SigningMethodES256, one, fields{"kid": "one"}, claimsOf(nil))); err == nil {
		t.Error("a token of the old key is still taken")
	}
}

func TestJWT_an_issuer_that_is_down_keeps_no_server_from_starting(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
		http.Error(w, "down", http.StatusBadGateway)
	}))
	defer issuer.Close()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	a, err := auth.Open(auth.Options{DataDir: t.TempDir(), JWT: auth.JWT{JWKSURL: issuer.URL, Client: client}})
	if err != nil {
		t.Fatal(err)
	}
	close(release)
	_, err = a.Token(t.Context(), sign(t, jwt.SigningMethodEdDSA, edKey(t), fields{"kid": "k"}, claimsOf(nil)))
	wantCode(t, err, protocol.Unauthenticated)
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

func TestJWT_redirects_lead_to_no_place_without_tls(t *testing.T) {
	t.Parallel()
	key := edKey(t)
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://issuer.invalid/jwks.json", http.StatusFound)
	}))
	defer issuer.Close()
	var reached atomic.Bool
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.URL.Hostname() == "issuer.invalid" {
			reached.Store(true)
			return nil, errors.New("reached")
		}
		return transport.RoundTrip(r)
	})}
	a := open(t, auth.Options{JWT: auth.JWT{JWKSURL: issuer.URL, Client: client}})
	_, err := a.Token(t.Context(), sign(t, jwt.SigningMethodEdDSA, key, fields{"kid": "k"}, claimsOf(nil)))
	wantCode(t, err, protocol.Unauthenticated)
	if reached.Load() {
		t.Error("the redirect was followed")
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
