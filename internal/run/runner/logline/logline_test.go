package logline_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/logtext"
	"github.com/claudeops/claudeops/internal/run/runner/logline"
)

const id = "01hzy3v8k9q2w4e6r8t0y2u4i6"

var now = time.Date(2026, 11, 22, 20, 16, 0, 7_000_000, time.UTC)

// check encodes one line and holds it against encoding/json.
func check(t *testing.T, e *logline.Encoder, seq uint64, at time.Time, level logline.Level, stream logline.Stream, message []byte, partial bool) {
	t.Helper()
	data, _, _ := logline.Object(message)
	line := e.Append(nil, seq, at.UnixMilli(), level, stream, message, partial, data)
	if bytes.Count(line, []byte("\n")) != 1 || line[len(line)-1] != '\n' {
		t.Fatalf("not one line: %q", line)
	}
	if len(line) > logline.Bound(len(message), len(data)) {
		t.Fatalf("%d bytes, bound is %d", len(line), logline.Bound(len(message), len(data)))
	}
	if !utf8.Valid(line) || !json.Valid(line) {
		t.Fatalf("not valid JSON: %q", line)
	}
	var got execution.Event
	if err := json.Unmarshal(line, &got); err != nil {
		t.Fatal(err)
	}
	text := string(message)
	want := execution.Event{Type: execution.TypeLog, ExecutionID: id, Seq: seq, Timestamp: execution.At(at), Level: level.Name(), Stream: stream.Name(), Message: &text, Partial: partial, Data: data}
	if !utf8.Valid(message) {
		want.Raw = message
	}
	wantJSON, err := json.Marshal(want) // which replaces what is not UTF-8 in Message
	if err != nil {
		t.Fatal(err)
	}
	var again execution.Event
	if err := json.Unmarshal(wantJSON, &again); err != nil {
		t.Fatal(err)
	}
	if wantJSON, err = json.Marshal(again); err != nil {
		t.Fatal(err)
	}
	gotJSON, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(gotJSON, wantJSON) {
		t.Fatalf("\ngot  %s\nwant %s", gotJSON, wantJSON)
	}
	// Field by field it is what encoding/json writes, in the same order.
	if g, w := keys(t, line), keys(t, wantJSON); g != w {
		t.Fatalf("fields %s, want %s", g, w)
	}
	end := "\n"
	if partial {
		end = ""
	}
	if stream != logline.Agent {
		if raw := logtext.Append(nil, line); string(raw) != string(message)+end {
			t.Fatalf("comes back as %q, was %q", raw, message)
		}
	}
}

func keys(t *testing.T, object []byte) string {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(object))
	var names []string
	depth := 0
	key := true
	for {
		token, err := d.Token()
		if err != nil {
			return strings.Join(names, ",")
		}
		switch v := token.(type) {
		case json.Delim:
			if v == '{' || v == '[' {
				depth++
			} else {
				depth--
			}
			key = depth == 1
		default:
			if depth == 1 && key {
				names = append(names, v.(string))
				key = false
			} else if depth == 1 {
				key = true
			}
		}
	}
}

func TestEncoder(t *testing.T) {
	t.Parallel()
	e := logline.NewEncoder(id)
	lines := []string{"", "x", "plain text", `"quoted\"`, "tab\there\r", "\x00\x01\x1f\x7f", "é😀\u2028\u2029", "\xff", "a\xed\xa0\x80b", "\xf0\x9f\x98", "<script>&amp;",
		`{"level":"error","a":{"b":[1,2,{}]}}`, `{"a":1} ` + "\r", "{", "{}", strings.Repeat("x", 64<<10), strings.Repeat("\x00", 64<<10), strings.Repeat("\xff", 64<<10), strings.Repeat("é", 1000) + "\xff"}
	for i := range 64 { // every place in a word that is looked at as a whole
		lines = append(lines, strings.Repeat("a", i)+`"`+strings.Repeat("b", 70), strings.Repeat("a", i)+"\x1f"+strings.Repeat("é", 40), strings.Repeat("a", i)+"\x80")
	}
	seq := uint64(1)
	for _, line := range lines {
		for _, partial := range []bool{false, true} {
			for _, stream := range []logline.Stream{logline.Stdout, logline.Stderr, logline.Agent} {
				check(t, e, seq, now.Add(time.Duration(seq)*time.Millisecond/3), logline.Level(seq%4), stream, []byte(line), partial)
				seq++
			}
		}
	}
}

