package e2e

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An execution's journal is sealed soon after its end, and nobody who reads it sees a difference: not
// by its events, its text or a search, and not from the next server.
func TestSealing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "--seal-after", "0")
	w.define("lines", `
description: Says many lines.
shell: "for i in $(seq 3000); do echo \"line $i says that all is well\"; done; printf 'no newline'"
`)
	w.serve()
	run := w.cli("run", "lines", "--json")
	run.check(t, 0)
	_, rest, _ := strings.Cut(run.stdout, `"executionId":"`)
	id, _, _ := strings.Cut(rest, `"`)
	text := w.cli("logs", id)
	file := func(name string) string { return filepath.Join(w.dir, "executions", id, name) }
	await(t, "the journal is sealed", func() bool {
		_, err := os.Stat(file("events.ndjson"))
		return errors.Is(err, fs.ErrNotExist)
	})
	sealed, err := os.Stat(file("events.zst"))
	if err != nil || sealed.Size()*8 > int64(len(run.stdout)) {
		t.Errorf("%d bytes of events are sealed into %v, %v", len(run.stdout), sealed, err)
	}
	for _, when := range []string{"at once", "from the next server"} {
		if again := w.cli("logs", "--json", id); again.stdout != run.stdout {
			t.Errorf("%s: logs --json gives %d bytes, the run gave %d", when, len(again.stdout), len(run.stdout))
		}
		if again := w.cli("logs", id); again.stdout != text.stdout {
			t.Errorf("%s: logs gives %d bytes, it gave %d before", when, len(again.stdout), len(text.stdout))
		}
		if last := w.cli("logs", "--json", "--since", "2500", id); last.stdout != run.stdout[nthLine(run.stdout, 2500):] {
			t.Errorf("%s: logs --since 2500 gives %d bytes", when, len(last.stdout))
		}
		if when == "at once" {
			if scraped := w.get("/metrics"); !strings.Contains(scraped, "\nclaudeops_journals_sealed_total 1\n") || !strings.Contains(scraped, "\nclaudeops_seal_failures_total 0\n") {
				t.Error("the metrics do not say that one journal was sealed")
			}
			w.stop()
			w.serve()
		}
	}
}

// get asks the server as its owner.
func (w *world) get(path string) string {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url()+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+w.token())
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(b)
}
