package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/trust/audit"
	"github.com/claudeops/claudeops/protocol"
)

// ran runs an agent to its end, so many times, and gives the ids.
func (w *world) ran(ctx context.Context, c *client.Client, agent string, times int) []string {
	w.t.Helper()
	var ids []string
	for range times {
		ack, err := c.Execute(ctx, agent, nil)
		if err != nil {
			w.t.Fatal(err)
		}
		if rec, err := c.Wait(ctx, ack.ExecutionID); err != nil || rec.Status != execution.Completed {
			w.t.Fatalf("%s ended as %s, %v", agent, rec.Status, err)
		}
		ids = append(ids, ack.ExecutionID)
	}
	return ids
}

// listed are all executions there are, by id.
func (w *world) listed(ctx context.Context, c *client.Client) map[string]protocol.Record {
	w.t.Helper()
	page, err := c.List(ctx, client.Filter{Limit: 1000})
	if err != nil || page.Next != "" {
		w.t.Fatalf("%d executions, %v", len(page.Executions), err)
	}
	all := map[string]protocol.Record{}
	for _, rec := range page.Executions {
		all[rec.ExecutionID] = rec
	}
	return all
}

// prune runs claudeops prune and gives what it says.
func (w *world) prune(args ...string) client.Retention {
	w.t.Helper()
	o := w.cli(append([]string{"prune", "--json"}, args...)...)
	o.check(w.t, 0)
	var report client.Retention
	if err := json.Unmarshal([]byte(o.stdout), &report); err != nil {
		w.t.Fatalf("prune gives %q: %v", o.stdout, err)
	}
	return report
}

func goes(report client.Retention) []string {
	var all []string
	for _, r := range report.Removals {
		all = append(all, r.ExecutionID+" "+r.What+" "+r.Rule)
	}
	return all
}

const talker = "description: Says a little.\nshell: 'for i in 1 2 3 4 5; do echo line $i; done; printf 7 >\"$CLAUDEOPS_RESULT\"'\n"

