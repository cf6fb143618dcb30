package journal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"

	seekable "github.com/SaveTheRbtz/zstd-seekable-format-go/pkg"
	"github.com/klauspost/compress/zstd"

	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/journal/journaltest"
)

// Sealed journals are read as plain ones are.
func TestSealed_Conformance(t *testing.T) {
	t.Parallel()
	journaltest.RunReaders(t, func(t *testing.T) (journal.Store, func(id string) error) {
		store := newFiles(t)
		return store, func(id string) error { return journal.SealAnyhow(t.Context(), store, id) }
	})
}

// endedLine is event seq of an execution that ends with event last.
func endedLine(id string, last uint64) func(seq uint64) []byte {
	return func(seq uint64) []byte {
		if seq != last {
			return journaltest.Line(id, seq)
		}
		return fmt.Appendf(nil, `{"type":"execution:completed","executionId":"%s","seq":%d,"timestamp":"2025-06-15T16:00:00.000Z","exitCode":0,"durationMs":1}`+"\n", id, seq)
	}
}

// newEnded makes an execution of n events that has ended.
func newEnded(t testing.TB, store *journal.Files, n uint64) string {
	t.Helper()
	id := journaltest.NewID()
	w, err := store.Create(id)
	if err == nil {
		err = journaltest.Fill(w, id, n-1)
	}
	if err == nil {
		_, err = w.Append(endedLine(id, n)(n), 1)
	}
	if err := errorsOf(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return id
}

func mustAuditEnded(t *testing.T, store journal.Store, id string, n uint64) {
	t.Helper()
	r, err := store.Open(id)
	if err != nil {
		t.Error(err)
		return
	}
	defer r.Close()
	a, err := journaltest.Audit(r, id, journal.Position{}, make([]byte, 64<<10), endedLine(id, n))
	if err != nil || a.Events != n || a.Gaps != nil {
		t.Errorf("read %+v, %v; want %d events and no gap", a, err, n)
	}
}

func mustSeal(t testing.TB, store *journal.Files, id string) journal.Sealed {
	t.Helper()
	s, err := store.Seal(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSeal_Sizes(t *testing.T) {
	t.Parallel()
	store := newFiles(t)
	for _, n := range []uint64{1, 2, 1023, 1024, 1025, 2048, 5000} {
		id := newEnded(t, store, n)
		plain, err := os.ReadFile(fileOf(t, store, id, journal.DataName))
		if err != nil {
			t.Fatal(err)
		}
		s := mustSeal(t, store, id)
		if s.Events != n || s.Plain != int64(len(plain)) || s.Stored <= 0 || s.Damaged != 0 {
			t.Errorf("%d events: %+v", n, s)
		}
		if again := mustSeal(t, store, id); again != s {
			t.Errorf("sealed again: %+v, want %+v", again, s)
		}
		if names := namesOf(t, store, id); !slices.Equal(names, []string{"events.idx", journal.SealedName, "lock"}) {
			t.Errorf("the directory holds %q", names)
		}
		mustAuditEnded(t, store, id, n)
		u, err := store.Usage(id)
		if want := s.Stored + 16 + 32*int64((n+1023)/1024); err != nil || !u.Sealed || u.Plain != s.Plain || u.Stored != want {
			t.Errorf("Usage = %+v, %v; want %d bytes stored", u, err, want)
		}
		if _, _, err := store.Append(id); !errors.Is(err, journal.ErrSealed) {
			t.Errorf("Append: %v, want ErrSealed", err)
		}
		if _, err := store.Create(id); !errors.Is(err, journal.ErrExists) {
			t.Errorf("Create: %v, want ErrExists", err)
		}
		checkFormat(t, fileOf(t, store, id, journal.SealedName), plain)
	}
}

func namesOf(t *testing.T, store *journal.Files, id string) []string {
	t.Helper()
	dir, err := store.Dir(id)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// checkFormat reads a sealed file as others do: as one stream of zstd, and anywhere through another's
// implementation of the seekable format.
func checkFormat(t *testing.T, name string, plain []byte) {
	t.Helper()
	stored, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := zstd.NewReader(bytes.NewReader(stored))
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	if got, err := io.ReadAll(decoder); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("as a stream: %d bytes, %v; want %d", len(got), err, len(plain))
	}
	frames, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer frames.Close()
	r, err := seekable.NewReader(bytes.NewReader(stored), frames)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for range 20 {
		from := rand.IntN(len(plain))
		want := plain[from : from+rand.IntN(len(plain)-from)]
		got := make([]byte, len(want))
		if n, err := r.ReadAt(got, int64(from)); n != len(want) || (err != nil && !errors.Is(err, io.EOF)) || !bytes.Equal(got, want) {
			t.Errorf("%d bytes at %d: %d, %v", len(want), from, n, err)
		}
	}
}

func TestSeal_Refuses(t *testing.T) {
	t.Parallel()
	store := newFiles(t)
	id := journaltest.NewID()
	w, err := store.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Seal(t.Context(), id); !errors.Is(err, journal.ErrLocked) {
		t.Errorf("while it is written: %v, want ErrLocked", err)
	}
	for _, n := range []uint64{0, 500} {
		if err := errorsOf(journaltest.Fill(w, id, n), w.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Seal(t.Context(), id); !errors.Is(err, journal.ErrNotEnded) {
			t.Errorf("of %d events, none the last: %v, want ErrNotEnded", n, err)
		}
		if _, err := store.Trim(t.Context(), id, 5); !errors.Is(err, journal.ErrNotEnded) {
			t.Errorf("Trim: %v, want ErrNotEnded", err)
		}
		if names := namesOf(t, store, id); !slices.Equal(names, []string{"events.idx", journal.DataName, "lock"}) {
			t.Errorf("the directory holds %q", names)
		}
		if w, _, err = store.Append(id); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func(string) error{
		"Seal":   func(id string) error { _, err := store.Seal(t.Context(), id); return err },
		"Trim":   func(id string) error { _, err := store.Trim(t.Context(), id, 1); return err },
		"Usage":  func(id string) error { _, err := store.Usage(id); return err },
		"Verify": func(id string) error { _, err := store.Verify(t.Context(), id); return err },
	} {
		if err := call(journaltest.NewID()); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("%s of what there is not: %v, want ErrNotFound", name, err)
		}
		if err := call("../x"); err == nil || errors.Is(err, journal.ErrNotFound) {
			t.Errorf("%s of a bad id: %v", name, err)
		}
	}
	ended := newEnded(t, store, 3000)
	cancelled, cancel := context.WithCancelCause(t.Context())
	why := errors.New("shutting down")
	cancel(why)
	if _, err := store.Seal(cancelled, ended); !errors.Is(err, why) {
		t.Errorf("when cancelled: %v", err)
	}
	if names := namesOf(t, store, ended); !slices.Equal(names, []string{"events.idx", journal.DataName, "lock"}) {
		t.Errorf("cancelled, the directory holds %q", names)
	}
	mustAuditEnded(t, store, ended, 3000)
}

// Readers that are open when a journal is sealed, trimmed or both read on as if nothing had been; what
// is opened while it happens reads the one or the other.
func TestSeal_WhileRead(t *testing.T) {
	t.Parallel()
	store := newFiles(t)
	const n = 6000
	for range 2 {
		id := newEnded(t, store, n)
		sealed := make(chan struct{})
		var readers sync.WaitGroup
		for i := range 6 {
			r, err := store.Open(id)
			if err != nil {
				t.Fatal(err)
			}
			readers.Go(func() {
				defer r.Close()
				at := journal.Position{}
				if i%2 == 1 {
					if at, _, err = r.Locate(uint64(1000 * i)); err != nil {
						t.Error(err)
						return
					}
				}
				buf := make([]byte, 30_000<<(i%3))
				for waited := false; at.Seq < n; {
					got, next, gap, err := r.Read(at, journal.Position{}, buf)
					if err != nil || gap != nil {
						t.Errorf("after %+v: %+v, %v", at, gap, err)
						return
					}
					for seq, rest := at.Seq+1, buf[:got]; seq <= next.Seq; seq++ {
						want := endedLine(id, n)(seq)
						if !bytes.HasPrefix(rest, want) {
							t.Errorf("event %d is not what it was", seq)
							return
						}
						rest = rest[len(want):]
					}
					if at = next; !waited && at.Seq > n/2 {
						<-sealed
						waited = true
					}
				}
			})
			readers.Go(func() {
				for done := false; !done; {
					select {
					case <-sealed:
						done = true
					default:
					}
					mustAuditEnded(t, store, id, n)
				}
			})
		}
		mustSeal(t, store, id)
		close(sealed)
		readers.Wait()
	}
}

// An execution can be removed, and its log lines can be, while its journal is being sealed: that is
// given up.
func TestSeal_GivenUp(t *testing.T) {
	t.Parallel()
	store := newFiles(t)
	for _, trim := range []bool{false, true} {
		id := newEnded(t, store, 3000)
		giveUp(t, store, id, func() error {
			if trim {
				_, err := store.Trim(t.Context(), id, 2000)
				return err
			}
			return store.Remove(id)
		})
		if trim {
			checkLeft(t, store, id, 3000, 2000)
		} else if _, err := store.Seal(t.Context(), id); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("sealing again gives %v, want ErrNotFound", err)
		}
	}
}

// giveUp does something while a journal is being sealed.
func giveUp(t *testing.T, store *journal.Files, id string, do func() error) {
	t.Helper()
	begun, sealed := make(chan struct{}, 10), make(chan error, 1)
	go func() {
		_, err := store.SealSlowly(t.Context(), id, func(ctx context.Context) error {
			begun <- struct{}{}
			<-ctx.Done()
			return context.Cause(ctx)
		})
		sealed <- err
	}()
	<-begun
	if _, _, err := store.Append(id); !errors.Is(err, journal.ErrLocked) {
		t.Errorf("Append meanwhile: %v, want ErrLocked", err)
	}
	if err := do(); err != nil {
		t.Fatal(err)
	}
	if err := <-sealed; !errors.Is(err, journal.ErrLocked) {
		t.Errorf("sealing gives %v, want ErrLocked", err)
	}
}
