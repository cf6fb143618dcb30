package client

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestBackoff(t *testing.T) {
	t.Parallel()
	var bounds []time.Duration
	b := backoff{min: time.Second, max: 30 * time.Second, draw: func(bound time.Duration) time.Duration {
		bounds = append(bounds, bound)
		return bound
	}}
	if d := b.next(); d != 0 {
		t.Errorf("the first attempt waits %v", d)
	}
	for range 100 {
		b.next()
	}
	for i, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		if bounds[i] != want*time.Second {
			t.Errorf("wait %d is below %v, want %v", i+1, bounds[i], want*time.Second)
		}
	}
	if last := bounds[len(bounds)-1]; last != 30*time.Second {
		t.Errorf("after a hundred attempts the wait is below %v", last)
	}
	b.reset()
	if d := b.next(); d != 0 {
		t.Errorf("after a reset the first attempt waits %v", d)
	}
	for range 1000 {
		if d := (&backoff{}).jitter(time.Millisecond); d < 0 || d >= time.Millisecond {
			t.Fatalf("jitter gives %v", d)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]time.Duration{
		"too many messages; retryAfterMs=1500": 1500 * time.Millisecond,
		"retryAfterMs=20, be patient":          20 * time.Millisecond,
		"retryAfterMs=":                        time.Minute,
		"retryAfterMs=99999999999999999999":    time.Minute,
		"":                                     time.Minute,
	} {
		if got := retryAfter(reason, time.Minute); got != want {
			t.Errorf("%q gives %v, want %v", reason, got, want)
		}
	}
}

// FuzzReadHeader holds the reader of headers that decodes nothing against the one that decodes.
func FuzzReadHeader(f *testing.F) {
	for _, line := range []string{
		`{"type":"execution:log","executionId":"01jd0000000000000000000001","seq":12,"message":"x"}`,
		`{"type":"execution:log","executionId":"01jd0000000000000000000001","seq":12}`,
		`{"type":"execution:log","executionId":"01\u006a","seq":1}`,
		`{"type":"execution:log","executionId":"a","seq":1e3}`,
		`{"type":"execution:log","executionId":"a","seq":18446744073709551616}`,
		`{"type":"execution:log","executionId":"a","seq":007}`,
		`{"seq":3,"executionId":"a","type":"execution:log"}`,
		`{"type":"execution:log","executionId":"a","seq":1,"seq":2}`,
		`{"type":"ack","id":"7"}`, `{}`, `[]`, ``, `null`,
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var got header
		err := readHeader(line, &got)
		// Whatever came before must not change what is read.
		after := header{}
		_ = readHeader([]byte(`{"type":"execution:log","executionId":"01jd0000000000000000000001","seq":1}`), &after)
		if err2 := readHeader(line, &after); (err2 == nil) != (err == nil) || err == nil && (after.kind != got.kind || after.id != got.id || after.executionID != got.executionID || after.seq != got.seq) {
			t.Errorf("%s: read %+v alone and %+v behind another", line, got, after)
		}
		var want struct {
			Type        string `json:"type"`
			ID          string `json:"id"`
			ExecutionID string `json:"executionId"`
			Seq         uint64 `json:"seq"`
		}
		if json.Unmarshal(line, &want) != nil || !utf8.Valid(line) || ambiguous(line) {
			return // what is broken may be read either way
		}
		if err != nil {
			t.Fatalf("valid JSON refused: %v", err)
		}
		if got.kind != want.Type || got.executionID != want.ExecutionID || got.seq != want.Seq {
			t.Errorf("%s: read %+v, want %+v", line, got, want)
		}
	})
}

// ambiguous reports whether a name comes twice in an object.
func ambiguous(line []byte) bool {
	names := map[string]bool{}
	d := json.NewDecoder(bytes.NewReader(line))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return true
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return true
		}
		folded := strings.ToLower(name.(string))
		if names[folded] || strings.ContainsFunc(folded, func(r rune) bool { return r >= utf8.RuneSelf }) {
			return true
		}
		names[folded] = true
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return true
		}
	}
	return false
}

func FuzzEventStream(f *testing.F) {
	f.Add("data: a\ndata: b\n\n: comment\ndata:c\r\n\r\n", uint8(3))
	f.Add("id: 1\nevent: x\ndata\n\n", uint8(1))
	f.Add(strings.Repeat("data: "+strings.Repeat("x", 100)+"\n", 4)+"\n", uint8(16))
	f.Fuzz(func(t *testing.T, text string, size uint8) {
		s := eventStream{r: bufio.NewReaderSize(iotest{strings.NewReader(text), int(size)%7 + 1}, 16)}
		total := 0
		for {
			frame, err := s.next(nil)
			if err != nil {
				break
			}
			total += len(frame)
		}
		if total > len(text) {
			t.Errorf("%d bytes came out of %d", total, len(text))
		}
	})
}

// iotest gives a few bytes at a time.
type iotest struct {
	r io.Reader
	n int
}

func (r iotest) Read(b []byte) (int, error) { return r.r.Read(b[:min(len(b), r.n)]) }

func TestEventStream_joins_lines_and_skips_the_rest(t *testing.T) {
	t.Parallel()
	s := eventStream{r: bufio.NewReaderSize(strings.NewReader(": hello\n\nid: 7\ndata: one\ndata:  two\r\nevent: x\n\ndata:three\n\ndata: torn"), 16)}
	heard := 0
	for _, want := range []string{"one\n two", "three"} {
		frame, err := s.next(func() { heard++ })
		if err != nil || string(frame) != want {
			t.Fatalf("got %q, %v; want %q", frame, err, want)
		}
	}
	if frame, err := s.next(nil); err == nil {
		t.Errorf("a torn event came as %q", frame)
	}
	if heard != 9 {
		t.Errorf("%d lines were heard, want 9", heard)
	}
}

func BenchmarkReadHeader(b *testing.B) {
	line := []byte(`{"type":"execution:log","executionId":"01jd0000000000000000000001","seq":123456,"timestamp":"2026-11-22T20:11:32.417Z","level":"info","stream":"stdout","message":"line 123456 with some text as it is usual in logs"}`)
	h := header{executionID: "01jd0000000000000000000001"}
	b.ReportAllocs()
	for b.Loop() {
		if err := readHeader(line, &h); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDispatch(b *testing.B) {
	c, err := New("http://127.0.0.1:1")
	if err != nil {
		b.Fatal(err)
	}
	const id, perFrame = "01jd0000000000000000000001", 1000
	t := &topic{id: id, subscribers: map[*subscriber]struct{}{}, phase: live}
	sub := &subscriber{topic: t, ready: make(chan struct{}, 1), emptied: make(chan struct{}, 1)}
	t.subscribers[sub] = struct{}{}
	c.topics[id] = t
	d := &dispatcher{c: c, ctx: c.life}
	seq := uint64(0)
	frame := make([]byte, 0, 300*perFrame)
	b.ReportAllocs()
	bytes := 0
	for b.Loop() {
		frame = frame[:0]
		for range perFrame {
			seq++
			frame = append(frame, `{"type":"execution:log","executionId":"`+id+`","seq":`...)
			frame = strconv.AppendUint(frame, seq, 10)
			frame = append(frame, `,"timestamp":"2026-11-22T20:11:32.417Z","level":"info","stream":"stdout","message":"line with some text as it is usual in logs, and a little more of it"}`+"\n"...)
		}
		bytes += len(frame)
		if err := d.frame(frame); err != nil {
			b.Fatal(err)
		}
		sub.queue, sub.bytes = nil, 0
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(seq), "ns/line")
}