// TestRetention_from_outside: what the dry run shows is what goes, with a server and without one; what is
// pinned or runs stays; a result outlives its log; what is gone is gone, whatever is made anew.
func TestRetention_from_outside(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "--retention-interval", "24h", "--retention-executions-count", "3")
	w.define("talker", talker)
	w.define("brief", talker+"retention: {logs: {size: 1}, executions: {count: unlimited}}\n")
	w.define("sleeper", "command: [sleep, '1000']\n")
	w.serve()
	ctx := testContext(t, 2*time.Minute)
	c := w.client()
	talks, briefs := w.ran(ctx, c, "talker", 6), w.ran(ctx, c, "brief", 2)
	runs := w.start(ctx, c, "sleeper", nil).ExecutionID
	w.cli("pin", talks[0]).check(t, 0, talks[0], "pinned")
	w.cli("ps", "-a", "--pinned", "-q").check(t, 0, talks[0])

	w.cli("prune").check(t, 0, "executions.count 3", "brief: logs.size 1B, executions.count unlimited", talks[1], "the agent's", "2 executions, and the log of 2 others", "nothing was removed")
	if all := w.listed(ctx, c); len(all) != 9 {
		t.Errorf("showing has left %d executions", len(all))
	}
	shown := w.prune("--dry-run")
	want := []string{talks[1] + " execution executions.count", talks[2] + " execution executions.count", briefs[0] + " logs logs.size", briefs[1] + " logs logs.size"}
	if got := goes(shown); !slices.Equal(got, want) || !shown.DryRun {
		t.Errorf("it shows %q, want %q", got, want)
	}
	done := w.prune("--yes")
	if got := goes(done); !slices.Equal(got, want) || done.DryRun || done.Totals.Executions != 2 || done.Totals.Logs != 2 {
		t.Errorf("it does %q, want %q", got, want)
	}
	if again := w.prune("--yes"); len(again.Removals) != 0 {
		t.Errorf("again it does %q", goes(again))
	}

	check := func(when string, c *client.Client) {
		t.Helper()
		var left []string
		for id := range w.listed(ctx, c) {
			left = append(left, id)
		}
		slices.Sort(left)
		if want := slices.Concat(talks[:1], talks[3:], briefs, []string{runs}); !slices.Equal(left, want) {
			t.Errorf("%s there are %q, want %q", when, left, want)
		}
		for _, id := range talks[1:3] {
			w.cli("logs", id).check(t, 1, "no execution")
			if _, err := os.Stat(filepath.Join(w.dir, "executions", id)); !os.IsNotExist(err) {
				t.Errorf("%s the directory of %s: %v", when, id, err)
			}
		}
		for _, id := range briefs {
			rec, err := c.Get(ctx, id)
			if err != nil || string(rec.Result) != "7" || rec.Status != execution.Completed || rec.LogsRemovedAt == nil {
				t.Errorf("%s what has lost its log is %+v, %v", when, rec, err)
			}
			o := w.cli("logs", "--json", id)
			if strings.Contains(o.stdout, "line 1") || !strings.Contains(o.stdout, `"reason":"retention"`) || !strings.Contains(o.stdout, "execution:completed") {
				t.Errorf("%s its log is %s", when, o.stdout)
			}
		}
		if o := w.cli("logs", talks[0]); !strings.Contains(o.stdout, "line 5") {
			t.Errorf("%s the pinned one says %q", when, o.stdout)
		}
	}
	check("at first", c)
	w.kill()
	w.serve()
	check("after a crash", c)
	w.stop()
	w.cli("reindex").check(t, 0)
	w.serve()
	check("after a reindex", c)

	// A reader of before sees a gap and the end, over whatever transport.
	for _, transport := range []client.Transport{client.WebSocket, client.SSE, client.Poll} {
		reader := w.client(client.WithTransports(transport))
		gap, last := "", ""
		for m, err := range reader.Messages(ctx, protocol.Cursor{ExecutionID: briefs[0], Seq: 3}) {
			if lost := (*client.GapError)(nil); errors.As(err, &lost) {
				gap = fmt.Sprintf("%d-%d %s", lost.From, lost.To, lost.Reason)
				continue
			}
			if err != nil {
				t.Fatalf("%v: %v", transport, err)
			}
			last = m.Type
		}
		if !strings.HasPrefix(gap, "4-") || !strings.HasSuffix(gap, " retention") || last != execution.TypeCompleted {
			t.Errorf("over %v a reader from 3 gets the gap %q and ends with %s", transport, gap, last)
		}
		for _, err := range reader.Messages(ctx, protocol.Cursor{ExecutionID: talks[1], Seq: 3}) {
			var refused *client.Error
			if !errors.As(err, &refused) || refused.Code != protocol.NotFound {
				t.Errorf("over %v a reader of what is gone gets %v", transport, err)
			}
			break
		}
	}

	// Without a server the last one's rules hold, those of definitions among them.
	more := w.ran(ctx, c, "talker", 1)
	w.cli("unpin", talks[0]).check(t, 0, "unpinned")
	w.cli("cancel", runs).check(t, 0)
	w.stop()
	shown = w.prune()
	if got, want := goes(shown), []string{talks[0] + " execution executions.count", talks[3] + " execution executions.count", talks[4] + " execution executions.count"}; !slices.Equal(got, want) {
		t.Errorf("without a server it shows %q, want %q", got, want)
	}
	if done := w.prune("--yes"); !slices.Equal(goes(done), goes(shown)) {
		t.Errorf("without a server it does %q, and showed %q", goes(done), goes(shown))
	}
	w.serve()
	if all := w.listed(ctx, c); len(all) != 5 || all[more[0]].ExecutionID == "" {
		t.Errorf("left are %v", all)
	}
	w.auditHas("execution.remove", "rest", talks[1:3])
	w.auditHas("execution.remove-logs", "rest", briefs)
	w.auditHas("execution.remove", "cli", []string{talks[0], talks[3], talks[4]})
	w.auditHas("execution.pin", "rest", talks[:1])
}

