package auth_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"

	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

var secret = []byte("0123456789abcdef0123456789abcdef")

type fields = map[string]any

// sign makes a token of any shape with the given key, however wrong it is.
func sign(t testing.TB, method jwt.SigningMethod, key any, header, claims fields) string {
	t.Helper()
	token := jwt.NewWithClaims(method, jwt.MapClaims(claims))
	for name, value := range header {
		token.Header[name] = value
	}
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func claimsOf(change fields) fields {
	c := fields{"sub": "alice", "exp": time.Now().Add(time.Hour).Unix(), "permissions": []string{protocol.PermRead}}
	for name, value := range change {
		if value == nil {
			delete(c, name)
		} else {
			c[name] = value
		}
	}
	return c
}

func segment(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// forge makes a token of raw segments signed with HMAC over them.
func forge(t testing.TB, key []byte, header, claims any) string {
	t.Helper()
	text := segment(t, header) + "." + segment(t, claims)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func publicPEM(t testing.TB, public crypto.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func rsaKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func ecKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func edKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestJWT_good_ones(t *testing.T) {
	t.Parallel()
	a := open(t, auth.Options{JWT: auth.JWT{Secret: secret, Issuer: "https://id.example", Audience: "claudeops"}})
	good := fields{"iss": "https://id.example", "aud": "claudeops"}
	with := func(more fields) fields {
		c := claimsOf(good)
		for k, v := range more {
			c[k] = v
		}
		return c
	}
	now := time.Now()
	for name, test := range map[string]struct {
		claims fields
		want   []string
	}{
		"array":             {with(nil), []string{protocol.PermRead}},
		"string":            {with(fields{"permissions": "agents:execute  executions:read"}), []string{protocol.PermExecute, protocol.PermRead}},
		"unknown_are_none":  {with(fields{"permissions": []string{"agents:delete", "*", "-", "public", protocol.PermCancel, protocol.PermCancel}}), []string{protocol.PermCancel}},
		"none":              {with(fields{"permissions": []string{}}), nil},
		"absent":            {func() fields { c := with(nil); delete(c, "permissions"); return c }(), nil},
		"null":              {with(fields{"permissions": json.RawMessage("null")}), nil},
		"one_of_two_auds":   {with(fields{"aud": []string{"other", "claudeops"}}), []string{protocol.PermRead}},
		"just_expired":      {with(fields{"exp": now.Add(-20 * time.Second).Unix()}), []string{protocol.PermRead}},
		"not_quite_yet":     {with(fields{"nbf": now.Add(20 * time.Second).Unix(), "iat": now.Add(20 * time.Second).Unix()}), []string{protocol.PermRead}},
		"fraction":          {with(fields{"exp": float64(now.Add(time.Hour).Unix()) + 0.5}), []string{protocol.PermRead}},
		"other_claims":      {with(fields{"email": "a@example", "scope": "admin", "roles": []string{"admin"}}), []string{protocol.PermRead}},
		"subject_with_utf8": {with(fields{"sub": "älice|42"}), []string{protocol.PermRead}},
	} {
		p, err := a.Token(t.Context(), sign(t, jwt.SigningMethodHS256, secret, nil, test.claims))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.Kind != auth.KindJWT || p.ID != test.claims["sub"] || !slices.Equal(p.Permissions, test.want) {
			t.Errorf("%s: %+v", name, p)
		}
		if err := a.Check(p); err != nil {
			t.Errorf("%s: accepted and at once refused: %v", name, err)
		}
	}
	p, err := a.Token(t.Context(), sign(t, jwt.SigningMethodHS256, secret, nil, with(fields{"exp": now.Add(time.Hour).Unix()})))
	if err != nil || p.Expires.Unix() != now.Add(time.Hour).Unix() {
		t.Errorf("it expires %s, %v", p.Expires, err)
	}
}

func TestJWT_hostile_ones(t *testing.T) {
	t.Parallel()
	rsaPrivate, ecPrivate, edPrivate := rsaKey(t, 2048), ecKey(t, elliptic.P256()), edKey(t)
	rsaPEM, ecPEM, edPEM := publicPEM(t, &rsaPrivate.PublicKey), publicPEM(t, &ecPrivate.PublicKey), publicPEM(t, edPrivate.Public())
	a := open(t, auth.Options{JWT: auth.JWT{
		Secret: secret, PublicKey: slices.Concat(rsaPEM, ecPEM, edPEM), Issuer: "https://id.example", Audience: "claudeops",
	}})
	good := func(change fields) fields {
		c := claimsOf(fields{"iss": "https://id.example", "aud": "claudeops"})
		for name, value := range change {
			if value == nil {
				delete(c, name)
			} else {
				c[name] = value
			}
		}
		return c
	}
	hs := func(header, change fields) string {
		return sign(t, jwt.SigningMethodHS256, secret, header, good(change))
	}
	past, future := time.Now().Add(-time.Hour).Unix(), time.Now().Add(time.Hour).Unix()
	valid := hs(nil, nil)
	if _, err := a.Token(t.Context(), valid); err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(valid, ".")
	none := func(alg string) string {
		return segment(t, fields{"alg": alg, "typ": "JWT"}) + "." + segment(t, good(nil)) + "."
	}
	jwk, err := jwkset.NewJWKFromKey(edPrivate.Public(), jwkset.JWKOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"none":                     none("none"),
		"None":                     none("None"),
		"nOnE_with_signature":      none("nOnE") + "AAAA",
		"no_alg":                   none(""),
		"alg_as_number":            forge(t, secret, fields{"alg": 256}, good(nil)),
		"alg_as_array":             forge(t, secret, fields{"alg": []string{"HS256"}}, good(nil)),
		"alg_with_case":            forge(t, secret, fields{"alg": "hs256"}, good(nil)),
		"rsa_key_as_hmac_secret":   forge(t, rsaPEM, fields{"alg": "HS256"}, good(nil)),
		"ec_key_as_hmac_secret":    forge(t, ecPEM, fields{"alg": "HS256"}, good(nil)),
		"ed_key_as_hmac_secret":    forge(t, edPrivate.Public().(ed25519.PublicKey), fields{"alg": "HS256"}, good(nil)),
		"hmac_called_rsa":          forge(t, secret, fields{"alg": "RS256"}, good(nil)),
		"hmac_called_ed":           forge(t, secret, fields{"alg": "EdDSA"}, good(nil)),
		"another_hmac":             sign(t, jwt.SigningMethodHS512, secret, nil, good(nil)),
		"rsa_pss":                  sign(t, jwt.SigningMethodPS256, rsaPrivate, nil, good(nil)),
		"foreign_secret":           sign(t, jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), nil, good(nil)),
		"foreign_rsa":              sign(t, jwt.SigningMethodRS256, rsaKey(t, 2048), nil, good(nil)),
		"foreign_ec":               sign(t, jwt.SigningMethodES256, ecKey(t, elliptic.P256()), nil, good(nil)),
		"foreign_ed":               sign(t, jwt.SigningMethodEdDSA, edKey(t), nil, good(nil)),
		"key_in_the_header":        sign(t, jwt.SigningMethodEdDSA, edKey(t), fields{"jwk": jwk.Marshal()}, good(nil)),
		"key_behind_an_address":    sign(t, jwt.SigningMethodEdDSA, edKey(t), fields{"jku": "http://127.0.0.1:1/", "x5u": "http://127.0.0.1:1/"}, good(nil)),
		"kid_is_a_path":            sign(t, jwt.SigningMethodHS256, []byte(strings.Repeat("\x00", 32)), fields{"kid": "../../../../dev/null"}, good(nil)),
		"kid_is_sql":               sign(t, jwt.SigningMethodHS256, []byte(strings.Repeat("k", 32)), fields{"kid": "x' UNION SELECT 'k'--"}, good(nil)),
		"kid_is_a_number":          hs(fields{"kid": 1}, nil),
		"kid_is_an_object":         hs(fields{"kid": fields{"a": 1}}, nil),
		"kid_is_huge":              hs(fields{"kid": strings.Repeat("k", 300)}, nil),
		"crit":                     hs(fields{"crit": []string{"exp"}}, nil),
		"crit_b64":                 hs(fields{"crit": []string{"b64"}, "b64": false}, nil),
		"zip":                      hs(fields{"zip": "DEF"}, nil),
		"no_exp":                   hs(nil, fields{"exp": nil}),
		"exp_past":                 hs(nil, fields{"exp": past}),
		"exp_past_by_leeway_and_1": hs(nil, fields{"exp": time.Now().Add(-31 * time.Second).Unix()}),
		"exp_zero":                 hs(nil, fields{"exp": 0}),
		"exp_negative":             hs(nil, fields{"exp": -1}),
		"exp_text":                 hs(nil, fields{"exp": "tomorrow"}),
		"exp_null":                 hs(nil, fields{"exp": json.RawMessage("null")}),
		"exp_array":                hs(nil, fields{"exp": []int64{future}}),
		"exp_beyond_all_time":      hs(nil, fields{"exp": json.RawMessage("1e300")}),
		"exp_beyond_the_calendar":  hs(nil, fields{"exp": json.RawMessage("99999999999999")}),
		"nbf_future":               hs(nil, fields{"nbf": future}),
		"iat_future":               hs(nil, fields{"iat": future}),
		"iss_none":                 hs(nil, fields{"iss": nil}),
		"iss_foreign":              hs(nil, fields{"iss": "https://id.example.evil"}),
		"iss_array":                hs(nil, fields{"iss": []string{"https://id.example"}}),
		"aud_none":                 hs(nil, fields{"aud": nil}),
		"aud_foreign":              hs(nil, fields{"aud": "another"}),
		"aud_prefix":               hs(nil, fields{"aud": "claudeops.evil"}),
		"aud_number":               hs(nil, fields{"aud": 1}),
		"sub_none":                 hs(nil, fields{"sub": nil}),
		"sub_empty":                hs(nil, fields{"sub": ""}),
		"sub_number":               hs(nil, fields{"sub": 7}),
		"sub_is_the_owner":         hs(nil, fields{"sub": "owner"}),
		"sub_with_a_newline":       hs(nil, fields{"sub": "alice\nbob"}),
		"sub_with_nul":             hs(nil, fields{"sub": "alice\x00"}),
		"sub_with_escape":          hs(nil, fields{"sub": "alice\x1b[2J"}),
		"sub_is_huge":              hs(nil, fields{"sub": strings.Repeat("a", 300)}),
		"permissions_number":       hs(nil, fields{"permissions": 1}),
		"permissions_object":       hs(nil, fields{"permissions": fields{"admin": true}}),
		"permissions_mixed":        hs(nil, fields{"permissions": []any{"admin", 1}}),
		"payload_exchanged":        parts[0] + "." + segment(t, good(fields{"permissions": "admin"})) + "." + parts[2],
		"header_exchanged":         segment(t, fields{"alg": "HS256", "typ": "JWT", "x": 1}) + "." + parts[1] + "." + parts[2],
		"signature_cut":            valid[:len(valid)-4],
		"signature_gone":           parts[0] + "." + parts[1] + ".",
		"signature_padded":         valid + "=",
		"newline_in_it":            parts[0] + ".\n" + parts[1] + "." + parts[2],
		"payload_no_object":        parts[0] + "." + segment(t, []int{1}) + "." + parts[2],
		"payload_no_json":          parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte("{")) + "." + parts[2],
		"five_parts":               valid + ".a.b",
		"a_megabyte_of_dots":       strings.Repeat(".", 1<<20),
		"two_dots_and_a_megabyte":  strings.Repeat("a", 1<<20) + ".b.c",
		"dots_within_the_limit":    strings.Repeat(".", auth.MaxTokenBytes),
		"deep_json":                parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat(`[`, 5000))) + "." + parts[2],
		"in_another_alphabet":      strings.ReplaceAll(strings.ReplaceAll(valid, "-", "+"), "_", "/") + "+",
		"bearer_twice":             "Bearer " + valid,
		"json_instead_of_compact":  `{"payload":"` + parts[1] + `","signature":"` + parts[2] + `","protected":"` + parts[0] + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			p, err := a.Token(t.Context(), token)
			if err == nil {
				t.Fatalf("it was taken for %+v", p)
			}
			wantCode(t, err, protocol.Unauthenticated)
			if len(err.Error()) > 2000 {
				t.Errorf("the error is %d bytes long", len(err.Error()))
			}
		})
	}
	_, err = a.Token(t.Context(), hs(nil, fields{"exp": past}))
	if !errors.Is(err, auth.ErrExpired) {
		t.Errorf("an expired token gives %v, want ErrExpired", err)
	}
	_, err = a.Token(t.Context(), sign(t, jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), nil, good(fields{"exp": past})))
	if errors.Is(err, auth.ErrExpired) {
		t.Error("a forged token is told that it has expired")
	}
}

