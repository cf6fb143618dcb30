package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

// TestLowDisk_queue_waits_and_goes_on fills a file system of its own: what is new waits and says why,
// everybody who asks is told, the rules are carried out at once, what runs goes on, and when there is
// room again so does everything else, by itself.
func TestLowDisk_queue_waits_and_goes_on(t *testing.T) {
	t.Parallel()
	// The rules are looked at in time for this test only because the disk gets low.
	w := newWorld(t, "--retention-interval", "24h", "--retention-executions-count", "1")
	if err := os.Mkdir(w.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	w.mountTmpfs("48m")
	w.define("quick", "description: Says a word.\ncommand: [echo, hello]\n")
	w.define("slow", "description: Counts.\nshell: 'while sleep 0.05; do echo tick; done'\n")
	w.serve()
	ctx := testContext(t, 2*time.Minute)
	c := w.client()
	var old []string
	for range 3 {
		ack, err := c.Execute(ctx, "quick", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Wait(ctx, ack.ExecutionID); err != nil {
			t.Fatal(err)
		}
		old = append(old, ack.ExecutionID)
	}
	running := w.start(ctx, c, "slow", nil)

	// 4 MiB are left of 48: less than a tenth.
	ballast := filepath.Join(w.dir, "ballast")
	w.fill(ballast, 4<<20)
	await(t, "the server knows that the disk is nearly full", func() bool {
		return strings.Contains(w.get("/readyz"), `"disk":"low"`)
	})
	ack, err := c.Execute(ctx, "quick", nil)
	if err != nil {
		t.Fatal(err)
	}
	rec, err := c.Get(ctx, ack.ExecutionID)
	if err != nil || rec.Status != execution.Queued || !strings.Contains(rec.QueueReason, "MiB free, and 4.") || !strings.Contains(rec.QueueReason, "until there is room") {
		t.Errorf("what is new is %s because of %q, %v", rec.Status, rec.QueueReason, err)
	}
	w.cli("ps").check(t, 0, "until there is room")
	var system protocol.SystemStatus
	if err := json.Unmarshal([]byte(w.get("/api/system")), &system); err != nil || system.Disk.State != protocol.DiskLow || system.Disk.Free == 0 || system.Disk.Free >= system.Disk.LowMark {
		t.Errorf("the host's state is %+v, %v", system.Disk, err)
	}
	if metrics := w.get("/metrics"); !strings.Contains(metrics, "claudeops_data_disk_low 1\n") {
		t.Error("the metrics do not tell")
	}
	if log := w.current().log.String(); !strings.Contains(log, "level=WARN") || !strings.Contains(log, "until there is room") {
		t.Errorf("the log does not tell:\n%s", log)
	}
	await(t, "the rules were carried out at once", func() bool {
		_, first := c.Get(ctx, old[0])
		_, second := c.Get(ctx, old[1])
		return first != nil && second != nil
	})
	if _, err := c.Get(ctx, old[2]); err != nil {
		t.Errorf("more went than the rules say: %v", err)
	}
	head := func() uint64 {
		rec, err := c.Get(ctx, running.ExecutionID)
		if err != nil || rec.Status != execution.Running {
			t.Fatalf("what ran is %s, %v", rec.Status, err)
		}
		return rec.Head
	}
	before := head()
	await(t, "what runs goes on", func() bool { return head() > before })

	// A restart in the middle starts nothing either.
	w.kill()
	w.serve()
	if rec, err := c.Get(ctx, ack.ExecutionID); err != nil || rec.Status != execution.Queued || rec.QueueReason == "" {
		t.Errorf("after a restart it is %s because of %q, %v", rec.Status, rec.QueueReason, err)
	}

	// 1 MiB is left: critical.
	w.fill(ballast, 1<<20)
	await(t, "the server knows that it is critical", func() bool { return strings.Contains(w.get("/readyz"), `"disk":"critical"`) })

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if rec, err := c.Wait(ctx, ack.ExecutionID); err != nil || rec.Status != execution.Completed {
		t.Errorf("with room again it is %s, %v", rec.Status, err)
	}
	await(t, "nobody speaks of the disk any more", func() bool { return !strings.Contains(w.get("/readyz"), "disk") })
	w.cli("cancel", running.ExecutionID).check(t, 0, "stopped")
}

// mountTmpfs makes the data directory a file system of that size.
func (w *world) mountTmpfs(size string) {
	t := w.t
	t.Helper()
	if err := syscall.Mount("claudeops-test", w.dir, "tmpfs", 0, "mode=0700,size="+size); err != nil {
		why := "run the tests as root, or in a user namespace of their own: unshare --user --map-root-user --mount go test ./e2e"
		if !errors.Is(err, syscall.EPERM) {
			why = "the kernel needs tmpfs"
		}
		t.Fatalf("mount a tmpfs of %s on %s: %v; %s", size, w.dir, err, why)
	}
	t.Cleanup(func() {
		w.kill()
		w.endExecutions() // while it can be seen which there are
		if err := syscall.Unmount(w.dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", w.dir, err)
		}
	})
}

// fill makes a file that leaves so many bytes of the data directory's file system.
func (w *world) fill(path string, leave int64) {
	w.t.Helper()
	var s syscall.Statfs_t
	if err := syscall.Statfs(w.dir, &s); err != nil {
		w.t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	left := int64(s.Bavail)*int64(s.Bsize) - leave
	for piece := make([]byte, 64<<10); left > 0; left -= int64(len(piece)) {
		if _, err := f.Write(piece); err != nil {
			w.t.Fatal(fmt.Errorf("fill %s: %w", w.dir, err))
		}
	}
}
