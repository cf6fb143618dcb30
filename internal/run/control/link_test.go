package control

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"testing"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/journal"
)

// FuzzLink: whatever a runner sends, the server's side tells its handler what is well formed, or
// ends with an error.
func FuzzLink(f *testing.F) {
	for _, s := range []string{`{"hello":{"executionId":"x","pid":1}}` + "\n" + `{"grew":{"seq":1,"offset":2}}` + "\n", `{"at":{"seq":3,"offset":9},"event":{"type":"execution:completed","executionId":"x","seq":3}}` + "\n",
		`{"event":17,"at":{}}` + "\n", `{"stalled":"full"}` + "\n" + `{"answer":{"id":9}}` + "\n", "\x00\n", string(bytes.Repeat([]byte(" "), 5000)) + "{}\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		ours, theirs := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = theirs.Write(sent)
			_ = theirs.Close()
		}()
		l := &Link{conn: ours, in: bufio.NewReaderSize(ours, 64), answers: make(map[uint64]chan error)}
		h := &hearing{t: t}
		err := l.Run(t.Context(), h)
		<-done
		if err == nil && !h.ended {
			t.Fatalf("ended without a last event: %q", sent)
		}
		if err != nil && !errors.Is(err, ErrLost) {
			t.Fatalf("%q gives %v", sent, err)
		}
	})
}

type hearing struct {
	t     *testing.T
	ended bool
}

func (h *hearing) CaughtUp()             {}
func (h *hearing) Grew(journal.Position) {}
func (h *hearing) Event(line []byte, e *execution.Event, _ journal.Position) {
	if !json.Valid(line) || bytes.Count(line, []byte("\n")) == 0 || e == nil {
		h.t.Errorf("event %q", line)
	}
	h.ended = h.ended || e.Terminal()
}
