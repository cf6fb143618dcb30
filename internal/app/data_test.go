package app

import (
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/claudeops/claudeops/internal/record/journal"
)

// An upgrade waits for whoever writes, in whatever process, and for nobody else.
func TestWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store, err := journal.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	id := strings.ToLower(ulid.Make().String())
	w, err := store.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	if held, err := written(dir, id); err != nil || !held {
		t.Errorf("while it is written: %v, %v", held, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if held, err := written(dir, id); err != nil || held {
		t.Errorf("afterwards: %v, %v", held, err)
	}
	if held, err := written(dir, strings.Repeat("0", 26)); err != nil || held {
		t.Errorf("of none: %v, %v", held, err)
	}
}