// Claims and headers that two programs could read differently are refused, however well they are signed.
func TestJWT_read_in_one_way_only(t *testing.T) {
	t.Parallel()
	secret := []byte("a secret of thirty-two bytes and more")
	a := open(t, auth.Options{DataDir: t.TempDir(), JWT: auth.JWT{Secret: secret}})
	exp := strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)
	raw := func(header, claims string) string {
		return forge(t, secret, json.RawMessage(header), json.RawMessage(claims))
	}
	const hs256 = `{"alg":"HS256"}`
	if _, err := a.Token(t.Context(), raw(hs256, `{"sub":"x","exp":`+exp+`,"permissions":["executions:read@a-*"]}`)); err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{
		raw(hs256, `{"SUB":"x","exp":`+exp+`}`), raw(hs256, `{"sub":"x","Sub":"y","exp":`+exp+`}`), raw(hs256, `{"sub":"x","sub":"y","exp":`+exp+`}`),
		raw(hs256, `{"sub":"x","exp":`+exp+`,"Permissions":["admin"]}`), raw(hs256, `{"sub":"x","exp":`+exp+`,"permi\u017f\u017fions":["admin"]}`),
		raw(hs256, `{"sub":"x","exp":"`+exp+`"}`), raw(hs256, `{"sub":"x","exp":`+exp+`,"nbf":"1"}`), raw(hs256, `{"sub":"x","exp":`+exp+`,"iat":true}`),
		raw(`{"alg":"HS256","alg":"none"}`, `{"sub":"x","exp":`+exp+`}`), raw(`{"alg":"HS256","CRIT":["b64"]}`, `{"sub":"x","exp":`+exp+`}`),
		raw(hs256, `{"sub":"key:ci","exp":`+exp+`}`),
	} {
		if p, err := a.Token(t.Context(), token); err == nil {
			t.Errorf("%s is let in as %+v", token, p)
		}
	}
}

