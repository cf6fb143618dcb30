package auth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/claudeops/claudeops/internal/trust/exactjson"
	"github.com/claudeops/claudeops/protocol"
)

const (
	defaultLeeway = 30 * time.Second
	// maxSubject bounds sub, which becomes the user's id in records and logs.
	maxSubject = 256
	// maxKeyID bounds kid. It is only ever compared, never a path or part of a query.
	maxKeyID = 256
)

// JWT says which JSON web tokens are trusted. With no key at all, none is.
//
// A token's algorithm must be the one its key is for: HS256 for Secret; for the others RS256, RS384
// and RS512, or ES256, ES384 or ES512 by curve, or EdDSA, and exactly its alg where a JWK names one.
type JWT struct {
	// Secret is shared with the issuer, at least 32 bytes.
	Secret []byte
	// PublicKey holds one or more PEM blocks: public keys or certificates.
	PublicKey []byte
	// JWKSFile is a JWK set in a file, read again when it changes.
	JWKSFile string
	// JWKSURL is where the issuer publishes its JWK set: https, or http on loopback.
	JWKSURL string
	// Issuer is what iss must be. Empty: iss is not looked at.
	Issuer string
	// Audience must be in aud. Empty: a token that has aud is meant for somebody else and refused.
	Audience string
	// Leeway is by how much clocks may differ. Zero: 30 s. Negative: none.
	Leeway time.Duration
	// Client fetches JWKSURL. Nil: one that gives up after 10 s.
	Client *http.Client
}

func (o JWT) enabled() bool {
	return len(o.Secret) > 0 || len(o.PublicKey) > 0 || o.JWKSFile != "" || o.JWKSURL != ""
}

// verifier checks JWTs against a set of keys.
type verifier struct {
	keys     *keys
	issuer   string
	audience string
	leeway   time.Duration
	reader   *jwt.Parser // only splits and decodes
}

func newVerifier(opts JWT, log *slog.Logger) (*verifier, error) {
	v := &verifier{issuer: opts.Issuer, audience: opts.Audience, leeway: opts.Leeway, reader: jwt.NewParser()}
	if v.leeway == 0 {
		v.leeway = defaultLeeway
	}
	v.leeway = max(v.leeway, 0)
	var err error
	if v.keys, err = openKeys(opts, log); err != nil {
		return nil, fmt.Errorf("set up JWT: %w", err)
	}
	return v, nil
}

func (v *verifier) stop() { v.keys.stop() }

func (v *verifier) trusts(key string) bool { return v.keys.trusts(key) }

type claims struct {
	jwt.RegisteredClaims
	Permissions permissionClaim `json:"permissions"`
}

// permissionClaim is an array of names, or one string with the names separated by spaces.
type permissionClaim []string

func (c *permissionClaim) UnmarshalJSON(b []byte) error {
	var names []string
	if json.Unmarshal(b, &names) == nil {
		*c = names
		return nil
	}
	var text string
	if json.Unmarshal(b, &text) == nil {
		*c = strings.Fields(text)
		return nil
	}
	return errors.New("permissions must be an array of strings, or one string")
}

// verify turns a JWT into a principal.
func (v *verifier) verify(ctx context.Context, token string) (Principal, error) {
	if err := exactClaims(token); err != nil {
		return Principal{}, refuse(err, "the token is not one that is taken here: %s", err)
	}
	unverified, _, err := v.reader.ParseUnverified(token, &claims{})
	if err != nil {
		return Principal{}, refuse(err, "the token is not a JSON web token")
	}
	alg, kid, err := header(unverified)
	if err != nil {
		return Principal{}, refuse(err, "the token's header is not one that is taken here: %s", err)
	}
	candidates := v.keys.find(ctx, kid, alg)
	if len(candidates) == 0 {
		return Principal{}, refuse(nil, "the token is signed with a key or an algorithm that is not trusted here")
	}
	for _, candidate := range candidates {
		var c claims
		if _, err = v.parser(alg).ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return candidate.public, nil }); err == nil {
			return v.principal(&c, candidate)
		}
		if !errors.Is(err, jwt.ErrTokenSignatureInvalid) {
			break
		}
	}
	if errors.Is(err, jwt.ErrTokenExpired) {
		err = errors.Join(ErrExpired, err)
	}
	return Principal{}, refuse(err, "the token is not valid here: %s", explain(err))
}

// tokenHeader are the names of a token's header that mean something here.
type tokenHeader struct {
	Alg  any `json:"alg"`
	Kid  any `json:"kid"`
	Typ  any `json:"typ"`
	Crit any `json:"crit"`
	B64  any `json:"b64"`
	Zip  any `json:"zip"`
	Enc  any `json:"enc"`
}

