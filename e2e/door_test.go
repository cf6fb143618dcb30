package e2e

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestServe_says_what_keeps_it_from_serving holds the messages to naming what is wrong, where, and what
// to do about it.
func TestServe_says_what_keeps_it_from_serving(t *testing.T) {
	t.Parallel()

	t.Run("port_in_use", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		l, err := net.Listen("tcp", w.listen)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		w.cli("serve", "--listen", w.listen).check(t, 1, w.listen, "in use by another program", "--listen")
		if _, err := os.Stat(filepath.Join(w.dir, "server.json")); !os.IsNotExist(err) {
			t.Errorf("a server that does not serve has announced itself: %v", err)
		}
	})

	t.Run("data_directory_in_use", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.serve()
		w.cli("serve", "--listen", "127.0.0.1:0").check(t, 1, w.dir, "in use by process", itoa(s.cmd.Process.Pid), w.listen, "--data")
		w.cli("reindex").check(t, 1, w.dir, "in use by process")
	})

	t.Run("data_directory_not_writable", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		if err := os.Mkdir(w.dir, 0o555); err != nil {
			t.Fatal(err)
		}
		cmd := w.command("serve", "--listen", "127.0.0.1:0")
		asNobody(t, cmd, filepath.Dir(w.dir))
		text, err := cmd.CombinedOutput()
		if err == nil || cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(text), w.dir) || !strings.Contains(string(text), "writable") && !strings.Contains(string(text), "permission") {
			t.Errorf("%v: %s", err, text)
		}
	})

	t.Run("data_directory_is_a_file", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		if err := os.WriteFile(w.dir, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		w.cli("serve", "--listen", "127.0.0.1:0").check(t, 1, w.dir, "--data")
	})

	t.Run("data_directory_of_a_newer_version", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		if err := os.Mkdir(w.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(w.dir, "format"), []byte(`{"version":99}`), 0o600); err != nil {
			t.Fatal(err)
		}
		w.cli("serve", "--listen", "127.0.0.1:0").check(t, 1, "newer claudeops", w.dir)
	})

	t.Run("an_address_that_others_can_reach", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "example.org:0"} {
			w.cli("serve", "--listen", address).check(t, 2, address, "--tls-cert", "--insecure-listen")
		}
		w.cli("serve", "--listen", "nonsense").check(t, 2, "nonsense", "--listen")
		w.cli("serve", "--tls-cert", "x.pem").check(t, 2, "--tls-key")
		w.cli("serve", "--log-level", "loud").check(t, 2, "loud")
		w.cli("serve", "--max-running", "many").check(t, 2, "many")
	})
}

func TestServe_ends_and_starts_cleanly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.define("sleeper", "command: [sleep, '1000']\n")
	w.serve()
	ctx := testContext(t, time.Minute)
	record := w.start(ctx, w.client(), "sleeper", nil)
	if mode := fileMode(t, w.dir); mode != 0o700 {
		t.Errorf("the data directory has mode %#o", mode)
	}
	for _, name := range []string{"owner.token", "server.json", "lock", "index.sqlite"} {
		if mode := fileMode(t, filepath.Join(w.dir, name)); mode != 0o600 {
			t.Errorf("%s has mode %#o", name, mode)
		}
	}
	w.stop()
	if _, err := os.Stat(filepath.Join(w.dir, "server.json")); !os.IsNotExist(err) {
		t.Errorf("the announcement is still there: %v", err)
	}
	if len(strays(t, record.ExecutionID)) == 0 {
		t.Fatal("the agent has ended with the server")
	}
	w.serve()
	w.cli("cancel", record.ExecutionID).check(t, 0, "stopped, 1 process reaped")
	w.stop()
}

func fileMode(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

// asNobody has a command run as a user who may write nowhere in dir, which must be reachable for them.
func asNobody(t *testing.T, cmd *exec.Cmd, dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		return // this user may not write there either
	}
	const nobody = 65534
	for _, path := range []string{dir, filepath.Dir(dir), filepath.Dir(binary)} {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
}
