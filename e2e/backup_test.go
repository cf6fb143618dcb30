package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/backup"
	"github.com/claudeops/claudeops/internal/run/process"
	"github.com/claudeops/claudeops/internal/testagent/lines"
	"github.com/claudeops/claudeops/protocol"
)

// TestBackup_killed_while_agents_write makes backups while agents write as fast as they can, kills
// them with SIGKILL at moments that the seed gives, begins them again, and compares every event of what
// is restored with the original.
func TestBackup_killed_while_agents_write(t *testing.T) {
	t.Parallel()
	const kills = 10
	s := seed(t)
	random := rand.New(rand.NewPCG(s, 1))
	w := newWorld(t, "--seal-after", "0") // so that journals are sealed while they are copied
	w.define("flood", fmt.Sprintf("command: [TESTAGENT, -count, '30000', -seed, '%d']\n", s))
	w.define("writer", fmt.Sprintf("command: [TESTAGENT, -rate, '5000', -seed, '%d']\n", s))
	w.define("sleeper", "concurrency: 1\ncommand: [sleep, '1000']\n")
	w.serve()
	ctx := testContext(t, 5*time.Minute)
	c := w.client()
	w.cli("run", "-q", "flood").check(t, 0)
	writer := w.start(ctx, c, "writer", nil)
	to := filepath.Join(t.TempDir(), "backup")

	whole, killed := 0, 0
	for span := 60.0; killed < kills; {
		if (whole+killed)%4 == 1 {
			w.cli("run", "-q", "flood").check(t, 0)
		}
		cmd, out := w.command("backup", to), &logBuffer{}
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.Float64() * span * float64(time.Millisecond))) // anywhere in its life
		_ = cmd.Process.Kill()
		if err := cmd.Wait(); err != nil {
			killed++
			span *= 1.1
		} else {
			whole++
			span *= 0.8
		}
		if !backup.Is(to) {
			continue
		}
		if _, err := backup.Check(ctx, to, nil, func(f backup.Failure) { t.Errorf("after %d kills: %+v", killed, f) }); err != nil {
			t.Fatalf("after %d kills: %v", killed, err)
		}
	}

	// While it runs, and another waits.
	sleeper := w.start(ctx, c, "sleeper", nil)
	waits, err := c.Execute(ctx, "sleeper", nil)
	if err != nil {
		t.Fatal(err)
	}
	before, err := c.Get(ctx, writer.ExecutionID)
	if err != nil {
		t.Fatal(err)
	}
	w.cli("backup", to, "--agents", w.agents).check(t, 0, "3 not ended yet")
	w.cli("verify", "--index").check(t, 0, "everything is as it was written")
	w.cli("verify", "--data", to).check(t, 0, "everything is as it was written")
	r := w.restore(to)
	live := r.compare(w, s)
	if n := live.events[writer.ExecutionID]; n < before.Head {
		t.Errorf("the backup holds %d events of the writer, which had %d before it", n, before.Head)
	}
	agents := map[string]protocol.Record{"running": sleeper, "writing": writer}
	alive := map[string]process.ID{}
	for name, record := range agents {
		if alive[name], err = process.Find(record.PID); err != nil {
			t.Fatal(err)
		}
	}
	// As if somebody had been promised the sleeper's end.
	if err := os.WriteFile(filepath.Join(r.dir, "executions", sleeper.ExecutionID, "cancel.json"), []byte(`{"by":"alice","reason":"enough"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	r.serve()
	rc := r.client()
	if record, err := rc.Wait(ctx, sleeper.ExecutionID); err != nil || record.Status != execution.Cancelled || record.CancelledBy != "alice" || record.ProcessesReaped != 0 {
		t.Errorf("the sleeper is %+v, %v", record, err)
	}
	for id, was := range map[string]string{writer.ExecutionID: "still ran", waits.ExecutionID: "still waited"} {
		record, err := rc.Wait(ctx, id)
		if err != nil || record.Status != execution.Failed || record.Reason != string(execution.ReasonHostRestarted) || !strings.Contains(record.Error, was) {
			t.Errorf("%s is %+v, %v", id, record, err)
		}
		now, err := c.Get(ctx, id)
		if err != nil || now.Terminal {
			t.Errorf("the original of %s is %+v, %v", id, now, err)
		}
	}
	for name, agent := range alive {
		if !agent.Alive() {
			t.Errorf("the restored server has ended the original's agent that is %s", name)
		}
	}
	await(t, "no mark is left", func() bool {
		entries, err := os.ReadDir(filepath.Join(r.dir, "active"))
		return err == nil && len(entries) == 0
	})
	r.cli("verify", "--index").check(t, 0, "everything is as it was written")
	r.stop()

	// At rest: the same history.
	for _, id := range []string{writer.ExecutionID, sleeper.ExecutionID, waits.ExecutionID} {
		if _, err := c.Cancel(ctx, id, "the test has seen enough"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Wait(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	// What is sealed in between is copied once more.
	await(t, "there is nothing left to copy", func() bool {
		o := w.cli("backup", to, "--json")
		o.check(t, 0, `"type":"backup"`)
		return strings.Contains(o.stdout, `"copied":0`)
	})
	r = w.restore(to)
	rest := r.compare(w, s)
	originals := everything(t, c)
	acked := uint64(0)
	for _, record := range originals {
		acked += w.written(record.ExecutionID)
	}
	r.serve()
	restored := everything(t, r.client())
	if !reflect.DeepEqual(restored, originals) {
		t.Errorf("the restored server tells another history:\n%+v\nwant\n%+v", restored, originals)
	}
	r.stop()
	r.cli("reindex").check(t, 0)
	r.cli("verify", "--index").check(t, 0, "everything is as it was written")
	r.serve()
	if again := everything(t, r.client()); !reflect.DeepEqual(again, originals) {
		t.Errorf("after reindex it is another history:\n%+v\nwant\n%+v", again, originals)
	}
	t.Logf("acked %d / stored %d / gaps %d / duplicates %d; %d executions, %d backups killed, %d were faster, seed %d",
		acked, rest.stored, rest.gaps, rest.duplicates, len(originals), killed, whole, s)
	if acked == 0 || acked != rest.stored || rest.gaps != 0 || rest.duplicates != 0 {
		t.Error("want as many lines restored as were acknowledged, each once")
	}
}

// everything lists all records of a server.
func everything(t *testing.T, c *client.Client) []protocol.Record {
	t.Helper()
	page, err := c.List(testContext(t, time.Minute), client.Filter{Limit: 1000})
	if err != nil || page.Next != "" {
		t.Fatal(err)
	}
	return page.Executions
}

// restore makes another world from a backup.
func (w *world) restore(from string) *world {
	w.t.Helper()
	r := newWorld(w.t)
	r.agents = w.agents
	r.cli("restore", from).check(w.t, 0, "restored to "+r.dir)
	return r
}

// comparison is what a restored data directory holds.
type comparison struct {
	events           map[string]uint64 // of each execution
	stored           uint64            // lines of agents
	gaps, duplicates int
}

// compare makes sure that each journal is the beginning of the original's, and every line of it what
// the agent wrote.
func (r *world) compare(original *world, seed uint64) comparison {
	r.t.Helper()
	c := comparison{events: map[string]uint64{}}
	entries, err := os.ReadDir(filepath.Join(r.dir, "executions"))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, entry := range entries {
		id := entry.Name()
		got, want := r.bytes(id), original.bytes(id)
		if len(got) == 0 || !bytes.HasPrefix(want, got) {
			r.t.Errorf("%s: %d bytes, which are not the beginning of the original's %d", id, len(got), len(want))
		}
		next, line := uint64(1), uint64(0)
		for text := range bytes.Lines(got) {
			var e protocol.Event
			if err := json.Unmarshal(text, &e); err != nil {
				r.t.Fatalf("%s: %.100q: %v", id, text, err)
			}
			switch {
			case e.Seq < next:
				c.duplicates++
			case e.Seq > next:
				c.gaps++
			}
			next = e.Seq + 1
			if e.Type == execution.TypeLog && e.Stream == execution.Stdout {
				line++
				c.stored++
				if l, err := lines.Parse([]byte(*e.Message), seed); err != nil || l.N != line {
					r.t.Errorf("%s: line %d is %+v, %v", id, line, l, err)
				}
			}
		}
		c.events[id] = next - 1
	}
	return c
}

// bytes are an execution's events as they are stored.
func (w *world) bytes(id string) []byte {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir, "executions", id, "events.ndjson"))
	if errors.Is(err, fs.ErrNotExist) { // sealed
		b, err = unseal(filepath.Join(w.dir, "executions", id, "events.zst"))
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// written is how many lines the kernel took of an execution's agent, as that says at its end.
func (w *world) written(id string) uint64 {
	w.t.Helper()
	text := bytes.TrimSuffix(w.bytes(id), []byte("\n"))
	var last protocol.Event
	var result struct{ Written uint64 }
	if err := json.Unmarshal(text[bytes.LastIndexByte(text, '\n')+1:], &last); err != nil || !last.Terminal() {
		w.t.Fatalf("the last event of %s is %+v, %v", id, last, err)
	}
	_ = json.Unmarshal(last.Result, &result) // those that never ran have none
	return result.Written
}

func TestBackup_commands(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.define("speaker", speaker)
	w.serve()
	w.cli("run", "-q", "speaker", "-c", "word=one").check(t, 0)
	w.cli("run", "-q", "speaker", "-c", "word=two", "-c", "times=3000").check(t, 0)
	to := filepath.Join(t.TempDir(), "backup")

	o := w.cli("backup", to)
	o.check(t, 0, "2 executions in the backup", "2 copied, 0 unchanged")
	w.cli("backup", to).check(t, 0, "0 copied, 2 unchanged")
	w.cli("backup").check(t, 2, "backup DIR")
	w.cli("backup", w.agents).check(t, 1, "no backup")
	w.cli("backup", filepath.Join(w.dir, "b")).check(t, 1, "one in the other")
	w.cli("restore", to).check(t, 1, "in use by process")
	w.cli("restore", w.agents, "--data", filepath.Join(t.TempDir(), "x")).check(t, 1, "no whole backup")
	w.cli("restore", to, "--data", w.agents).check(t, 1, "is not empty")

	// The owner's token is the same; whoever had it has it.
	r := newWorld(t)
	if o := r.cli("restore", to, "--json"); o.code != 0 || !strings.Contains(o.stdout, `"type":"restore"`) || !strings.Contains(o.stdout, `"executions":2`) {
		t.Errorf("%+v", o)
	}
	if r.token() != w.token() {
		t.Error("the restored token is another")
	}
	err := filepath.WalkDir(r.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if info, err := entry.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v, %v", path, info.Mode(), err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}

	// Damage is told with its place.
	ids := strings.Fields(w.cli("ps", "-aq").stdout)
	path := filepath.Join(r.dir, "executions", ids[0], "events.ndjson")
	// It may have been sealed by now; the same bytes as plain lines are as good a journal.
	text := r.bytes(ids[0])
	if err := os.Remove(filepath.Join(filepath.Dir(path), "events.zst")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	at := nthLine(string(text), 1500) + 200
	text[at] ^= 0x20
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	r.cli("verify", ids[1]).check(t, 0, "everything")
	r.cli("verify").check(t, 1, ids[0]+" events 1025–2048", path+" at byte "+itoa(nthLine(string(text), 1024)), "1 place is damaged")
	if o := r.cli("verify", ids[0][:24], "--json"); o.code != 1 || !strings.Contains(o.stdout, `"from":1025,"to":2048`) || !strings.Contains(o.stdout, `"type":"verify"`) {
		t.Errorf("%+v", o)
	}
	text[at] ^= 0x20
	if err := os.WriteFile(path, text[:nthLine(string(text), 2000)], 0o600); err != nil {
		t.Fatal(err)
	}
	r.cli("verify", "--index").check(t, 1, "its end is missing", "the index has another record of it")
	r.cli("verify", "zzzz").check(t, 1, "zzzz")
	r.cli("verify", "../..").check(t, 2, "neither")
	w.cli("verify", "--data", w.agents).check(t, 1, "no data directory")
	w.cli("verify", "--index").check(t, 0, "everything is as it was written")
	if err := os.WriteFile(filepath.Join(to, "executions", ids[0], "claim.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.cli("verify", "--data", to).check(t, 1, "claim.json")
	w.cli("verify", "--data", to, "--index").check(t, 2, "no index")
}