// auditHas checks that an action was recorded for exactly these targets.
func (w *world) auditHas(action, via string, targets []string) {
	w.t.Helper()
	f, err := os.Open(filepath.Join(w.dir, audit.File))
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	var got []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var e audit.Entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			w.t.Fatal(err)
		}
		if e.Action == action && e.Via == via && e.Outcome == audit.OK && e.Actor == "owner" {
			got = append(got, e.Target)
		}
	}
	if !slices.Equal(got, targets) {
		w.t.Errorf("the audit log has %s over %s of %q, want %q", action, via, got, targets)
	}
}

// TestRetention_killed_anywhere: a prune without a server is killed at random; what is there after it is
// whole, and the next one finishes what it was at.
func TestRetention_killed_anywhere(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(seed(t), 1))
	w := newWorld(t, "--retention-interval", "24h", "--retention-executions-count", "1")
	w.define("talker", talker)
	w.serve()
	ctx := testContext(t, 2*time.Minute)
	c := w.client()
	all := w.ran(ctx, c, "talker", 12)
	w.stop()
	for round := 0; ; round++ {
		cmd := w.command("prune", "--yes")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		// From its start on, over everything it does: each time a little later.
		killed := time.AfterFunc(time.Duration(random.IntN(20)+15*round)*time.Millisecond, func() { _ = cmd.Process.Kill() })
		err := <-ended
		killed.Stop()
		if err == nil {
			break
		}
		if exit, ok := err.(*exec.ExitError); !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("prune ended with %v", err)
		}
		if round%3 != 2 {
			continue // the next prune finds what this one has left
		}
		w.serve() // or the next server does
		for id, rec := range w.listed(ctx, c) {
			if got := w.cli("logs", id); got.code != 0 || !strings.Contains(got.stdout, "line 5") || rec.Status != execution.Completed {
				t.Fatalf("round %d: %s is listed as %s, and its log is %q %q", round, id, rec.Status, got.stdout, got.stderr)
			}
		}
		w.stop()
	}
	w.serve()
	left := w.listed(ctx, c)
	if len(left) != 1 || left[all[len(all)-1]].ExecutionID == "" {
		t.Errorf("left are %v", left)
	}
	for _, dir := range []string{"executions", "active"} {
		entries, err := os.ReadDir(filepath.Join(w.dir, dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if slices.Contains(all[:len(all)-1], entry.Name()) {
				t.Errorf("%s/%s is left", dir, entry.Name())
			}
		}
	}
}

// TestRetention_flags: what makes no sense as a bound is refused before anything is served, with what would.
func TestRetention_flags(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, test := range [][]string{
		{"--retention-logs-age", "30", "number with a unit"},
		{"--retention-logs-age", "5s", "less than the least", "unlimited"},
		{"--retention-executions-age", "soon", "is not a duration"},
		{"--retention-logs-size", "10XB", "unknown unit"},
		{"--retention-executions-count", "0", "whole number from 1 on"},
		{"--retention-interval", "1ms", "less than the least"},
		{"--low-disk", "much", "5%", "off"},
		{"--low-disk", "100%", "no share of the disk"},
	} {
		w.cli("serve", test[0], test[1]).check(t, 2, append(test[2:], test[0])...)
	}
	// Without a server and without one ever, prune says where rules come from.
	w.cli("prune").check(t, 1, "no server has left rules", "--retention-")
	w.cli("prune", "--yes", "--dry-run").check(t, 2, "yes", "dry-run")
	if _, err := os.Stat(w.dir); !os.IsNotExist(err) {
		t.Errorf("a data directory was made: %v", err)
	}
}
