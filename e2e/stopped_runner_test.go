package e2e

import (
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

// TestRunnerStopped has agents stop their runner with SIGSTOP, once and again and again: a cancellation
// and a timeout hold nevertheless, over a restart of the server too.
func TestRunnerStopped(t *testing.T) {
	t.Parallel()
	const again = "stop: {grace: 100ms}\nshell: |\n  trap '' TERM; runner=$PPID; echo up; sleep 0.5; while :; do kill -STOP $runner; sleep 0.01; done\n"
	const once = "stop: {grace: 100ms}\nshell: |\n  runner=$PPID; echo up; sleep 0.5; kill -STOP $runner; sleep 1000\n"
	cases := []struct {
		name, definition string
		cancel, restart  bool
		status           execution.Status
		reason           execution.Reason
	}{
		{"cancelled-once", once, true, false, execution.Cancelled, ""},
		{"cancelled-again", again, true, false, execution.Cancelled, ""},
		{"cancelled-restart", again, true, true, execution.Cancelled, ""},
		{"timeout-once", "timeout: 1s\n" + once, false, false, execution.Failed, execution.ReasonTimeout},
		{"timeout-again", "timeout: 1s\n" + again, false, false, execution.Failed, execution.ReasonTimeout},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.define(c.name, c.definition)
			w.serve()
			ctx := testContext(t, 2*time.Minute)
			cl := w.client()
			record := w.start(ctx, cl, c.name, nil)
			for e, err := range cl.Subscribe(ctx, protocol.Cursor{ExecutionID: record.ExecutionID}) {
				if err != nil {
					t.Fatal(err)
				}
				if e.Type == execution.TypeLog && *e.Message == "up" {
					break
				}
			}
			time.Sleep(time.Second) // the agent's own, until it has stopped its runner
			if c.cancel {
				if _, err := cl.Cancel(ctx, record.ExecutionID, "enough"); err != nil {
					t.Fatal(err)
				}
			}
			if c.restart {
				w.kill()
				w.serve()
				cl = w.client()
			}
			end := waitEnd(ctx, t, cl, record.ExecutionID)
			if end.Status != c.status || end.Status == execution.Failed && end.Reason != string(c.reason) {
				t.Errorf("ended with %+v", end)
			}
			if left := strays(t, record.ExecutionID); len(left) > 0 {
				t.Errorf("left behind: %+v", left)
			}
		})
	}
}
