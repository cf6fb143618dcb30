package supervisor_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/claudeops/claudeops/internal/execution"
)

// An execution whose journal is sealed has ended, whatever mark or index a crash has left: the next
// server finds that out, and writes nothing more.
func TestCrash_of_one_that_is_sealed(t *testing.T) {
	t.Parallel()
	for _, lost := range []string{"nothing", "index.sqlite"} {
		t.Run(lost+"_is_lost", func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			s := w.start()
			id := s.execute(t, "free")
			w.machine.runner(id).complete()
			before := s.untilStatus(t, id, execution.Completed)
			w.untilRetired(id)
			if _, err := s.store.Seal(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			w.stop()
			if lost != "nothing" {
				if err := os.Remove(filepath.Join(w.dir, lost)); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(w.dir, "active", id), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			s = w.start()
			after := s.untilStatus(t, id, execution.Completed)
			if after.Head != before.Head || after.Cost != before.Cost || !after.EndedAt.Equal(*before.EndedAt) {
				t.Errorf("it was %+v and is %+v", before, after)
			}
			w.untilRetired(id)
			if u, err := s.store.Usage(id); err != nil || !u.Sealed {
				t.Errorf("%+v, %v", u, err)
			}
		})
	}
}
