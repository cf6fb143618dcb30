package auth

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/protocol"
)

func TestAPIKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open := func() *Authenticator {
		a, err := Open(Options{DataDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	a := open()
	token, err := OwnerToken(dir)
	if err != nil {
		t.Fatal(err)
	}
	owner, err := a.Token(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	made, secret, err := a.CreateKey(owner, "ci", []string{"agents:execute@deploy-*", "executions:read"}, time.Time{})
	if err != nil || made.Digest != "" || !strings.HasPrefix(secret, KeyPrefix) {
		t.Fatal(made, err)
	}
	p, err := a.Token(t.Context(), secret)
	if err != nil || p.ID != "key:ci" || p.Name != "ci" || !p.CanFor(protocol.PermExecute, "deploy-site") || p.CanFor(protocol.PermExecute, "other") || p.Can(protocol.PermCancel) {
		t.Fatalf("%+v %v", p, err)
	}
	if all := a.Keys(); len(all) != 1 || all[0].LastUsedAt == nil || all[0].Digest != "" || strings.Contains(all[0].Hint, secret[10:30]) {
		t.Errorf("keys %+v", all)
	}
	text, err := os.ReadFile(filepath.Join(dir, KeysFile))
	if err != nil || strings.Contains(string(text), secret[5:30]) {
		t.Errorf("the file holds the key: %s %v", text, err)
	}
	if info, err := os.Stat(filepath.Join(dir, KeysFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	if _, err := a.Token(t.Context(), secret[:20]+"x"+secret[21:]); err == nil || !strings.Contains(err.Error(), "mistyped") {
		t.Errorf("a mistyped key: %v", err)
	}
	if _, _, err := a.CreateKey(owner, "ci", []string{"executions:read"}, time.Time{}); fault.CodeOf(err) != protocol.Conflict {
		t.Errorf("a second key of that name: %v", err)
	}
	// A restart keeps keys, and a key can't give more than it has.
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = open()
	defer a.Close()
	if p, err = a.Token(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.CreateKey(p, "more", []string{"executions:cancel"}, time.Time{}); fault.CodeOf(err) != protocol.Forbidden {
		t.Errorf("a key gave what it has not: %v", err)
	}
	if _, ok, err := a.RevokeKey(made.ID); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if err := a.Check(p); !errors.Is(err, ErrExpired) {
		t.Errorf("after it was revoked: %v", err)
	}
	if _, err := a.Token(t.Context(), secret); err == nil {
		t.Error("a revoked key is let in")
	}
}

func TestAPIKey_expiry(t *testing.T) {
	t.Parallel()
	a, err := Open(Options{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	owner := Principal{ID: OwnerID, Permissions: []string{protocol.PermAdmin}}
	made, secret, err := a.CreateKey(owner, "brief", []string{"executions:read"}, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	p, err := a.Token(t.Context(), secret)
	if err != nil || p.Expires.IsZero() {
		t.Fatal(p, err)
	}
	a.keys.byID[made.ID].ExpiresAt = new(time.Now().Add(-time.Second))
	if _, err := a.Token(t.Context(), secret); !errors.Is(err, ErrExpired) {
		t.Errorf("expired: %v", err)
	}
	if err := a.Check(p); !errors.Is(err, ErrExpired) {
		t.Errorf("a connection with it: %v", err)
	}
}

func TestCreateKey_refuses(t *testing.T) {
	t.Parallel()
	a, err := Open(Options{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	owner := Principal{ID: OwnerID, Permissions: []string{protocol.PermAdmin}}
	for _, bad := range []struct {
		name        string
		permissions []string
		expires     time.Time
		says        string
	}{
		{"", []string{"executions:read"}, time.Time{}, "name"},
		{" x", []string{"executions:read"}, time.Time{}, "name"},
		{"a\nb", []string{"executions:read"}, time.Time{}, "name"},
		{"a\u202eb", []string{"executions:read"}, time.Time{}, "name"},
		{strings.Repeat("x", 101), []string{"executions:read"}, time.Time{}, "name"},
		{"x", nil, time.Time{}, "permissions"},
		{"x", []string{"everything"}, time.Time{}, "everything"},
		{"x", []string{"executions:read@"}, time.Time{}, "names no agents"},
		{"x", []string{"executions:read@[a-z]"}, time.Time{}, "names no agents"},
		{"x", []string{"admin@deploy-*"}, time.Time{}, "can't be narrowed"},
		{"x", []string{"system:read@deploy-*"}, time.Time{}, "can't be narrowed"},
		{"x", []string{"executions:read"}, time.Now().Add(-time.Minute), "expiresAt"},
	} {
		_, _, err := a.CreateKey(owner, bad.name, bad.permissions, bad.expires)
		if fault.CodeOf(err) != protocol.BadRequest || !strings.Contains(err.Error(), bad.says) {
			t.Errorf("%q %v: %v, want %q", bad.name, bad.permissions, err, bad.says)
		}
	}
}
