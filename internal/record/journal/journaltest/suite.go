package journaltest

import (
	"testing"

	"github.com/claudeops/claudeops/internal/record/journal"
)

// Run holds a store to everything the interfaces of package journal promise. open gives an empty
// store of its own to each test; what it must clean up it registers with t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) journal.Store) {
	runGroup(t, "Create", createTests, open)
	runGroup(t, "Append", appendTests, open)
	runReaders(t, open)
}

func runReaders(t *testing.T, open func(t *testing.T) journal.Store) {
	runGroup(t, "Read", readTests, open)
	runGroup(t, "Locate", locateTests, open)
	runGroup(t, "Follow", followTests, open)
	runGroup(t, "Manage", manageTests, open)
}

func runGroup(t *testing.T, name string, tests map[string]func(*testing.T, journal.Store), open func(*testing.T) journal.Store) {
	for test, run := range tests {
		t.Run(name+"/"+test, func(t *testing.T) {
			t.Parallel()
			run(t, open(t))
		})
	}
}

// RunReaders holds the readers of a store to what Run does, on journals to which something has been
// done once they were written: rest is called for each with its id, when its writer is closed. What
// a test writes while it reads stays as it is.
func RunReaders(t *testing.T, open func(t *testing.T) (store journal.Store, rest func(id string) error)) {
	runReaders(t, func(t *testing.T) journal.Store {
		store, rest := open(t)
		return resting{store, rest}
	})
}

// resting is a store that does something to journals when they are filled.
type resting struct {
	journal.Store
	rest func(id string) error
}

// bringToRest does it.
func bringToRest(t *testing.T, store journal.Store, id string) {
	t.Helper()
	if r, ok := store.(resting); ok {
		if err := r.rest(id); err != nil {
			t.Fatal(err)
		}
	}
}

// blockEnds are seqs around which stores tend to go wrong.
var blockEnds = []uint64{
	0, 1, 2, journal.BlockEvents - 1, journal.BlockEvents, journal.BlockEvents + 1,
	2*journal.BlockEvents - 1, 2 * journal.BlockEvents, 2*journal.BlockEvents + 1, 3*journal.BlockEvents + 17,
}

func create(t *testing.T, store journal.Store) (string, journal.Writer) {
	t.Helper()
	id := NewID()
	w, err := store.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Errorf("close the writer: %v", err)
		}
	})
	return id, w
}

// filled creates an execution of n events, of which the writer is closed and that is at rest.
func filled(t *testing.T, store journal.Store, n uint64) string {
	t.Helper()
	id := NewID()
	w, err := store.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := Fill(w, id, n); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	bringToRest(t, store, id)
	return id
}

func open(t *testing.T, store journal.Store, id string) journal.Reader {
	t.Helper()
	r, err := store.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("close the reader: %v", err)
		}
	})
	return r
}

func appendEvents(t *testing.T, w journal.Writer, id string, n uint64) journal.Position {
	t.Helper()
	from := w.Head().Seq + 1
	at, err := w.Append(Lines(id, from, from+n-1), int(n))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// after is the position after seq events of an execution.
func after(id string, seq uint64) journal.Position {
	return journal.Position{Seq: seq, Offset: int64(len(Lines(id, 1, seq)))}
}
