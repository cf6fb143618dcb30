// Package auth says who is asking and what they may do: the owner's token, API keys, cookie sessions,
// one-time tickets and JSON web tokens, each of which becomes a Principal. It owns the files
// owner.token, keys.json and sessions.json in the data directory. It never reads a request's body, never
// decides which route needs which permission, and never writes a credential to a log.
package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/protocol"
)

// Kinds of principals.
const (
	KindOwner   = "owner"   // presented the token in the data directory
	KindSession = "session" // presented the cookie of a browser that signed in
	KindJWT     = "jwt"     // presented a token that somebody else signed
)

// OwnerID is the id of whoever presents the owner's token. No JWT may carry it.
const OwnerID = "owner"

// MaxTokenBytes bounds a credential. What is longer is refused before it is looked at.
const MaxTokenBytes = 8 << 10

// Errors in the chain of what Token, Request, RedeemTicket and Check answer. Other failures mean a
// credential that is no good and never was.
var (
	ErrNone    = errors.New("no credential")                         // Request: there is none at all
	ErrExpired = errors.New("the credential expired or was revoked") // it was good once: get a new one
)

// Principal is who is asking. The zero Principal is nobody and may do nothing.
type Principal struct {
	ID          string
	Name        string // of an API key; otherwise empty
	Kind        string
	Permissions []string  // each as protocol.ParseGrant reads it
	Expires     time.Time // zero: not by itself; it can still be revoked, which Check tells

	root    string // what the credential rests on: a key that must still be trusted
	session string // key of the session, when there is one
	call    *Call  // of an execution's token
}

// Options of an Authenticator.
type Options struct {
	// DataDir holds owner.token, keys.json and sessions.json. Required.
	DataDir string
	// BasePath is the path the server is reached under, "" or like "/ops": the cookie is for it alone.
	BasePath string
	// JWT says which JSON web tokens to trust. Zero: none.
	JWT JWT
	// SessionIdle ends a session nobody used for so long. Zero: 7 days.
	SessionIdle time.Duration
	// SessionMax ends a session however much it is used. Zero: 30 days.
	SessionMax time.Duration
	// Log gets what an operator should know. Nil: nothing is logged.
	Log *slog.Logger
}

// Authenticator turns credentials into principals. It is safe for concurrent use.
type Authenticator struct {
	basePath string
	log      *slog.Logger
	dir      *os.Root

	owner      *owner
	sessions   *sessions
	keys       *apiKeys
	executions *executions
	tickets    *tickets
	jwt        *verifier // nil when no JWT is trusted
	failures   *failures
	close      sync.Once
}

// Open reads the owner's token and the sessions of a data directory, and makes the token when it
// is missing. The directory is made, for its owner alone, when it is missing too.
func Open(opts Options) (*Authenticator, error) {
	if opts.DataDir == "" {
		return nil, errors.New("open authenticator: no data directory given")
	}
	log := opts.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	dir, err := openDir(opts.DataDir)
	if err != nil {
		return nil, fmt.Errorf("open authenticator: %w", err)
	}
	a := &Authenticator{basePath: strings.TrimRight(opts.BasePath, "/"), log: log, dir: dir, tickets: newTickets(), failures: newFailures()}
	if a.owner, err = openOwner(dir, log); err != nil {
		dir.Close()
		return nil, fmt.Errorf("open authenticator: %w", err)
	}
	if a.sessions, err = openSessions(dir, opts.SessionIdle, opts.SessionMax, log); err != nil {
		dir.Close()
		return nil, fmt.Errorf("open authenticator: %w", err)
	}
	if a.keys, err = openAPIKeys(dir, log); err != nil {
		dir.Close()
		return nil, fmt.Errorf("open authenticator: %w", err)
	}
	if a.executions, err = openExecutions(dir); err != nil {
		dir.Close()
		return nil, fmt.Errorf("open authenticator: %w", err)
	}
	if opts.JWT.enabled() {
		if a.jwt, err = newVerifier(opts.JWT, log); err != nil {
			dir.Close()
			return nil, fmt.Errorf("open authenticator: %w", err)
		}
	}
	return a, nil
}

// Close writes what sessions learned last and waits for everything the Authenticator started.
// It is safe to call twice.
func (a *Authenticator) Close() error {
	var err error
	a.close.Do(func() {
		if a.jwt != nil {
			a.jwt.stop()
		}
		err = errors.Join(a.sessions.flush(), a.keys.flush(), a.dir.Close())
	})
	return err
}

// Token turns a bearer token into a principal: the owner's token, an API key or a JWT. The error never says
// which part of a wrong token was right.
func (a *Authenticator) Token(ctx context.Context, token string) (Principal, error) {
	p, err := a.token(ctx, token)
	if err != nil {
		return Principal{}, a.failed(ctx, err)
	}
	return p, nil
}

