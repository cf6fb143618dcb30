package main

import (
	"testing"
	"time"

	"github.com/claudeops/claudeops/client"
)

func TestParseSchedule(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		agent string
		n     int
		wrong bool
	}{
		"nightly": {"nightly", 0, false}, "nightly/2": {"nightly", 2, false},
		"nightly/": {wrong: true}, "nightly/x": {wrong: true}, "nightly/-1": {wrong: true}, "/0": {wrong: true},
	} {
		agent, n, err := parseSchedule(text)
		if (err != nil) != want.wrong || err == nil && (agent != want.agent || n != want.n) {
			t.Errorf("%s: %s %d %v", text, agent, n, err)
		}
		if err != nil && codeOf(err) != exitUsage {
			t.Errorf("%s: exit code %d", text, codeOf(err))
		}
	}
}

func TestOccurrenceWords(t *testing.T) {
	t.Parallel()
	due := time.Date(2026, 11, 30, 2, 30, 0, 0, time.UTC)
	for want, o := range map[string]*client.Occurrence{
		"–":                               nil,
		"Mon 2026-11-30 02:30 started e1": {Due: due, Outcome: "started", ExecutionID: "e1"},
		"Mon 2026-11-30 02:30 skipped (3 times): not there": {Due: due, Outcome: "skipped", Count: 3, Reason: "not there"},
	} {
		if got := occurrenceWords(o); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
