package journaltest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/claudeops/claudeops/internal/record/journal"
)

var manageTests = map[string]func(*testing.T, journal.Store){
	"lists_oldest_first": func(t *testing.T, store journal.Store) {
		if ids, err := store.IDs(t.Context()); err != nil || len(ids) != 0 {
			t.Errorf("an empty store has %q, %v", ids, err)
		}
		want := []string{"0zzzzzzzzzzzzzzzzzzzzzzzzz", "00000000000000000000000000", "7zzzzzzzzzzzzzzzzzzzzzzzzz", "01arz3ndektsv4rrffq69g5fav"}
		for _, id := range want {
			w, err := store.Create(id)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}
		slices.Sort(want)
		if ids, err := store.IDs(t.Context()); err != nil || !slices.Equal(ids, want) {
			t.Errorf("%q, %v; want %q", ids, err, want)
		}
		ended, end := context.WithCancel(t.Context())
		end()
		if _, err := store.IDs(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("when cancelled: %v", err)
		}
	},
	"directories_are_apart": func(t *testing.T, store journal.Store) {
		seen := map[string]bool{}
		for range 3 {
			id := filled(t, store, 1)
			dir, err := store.Dir(id)
			if err != nil || !filepath.IsAbs(dir) || seen[dir] {
				t.Errorf("%q, %v", dir, err)
			}
			seen[dir] = true
			if info, err := os.Stat(dir); err != nil || !info.IsDir() {
				t.Errorf("%s: %v", dir, err)
			}
		}
	},
	"the_directory_may_be_there_first": func(t *testing.T, store journal.Store) {
		id := NewID()
		dir, err := store.Dir(id)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "spec.json"), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
		if ids, err := store.IDs(t.Context()); err != nil || len(ids) != 0 {
			t.Errorf("a directory alone counts as an execution: %q, %v", ids, err)
		}
		w, err := store.Create(id)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, "spec.json")); err != nil {
			t.Error(err)
		}
	},
	"removes_everything": func(t *testing.T, store journal.Store) {
		id, other := filled(t, store, 2000), filled(t, store, 10)
		dir, err := store.Dir(id)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(dir, "workspace", "deep"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "workspace", "deep", "file"), []byte("x"), 0o400); err != nil {
			t.Fatal(err)
		}
		// Never followed: what it points to belongs to somebody else.
		elsewhere := t.TempDir()
		if err := os.WriteFile(filepath.Join(elsewhere, "kept"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(elsewhere, filepath.Join(dir, "workspace", "link")); err != nil {
			t.Fatal(err)
		}
		r := open(t, store, id)
		if err := store.Remove(id); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the directory: %v", err)
		}
		if _, err := os.Stat(filepath.Join(elsewhere, "kept")); err != nil {
			t.Error(err)
		}
		if _, err := store.Open(id); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("Open: %v, want ErrNotFound", err)
		}
		if err := store.Remove(id); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("Remove again: %v, want ErrNotFound", err)
		}
		if ids, err := store.IDs(t.Context()); err != nil || !slices.Equal(ids, []string{other}) {
			t.Errorf("left are %q, %v", ids, err)
		}
		if a, err := Audit(r, id, journal.Position{}, make([]byte, 10_000), nil); err != nil || a.Events != 2000 {
			t.Errorf("a reader opened before: %+v, %v", a, err)
		}

		w, err := store.Create(id)
		if err != nil {
			t.Fatalf("create it anew: %v", err)
		}
		appendEvents(t, w, id, 5)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if a, err := Audit(open(t, store, id), id, journal.Position{}, make([]byte, 10_000), nil); err != nil || a.Events != 5 {
			t.Errorf("the new one: %+v, %v", a, err)
		}
		if err := store.Remove(id); err != nil {
			t.Errorf("remove the new one: %v", err)
		}
	},
	"does_not_remove_what_is_written": func(t *testing.T, store journal.Store) {
		id, w := create(t, store)
		appendEvents(t, w, id, 10)
		if err := store.Remove(id); !errors.Is(err, journal.ErrLocked) {
			t.Errorf("Remove: %v, want ErrLocked", err)
		}
		appendEvents(t, w, id, 10)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if a, err := Audit(open(t, store, id), id, journal.Position{}, make([]byte, 10_000), nil); err != nil || a.Events != 20 {
			t.Errorf("%+v, %v", a, err)
		}
	},
	"removes_many_at_once": func(t *testing.T, store journal.Store) {
		const n = 20
		done := make(chan error)
		for range n {
			id := filled(t, store, 3)
			go func() { done <- store.Remove(id) }()
		}
		for range n {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if ids, err := store.IDs(t.Context()); err != nil || len(ids) != 0 {
			t.Errorf("left are %q, %v", ids, err)
		}
	},
}
