package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

var updateFormat = flag.Bool("update-format", false, "write what the golden data directory is expected to hold")

// expectation is what a golden data directory holds of one execution.
type expectation struct {
	Agent  string           `json:"agent"`
	Status execution.Status `json:"status"`
	Head   uint64           `json:"head"`
	SHA256 string           `json:"sha256"` // of its events, one a line
	Lines  int64            `json:"lines"`  // that a search finds
	Pinned bool             `json:"pinned,omitempty"`
}

// TestFormat1_is_still_read opens a data directory that was written when format 1 was new, and reads
// every event of it, searches, lists, verifies, backs up, restores and indexes it.
func TestFormat1_is_still_read(t *testing.T) {
	t.Parallel()
	const golden, file = "testdata/format-1/data", "testdata/format-1/expected.json"
	// The one that ran is ended by the server, so it has more than it had.
	const ran = "01m82w7g72ab2f343ncmhfv088"
	w := newWorld(t)
	copyTree(t, golden, w.dir)

	w.cli("verify", "--index").check(t, 0, "6 executions", "everything is as it was written")
	w.cli("reindex").check(t, 0, "6 executions")
	w.cli("verify", "--index").check(t, 0, "everything is as it was written")
	w.serve()
	ctx := testContext(t, time.Minute)
	c := w.client()
	if record, err := c.Wait(ctx, ran); err != nil || record.Status != execution.Failed || record.Reason != string(execution.ReasonHostRestarted) {
		t.Errorf("the one that ran is %+v, %v", record, err)
	}
	got := expectations(t, w, c)
	if *updateFormat {
		text, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]expectation
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	check := func(what string, got map[string]expectation) {
		t.Helper()
		if len(got) != len(want) {
			t.Errorf("%s: %d executions, want %d", what, len(got), len(want))
		}
		for id, e := range want {
			if id == ran { // its last event is of today
				e.SHA256 = got[id].SHA256
			}
			if got[id] != e {
				t.Errorf("%s: %s is %+v, want %+v", what, id, got[id], e)
			}
		}
	}
	check("opened", got)
	events := w.cli("logs", "--json", ran).stdout
	if !strings.HasPrefix(events, readFile(t, filepath.Join(golden, "executions", ran, "events.ndjson"))) {
		t.Errorf("what ran has other events now: %s", events)
	}
	if token := strings.TrimSpace(readFile(t, filepath.Join(golden, "owner.token"))); token != w.token() {
		t.Error("its token is another now")
	}

	to := filepath.Join(t.TempDir(), "backup")
	w.cli("backup", to).check(t, 0, "6 executions")
	r := w.restore(to)
	r.serve()
	check("restored", expectations(t, r, r.client()))
	r.cli("verify", "--index").check(t, 0, "everything is as it was written")
}

// expectations are what a server says of each execution.
func expectations(t *testing.T, w *world, c *client.Client) map[string]expectation {
	t.Helper()
	all := map[string]expectation{}
	for _, record := range everything(t, c) {
		sum := sha256.New()
		for m, err := range c.History(t.Context(), protocol.Cursor{ExecutionID: record.ExecutionID}) {
			if err != nil {
				t.Fatal(err)
			}
			sum.Write(append(m.Raw, '\n'))
		}
		e := expectation{Agent: record.AgentType, Status: record.Status, Head: record.Head, SHA256: hex.EncodeToString(sum.Sum(nil)), Pinned: record.Pinned}
		for m, err := range c.Search(t.Context(), client.SearchQuery{Text: "LINE ", ExecutionID: record.ExecutionID}) {
			if err != nil {
				t.Fatal(err)
			}
			e.Lines = m.Total
		}
		all[record.ExecutionID] = e
	}
	return all
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// copyTree copies files so that only their owner can read them, as they were.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}