// TestEncoder_Seq: numbers grow a digit, jump, and go on across times and levels.
func TestEncoder_Seq(t *testing.T) {
	t.Parallel()
	e := logline.NewEncoder(id)
	for _, seq := range []uint64{8, 9, 10, 11, 98, 99, 100, 101, 100, 999_999_999, 1_000_000_000, 1 << 62, 1<<62 + 1, 2} {
		check(t, e, seq, now, logline.Info, logline.Stdout, []byte("x"), false)
	}
	for seq := uint64(2); seq < 3000; seq++ {
		check(t, e, seq, now.Add(time.Duration(seq/100)*time.Millisecond), logline.Level(seq/50%4), logline.Stream(seq/70%3), []byte("x"), false)
	}
}

func TestEncoder_Appends(t *testing.T) {
	t.Parallel()
	e := logline.NewEncoder(id)
	dst := append(make([]byte, 0, 10_000), "before"...)
	out := e.Append(dst, 1, 0, logline.Info, logline.Stdout, []byte("x"), false, nil)
	if &out[0] != &dst[0] || !bytes.HasPrefix(out, []byte("before{")) {
		t.Errorf("got %q", out)
	}
}

func TestEncoder_Allocates(t *testing.T) {
	e := logline.NewEncoder(id)
	dst := make([]byte, 0, 1<<20)
	line := []byte(strings.Repeat(`plain "text" é `, 12))
	seq := uint64(1)
	if n := testing.AllocsPerRun(1000, func() {
		dst = e.Append(dst[:0], seq, int64(seq/10), logline.Guess(line), logline.Stdout, line, false, nil)
		seq++
	}); n != 0 {
		t.Errorf("%v allocations a line", n)
	}
}

func FuzzEncoder(f *testing.F) {
	for _, s := range []string{"", "plain", "\xff\x00\"\\", `{"a":[1,2.5e3,"x\u0041"],"level":30}`, "\xf0\x9f\x98\x80", "::error::x", strings.Repeat("long", 100) + "é\n"} {
		f.Add([]byte(s), uint64(7), int64(1763842560123), uint8(3), true)
	}
	f.Fuzz(func(t *testing.T, message []byte, seq uint64, ms int64, bits uint8, partial bool) {
		message = bytes.ReplaceAll(message, []byte("\n"), nil)
		if seq == 0 || ms < 0 || ms > 253402300799999 { // up to the year 9999
			return
		}
		check(t, logline.NewEncoder(id), seq, time.UnixMilli(ms), logline.Level(bits%4), logline.Stream(bits/4%3), message, partial)
	})
}

func TestCut(t *testing.T) {
	t.Parallel()
	cases := []struct {
		s    string
		n    int
		want int
	}{{"abc", 5, 3}, {"abc", 2, 2}, {"aé", 2, 1}, {"éa", 2, 2}, {"a😀", 2, 1}, {"a😀", 3, 1}, {"a😀", 4, 1}, {"a😀b", 5, 5}, {"\x80\x80\x80\x80\x80", 3, 3}, {"a\xf0\x9f", 2, 2}, {"ab\xff\xff", 3, 3}, {"é", 1, 1}}
	for _, c := range cases {
		if got := logline.Cut([]byte(c.s), c.n); got != c.want {
			t.Errorf("Cut(%q, %d) = %d, want %d", c.s, c.n, got, c.want)
		}
	}
}

func TestUnfinished(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]int{"": 0, "a": 0, "é": 0, "a\xc3": 1, "\xf0\x9f\x98": 3, "\xf0\x9f": 2, "😀": 0, "\x80\x80": 0, "\xff": 0, "\xe2\x82": 2, "\xed\xa0": 0} {
		if got := logline.Unfinished([]byte(s)); got != want {
			t.Errorf("Unfinished(%q) = %d, want %d", s, got, want)
		}
	}
}

// FuzzCut: cutting anywhere loses nothing and makes no valid text invalid.
func FuzzCut(f *testing.F) {
	f.Add([]byte("aé😀\xff"), 3)
	f.Fuzz(func(t *testing.T, s []byte, n int) {
		if n < 1 || n > 1<<20 {
			return
		}
		cut := logline.Cut(s, n)
		if cut > n || cut > len(s) || cut < min(len(s), max(1, n-3)) && n > 3 {
			t.Fatalf("Cut(%q, %d) = %d", s, n, cut)
		}
		if n > 3 && utf8.Valid(s) && (!utf8.Valid(s[:cut]) || !utf8.Valid(s[cut:])) {
			t.Fatalf("Cut(%q, %d) = %d parts a rune", s, n, cut)
		}
		if u := logline.Unfinished(s); u > 3 || u > len(s) || u > 0 && utf8.Valid(s) {
			t.Fatalf("Unfinished(%q) = %d", s, u)
		}
	})
}