func TestJWT_secret_that_is_none(t *testing.T) {
	t.Parallel()
	for name, secret := range map[string][]byte{"zeros": make([]byte, 32), "one byte": bytes.Repeat([]byte{0xff}, 64), "a public key": publicPEM(t, &rsaKey(t, 2048).PublicKey)} {
		if a, err := auth.Open(auth.Options{DataDir: t.TempDir(), JWT: auth.JWT{Secret: secret}}); err == nil {
			a.Close()
			t.Errorf("%s is taken for a shared secret", name)
		}
	}
}

func TestJWT_without_an_audience_a_token_for_somebody_else_is_refused(t *testing.T) {
	t.Parallel()
	a := open(t, auth.Options{JWT: auth.JWT{Secret: secret}})
	if _, err := a.Token(t.Context(), sign(t, jwt.SigningMethodHS256, secret, nil, claimsOf(nil))); err != nil {
		t.Fatal(err)
	}
	_, err := a.Token(t.Context(), sign(t, jwt.SigningMethodHS256, secret, nil, claimsOf(fields{"aud": "billing"})))
	wantCode(t, err, protocol.Unauthenticated)
}

func TestJWT_no_issuer_trusted_none_taken(t *testing.T) {
	t.Parallel()
	a := open(t, auth.Options{})
	for _, key := range [][]byte{secret, {}} {
		token := forge(t, key, fields{"alg": "HS256"}, claimsOf(nil))
		_, err := a.Token(t.Context(), token)
		wantCode(t, err, protocol.Unauthenticated)
	}
}

