package datadir_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/claudeops/claudeops/internal/record/datadir"
)

// When this is set the test binary is a second process that opens the directory named by it.
const openEnv = "CLAUDEOPS_TEST_DATADIR_OPEN"

func TestMain(m *testing.M) {
	if dir := os.Getenv(openEnv); dir != "" {
		os.Exit(hold(dir))
	}
	if dir := os.Getenv(upgradeEnv); dir != "" {
		os.Exit(upgradeHalf(dir))
	}
	os.Exit(m.Run())
}

// hold keeps the directory until its standard input ends.
func hold(path string) int {
	d, err := datadir.Open(path)
	if err != nil {
		fmt.Println("refused:", err)
		return 1
	}
	if err := d.Announce("127.0.0.1:4000", "http://127.0.0.1:4000"); err != nil {
		fmt.Println("refused:", err)
		return 1
	}
	fmt.Println("open")
	bufio.NewReader(os.Stdin).ReadString('\n')
	return 0
}

func open(t *testing.T, path string) *datadir.Dir {
	t.Helper()
	d, err := datadir.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func mode(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

func TestOpen(t *testing.T) {
	t.Parallel()

	t.Run("a_new_directory_is_private_and_has_a_format", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "a", "b")
		d := open(t, path)
		for _, dir := range []string{d.Path(), d.Active(), d.Executions()} {
			if got := mode(t, dir); got != 0o700 {
				t.Errorf("%s has mode %#o, want 0700", dir, got)
			}
		}
		for _, file := range []string{"format", "lock"} {
			if got := mode(t, filepath.Join(path, file)); got != 0o600 {
				t.Errorf("%s has mode %#o, want 0600", file, got)
			}
		}
		text, err := os.ReadFile(filepath.Join(path, "format"))
		if err != nil || strings.TrimSpace(string(text)) != `{"version":1}` {
			t.Errorf("format is %q, %v", text, err)
		}
	})

	t.Run("a_directory_others_can_read_is_closed_to_them", func(t *testing.T) {
		t.Parallel()
		path := t.TempDir()
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
		open(t, path)
		if got := mode(t, path); got != 0o700 {
			t.Errorf("mode is %#o, want 0700", got)
		}
	})

	t.Run("refuses_what_it_can_not_use", func(t *testing.T) {
		t.Parallel()
		for name, c := range map[string]struct {
			make func(path string) error
			want string
		}{
			"newer format":  {writes("format", `{"version":2}`), "newer claudeops"},
			"foreign file":  {writes("format", `hello`), "another program"},
			"version zero":  {writes("format", `{}`), "another program"},
			"file in place": {func(p string) error { return os.WriteFile(p, nil, 0o600) }, "not a directory"},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				path := filepath.Join(t.TempDir(), "data")
				if err := c.make(path); err != nil {
					t.Fatal(err)
				}
				d, err := datadir.Open(path)
				if err == nil {
					d.Close()
					t.Fatal("opened")
				}
				if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
					t.Errorf("error %q names neither %q nor the path", err, c.want)
				}
			})
		}
	})

	t.Run("a_refused_directory_is_not_left_locked", func(t *testing.T) {
		t.Parallel()
		path := t.TempDir()
		if err := writes("format", `{"version":2}`)(path); err != nil {
			t.Fatal(err)
		}
		if _, err := datadir.Open(path); err == nil {
			t.Fatal("opened")
		}
		if err := writes("format", `{"version":1}`)(path); err != nil {
			t.Fatal(err)
		}
		open(t, path)
	})
}

func writes(name, text string) func(string) error {
	return func(path string) error {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(path, name), []byte(text), 0o600)
	}
}

