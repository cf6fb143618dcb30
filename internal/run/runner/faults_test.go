package runner_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/run/control"
	"github.com/claudeops/claudeops/internal/run/process"
	"github.com/claudeops/claudeops/internal/run/runner"
)

// faulty is a journal writer that fails while a file of a certain name is in the data directory, so
// that a test can turn its faults on and off.
type faulty struct {
	journal.Writer
	dataDir string
}

func (f *faulty) on(name string) bool {
	_, err := os.Stat(filepath.Join(f.dataDir, name))
	return err == nil
}

func (f *faulty) Append(lines []byte, count int) (journal.Position, error) {
	switch {
	case f.on("full"):
		return f.Head(), fmt.Errorf("append: %w", syscall.ENOSPC)
	case f.on("broken"):
		return f.Head(), fmt.Errorf("append: %w", syscall.EIO)
	}
	return f.Writer.Append(lines, count)
}

func (f *faulty) Sync() error {
	if f.on("unsyncable") {
		return fmt.Errorf("sync: %w: %w", journal.ErrReadOnly, syscall.EIO)
	}
	return f.Writer.Sync()
}

// newFaulty makes a scene whose journal can be made to fail.
func newFaulty(t testing.TB, agent ...string) *scene {
	s := newScene(t, agent...)
	s.set("faulty", true)
	return s
}

func (s *scene) set(name string, on bool) {
	s.t.Helper()
	path := filepath.Join(s.dataDir, name)
	if on {
		must(s.t, os.WriteFile(path, nil, 0o600))
	} else {
		must(s.t, os.Remove(path))
	}
}

func runFaulty(dataDir, id string) int {
	return runner.MainWith(dataDir, id, func(w journal.Writer) journal.Writer { return &faulty{w, dataDir} }, "talker", talker{})
}

func TestFault_DiskFull(t *testing.T) {
	t.Parallel()
	s := newFaulty(t, "ticks", "200", "2")
	s.spec.IdleTimeout = time.Second // must not strike while the disk is full
	s.spawn().dial()
	s.link.Watch(true)
	s.until("tick 10")
	s.set("full", true)
	why := waitFor(t, s.heard, func() *string {
		if len(s.heard.stalls) > 0 {
			return &s.heard.stalls[0]
		}
		return nil
	})
	if !bytes.Contains([]byte(*why), []byte("no space left on device")) {
		t.Errorf("told %q", *why)
	}
	stored := len(s.lines())
	time.Sleep(1500 * time.Millisecond) // longer than the idle timeout: there is nothing to wait for but time
	if now := len(s.lines()); now != stored {
		t.Errorf("%d events stored while there was no room", now-stored)
	}
	s.heard.mu.Lock()
	for _, at := range s.heard.grew {
		if at.Seq > uint64(stored) {
			t.Errorf("told of growth to %d, with %d events stored", at.Seq, stored)
		}
	}
	s.heard.mu.Unlock()
	s.set("full", false)
	waitFor(t, s.heard, func() *bool {
		if n := len(s.heard.stalls); n > 1 && s.heard.stalls[n-1] == "" {
			return new(bool)
		}
		return nil
	})
	events := s.wait()
	if last := events[len(events)-1]; last.Type != execution.TypeCompleted {
		t.Errorf("ended with %s", asJSON(t, last))
	}
	want := ""
	for i := range 200 {
		want += fmt.Sprintf("tick %d\n", i)
	}
	if got := string(s.text("")); got != want {
		t.Errorf("recorded %d bytes, want %d", len(got), len(want))
	}
}

// TestFault_CancelWhileDiskFull: the agent is ended at once; the last event waits for room.
func TestFault_CancelWhileDiskFull(t *testing.T) {
	t.Parallel()
	s := newFaulty(t, "flood", "100000000")
	s.spawn().dial()
	main := s.heard.until(t, execution.TypeStarted).PID
	id, err := process.Find(main)
	must(t, err)
	s.set("full", true)
	waitFor(t, s.heard, func() *string {
		if len(s.heard.stalls) > 0 {
			return &s.heard.stalls[0]
		}
		return nil
	})
	must(t, s.link.Cancel("alice", "disk is full"))
	for ctx := testContext(t); id.Alive(); time.Sleep(time.Millisecond) {
		if ctx.Err() != nil {
			t.Fatal("the agent lives on")
		}
	}
	if s.ended() {
		t.Error("the last event is there without room for it")
	}
	s.set("full", false)
	events := s.wait()
	if last := events[len(events)-1]; last.Type != execution.TypeCancelled || last.By != "alice" {
		t.Errorf("ended with %s", asJSON(t, last))
	}
	if text := s.text(""); len(text) == 0 || bytes.Count(text, []byte("\n")) != bytes.Count(text, append(bytes.Repeat([]byte("x"), 219), '\n')) {
		t.Errorf("what is recorded, %d bytes, is not whole lines in order", len(text))
	}
}

// TestFault_JournalLost: no more can be written safely, so the agent is ended and the rest is for
// the server; nothing is told that is not stored.
func TestFault_JournalLost(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"broken", "unsyncable"} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			s := newFaulty(t, "ticks", "1000000", "2")
			s.spec.SyncInterval = 20 * time.Millisecond
			s.spawn().dial()
			s.until("tick 5")
			s.set(fault, true)
			s.heard.wait(testContext(t))
			if !errors.Is(s.heard.err, control.ErrLost) {
				t.Errorf("the link ended with %v", s.heard.err)
			}
			s.goneBy(testContext(t), s.pid)
			if s.ended() {
				t.Error("there is a last event")
			}
			left, err := process.Marked(s.id)
			must(t, err)
			if len(left) > 0 {
				t.Errorf("left: %+v", left)
			}
			log, err := os.ReadFile(filepath.Join(s.dir, "runner.log"))
			if err != nil || !bytes.Contains(log, []byte("the journal can no longer be written")) {
				t.Errorf("runner.log says %q (%v)", log, err)
			}
		})
	}
}

// TestFault_ShutdownWhileDiskFull: a machine that shuts down does not wait for room.
func TestFault_ShutdownWhileDiskFull(t *testing.T) {
	t.Parallel()
	s := newFaulty(t, "ticks", "1000000", "2")
	s.spawn().dial()
	s.until("tick 5")
	s.set("full", true)
	waitFor(t, s.heard, func() *string {
		if len(s.heard.stalls) > 0 {
			return &s.heard.stalls[0]
		}
		return nil
	})
	id, err := process.Find(s.pid)
	must(t, err)
	must(t, id.Signal(syscall.SIGTERM))
	main, err := process.Find(s.heard.until(t, execution.TypeStarted).PID)
	for ctx := testContext(t); err == nil && main.Alive() && ctx.Err() == nil; {
		time.Sleep(time.Millisecond)
	}
	must(t, ignoreGone(id.Signal(syscall.SIGTERM))) // which only makes it shorter
	s.heard.wait(testContext(t))
	if !errors.Is(s.heard.err, control.ErrLost) {
		t.Errorf("the link ended with %v", s.heard.err)
	}
	s.goneBy(testContext(t), s.pid)
	if s.ended() {
		t.Error("there is a last event")
	}
	left, err := process.Marked(s.id)
	must(t, err)
	if len(left) > 0 {
		t.Errorf("left: %+v", left)
	}
}

func ignoreGone(err error) error {
	if errors.Is(err, process.ErrGone) {
		return nil
	}
	return err
}
