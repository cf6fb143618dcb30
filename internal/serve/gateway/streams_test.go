package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

// eventsOf reads events from an answer.
func eventsOf(t testing.TB, text string) []execution.Event {
	t.Helper()
	var events []execution.Event
	for line := range strings.Lines(text) {
		var e execution.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		events = append(events, e)
	}
	return events
}

func TestEvents(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	id := d.supervisor.begin("echo")
	for i := range 9 {
		d.supervisor.say(id, logLine(execution.Stdout, fmt.Sprint("line ", i)))
	}
	owner := d.as(d.token, nil)
	for query, want := range map[string][2]uint64{
		"": {1, 10}, "?since=0": {1, 10}, "?since=4": {5, 10}, "?since=9": {10, 10}, "?since=10": {0, 0}, "?limit=3": {1, 3},
		"?since=4&limit=2": {5, 6}, "?limit=0": {1, 10}, "?limit=100": {1, 10}, "?tail=2": {9, 10}, "?tail=0": {0, 0}, "?tail=9999": {1, 10},
		"?tail=5&limit=1": {6, 6}, "?limit=3&follow=true": {1, 3},
	} {
		got := d.do(t, "GET", "/api/executions/"+id+"/events"+query, "", owner)
		if got.status != 200 || got.header.Get("Content-Type") != "application/x-ndjson; charset=utf-8" || got.header.Get("X-Accel-Buffering") != "no" {
			t.Fatalf("%s: %d %v", query, got.status, got.header)
		}
		events := eventsOf(t, got.body)
		if want[0] == 0 {
			if len(events) > 0 {
				t.Errorf("%s: %d events", query, len(events))
			}
			continue
		}
		if uint64(len(events)) != want[1]-want[0]+1 {
			t.Errorf("%s: %d events, want %d to %d", query, len(events), want[0], want[1])
			continue
		}
		for i, e := range events {
			if e.Seq != want[0]+uint64(i) || e.ExecutionID != id {
				t.Errorf("%s: event %d is %s %d", query, i, e.ExecutionID, e.Seq)
			}
		}
	}
	for query, says := range map[string]string{
		"?since=11": "last event of " + id + " is 10", "?since=9007199254740991": "is 10", "?since=-1": "since", "?since=x": "since", "?since=1.5": "since",
		"?since=9223372036854775808": "since", "?since=18446744073709551616": "since", "?since=%201": "since", "?since=0x1": "since",
		"?tail=-1": "tail", "?limit=-1": "limit", "?limit=x": "limit", "?since=1&tail=1": "since or tail", "?follow=maybe": "follow", "?since=11&follow=true": "is 10",
	} {
		got := d.do(t, "GET", "/api/executions/"+id+"/events"+query, "", owner)
		if got.status != 400 && got.status != 422 {
			t.Errorf("%s: %d %s", query, got.status, got.body)
			continue
		}
		if p := got.problem(t); p.Code != protocol.BadRequest || !strings.Contains(p.Detail, says) {
			t.Errorf("%s: %s", query, got.body)
		}
		if query == "?since=11" && !strings.Contains(got.body, `"head":10`) {
			t.Errorf("programs are not told where the head is: %s", got.body)
		}
	}
	if got := d.do(t, "GET", "/api/executions/"+strings.Repeat("0", 26)+"/events", "", owner); got.status != 404 {
		t.Errorf("%d", got.status)
	}
	if got := d.do(t, "HEAD", "/api/executions/"+id+"/events?follow=true", "", owner); got.status != 200 || got.body != "" {
		t.Errorf("HEAD: %d %q", got.status, got.body)
	}
}

