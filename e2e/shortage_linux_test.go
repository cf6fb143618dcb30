package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/protocol"
)

// fillUp takes all the room there is on the world's disk, to the last byte.
func (w *world) fillUp() {
	w.t.Helper()
	f, err := os.OpenFile(filepath.Join(w.dir, "filler"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; size /= 2 {
		for {
			if _, err = f.Write(make([]byte, size)); err != nil {
				break
			}
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		w.t.Fatalf("fill the disk: %v", err)
	}
}

// free gives the room back.
func (w *world) free() {
	w.t.Helper()
	if err := os.Remove(filepath.Join(w.dir, "filler")); err != nil && !errors.Is(err, os.ErrNotExist) {
		w.t.Error(err)
	}
}

// metric is one figure of the server's, 0 when it does not give it.
func (w *world) metric(name string) float64 {
	w.t.Helper()
	req, err := http.NewRequest(http.MethodGet, w.url()+"/metrics", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+w.token())
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}).Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			v, _ := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return v
		}
	}
	return 0
}

// TestFullDisk lets the disk fill up under agents that write. What is told to readers is stored, the agents
// wait, reads go on, what can't be stored is refused with what to do, and so is a server that is started;
// when there is room again, everything goes on where it was, and not a line is missing.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	s := seed(t)
	w := newWorld(t, "--low-disk", "off")
	if err := os.Mkdir(w.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	w.mountTmpfs("24m")
	t.Cleanup(w.free) // or runners would wait for room to write the end
	w.define("writer", fmt.Sprintf("command: [TESTAGENT, -rate, '1000', -size, '200', -seed, '%d']\nstop: {grace: 30s}\n", s))
	w.serve()
	ctx := testContext(t, 4*time.Minute)
	c := w.client()
	var ids []string
	var followers []*follower
	for _, transport := range []client.Transport{client.WebSocket, client.Poll} {
		record := w.start(ctx, c, "writer", nil)
		ids = append(ids, record.ExecutionID)
		followers = append(followers, follow(ctx, w.client(client.WithTransports(transport)), record.ExecutionID, s))
	}
	for i, f := range followers {
		await(t, fmt.Sprintf("reader %d has some lines", i), func() bool { return f.lines.Load() > 200 })
	}
	w.fillUp()
	await(t, "both agents wait for room", func() bool { return w.metric("claudeops_executions_stalled") == 2 })
	stored := func(id string) uint64 { return uint64(len(w.journal(id))) }
	for i, id := range ids {
		// What is stored is delivered, and nothing else.
		n := stored(id)
		next := uint64(1)
		for m, err := range c.History(ctx, protocol.Cursor{ExecutionID: id}) {
			if err != nil {
				t.Fatalf("read with a full disk: %v", err)
			}
			if m.Seq != next {
				t.Fatalf("event %d came where %d was due", m.Seq, next)
			}
			next++
		}
		if next-1 != n || stored(id) != n {
			t.Errorf("execution %d: %d events are given; %d, and now %d, are stored", i, next-1, n, stored(id))
		}
		if record, err := c.Get(ctx, id); err != nil || record.Status != protocol.Status("running") {
			t.Errorf("its record is %+v, %v", record, err)
		}
	}
	if page, err := c.List(ctx, client.Filter{}); err != nil || len(page.Executions) != 2 {
		t.Errorf("the list has %d executions, %v", len(page.Executions), err)
	}
	refused := func() {
		t.Helper()
		// A retryable refusal, at once, that says what to do, and nothing left of it.
		one, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		_, err := c.Execute(one, "writer", nil)
		var e *client.Error
		if !errors.As(err, &e) || !e.Retryable || !strings.Contains(e.Message, "is full") || !strings.Contains(e.Message, "free some") {
			t.Errorf("with a full disk, starting another gives %v", err)
		}
		if entries, err := os.ReadDir(filepath.Join(w.dir, "executions")); err != nil || len(entries) != 2 {
			t.Errorf("there are %d executions on the disk, %v", len(entries), err)
		}
	}
	refused()

	// A server that dies now can't be followed by another before there is room, and says so. The agents
	// wait for that, too.
	w.kill()
	none := w.launch()
	select {
	case <-none.done:
	case <-ctx.Done():
		t.Fatal("a server neither ends nor serves")
	}
	if text := none.log.String(); none.err == nil || !strings.Contains(text, "full disk") || !strings.Contains(text, "free some") {
		t.Errorf("a server on a full disk ends with %v: %s", none.err, text)
	}
	for _, id := range ids {
		if len(strays(t, id)) == 0 {
			t.Errorf("the agent of %s is gone", id)
		}
	}
	w.free()
	w.serve()
	for i, f := range followers {
		until := f.lines.Load() + 1000
		await(t, fmt.Sprintf("reader %d has more lines", i), func() bool { return f.lines.Load() >= until })
	}
	for i, f := range followers {
		if _, err := c.Cancel(ctx, ids[i], "seen enough"); err != nil {
			t.Fatal(err)
		}
		if err := <-f.over; err != nil {
			t.Fatal(err)
		}
		w.oracle(t, ids[i], s, f)
	}
	if record := w.start(ctx, c, "writer", nil); record.PID == 0 {
		t.Errorf("with room again, another is %+v", record)
	}
}

// TestDescriptorsExhausted takes every descriptor the server may have with connections: those that are
// there go on, the log says what is wrong, who comes now is refused or waits, and when there are
// descriptors again everything is as before.
func TestDescriptorsExhausted(t *testing.T) {
	t.Parallel()
	const limit = 96
	s := seed(t)
	w := newWorld(t)
	w.via = []string{"prlimit", fmt.Sprintf("--nofile=%d:%d", limit, limit)}
	w.define("writer", fmt.Sprintf("command: [TESTAGENT, -rate, '200', -seed, '%d']\n", s))
	server := w.serve()
	ctx := testContext(t, 3*time.Minute)
	c := w.client()
	record := w.start(ctx, c, "writer", nil)
	f := follow(ctx, c, record.ExecutionID, s)
	await(t, "the reader has some lines", func() bool { return f.lines.Load() > 20 })

	// Idle connections, as many as it takes.
	var idle []net.Conn
	drop := func() {
		for _, conn := range idle {
			_ = conn.Close()
		}
		idle = nil
	}
	defer drop()
	for range limit + 20 {
		conn, err := net.DialTimeout("tcp", w.listen, 5*time.Second)
		if err != nil {
			break
		}
		// A request begun and not finished holds the connection open.
		_, _ = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: "+w.listen+"\r\n")
		idle = append(idle, conn)
	}
	await(t, "the log says that there are no descriptors", func() bool {
		return strings.Contains(server.log.String(), "too many open files")
	})
	until := f.lines.Load() + 300
	await(t, "the reader that was there goes on", func() bool { return f.lines.Load() >= until })
	select {
	case <-server.done:
		t.Fatalf("the server ended: %v", server.err)
	default:
	}
	if n := strings.Count(server.log.String(), "too many open files"); n > 20 {
		t.Errorf("the log says it %d times", n)
	}
	drop()
	fresh := w.client()
	if _, err := fresh.Get(ctx, record.ExecutionID); err != nil {
		t.Errorf("when there are descriptors again: %v", err)
	}
	other := w.start(ctx, fresh, "writer", nil)
	for _, id := range []string{record.ExecutionID, other.ExecutionID} {
		if _, err := fresh.Cancel(ctx, id, "seen enough"); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-f.over; err != nil {
		t.Fatal(err)
	}
	w.oracle(t, record.ExecutionID, s, f)
}
