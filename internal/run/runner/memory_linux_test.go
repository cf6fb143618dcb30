package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestMemoryWatch: only a SIGKILL that was not ours, together with the kernel's count of those that
// were the OOM killer's, is taken for that.
func TestMemoryWatch(t *testing.T) {
	t.Parallel()
	const killed, terminated, exited137 = syscall.WaitStatus(9), syscall.WaitStatus(15), syscall.WaitStatus(137 << 8)
	counters := filepath.Join(t.TempDir(), "vmstat")
	count := func(n int) {
		t.Helper()
		if err := os.WriteFile(counters, fmt.Appendf(nil, "nr_free_pages 17\noom_kill %d\npgfault 3\n", n), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	count(4)
	w := watchMemory(counters, nil, nil)
	if w.ended(killed) {
		t.Error("a SIGKILL alone was taken for the OOM killer's")
	}
	count(5)
	if !w.ended(killed) {
		t.Error("the OOM killer was not seen")
	}
	if w.ended(terminated) || w.ended(exited137) || w.ended(0) {
		t.Error("another end was taken for the OOM killer's")
	}
	if watchMemory(filepath.Join(t.TempDir(), "none"), nil, nil).ended(killed) {
		t.Error("without a count nothing can be said")
	}
}