func (a *Authenticator) token(ctx context.Context, token string) (Principal, error) {
	switch {
	case token == "":
		return Principal{}, refuse(nil, "the token is empty")
	case len(token) > MaxTokenBytes:
		return Principal{}, refuse(nil, "the token has %d bytes; none is longer than %d", len(token), MaxTokenBytes)
	}
	if strings.HasPrefix(token, KeyPrefix) {
		return a.keys.find(token)
	}
	if strings.HasPrefix(token, ExecutionPrefix) {
		return a.findExecution(token)
	}
	if p, ok := a.owner.match(token); ok {
		return p, nil
	}
	if strings.Count(token, ".") != 2 {
		return Principal{}, refuse(nil, "the token is not valid here")
	}
	if a.jwt == nil {
		return Principal{}, refuse(nil, "the token is not valid here: this server was not told to trust any JWT issuer")
	}
	return a.jwt.verify(ctx, token)
}

// Request turns the credential of a request, the Authorization header or else the session cookie,
// into a principal. ErrNone is in the error's chain when there is neither. An Authorization header of
// another scheme than Bearer is for somebody on the way, such as basic authentication at a proxy: it
// counts as a wrong credential only where there is no cookie.
func (a *Authenticator) Request(r *http.Request) (Principal, error) {
	token, present, err := Bearer(r)
	value, signedIn := a.cookie(r)
	if err != nil && !(signedIn && errors.Is(err, errForeignScheme)) {
		return Principal{}, a.failed(r.Context(), err)
	}
	if err == nil && present {
		return a.Token(r.Context(), token)
	}
	if !signedIn {
		return Principal{}, fault.Wrap(protocol.Unauthenticated, ErrNone,
			"no credential: send `Authorization: Bearer TOKEN` (`claudeops token` prints it), or sign in")
	}
	p, ok := a.sessions.find(value)
	if ok {
		err = a.rooted(p)
	} else {
		err = refuse(ErrExpired, "the session has ended: sign in again")
	}
	if err != nil {
		return Principal{}, a.failed(r.Context(), err)
	}
	return p, nil
}

// Bearer is the token in the Authorization header. present tells an absent header from a wrong one.
func Bearer(r *http.Request) (token string, present bool, err error) {
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return "", false, nil
	}
	if len(values) > 1 {
		return "", true, refuse(nil, "the request carries %d Authorization headers: send one", len(values))
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	token = strings.TrimLeft(token, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", true, refuse(errForeignScheme, "the Authorization header must read `Bearer TOKEN`; its scheme is %.20q", scheme)
	}
	if !ok || token == "" {
		return "", true, refuse(nil, "the Authorization header must read `Bearer TOKEN`")
	}
	return token, true, nil
}

// errForeignScheme is in the chain of Bearer's error for a header of another scheme.
var errForeignScheme = errors.New("the Authorization header is of another scheme")

// Check reports whether p is still good: not expired, its session not ended, and the key it rests
// on still trusted. Live connections ask it every few seconds. Asking counts as use of a session.
func (a *Authenticator) Check(p Principal) error {
	if p.ID == "" {
		return refuse(nil, "nobody is signed in")
	}
	if !p.Expires.IsZero() && !time.Now().Before(p.Expires) {
		return refuse(ErrExpired, "the credential expired: get a new one")
	}
	if p.session != "" && !a.sessions.touch(p.session) {
		return refuse(ErrExpired, "the session has ended: sign in again")
	}
	return a.rooted(p)
}

// rooted reports whether the key that p rests on is still trusted.
func (a *Authenticator) rooted(p Principal) error {
	if kind, key, _ := strings.Cut(p.root, ":"); kind == KindOwner && a.owner.current(key) ||
		kind == KindExecution && a.executions.runs(key) ||
		kind == KindKey && a.keys.current(key) ||
		kind == KindJWT && a.jwt != nil && a.jwt.trusts(key) {
		return nil
	}
	return refuse(ErrExpired, "the credential was revoked: get a new one")
}

// failed counts a failure against the address it came from, and answers "slow down" in place of
// the reason once there are too many. A valid credential from the same address still passes: many
// people may share one. What was good once is no guess and not counted: a page left open over night
// is to be told to sign in.
func (a *Authenticator) failed(ctx context.Context, err error) error {
	if errors.Is(err, ErrExpired) {
		return err
	}
	wait, ok := a.failures.note(PeerOf(ctx).Address)
	if ok {
		return err
	}
	return fault.Wrap(protocol.RateLimited, err, "too many failed sign-ins from your address: wait %s and try again", roundUp(wait, time.Second)).
		With(fault.Retry{AfterMs: roundUp(wait, time.Millisecond).Milliseconds()})
}

// roundUp gives the next whole number of units: whoever is told to wait is not told to wait no time.
func roundUp(d, unit time.Duration) time.Duration { return (d + unit - 1).Truncate(unit) }

func refuse(cause error, format string, args ...any) error {
	return fault.Wrap(protocol.Unauthenticated, cause, format, args...)
}

// digest is how a secret is kept and compared: what has it can't be turned into the secret.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
