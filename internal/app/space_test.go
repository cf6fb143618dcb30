package app_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/host/space"
	"github.com/claudeops/claudeops/protocol"
)

// A disk that is nearly full, or is said to be: what is new waits and says why, readiness and the host's
// state tell, until there is room. On a real file system e2e shows it.
func TestApp_holds_the_queue_while_the_disk_is_low(t *testing.T) {
	t.Parallel()
	c := config(t)
	var free atomic.Uint64
	free.Store(100 << 20)
	c.Statfs = func(path string) (space.Figures, error) {
		if path != c.DataDir {
			t.Errorf("it looks at %s", path)
		}
		return space.Figures{Free: free.Load(), Total: 100 << 30}, nil
	}
	a := run(t, c)
	if code, body := get(t, a.URL()+"/readyz"); code != 200 || !strings.Contains(body, `"disk":"critical"`) {
		t.Errorf("readyz gives %d %s", code, body)
	}
	token, err := a.Token()
	if err != nil {
		t.Fatal(err)
	}
	cl, err := client.New(a.URL(), client.WithToken(token))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx := context.Background()
	rec, err := cl.Create(ctx, "system-health", nil)
	if err != nil || rec.Status != execution.Queued || !strings.Contains(rec.QueueReason, "100.0 MiB free, and 2.0 GiB are needed") {
		t.Fatalf("it is %s because of %q, %v", rec.Status, rec.QueueReason, err)
	}
	if _, err := cl.Cancel(ctx, rec.ExecutionID, ""); err != nil {
		t.Error(err)
	}
	for status := range cl.System(ctx, time.Second) {
		if status.Disk.State != protocol.DiskCritical || status.Disk.Condition == "" {
			t.Errorf("system:status says %+v", status.Disk)
		}
		break
	}
	free.Store(50 << 30)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, body := get(t, a.URL()+"/readyz"); !strings.Contains(body, "disk") {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("with room it still says %s", body)
		}
	}
}