func TestLock(t *testing.T) {
	t.Parallel()

	t.Run("names_the_process_that_holds_it_and_ends_with_it", func(t *testing.T) {
		t.Parallel()
		path := t.TempDir()
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		holder := exec.Command(exe)
		holder.Env = append(os.Environ(), openEnv+"="+path)
		in, err := holder.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		out, err := holder.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := holder.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil || line != "open\n" {
			t.Fatalf("the other process says %q, %v", line, err)
		}

		_, err = datadir.Open(path)
		var locked *datadir.LockedError
		if !errors.As(err, &locked) || !errors.Is(err, datadir.ErrLocked) {
			t.Fatalf("second open gives %v, want a LockedError", err)
		}
		if locked.Holder.PID != holder.Process.Pid || locked.Holder.Listen != "127.0.0.1:4000" {
			t.Errorf("holder is %+v, want process %d on 127.0.0.1:4000", locked.Holder, holder.Process.Pid)
		}
		for _, want := range []string{fmt.Sprint(holder.Process.Pid), "127.0.0.1:4000", path} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("message %q does not name %s", err, want)
			}
		}

		if err := holder.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if err := holder.Wait(); err == nil {
			t.Fatal("the other process ended well although it was killed")
		}
		open(t, path)
	})

	t.Run("is_taken_over_from_a_dead_holder_whose_child_has_a_copy", func(t *testing.T) {
		t.Parallel()
		path := t.TempDir()
		// The shell stands for a child that was just being forked: it has the lock and is not the
		// process that is said to hold it, which is gone.
		gone := exec.Command("true")
		if err := gone.Run(); err != nil {
			t.Fatal(err)
		}
		child := exec.Command("sh", "-c", "flock -x 9 && echo locked && read line", "sh")
		lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer lock.Close()
		fmt.Fprintf(lock, `{"pid":%d}`, gone.Process.Pid)
		child.ExtraFiles = []*os.File{nil, nil, nil, nil, nil, nil, lock} // descriptor 9
		in, err := child.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); line != "locked\n" {
			t.Fatalf("the child says %q, %v: flock(1) is in the package util-linux", line, err)
		}
		opened := make(chan error)
		go func() {
			d, err := datadir.Open(path)
			if err == nil {
				err = d.Close()
			}
			opened <- err
		}()
		lock.Close()
		in.Close() // the child ends
		if err := <-opened; err != nil {
			t.Error(err)
		}
		child.Wait()
	})

	t.Run("is_given_up_by_close", func(t *testing.T) {
		t.Parallel()
		path := t.TempDir()
		d := open(t, path)
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Errorf("second close: %v", err)
		}
		if err := d.SetListen("x"); err == nil {
			t.Error("a closed directory takes an address")
		}
		open(t, path)
	})

	t.Run("is_not_inherited_by_children", func(t *testing.T) {
		t.Parallel()
		path := t.TempDir()
		d := open(t, path)
		child := exec.Command("sleep", "60")
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { child.Process.Kill(); child.Wait() }()
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		open(t, path)
	})
}

func TestAnnounce(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	d := open(t, path)
	if _, err := datadir.FindServer(path); !errors.Is(err, datadir.ErrNoServer) {
		t.Fatalf("before: %v, want ErrNoServer", err)
	}
	if err := d.Announce("127.0.0.1:1", "http://127.0.0.1:1"); err != nil {
		t.Fatal(err)
	}
	want := datadir.Server{PID: os.Getpid(), Listen: "127.0.0.1:1", URL: "http://127.0.0.1:1"}
	if got, err := datadir.FindServer(path); err != nil || got != want {
		t.Fatalf("found %+v, %v, want %+v", got, err, want)
	}
	if err := os.WriteFile(filepath.Join(path, "server.json"), []byte(`{"pid":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := datadir.FindServer(path); err == nil || errors.Is(err, datadir.ErrNoServer) {
		t.Errorf("a torn file gives %v, want what is wrong with it", err)
	}
	for range 2 {
		if err := d.Withdraw(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWriteFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := datadir.WriteFile(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "new" {
		t.Errorf("holds %q, %v", got, err)
	}
	if got := mode(t, path); got != 0o600 {
		t.Errorf("mode is %#o, want 0600", got)
	}

	// A failure leaves what was there and nothing beside it.
	occupied := filepath.Join(dir, "occupied")
	if err := os.MkdirAll(filepath.Join(occupied, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := datadir.WriteFile(occupied, []byte("new")); err == nil {
		t.Error("replaced a directory")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("%d entries are left, %v, want the file and the directory", len(entries), err)
	}
}
