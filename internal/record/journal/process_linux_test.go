package journal_test

import (
	"fmt"
	"os"
	"syscall"
	"testing"
)

// mountSmall puts a small disk in memory on a directory.
func mountSmall(dir string, size int) error {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		return fmt.Errorf("mount a small disk: %w", err)
	}
	return nil
}

func TestWriter_FullDisk(t *testing.T) {
	t.Parallel()
	// In a mount namespace of its own, so that the disk goes when the child does.
	filler := child(t, "fill", t.TempDir())
	filler.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		filler.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		filler.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		filler.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	out, err := filler.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s\nIf it could not mount: run as root, or allow user namespaces with sysctl -w kernel.unprivileged_userns_clone=1", err, out)
	}
	t.Logf("%s", out)
}