func TestJWT_each_kind_of_key(t *testing.T) {
	t.Parallel()
	rsaPrivate := rsaKey(t, 2048)
	ec256, ec384, ec521 := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P384()), ecKey(t, elliptic.P521())
	ed := edKey(t)
	keys := map[string]struct {
		public  crypto.PublicKey
		private any
		methods []jwt.SigningMethod
	}{
		"rsa":   {&rsaPrivate.PublicKey, rsaPrivate, []jwt.SigningMethod{jwt.SigningMethodRS256, jwt.SigningMethodRS384, jwt.SigningMethodRS512}},
		"ec256": {&ec256.PublicKey, ec256, []jwt.SigningMethod{jwt.SigningMethodES256}},
		"ec384": {&ec384.PublicKey, ec384, []jwt.SigningMethod{jwt.SigningMethodES384}},
		"ec521": {&ec521.PublicKey, ec521, []jwt.SigningMethod{jwt.SigningMethodES512}},
		"ed":    {ed.Public(), ed, []jwt.SigningMethod{jwt.SigningMethodEdDSA}},
	}
	for name, key := range keys {
		a := open(t, auth.Options{JWT: auth.JWT{PublicKey: publicPEM(t, key.public)}})
		for _, method := range key.methods {
			token := sign(t, method, key.private, fields{"kid": "any"}, claimsOf(nil))
			if _, err := a.Token(t.Context(), token); err != nil {
				t.Errorf("%s %s: %v", name, method.Alg(), err)
			}
		}
		for other, foreign := range keys {
			if other == name {
				continue
			}
			_, err := a.Token(t.Context(), sign(t, foreign.methods[0], foreign.private, nil, claimsOf(nil)))
			wantCode(t, err, protocol.Unauthenticated)
		}
	}
}

