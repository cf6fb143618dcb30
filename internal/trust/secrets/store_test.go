package secrets

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/claudeops/claudeops/internal/trust/secrets/source"
)

func TestStore(t *testing.T) {
	t.Parallel()
	s := New(t.TempDir())
	if list, err := s.List(); err != nil || len(list) != 0 {
		t.Fatalf("an empty store lists %v, %v", list, err)
	}
	if _, err := s.Get("absent"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "secrets set absent") {
		t.Errorf("%v", err)
	}
	for name, value := range map[string]string{"a": "first value", "b.C-9_": "second\nvalue"} {
		if _, err := s.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Set("a", "another value"); err != nil {
		t.Fatal(err)
	}
	for _, store := range []*Store{s, New(s.dir)} {
		if got, err := store.Get("a"); err != nil || got != "another value" {
			t.Errorf("a is %q, %v", got, err)
		}
	}
	for file, secret := range map[string]string{File: "value", KeyFile: "value"} {
		b, err := os.ReadFile(s.path(file))
		info, statErr := os.Stat(s.path(file))
		if err != nil || statErr != nil || bytes.Contains(b, []byte(secret)) || info.Mode().Perm() != 0o600 {
			t.Errorf("%s holds %q, mode %v, %v", file, b, info.Mode(), err)
		}
	}
	before, _ := os.ReadFile(s.path(KeyFile))
	if err := s.Rotate(); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.ReadFile(s.path(KeyFile)); bytes.Equal(before, after) {
		t.Error("the key is the same after it was rotated")
	}
	if got, err := s.Get("b.C-9_"); err != nil || got != "second\nvalue" {
		t.Errorf("after the rotation it is %q, %v", got, err)
	}
	if err := os.WriteFile(s.path(KeyFile), before, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get("a"); err == nil {
		t.Error("the old key still opens it")
	}
	if err := os.Remove(s.path(KeyFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Set("c", "value"); err == nil || !strings.Contains(err.Error(), KeyVariable) {
		t.Errorf("without the key it can be written: %v", err)
	}
}

func TestStore_refuses(t *testing.T) {
	t.Parallel()
	s := New(t.TempDir())
	for _, name := range []string{"", ".hidden", "-flag", "a b", "a/b", "../x", strings.Repeat("a", 101)} {
		if _, err := s.Set(name, "value"); err == nil {
			t.Errorf("the name %q was taken", name)
		}
	}
	for _, value := range []string{"", "a\x00b", strings.Repeat("x", MaxBytes+1)} {
		if _, err := s.Set("name", value); err == nil {
			t.Errorf("a value of %d bytes was taken", len(value))
		}
	}
	if err := s.Remove("absent"); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// TestStore_many_writers loses nothing when several processes, here several stores, write at once.
func TestStore_many_writers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			if _, err := New(dir).Set("s"+string(rune('a'+i)), "value"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if list, err := New(dir).List(); err != nil || len(list) != 16 {
		t.Errorf("%d of 16 are there, %v", len(list), err)
	}
}

func TestStore_key_from_elsewhere(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	s := New(dir)
	if _, err := s.Set("a", "value"); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(s.path(KeyFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(s.path(KeyFile)), os.WriteFile(filepath.Join(elsewhere, Credential), append([]byte("# created by hand\n"), key...), 0o600)); err != nil {
		t.Fatal(err)
	}
	for variable, value := range map[string]string{KeyVariable: string(key), KeyFileVariable: filepath.Join(elsewhere, Credential), "CREDENTIALS_DIRECTORY": elsewhere} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, value)
			if got, err := s.Get("a"); err != nil || got != "value" {
				t.Errorf("it is %q, %v", got, err)
			}
			if err := s.Rotate(); err == nil || !strings.Contains(err.Error(), "the key comes from") {
				t.Errorf("%v", err)
			}
		})
	}
	t.Setenv(KeyVariable, "no key")
	if _, err := s.Get("a"); err == nil || strings.Contains(err.Error(), "no key") || !strings.Contains(err.Error(), KeyVariable) {
		t.Errorf("%v", err)
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	s := New(t.TempDir())
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("from a file\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Set("stored", "from the store"); err != nil {
		t.Fatal(err)
	}
	for want, from := range map[string]source.Value{
		"from the store":    {Secret: "stored"},
		"from a file":       {File: file},
		"from a command\n!": {Command: []string{"printf", "from a command\n!\n"}},
	} {
		if got, err := s.Resolve(t.Context(), from); err != nil || got != want {
			t.Errorf("%+v gives %q, %v", from, got, err)
		}
	}
	for want, from := range map[string]source.Value{
		"absent":       {Secret: "absent"},
		"no such file": {File: "/no/such/file"},
		"no ordinary":  {File: "/dev/null"},
		"vault sealed": {Command: []string{"sh", "-c", "echo vault sealed >&2; exit 3"}},
		"is empty":     {Command: []string{"true"}},
		"not found":    {Command: []string{"no-such-program-anywhere"}},
		"longer than":  {Command: []string{"head", "-c", "100000", "/dev/zero"}},
	} {
		if got, err := s.Resolve(t.Context(), from); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v gives %q, %v", from, got, err)
		}
	}
}
