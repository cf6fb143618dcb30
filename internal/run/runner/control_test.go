package runner_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/run/control"
	"github.com/claudeops/claudeops/protocol"
)

func TestLink_Replay(t *testing.T) {
	t.Parallel()
	s := script(t, "bash", "-c", "for i in 1 2 3; do echo ::progress $i::step; done; echo ready; sleep 1000")
	s.spawn().dial()
	s.until("ready")
	// The third sees what the first did: each event once, from the start, as it is in the journal.
	for round := range 3 {
		link, err := control.Dial(testContext(t), s.dataDir, s.id)
		must(t, err)
		h := listen(t, link)
		waitFor(t, h, func() *bool {
			if len(h.events) == 4 && len(h.caught) > 0 {
				return new(bool)
			}
			return nil
		})
		lines := s.lines()
		h.mu.Lock()
		for i, line := range h.lines {
			if !bytes.Equal(line, lines[h.at[i].Seq-1]) {
				t.Errorf("told %q, journaled %q", line, lines[h.at[i].Seq-1])
			}
			if want := int64(len(bytes.Join(lines[:h.at[i].Seq], nil))); h.at[i].Offset != want {
				t.Errorf("event %d ends at %d, told %d", h.at[i].Seq, want, h.at[i].Offset)
			}
		}
		// All four had been told of before the second came.
		if round > 0 && !slices.Equal(h.caught, []int{4}) {
			t.Errorf("caught up after %d events, want 4 and once", h.caught)
		}
		h.mu.Unlock()
		must(t, link.Close())
	}
	must(t, s.link.Cancel("alice", ""))
	s.wait()
}

func TestLink_Growth(t *testing.T) {
	t.Parallel()
	s := newScene(t, "ticks", "1000", "2")
	s.spawn().dial()
	s.until("tick 20")
	s.heard.mu.Lock()
	if len(s.heard.grew) > 0 {
		t.Errorf("told of growth %d times without watching", len(s.heard.grew))
	}
	s.heard.mu.Unlock()
	s.link.Watch(true)
	first := *waitFor(t, s.heard, func() *journal.Position {
		if len(s.heard.grew) > 0 {
			return &s.heard.grew[0]
		}
		return nil
	})
	if first.Seq < 20 {
		t.Errorf("first told of %d, which is not where it stood", first.Seq)
	}
	waitFor(t, s.heard, func() *journal.Position {
		if len(s.heard.grew) > 2 {
			return &s.heard.grew[2]
		}
		return nil
	})
	s.link.Watch(false)
	events := s.wait()
	lines := s.lines()
	s.heard.mu.Lock()
	defer s.heard.mu.Unlock()
	ends := map[int64]uint64{}
	at := int64(0)
	for i, line := range lines {
		at += int64(len(line))
		ends[at] = uint64(i) + 1
	}
	for i, p := range s.heard.grew {
		if ends[p.Offset] != p.Seq {
			t.Errorf("growth to %+v is not the end of an event", p)
		}
		if i > 0 && p.Seq <= s.heard.grew[i-1].Seq {
			t.Errorf("growth to %d after %d", p.Seq, s.heard.grew[i-1].Seq)
		}
	}
	if end := s.heard.grew[len(s.heard.grew)-1].Seq; end == uint64(len(events)) {
		t.Error("still told of growth after watching was turned off")
	}
}

// TestLink_ManyServers: servers come and go, some without a word, while the agent writes; it does
// not notice.
func TestLink_ManyServers(t *testing.T) {
	t.Parallel()
	s := newScene(t, "flood", "400000")
	s.spawn()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 30 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(1+(i*n)%7)*time.Millisecond)
				link, err := control.Dial(ctx, s.dataDir, s.id)
				if err == nil {
					link.Watch(n%2 == 0)
					h := &heard{news: make(chan struct{}, 1)}
					_ = link.Run(ctx, h)
					for k, p := range h.grew {
						if k > 0 && p.Seq <= h.grew[k-1].Seq {
							t.Errorf("growth to %d after %d", p.Seq, h.grew[k-1].Seq)
						}
					}
				}
				cancel()
			}
		})
	}
	// One that connects and never reads must not hold anything up.
	stuck, err := net.Dial("unix", filepath.Join(s.dir, "runner.sock"))
	if err == nil {
		defer stuck.Close()
		_, _ = io.WriteString(stuck, `{"watch":true}`+"\n")
	}
	s.dial()
	wg.Wait()
	if stuck != nil {
		must(t, stuck.Close())
	}
	events := s.wait()
	if last := events[len(events)-1]; last.Type != execution.TypeCompleted || last.Seq != 400_003 {
		t.Errorf("ended with %s", asJSON(t, last))
	}
}

