package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/journal/journaltest"
	"github.com/claudeops/claudeops/internal/testagent/lines"
)

// TestReadJournal holds the oracle to seeing each way in which an agent's lines can be wrong.
func TestReadJournal(t *testing.T) {
	t.Parallel()
	const seed = 7
	line := func(n uint64) string { return string(lines.Append(nil, seed, n, 60, 0)) }
	other := string(lines.Append(nil, seed+1, 2, 60, 0))
	for name, test := range map[string]struct {
		lines   []string
		after   string // an event behind the last one
		partial bool   // the last line has no newline
		want    uint64 // lines, when nothing is wrong
	}{
		"whole":           {lines: []string{line(1), line(2), line(3)}, want: 3},
		"nothing":         {},
		"torn":            {lines: []string{line(1), line(2)[:20]}, partial: true, want: 1},
		"lost":            {lines: []string{line(1), line(3)}},
		"doubled":         {lines: []string{line(1), line(2), line(2)}},
		"reordered":       {lines: []string{line(2), line(1)}},
		"another's":       {lines: []string{line(1), other}},
		"changed":         {lines: []string{line(1), line(2)[:30] + "X" + line(2)[31:]}},
		"goes on":         {lines: []string{line(1)}, after: execution.TypeLog},
		"ends twice":      {lines: []string{line(1)}, after: execution.TypeCompleted},
		"begins anywhere": {lines: []string{line(2)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, err := journal.OpenDir(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			id := journaltest.NewID()
			w, err := store.Create(id)
			if err != nil {
				t.Fatal(err)
			}
			write := func(e execution.Event) {
				e.ExecutionID, e.Seq, e.Timestamp = id, w.Head().Seq+1, execution.At(time.Now())
				b, err := json.Marshal(e)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := w.Append(append(b, '\n'), 1); err != nil {
					t.Fatal(err)
				}
			}
			write(execution.Event{Type: execution.TypeQueued})
			for i, text := range test.lines {
				write(execution.Event{Type: execution.TypeLog, Level: execution.Info, Stream: execution.Stdout, Message: &text, Partial: test.partial && i == len(test.lines)-1})
			}
			write(execution.Event{Type: execution.TypeCompleted})
			if test.after != "" {
				text := ""
				write(execution.Event{Type: test.after, Stream: execution.Stdout, Message: &text})
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			got, err := readJournal(store, id, &plan{lines: true, seed: seed})
			wrong := test.want == 0 && name != "nothing"
			if (err != nil) != wrong || !wrong && (got.lines != test.want || got.torn != test.partial) {
				t.Errorf("it reads %d lines, torn %v, %v; want %d, or an error: %v", got.lines, got.torn, err, test.want, wrong)
			}
		})
	}
}
