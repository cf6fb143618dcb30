package process_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/goleak"

	"github.com/claudeops/claudeops/internal/run/process"
)

// TestMain makes the test binary a process that sleeps, deaf to SIGTERM ("deaf"), or one that starts
// two such and ends ("parent").
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "deaf":
			signal.Ignore(syscall.SIGTERM)
			fmt.Println("ready")
			time.Sleep(time.Hour)
			return
		case "parent":
			for range 2 {
				cmd := exec.Command(os.Args[0], "deaf")
				cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
				if err := cmd.Start(); err != nil {
					panic(err)
				}
			}
			fmt.Println("ready")
			return
		}
	}
	goleak.VerifyTestMain(m)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// start starts this test binary as one of the above, with id as its execution, and waits until it
// is ready. The process is killed and waited for at the end of the test.
func start(t *testing.T, mode, id string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	cmd := exec.Command(exe, mode)
	if id != "" {
		cmd.Env = append(os.Environ(), process.Marker+"="+id)
	}
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func newID() string { return strings.ToLower(ulid.Make().String()) }

func TestID(t *testing.T) {
	t.Parallel()
	self, err := process.Self()
	must(t, err)
	if !self.Alive() || self.PID != os.Getpid() || self.Start == 0 || self.Boot == "" {
		t.Errorf("self: %+v, alive %v", self, self.Alive())
	}
	other := self
	other.Start++
	if other.Alive() {
		t.Error("one that started at another time is not this one")
	}
	if err := other.Signal(syscall.SIGKILL); !errors.Is(err, process.ErrGone) {
		t.Errorf("signalled one that had our pid before: %v", err)
	}
	other = self
	other.Boot = "another"
	if other.Alive() {
		t.Error("one of another boot is not this one")
	}
	if err := other.Signal(syscall.SIGKILL); !errors.Is(err, process.ErrGone) {
		t.Errorf("signalled one of another boot: %v", err)
	}
	for _, pid := range []int{0, 1, -1} {
		if err := (process.ID{PID: pid, Start: 1}).Signal(syscall.SIGKILL); err == nil || errors.Is(err, process.ErrGone) {
			t.Errorf("pid %d: %v", pid, err)
		}
	}
	if _, err := process.Find(1 << 30); !errors.Is(err, process.ErrGone) {
		t.Errorf("a pid that is not there: %v", err)
	}
}

func TestID_Signal(t *testing.T) {
	t.Parallel()
	cmd := start(t, "deaf", "")
	id, err := process.Find(cmd.Process.Pid)
	must(t, err)
	must(t, id.Signal(syscall.SIGTERM))
	if !id.Alive() {
		t.Error("it does not listen to SIGTERM, but is gone")
	}
	must(t, id.Signal(syscall.SIGKILL))
	_ = cmd.Wait()
	if id.Alive() {
		t.Error("alive after SIGKILL")
	}
	if err := id.Signal(syscall.SIGKILL); !errors.Is(err, process.ErrGone) {
		t.Errorf("signalled once more: %v", err)
	}
}

// TestID_Zombie: one that has ended but was not waited for does not count as alive.
func TestID_Zombie(t *testing.T) {
	t.Parallel()
	cmd := start(t, "deaf", "")
	id, err := process.Find(cmd.Process.Pid)
	must(t, err)
	must(t, id.Signal(syscall.SIGKILL))
	for deadline := time.Now().Add(30 * time.Second); id.Alive(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it lives on")
		}
	}
	if info, err := process.Read(id.PID); err != nil || info.State != 'Z' {
		t.Errorf("%+v, %v; want a zombie", info, err)
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	cmd := start(t, "deaf", "")
	list, err := process.List()
	must(t, err)
	for _, info := range list {
		if info.PID == cmd.Process.Pid {
			if info.PPID != os.Getpid() || info.PGID != syscall.Getpgrp() || !strings.HasPrefix("process.test", info.Name) {
				t.Errorf("%+v", info)
			}
			return
		}
	}
	t.Error("not in the list")
}

func TestMarked(t *testing.T) {
	t.Parallel()
	id := newID()
	cmd := start(t, "deaf", id)
	for _, other := range []string{id[:25], id + "x", newID()} {
		if found, err := process.Marked(other); err != nil || len(found) > 0 {
			t.Errorf("%s finds %+v, %v", other, found, err)
		}
	}
	found, err := process.Marked(id)
	must(t, err)
	if len(found) != 1 || found[0].PID != cmd.Process.Pid {
		t.Errorf("found %+v", found)
	}
	if _, err := process.Marked(""); err == nil {
		t.Error("an empty id was accepted")
	}
}

func TestKillMarked(t *testing.T) {
	t.Parallel()
	id, other := newID(), newID()
	bystander := start(t, "deaf", other)
	start(t, "deaf", id)
	must(t, start(t, "parent", id).Wait()) // which leaves two behind
	killed, err := process.KillMarked(t.Context(), id)
	must(t, err)
	if killed != 3 {
		t.Errorf("killed %d, want 3", killed)
	}
	if left, err := process.Marked(id); err != nil || len(left) > 0 {
		t.Errorf("left %+v, %v", left, err)
	}
	if them, err := process.Find(bystander.Process.Pid); err != nil || !them.Alive() {
		t.Errorf("the other execution's process is gone (%v)", err)
	}
	if killed, err := process.KillMarked(t.Context(), id); err != nil || killed != 0 {
		t.Errorf("once more: killed %d, %v", killed, err)
	}
	if _, err := process.KillMarked(t.Context(), ""); err == nil {
		t.Error("an empty id was accepted")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := process.KillMarked(ended, id); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that is over: %v", err)
	}
}

func TestDescends(t *testing.T) {
	t.Parallel()
	self, child := os.Getpid(), start(t, "deaf", "").Process.Pid
	for _, c := range []struct {
		pid, from int
		want      bool
	}{{child, self, true}, {self, self, true}, {self, child, false}, {os.Getppid(), self, false}} {
		if got, err := process.Descends(c.pid, c.from); got != c.want || err != nil {
			t.Errorf("%d from %d: %v, %v", c.pid, c.from, got, err)
		}
	}
	if _, err := process.Descends(1<<30, self); !errors.Is(err, process.ErrGone) {
		t.Errorf("a pid that is not there: %v", err)
	}
}