// TestControl_Nonsense: whatever comes over the socket, the execution goes on.
func TestControl_Nonsense(t *testing.T) {
	t.Parallel()
	s := newScene(t, "sleep")
	s.spawn().dial()
	s.until("ready")
	info, err := os.Stat(filepath.Join(s.dir, "runner.sock"))
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the socket has mode %v", info.Mode().Perm())
	}
	for _, text := range []string{"", "\n", "hello\n", `{"cancel":17}` + "\n", `{"cancel":null,"watch":null}` + "\n", "{}\n{}\n", `[1]` + "\n", "\x00\xff\n",
		`{"watch":"yes"}` + "\n", `{"input":{"decision":"allow"},"id":7}` + "\n", string(bytes.Repeat([]byte("x"), 1<<20)), `{"unknown":{"deep":[{}]}}` + "\n"} {
		conn, err := net.Dial("unix", filepath.Join(s.dir, "runner.sock"))
		must(t, err)
		must(t, conn.SetDeadline(time.Now().Add(patience)))
		_, _ = io.WriteString(conn, text)
		var n struct {
			Hello struct{ ExecutionID string }
		}
		if err := json.NewDecoder(conn).Decode(&n); err != nil || n.Hello.ExecutionID != s.id {
			t.Errorf("after %.20q: hello %+v, %v", text, n, err)
		}
		must(t, conn.Close())
	}
	if err := s.link.Input(testContext(t), control.Input{Text: "hi"}); fault.CodeOf(err) != protocol.Conflict || !strings.Contains(err.Error(), "stdin: open") {
		t.Errorf("input: %v", err)
	}
	must(t, s.link.Cancel("alice", ""))
	if events := s.wait(); events[len(events)-1].By != "alice" {
		t.Error("it did not go on to its end")
	}
}

func TestDial_NotRunning(t *testing.T) {
	t.Parallel()
	s := newScene(t, "exit", "0")
	dial := func(what string) {
		t.Helper()
		if _, err := control.Dial(testContext(t), s.dataDir, s.id); !errors.Is(err, control.ErrNotRunning) {
			t.Errorf("%s: %v", what, err)
		}
	}
	dial("before")
	s.run()
	dial("after")
	// What a killed runner leaves.
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(s.dir, "runner.sock")})
	must(t, err)
	l.SetUnlinkOnClose(false)
	must(t, l.Close())
	dial("with a socket nobody listens on")
	if _, err := control.Dial(testContext(t), s.dataDir, "../../../etc/passwd"); err == nil || errors.Is(err, control.ErrNotRunning) {
		t.Errorf("a path for an id: %v", err)
	}
}

// TestLink_ServerGone: the server's end of a link, not the runner, goes.
func TestLink_ServerGone(t *testing.T) {
	t.Parallel()
	s := newScene(t, "ticks", "100", "2")
	s.spawn()
	link, err := control.Dial(testContext(t), s.dataDir, s.id)
	must(t, err)
	ctx, cancel := context.WithCancelCause(testContext(t))
	stopped := errors.New("the server stops")
	cancel(stopped)
	if err := link.Run(ctx, &heard{news: make(chan struct{}, 1)}); !errors.Is(err, stopped) {
		t.Errorf("got %v", err)
	}
	if err := link.Cancel("late", ""); !errors.Is(err, control.ErrNotRunning) {
		t.Errorf("cancel over a closed link: %v", err)
	}
	link.Watch(true)
	must(t, link.Close())
	events := s.dial().wait()
	if last := events[len(events)-1]; last.Type != execution.TypeCompleted || fmt.Sprint(last.Seq) != "103" {
		t.Errorf("ended with %s", asJSON(t, last))
	}
}

// TestControl_Agent: the agent itself finds no hearing, though it runs as the same user.
func TestControl_Agent(t *testing.T) {
	t.Parallel()
	s := newScene(t, "meddler")
	events := s.run()
	if last := events[len(events)-1]; last.Type != execution.TypeCompleted {
		t.Errorf("ended with %s", asJSON(t, last))
	}
	if got := string(s.text("")); got != "told \"\"\n" {
		t.Errorf("it says %q", got)
	}
}
