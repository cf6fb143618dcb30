package execution_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
)

func ptr[T any](v T) *T { return &v }

// TestRecord_Apply folds whole lives and demands the state that each leaves.
func TestRecord_Apply(t *testing.T) {
	t.Parallel()
	at := execution.At(time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.UTC))
	begin := []execution.Event{
		{Type: execution.TypeQueued, AgentType: "a", Config: json.RawMessage(`{"k":1}`), Trigger: &execution.Trigger{Kind: "cli", User: "owner"}},
		{Type: execution.TypeStarted, AgentType: "a", Command: []string{"x"}, Workdir: "/w", PID: 7, Host: "h"},
		{Type: execution.TypeProgress, Progress: ptr(40.0), Message: ptr("half")},
		{Type: execution.TypeCost, USD: ptr(0.5), Tokens: &execution.Tokens{Input: 3}, Model: "m", Estimated: ptr(true)},
		{Type: execution.TypeTruncated, DroppedLines: ptr(int64(2)), DroppedBytes: ptr(int64(20))},
	}
	ends := map[execution.Status]execution.Event{
		execution.Completed: {Type: execution.TypeCompleted, ExitCode: ptr(0), Cost: ptr(0.7), DurationMs: ptr(int64(9)), ProcessesReaped: ptr(0), Result: json.RawMessage(`{"ok":true}`)},
		execution.Failed:    {Type: execution.TypeFailed, Error: "exit 2", Reason: string(execution.ReasonExitCode), ExitCode: ptr(2), Cost: ptr(0.7), DurationMs: ptr(int64(9)), ProcessesReaped: ptr(1)},
		execution.Cancelled: {Type: execution.TypeCancelled, By: "owner", Reason: "enough", Cost: ptr(0.7), DurationMs: ptr(int64(9)), ProcessesReaped: ptr(4)},
	}
	for status, end := range ends {
		var r execution.Record
		for i, e := range append(append([]execution.Event{}, begin...), end) {
			e.ExecutionID, e.Seq, e.Timestamp = "id", uint64(i+1), at
			r.Apply(&e)
			before := r
			r.Apply(&e) // twice does no harm
			if r.Head != before.Head || r.Status != before.Status {
				t.Errorf("%s applied twice changed the record", e.Type)
			}
			if i == 1 && (r.Status != execution.Running || r.Terminal || r.PID != 7) {
				t.Errorf("after started: %+v", r)
			}
		}
		if r.Status != status || !r.Terminal || r.Head != 6 || r.Cost != 0.7 || r.CostEstimated || r.DurationMs != 9 || !r.EndedAt.Equal(at.Time) {
			t.Errorf("%s: %+v", status, r)
		}
		if *r.Progress != 40 || r.ProgressMessage != "half" || r.DroppedLines != 2 || r.Tokens.Input != 3 || r.Trigger.User != "owner" {
			t.Errorf("%s lost what came before: %+v", status, r)
		}
	}
}

func TestTime(t *testing.T) {
	t.Parallel()
	paris := time.FixedZone("", 7200)
	b, err := json.Marshal(execution.At(time.Date(2026, 1, 2, 3, 4, 5, 6_999_999, paris)))
	if err != nil || string(b) != `"2026-01-02T01:04:05.006Z"` {
		t.Errorf("%s, %v", b, err)
	}
	var back execution.Time
	if err := json.Unmarshal(b, &back); err != nil || back.Nanosecond() != 6_000_000 {
		t.Errorf("%v, %v", back, err)
	}
}

func TestValidateID(t *testing.T) {
	t.Parallel()
	good := "01jd3kq7f0e9aaaaaaaaaaaaaa"
	if err := execution.ValidateID(good); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", good[1:], good + "a", strings.ToUpper(good), "../" + good[3:], good[:25] + "/", good[:25] + "\x00", good[:25] + "é"} {
		if execution.ValidateID(bad) == nil {
			t.Errorf("%q passed", bad)
		}
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	for _, s := range execution.Statuses {
		ended := s == execution.Completed || s == execution.Failed || s == execution.Cancelled
		if !s.Valid() || s.Terminal() != ended {
			t.Errorf("%s: valid %v, terminal %v", s, s.Valid(), s.Terminal())
		}
	}
	if execution.Status("done").Valid() {
		t.Error("an unknown status is valid")
	}
}
