package sessionfile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/claudeops/claudeops/internal/run/sessionfile"
)

func TestDir(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	d := sessionfile.In(state, "claude")
	var got map[string]int
	if d.Load("s-1", &got) {
		t.Error("there is something before anything was kept")
	}
	d.Save("s-1", map[string]int{"a": 1})
	if !d.Load("s-1", &got) || got["a"] != 1 {
		t.Errorf("got %v", got)
	}
	if err := os.WriteFile(filepath.Join(state, "claude", "s-1.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if d.Load("s-1", &got) {
		t.Error("a damaged file was taken")
	}
	for _, bad := range []string{"", "../x", "a/b", "a.b", "a\x00"} {
		d.Save(bad, 1)
		if d.Load(bad, &got) {
			t.Errorf("kept under %q", bad)
		}
	}
	sessionfile.Dir("").Save("s", 1)
	entries, err := os.ReadDir(filepath.Join(state, "claude"))
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}
