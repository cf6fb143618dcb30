package journal_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/journal/journaltest"
)

// childEnv names the part that this test binary plays when a test starts it again.
const childEnv = "CLAUDEOPS_JOURNAL_TEST_CHILD"

// children are the parts. What one prints is its result, an error is printed as such.
var children = map[string]func(args []string) error{
	"write": childWrite,
	"hold":  childHold,
	"modes": childModes,
	"fill":  childFill,
	"seal":  childSeal,
}

func TestMain(m *testing.M) {
	if part := os.Getenv(childEnv); part != "" {
		if err := children[part](os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// child is this test binary, to play a part.
func child(t *testing.T, part string, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, args...)
	cmd.Env = append(os.Environ(), childEnv+"="+part)
	return cmd
}

// ackSize is long for a number, so that a pipe holds few of them and the writer isn't far ahead.
const ackSize = 2048

// childWrite appends batches of all sizes to an execution for ever, and says after each which seq
// it has been acknowledged.
func childWrite(args []string) error {
	dir, id := args[0], args[1]
	store, err := journal.OpenDir(dir)
	if err != nil {
		return err
	}
	w, _, err := store.Append(id)
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(rand.Uint64(), 0))
	var batch []byte
	ack := make([]byte, ackSize)
	for {
		n := 1 + random.IntN([]int{2, 2, 2, 2, 10, 10, 10, 10, 10, 40, 40, 40, 200, 200, 1500}[random.IntN(15)])
		batch = batch[:0]
		from := w.Head().Seq + 1
		for i := range n {
			batch = journaltest.AppendLine(batch, id, from+uint64(i))
		}
		at, err := w.Append(batch, n)
		if err != nil {
			return err
		}
		binary.LittleEndian.PutUint64(ack, at.Seq)
		if _, err := os.Stdout.Write(ack); err != nil {
			return err
		}
		if random.IntN(50) == 0 {
			if err := w.Sync(); err != nil {
				return err
			}
		}
	}
}

// A writer that is killed at any moment loses nothing it was acknowledged. A reader follows all the
// time and sees every event once.
func TestWriter_Killed(t *testing.T) {
	t.Parallel()
	const wantBatches = 10_000
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	store := openFiles(t, dir)
	id := journaltest.NewID()
	w, err := store.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := errorsOf(w.Close()); err != nil {
		t.Fatal(err)
	}
	r, err := store.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var read journal.Position
	var acked uint64
	kills, batches, torn := 0, 0, 0
	for batches < wantBatches {
		writer := child(t, "write", dir, id)
		var stderr bytes.Buffer
		writer.Stderr = &stderr
		out, err := writer.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := writer.Start(); err != nil {
			t.Fatal(err)
		}
		ack := make([]byte, ackSize)
		for left := 1 + random.IntN(wantBatches/20); ; left-- {
			if left == 0 {
				if err := writer.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := io.ReadFull(out, ack); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			acked = binary.LittleEndian.Uint64(ack)
			batches++
			if batches%100 == 0 {
				read = readOn(t, r, id, read)
			}
		}
		if err := writer.Wait(); err == nil || stderr.Len() > 0 {
			t.Fatalf("the writer ended by itself: %v, %s", err, stderr.String())
		}
		kills++
		if held, err := store.Written(id); err != nil || held {
			t.Fatalf("Written = %t, %v after the writer was killed", held, err)
		}
		read = readOn(t, r, id, read)
		if read.Seq < acked {
			t.Fatalf("acknowledged %d, read %d", acked, read.Seq)
		}
		next, recovery, err := store.Append(id)
		if err != nil {
			t.Fatal(err)
		}
		if recovery.CutBytes > 0 {
			torn++
		}
		if next.Head() != read {
			t.Fatalf("recovered to %+v, read up to %+v", next.Head(), read)
		}
		if err := next.Close(); err != nil {
			t.Fatal(err)
		}
	}
	mustAudit(t, store, id, read.Seq)
	t.Logf("seed %d: kills %d, batches %d, torn tails %d: acked %d / stored %d / delivered %d",
		seed, kills, batches, torn, acked, read.Seq, read.Seq)
}

func readOn(t *testing.T, r journal.Reader, id string, at journal.Position) journal.Position {
	t.Helper()
	a, err := journaltest.Audit(r, id, at, make([]byte, 256<<10), nil)
	if err != nil || a.Gaps != nil {
		t.Fatalf("read on after %+v: %+v, %v", at, a, err)
	}
	return a.End
}

// childHold opens an execution for writing, says so and waits until its input ends.
func childHold(args []string) error {
	store, err := journal.OpenDir(args[0])
	if err != nil {
		return err
	}
	w, _, err := store.Append(args[1])
	if err != nil {
		return err
	}
	fmt.Println("held")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return w.Close()
}

func TestFiles_LockOfAnotherProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := openFiles(t, dir)
	id := journaltest.NewID()
	w, err := store.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := errorsOf(appendLines(w, id, 3), w.Close()); err != nil {
		t.Fatal(err)
	}
	for _, end := range []string{"closed", "killed"} {
		holder := child(t, "hold", dir, id)
		in, err := holder.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := holder.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := holder.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
			t.Fatal(line, err)
		}
		_, _, err = store.Append(id)
		if !errors.Is(err, journal.ErrLocked) || !strings.Contains(err.Error(), fmt.Sprint("process ", holder.Process.Pid)) {
			t.Errorf("got %v, want ErrLocked that names process %d", err, holder.Process.Pid)
		}
		if held, err := store.Written(id); err != nil || !held {
			t.Errorf("Written = %t, %v while another process writes", held, err)
		}
		if end == "killed" {
			err = holder.Process.Kill()
		} else {
			err = in.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := holder.Wait(); (err != nil) != (end == "killed") {
			t.Fatal(err)
		}
		if held, err := store.Written(id); err != nil || held {
			t.Errorf("%s: Written = %t, %v", end, held, err)
		}
		w, recovery, err := store.Append(id)
		if err != nil || recovery != (journal.Recovery{}) {
			t.Fatalf("%s: %+v, %v", end, recovery, err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// childModes makes an execution under the umask given.
func childModes(args []string) error {
	var mask int
	if _, err := fmt.Sscanf(args[1], "%o", &mask); err != nil {
		return err
	}
	syscall.Umask(mask)
	store, err := journal.OpenDir(args[0])
	if err != nil {
		return err
	}
	w, err := store.Create(args[2])
	if err != nil {
		return err
	}
	return w.Close()
}

func TestFiles_ModesWhateverTheUmask(t *testing.T) {
	t.Parallel()
	for _, mask := range []string{"000", "022", "077", "277"} {
		dir, id := filepath.Join(t.TempDir(), "data"), journaltest.NewID()
		if out, err := child(t, "modes", dir, mask, id).CombinedOutput(); err != nil {
			t.Fatalf("umask %s: %v: %s", mask, err, out)
		}
		for name, want := range map[string]os.FileMode{
			"": 0o700, "executions": 0o700, "executions/" + id: 0o700,
			"executions/" + id + "/events.ndjson": 0o600, "executions/" + id + "/events.idx": 0o600, "executions/" + id + "/lock": 0o600,
		} {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil || info.Mode().Perm() != want {
				t.Errorf("umask %s: %s has mode %v, %v; want %v", mask, name, info.Mode().Perm(), err, want)
			}
		}
	}
}

// No link leads out of the data directory.
func TestFiles_StaysInside(t *testing.T) {
	t.Parallel()
	outside := newFiles(t)
	id := journaltest.NewID()
	w, err := outside.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := errorsOf(appendLines(w, id, 10), w.Close()); err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Dir(fileOf(t, outside, id, "x"))

	store := newFiles(t)
	linked := journaltest.NewID() // to a whole directory
	if err := os.Symlink(elsewhere, filepath.Dir(fileOf(t, store, linked, "x"))); err != nil {
		t.Fatal(err)
	}
	within := journaltest.NewID() // a file in a directory of its own
	if err := os.Mkdir(filepath.Dir(fileOf(t, store, within, "x")), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(elsewhere, journal.DataName), fileOf(t, store, within, journal.DataName)); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{linked, within} {
		if _, err := store.Open(id); err == nil {
			t.Errorf("Open followed a link to %s", elsewhere)
		}
		if _, _, err := store.Append(id); err == nil {
			t.Errorf("Append followed a link to %s", elsewhere)
		}
		if _, err := store.Create(id); err == nil {
			t.Errorf("Create followed a link to %s", elsewhere)
		}
		if _, err := store.Written(id); err == nil {
			t.Errorf("Written followed a link to %s", elsewhere)
		}
		_ = store.Remove(id) // may remove the link, never what it leads to
	}
	mustAudit(t, outside, id, 10)
}

// childFill fills the small disk it is given until nothing goes on it any more, then makes room.
func childFill(args []string) error {
	dir := args[0]
	if err := mountSmall(dir, 3<<20); err != nil {
		return err
	}
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); err != nil {
		return err
	}
	store, err := journal.OpenDir(dir)
	if err != nil {
		return err
	}
	id := journaltest.NewID()
	w, err := store.Create(id)
	if err != nil {
		return err
	}
	r, err := store.Open(id)
	if err != nil {
		return err
	}
	fill := func() error {
		for batch := uint64(700); batch > 0; { // ever smaller ones, until not one event fits
			before := w.Head()
			err := appendLines(w, id, batch)
			if errors.Is(err, syscall.ENOSPC) {
				if w.Head() != before {
					return fmt.Errorf("head moved from %+v to %+v in a write that failed", before, w.Head())
				}
				batch /= 2
			} else if err != nil {
				return err
			}
			if head, err := r.Head(); err != nil || head != w.Head() {
				return fmt.Errorf("a reader sees %+v, %v, the writer has %+v", head, err, w.Head())
			}
		}
		return nil
	}
	check := func() error {
		a, err := journaltest.Audit(r, id, journal.Position{}, make([]byte, 64<<10), nil)
		if err != nil || a.End != w.Head() || a.Gaps != nil {
			return fmt.Errorf("read %+v, %v, head is %+v", a, err, w.Head())
		}
		return nil
	}
	if err := errorsOf(fill(), check(), w.Sync()); err != nil {
		return err
	}
	full := w.Head()
	if full.Offset < 1<<20 {
		return fmt.Errorf("the disk was full at %+v", full)
	}
	if _, err := store.Create(journaltest.NewID()); !errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("creating on a full disk gave %w", err)
	}
	// Nothing can be written, but all can be read and the execution taken over.
	if err := w.Close(); err != nil {
		return err
	}
	if w, _, err = store.Append(id); err != nil {
		return fmt.Errorf("take over on a full disk: %w", err)
	}
	if err := check(); err != nil {
		return err
	}
	if err := os.Remove(ballast); err != nil {
		return err
	}
	if err := errorsOf(fill(), check(), w.Close()); err != nil {
		return err
	}
	if w.Head().Seq <= full.Seq {
		return fmt.Errorf("nothing went on when there was room: %+v", w.Head())
	}
	fmt.Printf("full at %d events, then at %d\n", full.Seq, w.Head().Seq)
	return errorsOf(r.Close(), store.Close())
}