func TestGuess(t *testing.T) {
	t.Parallel()
	const i, d, w, e = logline.Info, logline.Debug, logline.Warn, logline.Error
	for line, want := range map[string]logline.Level{
		"":                          i,
		"hello":                     i,
		"ERROR something broke":     e,
		"ERROR: something broke":    e,
		"Error: Cannot find module": e,
		"error: no such file":       e,
		"error[E0308]: mismatched":  e,
		"WARN low":                  w,
		"WARNING: low":              w,
		"warning: unused variable":  w,
		"[error] x":                 e,
		"[ERROR] x":                 e,
		"[ WARN ] x":                w,
		"(debug) x":                 d,
		"[info] error":              i,
		"DEBUG x":                   d,
		"TRACE x":                   d,
		"INFO x":                    i,
		"FATAL x":                   e,
		"CRITICAL: x":               e,
		"panic: runtime error: index out of range":     e,
		"fatal: not a git repository":                  e,
		"Traceback (most recent call last):":           e,
		"2026-11-22 20:16:00,123 ERROR root: x":        e,
		"2026-11-22T20:16:00.123Z WARN x":              w,
		"2026/11/22 20:16:00 [error] 12#0: x":          e,
		"[2026-11-22 20:16:00] local.ERROR: x":         i,
		"[2026-11-22 20:16:00] ERROR x":                e,
		"20:16:00.123 [main] DEBUG com.example - x":    d,
		"2026-11-22 20:16:00 - root - ERROR - x":       i,
		"2026-11-22 20:16:00 | WARN | x":               w,
		"[   12.345678] error: x":                      e,
		"E1122 20:16:00.123456   12 main.go:10] x":     e,
		"W1122 20:16:00.123456   12 main.go:10] x":     w,
		"I1122 20:16:00.123456   12 main.go:10] ERROR": i,
		"E112 x":                            i,
		"<3>x":                              e,
		"<4>x":                              w,
		"<7>x":                              d,
		"<6>x":                              i,
		"<11>x":                             e,
		"<200>x":                            i,
		"<html>":                            i,
		"npm ERR! code E404":                e,
		"npm WARN deprecated":               w,
		"npm error code":                    e,
		"npm run build":                     i,
		"ld: error: undefined symbol":       e,
		"main.c:3:1: warning: unused":       w,
		"main.c:3:10: fatal error: x.h: No": e,
		"time=2026-11-22T20:16:00Z level=warn m=x": w,
		`time="2026-11-22" level=error msg="x"`:    e,
		`lvl=eror`:                                 i,
		`t=1 lvl=dbug msg=x`:                       d,
		`severity=CRITICAL x`:                      e,
		`level="warning"`:                          w,
		"sublevel=error":                           i,
		"x?level=error":                            i,
		"\x1b[31mERROR\x1b[0m x":                   e,
		"\x1b[1;33mWARN\x1b[0m x":                  w,
		"  ERROR x":                                e,
		"Found 3 ERROR lines":                      i,
		"3 ERROR lines":                            i,
		"ERRORS: 0":                                i,
		"Error handling is done here":              i,
		"error handling is done here":              i,
		"Warning signs":                            i,
		"errors: 0":                                i,
		"no error: fine":                           i,
		"ERROR_COUNT=0":                            i,
		"error_count: 0":                           i,
		"DebugPrint: x":                            i,
		"info: error: x":                           i,
		"https://example.com/error: x":             i,
		"Information is power":                     i,
		"the quick brown fox level=error":          e,
		strings.Repeat("x", 200) + " level=error":  i,
		"E":   i,
		"[":   i,
		"[]":  i,
		"<":   i,
		"12:": i,
		":":   i,
	} {
		if got := logline.Guess([]byte(line)); got != want {
			t.Errorf("Guess(%q) = %s, want %s", line, got.Name(), want.Name())
		}
	}
}

func FuzzGuess(f *testing.F) {
	for _, s := range []string{"ERROR x", "[2026-01-01] (x) | - warn", "<34>1", "E0123 12:00:00", "level=", "\x1b[1;31", "a=b level=\"", "npm  ", "[[[[[", "((("} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		before := bytes.Clone(line)
		got := logline.Guess(line)
		if got.Name() == "" {
			t.Fatalf("level %d", got)
		}
		if !bytes.Equal(before, line) {
			t.Fatal("it changed the line")
		}
		if len(line) > 4096 && logline.Guess(line[:4096]) != got {
			t.Fatal("it looked at the whole line")
		}
	})
}

