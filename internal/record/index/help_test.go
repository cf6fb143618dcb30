package index_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/record/journal"
)

func open(t testing.TB, path string, options ...index.Option) *index.Index {
	t.Helper()
	x, err := index.Open(path, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

func newIndex(t testing.TB) *index.Index { return open(t, filepath.Join(t.TempDir(), "index.sqlite")) }

func newStore(t testing.TB) *journal.Files {
	t.Helper()
	store, err := journal.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// id makes the nth id: they sort by n.
func id(n int) string { return fmt.Sprintf("01k%023d", n) }

var base = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func put(t testing.TB, x *index.Index, records ...execution.Record) {
	t.Helper()
	if err := x.Put(t.Context(), records); err != nil {
		t.Fatal(err)
	}
}

func record(n int, agent string, status execution.Status) execution.Record {
	return execution.Record{
		ExecutionID: id(n), AgentType: agent, Status: status, Terminal: status.Terminal(), Head: 1,
		QueuedAt: base.Add(time.Duration(n) * time.Minute), Config: json.RawMessage(`{}`), Trigger: execution.Trigger{Kind: "api", User: "me"},
	}
}

// randomEvents makes a random life of an execution: its lines, and how many of them have happened.
func randomEvents(t testing.TB, random *rand.Rand, id string, n int) [][]byte {
	t.Helper()
	var lines [][]byte
	at := base.Add(time.Duration(n)*7*time.Minute + time.Duration(random.IntN(1000))*time.Millisecond)
	add := func(e execution.Event) {
		at = at.Add(time.Duration(random.IntN(5000)) * time.Millisecond)
		e.ExecutionID, e.Seq, e.Timestamp = id, uint64(len(lines)+1), execution.At(at)
		line, err := json.Marshal(&e)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, append(line, '\n'))
	}
	config := fmt.Sprintf(`{"path":"/srv/<%d>","n":%d,"deep":{"list":["a","B %d"],"flag":true,"none":null}}`, n, random.IntN(9), n)
	add(execution.Event{Type: execution.TypeQueued, AgentType: []string{"disk", "health", "claude-review"}[random.IntN(3)], Config: json.RawMessage(config), Trigger: &execution.Trigger{Kind: "cli", User: "ann"}})
	end := func(e execution.Event) {
		usd, ms, reaped, code := float64(random.IntN(400))/100, int64(random.IntN(9999)), random.IntN(3), random.IntN(3)
		e.Cost, e.DurationMs, e.ProcessesReaped, e.ExitCode = &usd, &ms, &reaped, &code
		add(e)
	}
	switch random.IntN(6) {
	case 0:
		return lines // waits
	case 1:
		end(execution.Event{Type: execution.TypeCancelled, By: "bob", Reason: "Not needed any more"})
		return lines
	}
	add(execution.Event{Type: execution.TypeStarted, AgentType: "x", Command: []string{"df", "-h"}, Workdir: "/srv", PID: 4711, Host: "box"})
	for range random.IntN(30) {
		switch random.IntN(6) {
		case 0:
			percent, message := float64(random.IntN(101)), fmt.Sprintf("Indexing Ünits %d", random.IntN(10))
			add(execution.Event{Type: execution.TypeProgress, Progress: &percent, Message: &message})
		case 1:
			usd, estimated := float64(random.IntN(300))/100, random.IntN(2) == 0
			add(execution.Event{Type: execution.TypeCost, USD: &usd, Tokens: &execution.Tokens{Input: int64(random.IntN(999)), Output: 3, CacheRead: 4, CacheWrite: 5}, Model: "m", Estimated: &estimated})
		case 2:
			dropped, bytes, limit := int64(3), int64(400), int64(1000)
			add(execution.Event{Type: execution.TypeTruncated, DroppedLines: &dropped, DroppedBytes: &bytes, Limit: &limit})
		default:
			message := fmt.Sprintf("line %d", len(lines))
			add(execution.Event{Type: execution.TypeLog, Level: execution.Info, Stream: execution.Stdout, Message: &message})
		}
	}
	switch random.IntN(4) {
	case 0: // runs
	case 1:
		end(execution.Event{Type: execution.TypeFailed, Error: "exit code 3", Reason: "exit_code"})
	default:
		end(execution.Event{Type: execution.TypeCompleted, Result: json.RawMessage(`{"a": [1, "<b>"]}`)})
	}
	return lines
}

// dump gives everything an index holds.
func dump(t testing.TB, path string) []string {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var all []string
	for _, query := range []string{
		`SELECT id, agent, status, queued_at, cost, estimated, input, output, cache_read, cache_write, search, record FROM executions ORDER BY id`,
		`SELECT user, key, request, execution_id FROM claims ORDER BY user, key`,
		`SELECT sql FROM sqlite_schema ORDER BY name`,
		`PRAGMA user_version`,
	} {
		rows, err := db.Query(query)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new(any)
			}
			if err := rows.Scan(values...); err != nil {
				t.Fatal(err)
			}
			line := ""
			for _, value := range values {
				line += fmt.Sprintf("%v|", *value.(*any))
			}
			all = append(all, line)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		rows.Close()
	}
	return all
}