// follow opens a stream and gives its lines.
func (d *door) follow(t *testing.T, path string, header map[string]string) (*bufio.Scanner, func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	response, err := d.client.Do(d.request(t, "GET", path, "", header).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != 200 {
		text, _ := io.ReadAll(response.Body)
		t.Fatalf("%s: %d %s", path, response.StatusCode, text)
	}
	scanner := bufio.NewScanner(response.Body)
	scanner.Buffer(nil, 64<<20)
	hangUp := func() { cancel(); response.Body.Close() }
	t.Cleanup(hangUp)
	return scanner, hangUp
}

func TestEvents_follow(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	owner := d.as(d.token, nil)

	t.Run("gives_each_event_as_it_comes_and_ends_with_the_execution", func(t *testing.T) {
		t.Parallel()
		id := d.supervisor.begin("echo")
		stream, _ := d.follow(t, "/api/executions/"+id+"/events?follow=true", owner)
		next := func() (e execution.Event) {
			if !stream.Scan() {
				t.Fatalf("it ended: %v", stream.Err())
			}
			if err := json.Unmarshal(stream.Bytes(), &e); err != nil {
				t.Fatal(err)
			}
			return e
		}
		if e := next(); e.Seq != 1 {
			t.Fatalf("the first is %d", e.Seq)
		}
		for i := range 50 {
			d.supervisor.say(id, logLine(execution.Stdout, fmt.Sprint(i)))
			if e := next(); e.Seq != uint64(i)+2 || *e.Message != fmt.Sprint(i) {
				t.Fatalf("event %d is %+v", i, e)
			}
		}
		d.supervisor.say(id, logLine(execution.Stdout, "last"), completed)
		next()
		if e := next(); !e.Terminal() {
			t.Fatalf("the last is %s", e.Type)
		}
		if stream.Scan() || stream.Err() != nil {
			t.Errorf("after the end: %q %v", stream.Text(), stream.Err())
		}
	})

	t.Run("of_one_that_has_ended_is_what_there_is", func(t *testing.T) {
		t.Parallel()
		id := d.supervisor.begin("echo")
		d.supervisor.say(id, completed)
		for query, want := range map[string]int{"": 2, "&since=1": 1, "&since=2": 0} {
			if got := d.do(t, "GET", "/api/executions/"+id+"/events?follow=true"+query, "", owner); len(eventsOf(t, got.body)) != want {
				t.Errorf("%s: %s", query, got.body)
			}
		}
	})

	t.Run("stops_watching_when_the_client_leaves", func(t *testing.T) {
		t.Parallel()
		id := d.supervisor.begin("echo")
		stream, hangUp := d.follow(t, "/api/executions/"+id+"/events?follow=true", owner)
		if !stream.Scan() || d.supervisor.watched(id) != 1 {
			t.Fatalf("%d watch", d.supervisor.watched(id))
		}
		hangUp()
		waitFor(t, func() bool { return d.supervisor.watched(id) == 0 })
	})

	t.Run("ends_within_five_seconds_of_its_credential", func(t *testing.T) {
		t.Parallel()
		id := d.supervisor.begin("echo")
		cookie := d.cookie(t)
		browser := map[string]string{"Cookie": cookie.String(), "Origin": d.server.URL}
		stream, _ := d.follow(t, "/api/executions/"+id+"/events?follow=true", browser)
		if !stream.Scan() {
			t.Fatal(stream.Err())
		}
		if got := d.do(t, "POST", "/logout", "", browser); got.status != 204 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		if stream.Scan() || stream.Err() == nil {
			t.Errorf("it went on, or ended as if it were whole: %q", stream.Text())
		}
		if recheck >= 5*time.Second {
			t.Errorf("a stream looks every %s whether its reader may still read", recheck)
		}
	})
}

func waitFor(t *testing.T, holds func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for !holds() {
		select {
		case <-look.C:
		case <-deadline:
			t.Fatal("it never came to hold")
		}
	}
}

func TestEvents_when_the_gateway_closes_streams_end_and_no_new_ones_begin(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	id := d.supervisor.begin("echo")
	owner := d.as(d.token, nil)
	stream, _ := d.follow(t, "/api/executions/"+id+"/events?follow=true", owner)
	if !stream.Scan() {
		t.Fatal(stream.Err())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := d.gateway.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if stream.Scan() {
		t.Errorf("it went on: %q", stream.Text())
	}
	if d.supervisor.watched(id) != 0 {
		t.Error("it is still watched")
	}
	if got := d.do(t, "GET", "/api/executions/"+id+"/events", "", owner); got.status != 503 {
		t.Errorf("%d", got.status)
	}
	if got := d.do(t, "GET", "/readyz", "", nil); got.status != 503 {
		t.Errorf("%d", got.status)
	}
}

func TestEvents_damage_is_told_in_its_place(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	id := d.supervisor.begin("echo")
	var more []execution.Event
	for i := range 5000 {
		more = append(more, logLine(execution.Stdout, fmt.Sprintf("line %08d", i)))
	}
	d.supervisor.say(id, more...)
	d.supervisor.mu.Lock()
	d.supervisor.writers[id].Close()
	d.supervisor.mu.Unlock()
	path := filepath.Join(d.dir, "executions", id, "events.ndjson")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[strings.Index(string(data), "line 00001500")] ^= 0x20
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	owner := d.as(d.token, nil)
	got := d.do(t, "GET", "/api/executions/"+id+"/events", "", owner)
	var seen, missing uint64
	expected := uint64(1)
	for line := range strings.Lines(got.body) {
		var m struct {
			Type, ExecutionID string
			Seq, From, To     uint64
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		if m.Type == protocol.TypeLogsGap {
			if m.From != expected || m.ExecutionID != id {
				t.Errorf("the gap is %+v, want it to begin at %d", m, expected)
			}
			missing += m.To - m.From + 1
			expected = m.To + 1
			continue
		}
		if m.Seq != expected {
			t.Fatalf("%d follows %d", m.Seq, expected-1)
		}
		seen++
		expected++
	}
	if missing == 0 || seen+missing != 5001 {
		t.Errorf("%d events and %d told missing, of 5001", seen, missing)
	}
	text := d.do(t, "GET", "/api/executions/"+id+"/log", "", owner)
	if !strings.Contains(text.body, "can't be given: damaged") || strings.Count(text.body, "line ") != int(seen)-1 {
		t.Errorf("the log does not tell of the gap, or has %d lines", strings.Count(text.body, "line "))
	}
}

func TestLog_is_the_agents_own_bytes(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	id := d.supervisor.begin("echo")
	var all []byte
	for i := range 256 {
		all = append(all, byte(i))
	}
	odd := execution.Event{Type: execution.TypeLog, Level: execution.Info, Stream: execution.Stdout, Message: new(string), Raw: all}
	partial := logLine(execution.Stdout, "no newline")
	partial.Partial = true
	d.supervisor.say(id,
		logLine(execution.Stdout, "one <script>alert(1)</script>"), logLine(execution.Agent, "the runner's own words"),
		logLine(execution.Stderr, "err \x1b[31mred\x1b[0m"), odd, logLine(execution.Stdout, ""), partial,
	)
	owner := d.as(d.token, nil)
	path := "/api/executions/" + id + "/log"
	got := d.do(t, "GET", path, "", owner)
	stdoutText := "one <script>alert(1)</script>\n"
	want := stdoutText + "err \x1b[31mred\x1b[0m\n" + string(all) + "\n\nno newline"
	if got.status != 200 || got.body != want {
		t.Errorf("%d %q, want %q", got.status, got.body, want)
	}
	for name, value := range map[string]string{
		"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff",
		"Content-Disposition": `attachment; filename="echo-` + id + `.log"`, "X-Accel-Buffering": "no",
	} {
		if got.header.Get(name) != value {
			t.Errorf("%s is %q", name, got.header.Get(name))
		}
	}
	if policy := got.header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "sandbox") {
		t.Errorf("the policy is %q", policy)
	}
	for query, want := range map[string]string{
		"?stream=stderr": "err \x1b[31mred\x1b[0m\n", "?stream=stdout": stdoutText + string(all) + "\n\nno newline", "?stream=stdout,stderr": want, "?stream=stdout&stream=stderr": want,
	} {
		if got := d.do(t, "GET", path+query, "", owner); got.body != want {
			t.Errorf("%s: %q, want %q", query, got.body, want)
		}
	}
	for _, query := range []string{"?stream=agent", "?stream=x", "?stream=stdout,"} {
		if got := d.do(t, "GET", path+query, "", owner); got.status != 400 || !strings.Contains(got.problem(t).Detail, "stream") {
			t.Errorf("%s: %d", query, got.status)
		}
	}

	stream, _ := d.follow(t, path+"?follow=true&stream=stderr", owner)
	if !stream.Scan() {
		t.Fatal(stream.Err())
	}
	d.supervisor.say(id, logLine(execution.Stderr, "live"))
	if !stream.Scan() || stream.Text() != "live" {
		t.Errorf("%q %v", stream.Text(), stream.Err())
	}
	d.supervisor.say(id, completed)
	if stream.Scan() || stream.Err() != nil {
		t.Errorf("%q %v", stream.Text(), stream.Err())
	}
}

func TestEvents_one_that_is_longer_than_any_buffer(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	id := d.supervisor.begin("echo")
	long := strings.Repeat("x", 3*streamBuffer)
	d.supervisor.say(id, logLine(execution.Stdout, long), logLine(execution.Stdout, "short"))
	if got := d.do(t, "GET", "/api/executions/"+id+"/log", "", d.as(d.token, nil)); got.body != long+"\nshort\n" {
		t.Errorf("%d bytes came", len(got.body))
	}
}

// A reader that stops reading keeps its place for as long as it likes, and harms nobody.
func TestEvents_a_reader_that_stands_still(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	id := d.supervisor.begin("echo")
	message := strings.Repeat("m", 10_000)
	for range 200 {
		var batch []execution.Event
		for range 10 {
			batch = append(batch, logLine(execution.Stdout, message))
		}
		d.supervisor.say(id, batch...)
	}
	conn, err := net.Dial("tcp", d.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /api/executions/%s/log?follow=true HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", id, d.token)
	waitFor(t, func() bool { return d.supervisor.watched(id) == 1 })
	for range 10 {
		if got := d.do(t, "GET", "/api/executions/"+id+"/events?tail=1", "", d.as(d.token, nil)); got.status != 200 {
			t.Fatalf("%d", got.status)
		}
	}
	d.supervisor.say(id, logLine(execution.Stdout, "the end"), completed)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	if want := 2000*(len(message)+1) + len("the end\n"); err != nil || len(text) != want {
		t.Errorf("%d bytes came, want %d, %v", len(text), want, err)
	}
}

func TestStream_deadlines_of_requests_do_not_end_it(t *testing.T) {
	t.Parallel()
	lifted := &deadlines{ResponseWriter: nopWriter{}}
	withoutDeadlines(func(http.ResponseWriter, *http.Request) {})(lifted, nil)
	if !lifted.read.IsZero() || !lifted.write.IsZero() || lifted.calls != 2 {
		t.Errorf("%+v", lifted)
	}
}

type nopWriter struct{}

func (nopWriter) Header() http.Header         { return http.Header{} }
func (nopWriter) Write(b []byte) (int, error) { return len(b), nil }
func (nopWriter) WriteHeader(int)             {}

type deadlines struct {
	http.ResponseWriter
	read, write time.Time
	calls       int
}

func (d *deadlines) SetReadDeadline(t time.Time) error  { d.read = t; d.calls++; return nil }
func (d *deadlines) SetWriteDeadline(t time.Time) error { d.write = t; d.calls++; return nil }

// Headers that come a byte at a time are given up, so that they hold nothing for ever.
func TestRequest_that_never_ends(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	server := NewServer(d.gateway, protocol.Limits{HandshakeTimeoutMs: 200}, d.gateway.log)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(listener) }()
	defer func() { server.Close(); <-served }()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	text, err := io.ReadAll(conn)
	if err != nil {
		t.Errorf("it was never given up: %v", err)
	}
	if strings.Contains(string(text), " 200 ") {
		t.Errorf("it was answered: %s", text)
	}
}
