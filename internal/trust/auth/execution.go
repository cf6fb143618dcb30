package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/protocol"
)

// KindExecution is the kind of a principal that presented the token of an execution.
const KindExecution = "execution"

// ExecutionKeyFile is the name, in the data directory, of the file with which the tokens of executions
// are signed: they hold over a restart, as executions do.
const ExecutionKeyFile = "executions.key"

// ExecutionPrefix begins the token of an execution.
const ExecutionPrefix = "copx_"

// executionUser begins the user's id of an execution. No JWT may carry such an id.
const executionUser = "execution:"

// MaxCallDepth is how many executions may have started one another through their agents.
const MaxCallDepth = 5

// Call is what the token of an execution says beside which one it is: in whose name its agent starts
// others. The zero Call starts none.
type Call struct {
	User   string   `json:"user,omitempty"`   // who started the execution, or the first of those that started one another
	Name   string   `json:"name,omitempty"`   // of that user's API key
	Grants []string `json:"grants,omitempty"` // of that user, to start agents
	Root   string   `json:"root,omitempty"`   // what that user's credential rests on
	Depth  int      `json:"depth,omitempty"`  // how many executions are above this one
}

type executionClaims struct {
	Execution string `json:"execution"`
	Call
}

// executions knows the tokens of executions, and asks whether theirs still run.
type executions struct {
	key   []byte
	alive atomic.Pointer[func(id string) bool]
}

func openExecutions(dir *os.Root) (*executions, error) {
	data, _, _, err := readSecret(dir, ExecutionKeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		key := make([]byte, sha256.Size)
		rand.Read(key) // never fails
		if err := writeSecret(dir, ExecutionKeyFile, []byte(hex.EncodeToString(key)+"\n"), false); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		data, _, _, err = readSecret(dir, ExecutionKeyFile)
	}
	if err != nil {
		return nil, fmt.Errorf("read the key of executions' tokens: %w", err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(data)))
	if err != nil || len(key) != sha256.Size {
		return nil, fmt.Errorf("%s does not hold a key: delete it, and the next start makes a new one", ExecutionKeyFile)
	}
	return &executions{key: key}, nil
}

// TrustExecutions says who knows whether an execution still runs. Until then no token of one is good.
func (a *Authenticator) TrustExecutions(alive func(id string) bool) { a.executions.alive.Store(&alive) }

// ExecutionToken makes the token of an execution that p starts: it reads that execution and those its
// agent starts, stops and writes to the latter, and starts agents that p may start. It ends with the
// execution. The zero Principal gives one that starts nothing.
func (a *Authenticator) ExecutionToken(p Principal, id string) (string, error) {
	call := Call{User: p.ID, Name: p.Name, Root: p.root}
	for _, text := range p.Permissions {
		if grant, err := protocol.ParseGrant(text); err == nil && (grant.Permission == protocol.PermExecute || grant.Permission == protocol.PermAdmin) {
			grant.Permission = protocol.PermExecute
			call.Grants = append(call.Grants, grant.String())
		}
	}
	if p.call != nil {
		call = *p.call
		call.Depth++
	}
	payload, err := json.Marshal(executionClaims{id, call})
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString(payload)
	return ExecutionPrefix + text + "." + a.executions.sign(text), nil
}

func (e *executions) sign(text string) string {
	mac := hmac.New(sha256.New, e.key)
	mac.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// find gives whom the token of an execution stands for.
func (a *Authenticator) findExecution(token string) (Principal, error) {
	text, signature, _ := strings.Cut(strings.TrimPrefix(token, ExecutionPrefix), ".")
	if !hmac.Equal([]byte(signature), []byte(a.executions.sign(text))) {
		return Principal{}, refuse(nil, "the token is not valid here")
	}
	payload, err := base64.RawURLEncoding.DecodeString(text)
	var claims executionClaims
	if err == nil {
		err = json.Unmarshal(payload, &claims)
	}
	if err != nil {
		return Principal{}, refuse(err, "the token is not valid here")
	}
	if !a.executions.runs(claims.Execution) {
		return Principal{}, refuse(ErrExpired, "the token ended with execution %s", claims.Execution)
	}
	p := Principal{ID: executionUser + claims.Execution, Kind: KindExecution, root: KindExecution + ":" + claims.Execution, call: &claims.Call}
	// With the credential of whoever started the execution goes the right to start others.
	if claims.Depth < MaxCallDepth && a.rooted(Principal{root: claims.Root}) == nil {
		p.Permissions = slices.Clone(claims.Grants)
	}
	return p, nil
}

func (e *executions) runs(id string) bool {
	alive := e.alive.Load()
	return alive != nil && (*alive)(id)
}

// Execution is the execution whose agent p is; empty for everybody else.
func (p Principal) Execution() string {
	if p.Kind != KindExecution {
		return ""
	}
	return strings.TrimPrefix(p.ID, executionUser)
}

// Starter is in whose name p starts executions, and the name of that user's API key.
func (p Principal) Starter() (user, name string) {
	if p.call != nil && p.call.User != "" {
		return p.call.User, p.call.Name
	}
	return p.ID, p.Name
}

// noSession refuses what would turn the token of an execution into something that outlives it.
func (p Principal) noSession() error {
	if p.Kind == KindExecution {
		return fault.New(protocol.Forbidden, "the token of an execution is for its agent alone: it opens no session and gives no ticket")
	}
	return nil
}

// ofExecution are the permissions that an agent has for its own execution and for those it started.
var ofExecution = []string{protocol.PermRead, protocol.PermCancel, protocol.PermInput}

// Owns reports whether p is the agent of an execution, or of the one that started it, and holds perm for
// it: an agent reads and writes to itself and to what it started, and stops only the latter.
func (p Principal) Owns(perm string, rec *protocol.Record) bool {
	self := p.Execution()
	if self == "" || !slices.Contains(ofExecution, perm) {
		return false
	}
	if rec.ExecutionID == self {
		return perm != protocol.PermCancel
	}
	return rec.Parent != nil && rec.Parent.ExecutionID == self && rec.Parent.Why == protocol.WhyCall
}
