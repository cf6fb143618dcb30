package runner_test

import (
	"fmt"
	"testing"

	"claudeops/internal/execution"
)

func TestRun_Lines(t *testing.T) {
	t.Parallel()
	s := newScene(t, "lines", "1000")
	events := s.run()
	last := events[len(events)-1]
	if last.Type != execution.TypeCompleted || *last.ExitCode != 0 || *last.ProcessesReaped != 0 {
		t.Errorf("ended with %+v", last)
	}
	want := ""
	for i := range 1000 {
		want += fmt.Sprintf("line %d\n", i)
	}
	if got := string(s.text(execution.Stdout)); got != want {
		t.Errorf("got %d bytes, want %d", len(got), len(want))
	}
}
