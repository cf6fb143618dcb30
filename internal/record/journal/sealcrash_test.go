package journal_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/journal/journaltest"
)

// Whatever call fails while a journal is sealed or trimmed, it can be read as before or as after,
// nothing is left lying about that the next time would not clean up, and then it is done.
func TestSeal_Fails(t *testing.T) {
	t.Parallel()
	const n = 2500
	for _, cause := range []error{syscall.ENOSPC, syscall.EIO, errShort} {
		t.Run(cause.Error(), func(t *testing.T) {
			t.Parallel()
			store, layer := newFaulty(t)
			for failing := 0; ; failing++ {
				id := newEnded(t, store, n)
				line := endedLine(id, n)
				calls, failed := 0, ""
				layer.inject(func(op, name string) (int, error) {
					if calls++; calls > failing && failed == "" && (cause != errShort || op == "write") {
						failed = op + " " + name
						return 100, cause
					}
					return 0, nil
				})
				_, sealErr := store.Seal(t.Context(), id)
				sealed := failed == ""
				_, err := store.Trim(t.Context(), id, 1500)
				layer.inject(nil)
				if failed == "" {
					if err := errors.Join(sealErr, err); err != nil {
						t.Fatalf("nothing failed, and yet: %v", err)
					}
					if failing < 8 {
						t.Errorf("only %d calls could fail", failing)
					}
					return
				}
				if !sealed && sealErr == nil && !strings.HasPrefix(failed, "write "+journal.IndexName) && !strings.HasPrefix(failed, "sync "+journal.IndexName) &&
					!strings.HasPrefix(failed, "truncate ") && err == nil {
					t.Errorf("%s failed, and nobody says so", failed)
				}
				if sealErr != nil && errors.Is(sealErr, syscall.ENOSPC) != (cause == syscall.ENOSPC) {
					t.Errorf("%s failed with %v, which is told as %v", failed, cause, sealErr)
				}
				r, err := store.Open(id)
				if err != nil {
					t.Fatalf("%s failed: %v", failed, err)
				}
				a, err := journaltest.Audit(r, id, journal.Position{}, make([]byte, 64<<10), line)
				if err := errors.Join(err, r.Close()); err != nil || a.End.Seq != n || (a.Gaps != nil && !slices.Equal(a.Gaps, trimmedGaps(line, 0, 1500))) {
					t.Fatalf("%s failed: %+v, %v", failed, a, err)
				}
				if failed != "remove "+journal.TempName {
					if names := namesOf(t, store, id); slices.Contains(names, journal.TempName) {
						t.Errorf("%s failed, and there are left %q", failed, names)
					}
				}
				mustSeal(t, store, id)
				if names := namesOf(t, store, id); !slices.Equal(names, []string{"events.idx", journal.SealedName, "lock"}) {
					t.Errorf("%s failed once; sealed after that, there are %q", failed, names)
				}
				if _, err := store.Trim(t.Context(), id, 1500); err != nil {
					t.Fatal(err)
				}
				checkLeft(t, store, id, n, 1500)
			}
		})
	}
}

// checkLeft reads a trimmed execution once.
func checkLeft(t *testing.T, store journal.Store, id string, n, upTo uint64) {
	t.Helper()
	r, err := store.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	line := endedLine(id, n)
	a, err := journaltest.Audit(r, id, journal.Position{}, make([]byte, 64<<10), line)
	if err := errors.Join(err, r.Close()); err != nil || a.End.Seq != n || !slices.Equal(a.Gaps, trimmedGaps(line, 0, upTo)) {
		t.Fatalf("trimmed to %d: %+v, %v", upTo, a, err)
	}
}