func TestObject(t *testing.T) {
	t.Parallel()
	const i, d, w, e = logline.Info, logline.Debug, logline.Warn, logline.Error
	for line, want := range map[string]struct {
		ok    bool
		level logline.Level
	}{
		`{}`:                                 {true, i},
		`{ }`:                                {true, i},
		`{"level":"error"}`:                  {true, e},
		`{"msg":"x","level":"WARN"}`:         {true, w},
		`{"severity":"ERROR"}`:               {true, e},
		`{"lvl":"dbg"}`:                      {true, d},
		`{"level":30}`:                       {true, i},
		`{"level":20}`:                       {true, d},
		`{"level":40}`:                       {true, w},
		`{"level":50}`:                       {true, e},
		`{"level":60}`:                       {true, e},
		`{"level":3}`:                        {true, i},
		`{"level":"nonsense","lvl":"error"}`: {true, e},
		`{"a":{"level":"error"}}`:            {true, i},
		`{"a":[{"level":"error"}]}`:          {true, i},
		`{"log.level":"warn"}`:               {true, w},
		`{"level":null}`:                     {true, i},
		`{"a":1} `:                           {true, i},
		`{"a":1,}`:                           {},
		`{"a":01}`:                           {},
		`{"a":1e}`:                           {},
		`{"a":.5}`:                           {},
		`{"a":tru}`:                          {},
		`{a:1}`:                              {},
		`{"a" 1}`:                            {},
		`{"a":"` + "\x01" + `"}`:             {},
		`{"a":"\x"}`:                         {},
		`{"a":"\u12"}`:                       {},
		`{"a":"` + "\xff" + `"}`:             {},
		`{"é":"😀"}`:                          {true, i},
		`{"a":1}}`:                           {},
		`{"a":1}{"b":2}`:                     {},
		`{`:                                  {},
		`{"a":`:                              {},
		`[1]`:                                {},
		``:                                   {},
		strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100): {},
		`{"a":"` + strings.Repeat("x", 20_000) + `"}`:                 {},
	} {
		text, level, ok := logline.Object([]byte(line))
		if ok != want.ok || level != want.level || ok && !json.Valid(text) {
			t.Errorf("Object(%.60q) = %q, %s, %v", line, text, level.Name(), ok)
		}
	}
}

// FuzzObject holds the checker against encoding/json: what it takes is valid, and what is valid it
// takes, within its bounds.
func FuzzObject(f *testing.F) {
	for _, s := range []string{`{}`, `{"level":30,"a":[1,-2.5e+3,true,null,"\ud83d\ude00"]}`, `{"a":{"b":{}}} `, `{"a":0.0,"b":-0}`, "{\"a\":\"\xc3\xa9\"}", `{"a":1`, `{"\"":"\\"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		text, _, ok := logline.Object(line)
		if ok {
			var m map[string]json.RawMessage
			if err := json.Unmarshal(text, &m); err != nil || !utf8.Valid(text) || !bytes.HasPrefix(line, text) {
				t.Fatalf("took %q: %v", line, err)
			}
			return
		}
		if len(line) > 0 && line[0] == '{' && len(line) <= logline.MaxObjectBytes && utf8.Valid(line) && json.Valid(line) && depth(line) < 60 && !bytes.HasSuffix(line, []byte("\n")) {
			t.Fatalf("refused %q", line)
		}
	})
}

func depth(s []byte) int { return bytes.Count(s, []byte("{")) + bytes.Count(s, []byte("[")) }

func BenchmarkEncoder(b *testing.B) {
	for name, line := range map[string]string{
		"plain": strings.Repeat("x", 219), "quotes": strings.Repeat(`say "hi" and go on `, 11), "utf8": strings.Repeat("é is a letter ", 14), "json": `{"level":"info","msg":"` + strings.Repeat("x", 190) + `"}`,
	} {
		b.Run(name, func(b *testing.B) {
			e := logline.NewEncoder(id)
			dst := make([]byte, 0, 1<<20)
			line := []byte(line)
			b.SetBytes(int64(len(line)))
			for i := range b.N {
				if len(dst) > 512<<10 {
					dst = dst[:0]
				}
				data, level, ok := logline.Object(line)
				if !ok {
					level = logline.Guess(line)
				}
				dst = e.Append(dst, uint64(i+1), int64(i/1000), level, logline.Stdout, line, false, data)
			}
		})
	}
}

func BenchmarkGuess(b *testing.B) {
	for name, line := range map[string]string{
		"plain": "line 12 of the output, which says nothing", "dated": "2026-11-22 20:16:00,123 ERROR root: x", "logfmt": `time=2026-11-22T20:16:00Z level=warn msg=x`, "prose": "Found something that is no level at all",
	} {
		b.Run(name, func(b *testing.B) {
			line := []byte(line)
			for range b.N {
				logline.Guess(line)
			}
		})
	}
}
