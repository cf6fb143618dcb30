package journal_test

import (
	"testing"

	"go.uber.org/goleak"

	"claudeops/internal/journal"
	"claudeops/internal/journal/journaltest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

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