// The plug is pulled at any change or sync of sealing and of trimming, again and again on what is left
// each time. Not an event is lost but those that were to be.
func TestSeal_PowerLoss(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	pulls, states := 0, map[string]int{}
	for run := range 25 {
		random := rand.New(rand.NewPCG(seed, uint64(run)))
		n := 1 + random.Uint64N(2200)
		dir := t.TempDir()
		id := newEnded(t, openFiles(t, dir), n)
		line := endedLine(id, n)
		var least, most uint64 // events up to which log lines must, and may, be gone
		for range 6 {
			store, layer := newForgetful(t, dir)
			pulled := ""
			// Most changes are in sealing; a trimming has ten or so.
			layer.left = 1 + random.IntN(25)
			layer.pull = func() { pulled = layer.pullPlugLocked(t, random) }
			upTo := uint64(0)
			var err error
			if random.IntN(2) == 0 {
				_, err = store.Seal(t.Context(), id)
			} else {
				upTo = random.Uint64N(n + 1)
				most = max(most, upTo)
				_, err = store.Trim(t.Context(), id, upTo)
			}
			if err != nil {
				t.Fatalf("run %d: %v", run, err)
			}
			layer.mu.Lock()
			if pulled == "" { // it was done before the power went
				least = max(least, upTo)
				layer.pull()
			}
			layer.left = 0
			layer.mu.Unlock()
			pulls++
			dir = pulled

			left := openFiles(t, dir)
			states[strings.Join(namesOf(t, left, id), " ")]++
			r, err := left.Open(id)
			if err != nil {
				t.Fatalf("run %d: %v; there are %q", run, err, namesOf(t, left, id))
			}
			a, err := journaltest.Audit(r, id, journal.Position{}, make([]byte, 64<<10), line)
			if err := errors.Join(err, r.Close()); err != nil || a.End.Seq != n {
				t.Fatalf("run %d: %+v, %v; there are %q", run, a, err, namesOf(t, left, id))
			}
			u, err := left.Usage(id)
			if err != nil || u.TrimmedTo < least || u.TrimmedTo > most || !slices.Equal(a.Gaps, trimmedGaps(line, 0, u.TrimmedTo)) {
				t.Fatalf("run %d: trimmed to %d, which should be from %d to %d, %v: %v", run, u.TrimmedTo, least, most, err, a.Gaps)
			}
			if err := left.Close(); err != nil {
				t.Fatal(err)
			}
		}
		store := openFiles(t, dir)
		mustSeal(t, store, id)
		if names := namesOf(t, store, id); slices.Contains(names, journal.DataName) || slices.Contains(names, journal.TempName) {
			t.Errorf("run %d: sealed in the end, there are %q", run, names)
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("pulled %d times; what was left then: %v", pulls, states)
}

// childSeal seals and trims executions, and says whenever it goes on.
func childSeal(args []string) error {
	store, err := journal.OpenDir(args[0])
	if err != nil {
		return err
	}
	pause := func(context.Context) error { _, err := fmt.Println("goes on"); return err }
	for _, id := range args[1:] {
		if _, err := store.SealSlowly(context.Background(), id, pause); err != nil {
			return err
		}
		fmt.Println("sealed")
		if _, err := store.Trim(context.Background(), id, 1000); err != nil {
			return err
		}
		fmt.Println("trimmed")
	}
	return nil
}

// A process that is killed while it seals leaves journals that can be read, and that the next one seals.
func TestSeal_Killed(t *testing.T) {
	t.Parallel()
	const n, executions = 1500, 8
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	store := openFiles(t, dir)
	args := []string{dir}
	for range executions {
		args = append(args, newEnded(t, store, n))
	}
	kills, done := 0, false
	for !done {
		sealer := child(t, "seal", args...)
		var stderr strings.Builder
		sealer.Stderr = &stderr
		out, err := sealer.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := sealer.Start(); err != nil {
			t.Fatal(err)
		}
		said := bufio.NewScanner(out)
		for left := 1 + random.IntN(30) + 2*kills; said.Scan(); left-- {
			if left == 0 {
				kills++
				if err := sealer.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
					t.Fatal(err)
				}
			}
		}
		done = sealer.Wait() == nil
		if stderr.Len() > 0 {
			t.Fatal(stderr.String())
		}
		for _, id := range args[1:] {
			u, err := store.Usage(id)
			if err != nil || (u.TrimmedTo != 0 && u.TrimmedTo != 1000) {
				t.Fatalf("seed %d: %+v, %v", seed, u, err)
			}
			checkLeft(t, store, id, n, u.TrimmedTo)
		}
	}
	for _, id := range args[1:] {
		checkLeft(t, store, id, n, 1000)
		if names := namesOf(t, store, id); !slices.Equal(names, []string{"events.idx", journal.SealedName, "lock"}) {
			t.Errorf("in the end there are %q", names)
		}
	}
	t.Logf("seed %d: %d executions, killed %d times", seed, executions, kills)
}
