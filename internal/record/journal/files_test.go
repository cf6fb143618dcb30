package journal_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/journal/journaltest"
)

// newFiles opens a store of its own for a test.
func newFiles(t testing.TB) *journal.Files {
	t.Helper()
	return openFiles(t, t.TempDir())
}

func openFiles(t testing.TB, dir string) *journal.Files {
	t.Helper()
	store, err := journal.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

func TestFiles(t *testing.T) {
	t.Parallel()
	journaltest.Run(t, func(t *testing.T) journal.Store { return newFiles(t) })
}

// Whatever else somebody has put among the executions does not count and does no harm.
func TestFiles_StrayEntries(t *testing.T) {
	t.Parallel()
	store := newFiles(t)
	id := journaltest.NewID()
	w, err := store.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := errorsOf(w.Close()); err != nil {
		t.Fatal(err)
	}
	among := func() string { return filepath.Dir(fileOf(t, store, journaltest.NewID(), "x")) }
	if err := errorsOf(
		os.WriteFile(among(), []byte("a file"), 0o600),
		os.Symlink(t.TempDir(), among()),
		os.Symlink("nowhere", among()),
		os.MkdirAll(filepath.Join(among(), journal.DataName), 0o700),
		os.Mkdir(among(), 0o700),
		os.Mkdir(filepath.Join(filepath.Dir(among()), "lost+found"), 0o700),
		os.WriteFile(filepath.Join(filepath.Dir(among()), ".DS_Store"), nil, 0o600),
	); err != nil {
		t.Fatal(err)
	}
	ids, err := store.IDs(t.Context())
	if err != nil || !slices.Equal(ids, []string{id}) {
		t.Errorf("%q, %v; want only %s", ids, err, id)
	}
}

// A reader that was opened before the index was there uses it when it is.
func TestReader_IndexComesLater(t *testing.T) {
	t.Parallel()
	k := keep(t, true, 5000)
	store := newQuick(t)
	k.put(t, store, k.data, nil)
	r, err := store.Open(k.id)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if head, err := r.Head(); err != nil || head.Seq != k.events {
		t.Fatal(head, err)
	}
	if err := os.WriteFile(fileOf(t, store, k.id, journal.IndexName), k.index, 0o600); err != nil {
		t.Fatal(err)
	}
	// Only the checksum can tell this from what was written.
	data := bytes.Clone(k.data)
	data[len(data)/2] ^= 1
	if err := os.WriteFile(fileOf(t, store, k.id, journal.DataName), data, 0o600); err != nil {
		t.Fatal(err)
	}
	if a, err := journaltest.Audit(r, k.id, journal.Position{}, make([]byte, 64<<10), nil); err != nil || a.Lost() != journal.BlockEvents {
		t.Errorf("%+v, %v; want one block lost", a, err)
	}
}

// What a Create leaves that is killed before there is a journal goes when the execution is removed, which
// tells that there is none; a directory that holds anything else is nobody's to remove.
func TestFiles_RemovesHalfMade(t *testing.T) {
	t.Parallel()
	store := newFiles(t)
	for _, left := range []struct {
		names []string
		stays bool
	}{{nil, false}, {[]string{"lock"}, false}, {[]string{"lock", "something"}, true}} {
		id := journaltest.NewID()
		dir := filepath.Dir(fileOf(t, store, id, "x"))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, name := range left.names {
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := store.Remove(id); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("with %q in it: %v, want ErrNotFound", left.names, err)
		}
		if _, err := os.Lstat(dir); errors.Is(err, os.ErrNotExist) == left.stays {
			t.Errorf("with %q in it the directory stays: %v, want %v", left.names, err == nil, left.stays)
		}
	}
}

// TestFiles_Sweep: what a removal has left that was interrupted is nobody's, and goes.
func TestFiles_Sweep(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store, err := journal.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.Sweep(); err != nil {
		t.Errorf("with nothing to sweep: %v", err)
	}
	left := filepath.Join(dir, "executions", ".removed", "01jd3kq7f00000000000000000")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(left, "events.ndjson"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := store.Sweep(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}
