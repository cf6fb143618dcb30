package rundir_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/record/rundir"
)

const id = "01jd3kq7f0e9aaaaaaaaaaaaaa"

func TestFiles(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, f := range rundir.Files {
		if seen[f.Name] || f.Owner == "" || f.Holds == "" {
			t.Errorf("%q is there twice, or says too little", f.Name)
		}
		seen[f.Name] = true
		if found, ok := rundir.Find(f.Name); !ok || found != f {
			t.Errorf("%q is not found", f.Name)
		}
		if f.Passing && f.Backup != rundir.Never && f.Backup != rundir.Unfinished {
			t.Errorf("%s goes at the end, and a backup of an ended execution is to have it", f.Name)
		}
	}
	if _, ok := rundir.Find("strange"); ok {
		t.Error("a name that is nobody's is found")
	}
}

func TestPath(t *testing.T) {
	t.Parallel()
	if path, err := rundir.Path("/data", id); err != nil || path != "/data/executions/"+id {
		t.Errorf("%s, %v", path, err)
	}
	for _, bad := range []string{"", "..", "../" + id[3:], id + "/x"} {
		if path, err := rundir.Path("/data", bad); err == nil {
			t.Errorf("%q gives %s", bad, path)
		}
	}
}

// TestKept: claims, pins and notes are read as they were written; a damaged pin still pins, and of a
// damaged note only the time is lost.
func TestKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if claim, err := rundir.ReadClaim(dir, id); claim != nil || err != nil {
		t.Errorf("without a claim: %+v, %v", claim, err)
	}
	claim := rundir.Claim{User: "me", Key: "k", Request: "hash", ExecutionID: id}
	if err := rundir.WriteClaim(dir, claim); err != nil {
		t.Fatal(err)
	}
	if got, err := rundir.ReadClaim(dir, id); err != nil || *got != claim {
		t.Errorf("%+v, %v", got, err)
	}
	if pinned, err := rundir.Pinned(dir, id); pinned || err != nil {
		t.Errorf("without a pin: %v, %v", pinned, err)
	}
	if err := rundir.WritePin(dir, rundir.Pin{By: "me", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, rundir.PinFile), []byte("damage"), 0o600); err != nil {
		t.Fatal(err)
	}
	if pinned, err := rundir.Pinned(dir, id); !pinned || err != nil {
		t.Errorf("with a damaged pin: %v, %v", pinned, err)
	}
	for range 2 {
		if err := rundir.RemovePin(dir); err != nil {
			t.Error(err)
		}
	}
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	if err := rundir.WriteLogsRemoved(dir, at); err != nil {
		t.Fatal(err)
	}
	if got, err := rundir.LogsRemoved(dir, id); err != nil || !got.Equal(at) {
		t.Errorf("%v, %v", got, err)
	}
	if err := os.WriteFile(filepath.Join(dir, rundir.LogsRemovedFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := rundir.LogsRemoved(dir, id); err != nil || got == nil {
		t.Errorf("of a damaged note: %v, %v", got, err)
	}
}