func TestJWT_options_that_are_refused(t *testing.T) {
	t.Parallel()
	small := rsaKey(t, 1024)
	private, err := x509.MarshalPKCS8PrivateKey(edKey(t))
	if err != nil {
		t.Fatal(err)
	}
	file := func(content string) string {
		path := filepath.Join(t.TempDir(), "jwks.json")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, test := range map[string]struct {
		options auth.JWT
		says    string
	}{
		"short_secret":        {auth.JWT{Secret: secret[:31]}, "32"},
		"small_rsa":           {auth.JWT{PublicKey: publicPEM(t, &small.PublicKey)}, "2048"},
		"p224":                {auth.JWT{PublicKey: publicPEM(t, &ecKey(t, elliptic.P224()).PublicKey)}, "P-224"},
		"private_key":         {auth.JWT{PublicKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})}, "private"},
		"no_pem":              {auth.JWT{PublicKey: []byte("ssh-ed25519 AAAA")}, "PEM"},
		"file_missing":        {auth.JWT{JWKSFile: "/nonexistent/jwks.json"}, "nonexistent"},
		"file_no_json":        {auth.JWT{JWKSFile: file("<html>")}, "JWK set"},
		"file_without_keys":   {auth.JWT{JWKSFile: file(`{"keys":[]}`)}, "none of its 0 keys"},
		"file_with_a_secret":  {auth.JWT{JWKSFile: file(`{"keys":[{"kty":"oct","kid":"a","k":"` + base64.RawURLEncoding.EncodeToString(secret) + `"}]}`)}, "none of its 1 keys"},
		"url_without_tls":     {auth.JWT{JWKSURL: "http://id.example/jwks.json"}, "https"},
		"url_that_looks_near": {auth.JWT{JWKSURL: "http://localhost.evil/jwks.json"}, "https"},
		"url_of_a_file":       {auth.JWT{JWKSURL: "file:///etc/passwd"}, "https"},
		"file_and_url":        {auth.JWT{JWKSFile: file("{}"), JWKSURL: "https://id.example/"}, "not both"},
	} {
		a, err := auth.Open(auth.Options{DataDir: t.TempDir(), JWT: test.options})
		if err == nil {
			a.Close()
			t.Errorf("%s: it was taken", name)
			continue
		}
		if !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: the error %q does not say %q", name, err, test.says)
		}
	}
}

func TestJWT_a_session_made_from_one_ends_with_it(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := open(t, auth.Options{DataDir: dir, JWT: auth.JWT{Secret: secret}})
	exp := time.Now().Add(time.Hour).Truncate(time.Second)
	p, err := a.Token(t.Context(), sign(t, jwt.SigningMethodHS256, secret, nil, claimsOf(fields{"exp": exp.Unix()})))
	if err != nil {
		t.Fatal(err)
	}
	r := signIn(t, a, p, "http://localhost/")
	session, err := a.Request(r)
	if err != nil {
		t.Fatal(err)
	}
	if !session.Expires.Equal(exp) || session.ID != "alice" || session.Can(protocol.PermExecute) || !session.Can(protocol.PermRead) {
		t.Errorf("the session is %+v", session)
	}
	// Another secret: what rested on the first is nobody's any more.
	b := open(t, auth.Options{DataDir: dir, JWT: auth.JWT{Secret: []byte(strings.Repeat("no", 16))}})
	if _, err := b.Request(r); !errors.Is(err, auth.ErrExpired) {
		t.Errorf("%v, want ErrExpired", err)
	}
}

func FuzzToken(f *testing.F) {
	dir := f.TempDir()
	key := edKey(f)
	a, err := auth.Open(auth.Options{DataDir: dir, JWT: auth.JWT{Secret: secret, PublicKey: publicPEM(f, key.Public())}})
	if err != nil {
		f.Fatal(err)
	}
	defer a.Close()
	ownerText, err := auth.OwnerToken(dir)
	if err != nil {
		f.Fatal(err)
	}
	// Fixed claims: the corpus must not depend on the day it is run.
	claims := fields{"sub": "alice", "exp": 4102444800, "permissions": "executions:read"}
	valid := sign(f, jwt.SigningMethodHS256, secret, nil, claims)
	f.Add(valid)
	f.Add(segment(f, fields{"alg": "none"}) + "." + segment(f, claims) + ".")
	f.Add(segment(f, fields{"alg": "EdDSA", "kid": "k"}) + "." + segment(f, claims) + ".AAAA")
	f.Add("..")
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, token string) {
		p, err := a.Token(t.Context(), token)
		if err != nil {
			return
		}
		// Who has no key can say nothing but what was said already.
		if token != valid && token != ownerText {
			t.Fatalf("%q was taken for %+v", token, p)
		}
		if p.ID == "" {
			t.Fatal("it was taken for nobody")
		}
	})
}
