package journal_test

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/journal/journaltest"
)

// A process just started has everything open that its parent had, until it runs its own program. A
// writer's lock must not outlive Close because of it.
func TestFiles_LockGoesWithClose(t *testing.T) {
	t.Parallel()
	store := newFiles(t)
	id := journaltest.NewID()
	w, err := store.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	heir, err := journal.InheritLock(w)
	if err != nil {
		t.Fatal(err)
	}
	defer heir.Close()
	sleeper := exec.CommandContext(t.Context(), "sleep", "1000")
	sleeper.ExtraFiles = []*os.File{heir}
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sleeper.Wait() }()
	defer func() { _ = sleeper.Process.Kill() }()
	if _, _, err := store.Append(id); !errors.Is(err, journal.ErrLocked) {
		t.Fatalf("while it is written: %v, want ErrLocked", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if held, err := store.Written(id); err != nil || held {
		t.Errorf("Written = %t, %v", held, err)
	}
	w, _, err = store.Append(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
