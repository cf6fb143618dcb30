package runner

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"slices"
	"testing"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/run/control"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
)

// FuzzControl: whatever a server sends, the runner's side takes it or hangs up, and answers each
// request that asks for an answer once.
func FuzzControl(f *testing.F) {
	for _, s := range []string{`{"watch":true}` + "\n", `{"cancel":{"by":"a","reason":"b"}}` + "\n{", `{"id":1,"input":{"requestId":"x","decision":"allow"}}` + "\n", "{}\n\n[]\n", `{"id":-1}` + "\n", `{"watch":null,"cancel":null,"input":null,"id":2}` + "\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		a := newAudience(journal.Position{})
		cancels := 0
		c := &controlServer{id: "x", audience: a, cancel: func(string, string) { cancels++ }, input: func(driver.Input) error { return errors.New("no") }}
		ours, theirs := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = theirs.Write(sent)
			_ = theirs.Close()
		}()
		inputs := make(chan control.Request, 1+bytes.Count(sent, []byte("\n")))
		h := a.enter()
		c.hear(ours, h, inputs, make(chan control.Answer, 1+bytes.Count(sent, []byte("\n"))))
		close(inputs)
		for r := range inputs {
			answers := make(chan control.Answer, 1)
			c.pass(r, h, answers)
			if r.ID != 0 && (<-answers).ID != r.ID {
				t.Fatalf("the answer to %d is another's", r.ID)
			}
		}
		_ = ours.Close()
		<-done
		want := 0
		for line := range bytes.SplitSeq(sent, []byte("\n")) {
			var r control.Request
			if len(line) > 0 && json.Unmarshal(line, &r) != nil {
				break
			}
			if r.Cancel != nil {
				want++
			}
		}
		if cancels != want {
			t.Fatalf("%d cancels from %q, want %d", cancels, sent, want)
		}
		if a.watching.Load() < 0 || a.watching.Load() > 1 {
			t.Fatalf("%d watch", a.watching.Load())
		}
	})
}

// TestAudience_Bounded: a run of many hours does not make the runner remember all its progress.
func TestAudience_Bounded(t *testing.T) {
	t.Parallel()
	a := newAudience(journal.Position{})
	add := func(seq uint64, kind string) {
		a.durable([]lifeEvent{{seq: seq, line: []byte("{}\n"), kind: kind}})
	}
	add(2, execution.TypeStarted)
	for seq := uint64(3); seq < 100_000; seq++ {
		switch {
		case seq%1000 == 0:
			add(seq, execution.TypeApproval)
		case seq%2 == 0:
			add(seq, execution.TypeCost)
		default:
			add(seq, execution.TypeProgress)
		}
	}
	add(100_000, execution.TypeCompleted)
	events, _, _ := a.after(0)
	if n := len(events); n > 4*replayedProgress+200 {
		t.Errorf("%d events are kept", n)
	}
	count := map[string]int{}
	for _, e := range events {
		count[e.kind]++
	}
	if count[execution.TypeStarted] != 1 || count[execution.TypeApproval] != 99 || count[execution.TypeCompleted] != 1 || count[execution.TypeProgress] < replayedProgress || count[execution.TypeCost] < replayedProgress {
		t.Errorf("kept %v", count)
	}
	if !slices.IsSortedFunc(events, func(a, b lifeEvent) int { return int(a.seq) - int(b.seq) }) {
		t.Error("out of order")
	}
	for _, seq := range []uint64{0, 2, 999, 99_998, 99_999, 100_000, 200_000} {
		rest, _, _ := a.after(seq)
		want := 0
		for _, e := range events {
			if e.seq > seq {
				want++
			}
		}
		if len(rest) != want {
			t.Errorf("after %d: %d events, want %d", seq, len(rest), want)
		}
	}
}