// exactClaims refuses a token whose header or claims could be read in two ways, and dates that are no
// numbers. What can't be decoded at all passes: whoever verifies it says so.
func exactClaims(token string) error {
	parts := strings.Split(token, ".")
	for i, part := range parts[:min(2, len(parts))] {
		text, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil {
			return nil
		}
		if i == 0 {
			if err := exactjson.Unmarshal(text, &tokenHeader{}); err != nil {
				return fmt.Errorf("its header: %w", err)
			}
			continue
		}
		var names struct {
			jwt.RegisteredClaims
			Permissions json.RawMessage `json:"permissions"`
		}
		if err := exactjson.Unmarshal(text, &names); err != nil {
			return fmt.Errorf("its claims: %w", err)
		}
		var dates map[string]json.RawMessage
		if json.Unmarshal(text, &dates) != nil {
			return nil
		}
		for _, name := range []string{"exp", "nbf", "iat"} {
			if value := dates[name]; len(value) > 0 && (value[0] < '0' || value[0] > '9') && value[0] != '-' {
				return fmt.Errorf("its %s must be a number of seconds", name)
			}
		}
	}
	return nil
}

func (v *verifier) parser(alg string) *jwt.Parser {
	options := []jwt.ParserOption{
		jwt.WithValidMethods([]string{alg}), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithLeeway(v.leeway), jwt.WithStrictDecoding(),
	}
	if v.issuer != "" {
		options = append(options, jwt.WithIssuer(v.issuer))
	}
	if v.audience != "" {
		options = append(options, jwt.WithAudience(v.audience))
	}
	return jwt.NewParser(options...)
}

// header gives alg and kid, and refuses what would change how the rest is to be read.
func header(token *jwt.Token) (alg, kid string, err error) {
	alg, _ = token.Header["alg"].(string)
	if alg == "" {
		return "", "", errors.New("alg must be a string")
	}
	for _, name := range []string{"crit", "b64", "zip", "enc"} {
		if _, ok := token.Header[name]; ok {
			return "", "", fmt.Errorf("%s is not supported", name)
		}
	}
	if value, ok := token.Header["kid"]; ok {
		if kid, ok = value.(string); !ok || len(kid) > maxKeyID {
			return "", "", fmt.Errorf("kid must be a string of %d bytes at most", maxKeyID)
		}
	}
	return alg, kid, nil
}

func (v *verifier) principal(c *claims, signed key) (Principal, error) {
	if v.audience == "" && len(c.Audience) > 0 {
		return Principal{}, refuse(nil, "the token is meant for another service: its aud is %.100q, and this server was given no audience", []string(c.Audience))
	}
	switch {
	case c.Subject == "":
		return Principal{}, refuse(nil, "the token has no sub, so nobody can tell who it is for")
	case c.Subject == OwnerID:
		return Principal{}, refuse(nil, "the token's sub is %q, which is kept for the owner's token", OwnerID)
	case strings.HasPrefix(c.Subject, keyUser), strings.HasPrefix(c.Subject, executionUser):
		return Principal{}, refuse(nil, "the token's sub begins like the id of an API key or an execution")
	case len(c.Subject) > maxSubject || strings.ContainsFunc(c.Subject, unprintable):
		return Principal{}, refuse(nil, "the token's sub must be printable and %d bytes at most", maxSubject)
	}
	now := time.Now()
	expires := c.ExpiresAt.Time
	if seconds := expires.Unix(); seconds < now.Add(-v.leeway).Unix() || expires.Year() > 9999 {
		return Principal{}, refuse(nil, "the token's exp is not a time that can be worked with")
	}
	if !now.Before(expires) {
		expires = expires.Add(v.leeway) // accepted because clocks may differ: that long, and no longer
	}
	p := Principal{ID: c.Subject, Kind: KindJWT, Expires: expires, root: KindJWT + ":" + signed.id}
	for _, name := range c.Permissions {
		if _, err := protocol.ParseGrant(name); err == nil && !slices.Contains(p.Permissions, name) {
			p.Permissions = append(p.Permissions, name)
		}
	}
	return p, nil
}

func unprintable(r rune) bool {
	return r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' || r == '\ufffd'
}

// explain says what is wrong with a token without saying anything about the keys.
func explain(err error) string {
	switch {
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return "its signature does not match"
	case errors.Is(err, jwt.ErrTokenExpired):
		return "it has expired"
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return "it is not valid yet (nbf)"
	case errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return "it was issued in the future (iat)"
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return "it has no exp, iss or aud where one is required"
	case errors.Is(err, jwt.ErrTokenInvalidIssuer):
		return "it comes from another issuer (iss)"
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return "it is meant for another audience (aud)"
	default:
		return "it can't be read"
	}
}
