package journal_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/claudeops/claudeops/internal/record/journal"
)

// fileOf is a file of an execution.
func fileOf(t testing.TB, store *journal.Files, id, name string) string {
	t.Helper()
	dir, err := store.Dir(id)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}

// breakIndex takes the end of an index away, or all of it.
func breakIndex(t testing.TB, store *journal.Files, id, what string) {
	t.Helper()
	name := fileOf(t, store, id, "events.idx")
	if what == "index" {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		return
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, info.Size()-2*32); err != nil {
		t.Fatal(err)
	}
}
