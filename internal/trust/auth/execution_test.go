package auth

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/protocol"
)

func TestExecutionToken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, err := Open(Options{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	alive := map[string]bool{"one": true}
	trust := func(a *Authenticator) { a.TrustExecutions(func(id string) bool { return alive[id] }) }
	owner := Principal{ID: OwnerID, Permissions: []string{protocol.PermAdmin}}
	key, secret, err := a.CreateKey(owner, "ci", []string{"agents:execute@deploy-*", "executions:read", "executions:approve"}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	starter, err := a.Token(t.Context(), secret)
	if err != nil {
		t.Fatal(err)
	}
	token, err := a.ExecutionToken(starter, "one")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Token(t.Context(), token); err == nil {
		t.Error("let in before anybody knows which executions run")
	}
	trust(a)
	p, err := a.Token(t.Context(), token)
	if err != nil || p.Execution() != "one" || !p.CanFor(protocol.PermExecute, "deploy-a") || p.CanFor(protocol.PermExecute, "other") {
		t.Fatalf("%+v %v", p, err)
	}
	if p.CanFor(protocol.PermRead, "deploy-a") || p.Can(protocol.PermApprove) || p.Can(protocol.PermAdmin) || p.Can(protocol.PermSystem) {
		t.Errorf("%+v may more than an agent may", p)
	}
	if user, name := p.Starter(); user != "key:ci" || name != "ci" {
		t.Error(user, name)
	}
	own := &protocol.Record{ExecutionID: "one"}
	child := &protocol.Record{ExecutionID: "two", Parent: &protocol.Relative{ExecutionID: "one", Why: protocol.WhyCall}}
	retry := &protocol.Record{ExecutionID: "three", Parent: &protocol.Relative{ExecutionID: "one", Why: protocol.WhyRetry}}
	for _, c := range []struct {
		perm string
		rec  *protocol.Record
		may  bool
	}{
		{protocol.PermRead, own, true}, {protocol.PermInput, own, true}, {protocol.PermCancel, own, false}, {protocol.PermApprove, own, false},
		{protocol.PermRead, child, true}, {protocol.PermCancel, child, true}, {protocol.PermApprove, child, false},
		{protocol.PermRead, retry, false}, {protocol.PermRead, &protocol.Record{ExecutionID: "four"}, false},
	} {
		if p.Owns(c.perm, c.rec) != c.may {
			t.Errorf("%s on %s: %v", c.perm, c.rec.ExecutionID, !c.may)
		}
	}
	// It becomes nothing that outlives it.
	if _, _, err := a.IssueTicket(p); fault.CodeOf(err) != protocol.Forbidden {
		t.Errorf("a ticket: %v", err)
	}
	if _, err := a.SetSession(httptest.NewRecorder(), httptest.NewRequest("POST", "/login", nil), p); fault.CodeOf(err) != protocol.Forbidden {
		t.Errorf("a session: %v", err)
	}
	// Forged, altered, of another server.
	text, signature, _ := strings.Cut(token, ".")
	for _, bad := range []string{text, text + ".", text + "." + signature + "A", text[:len(text)-1] + "." + signature, ExecutionPrefix + "." + signature} {
		if _, err := a.Token(t.Context(), bad); err == nil {
			t.Errorf("%s is let in", bad)
		}
	}
	// It holds over a restart; the right to start others goes with the credential it came from.
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if a, err = Open(Options{DataDir: dir}); err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	trust(a)
	if _, _, err := a.RevokeKey(key.ID); err != nil {
		t.Fatal(err)
	}
	if p, err = a.Token(t.Context(), token); err != nil || p.Can(protocol.PermExecute) || !p.Owns(protocol.PermRead, own) {
		t.Errorf("after its starter's key was revoked: %+v %v", p, err)
	}
	delete(alive, "one")
	if _, err := a.Token(t.Context(), token); !errors.Is(err, ErrExpired) {
		t.Errorf("after its execution: %v", err)
	}
	if err := a.Check(p); !errors.Is(err, ErrExpired) {
		t.Errorf("a connection after its execution: %v", err)
	}
}

func TestExecutionToken_depth(t *testing.T) {
	t.Parallel()
	a, err := Open(Options{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	a.TrustExecutions(func(string) bool { return true })
	text, err := OwnerToken(a.dir.Name())
	if err != nil {
		t.Fatal(err)
	}
	p, err := a.Token(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	for depth := range MaxCallDepth + 1 {
		token, err := a.ExecutionToken(p, "x")
		if err != nil {
			t.Fatal(err)
		}
		if p, err = a.Token(t.Context(), token); err != nil || p.Can(protocol.PermExecute) != (depth < MaxCallDepth) {
			t.Errorf("depth %d: %+v %v", depth, p, err)
		}
	}
}
