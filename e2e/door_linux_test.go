package e2e

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

func TestServe_says_that_the_disk_is_full(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := os.Mkdir(w.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	// A file system of one block, in a mount namespace that ends with the process.
	cmd := exec.Command("sh", "-c", `mount -t tmpfs -o size=4k tmpfs "$1" && echo full >"$1/fill" && exec "$2" serve --listen 127.0.0.1:0 --data "$1"`, "sh", w.dir, binary)
	cmd.Env = cleanEnviron()
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	text, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(text), "full") || !strings.Contains(string(text), "free some") {
		t.Errorf("%v: %s", err, text)
	}
}
