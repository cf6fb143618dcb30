package search

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"regexp/syntax"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/run/runner/logline"
)

const someID = "01jd3kq7f00000000000000001"

// What is looked for in the bytes of events must stand in them, whoever wrote them.
func TestPlainInJSON_is_what_no_encoder_escapes(t *testing.T) {
	t.Parallel()
	encoder := logline.NewEncoder(someID)
	plain := 0
	for first := rune(0); first <= utf8.MaxRune; first += 256 {
		var parts []string
		for r := first; r < first+256; r++ {
			if utf8.ValidRune(r) && plainInJSON(r) {
				parts = append(parts, "a"+string(r)+"b")
			}
		}
		plain += len(parts)
		text := strings.Join(parts, "")
		e, err := json.Marshal(execution.Event{Type: execution.TypeLog, Message: &text})
		if err != nil {
			t.Fatal(err)
		}
		line := encoder.Append(nil, 1, 0, logline.Info, logline.Stdout, []byte(text), false, nil)
		for _, part := range parts {
			if !bytes.Contains(e, []byte(part)) {
				t.Errorf("encoding/json escapes %q", part)
			}
			if !bytes.Contains(line, []byte(part)) {
				t.Errorf("the runner escapes %q", part)
			}
		}
	}
	if plain < 1_000_000 {
		t.Errorf("only %d runes are looked for", plain)
	}
}

// read is what a search makes of a line.
func read(line []byte) (l line, message string, ok bool) {
	p := &parser{head: eventHead(someID)}
	l, at, quick := p.quick(line)
	var text []byte
	if quick {
		text, _, _, quick = p.message(line[at:])
	}
	if !quick {
		l, text, _, _, ok = p.slow(line)
		return l, string(text), ok
	}
	return l, string(text), true
}

func FuzzLine(f *testing.F) {
	for _, message := range []string{"", "plain", "a \"quoted\" word", `back\slash`, "tab\tand\x01control", "日本 😀", "\xff\xfe", "a\u2028b"} {
		encoder := logline.NewEncoder(someID)
		f.Add(string(bytes.TrimSpace(encoder.Append(nil, 7, 1_750_000_000_000, logline.Warn, logline.Stderr, []byte(message), true, []byte(`{"a":"\""}`)))))
		e, err := json.Marshal(execution.Event{
			Type: execution.TypeLog, ExecutionID: someID, Seq: 9, Timestamp: execution.At(time.UnixMilli(1_750_000_000_000)),
			Level: execution.Debug, Stream: execution.Agent, Message: &message, Raw: []byte("x"), Data: []byte(`[{}]`),
		})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(e))
	}
	head := `{"type":"execution:log","executionId":"` + someID + `","seq":`
	const rest = `,"timestamp":"2026-01-02T03:04:05.678Z","level":"info","stream":"stdout","message":"`
	for _, text := range []string{
		head + `1` + rest + `\ud83d\ude00 \ud83d x \ude00 \u0000 \/ \b\f\n\r\t"}`,
		head + `1` + rest + `\ud83d\u0041\ud83d"}`,
		head + `1` + rest + `\ud83`,
		head + `1` + rest + `\`,
		head + `1` + rest + `\x"}`,
		head + `01` + rest + `x"}`,
		head + `18446744073709551615` + rest + `x"}`,
		head + `18446744073709551616` + rest + `x"}`,
		head + `1` + strings.Replace(rest, "info", "loud", 1) + `x"}`,
		head + `1` + strings.Replace(rest, "stdout", "stdin", 1) + `x"}`,
		head + `1` + strings.Replace(rest, ".678Z", "+01:00", 1) + `x"}`,
		head + `1` + strings.Replace(rest, `"message":"`, `"data":{"message":"y"},"message":"`, 1) + `x"}`,
		`{"seq":3,"message":"m","type":"execution:log","executionId":"` + someID + `","timestamp":"2026-01-02T03:04:05Z","level":"warn","stream":"agent"}`,
		`{"type":"execution:progress","executionId":"` + someID + `","seq":5,"timestamp":"2026-01-02T03:04:05.000Z","progress":1,"message":"execution:log"}`,
		`{"type":"execution:\u006cog","executionId":"` + someID + `","seq":5,"timestamp":"2026-01-02T03:04:05.000Z","level":"info","stream":"stdout","message":"m"}`,
		`{"type":"execution:log","executionId":"` + someID + `","seq":5,"timestamp":"2026-01-02T03:04:05.000Z","level":"info","stream":"stdout"}`,
		"", "{", "{}", "null",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, message, ok := read([]byte(text))
		var e execution.Event
		if json.Unmarshal([]byte(text), &e) != nil || repeats(text) {
			return // no journal holds it
		}
		if want := e.Type == execution.TypeLog && e.Message != nil && e.Seq > 0; ok != want {
			t.Fatalf("read is %v, but it is %+v", ok, e)
		}
		if !ok {
			return
		}
		stamp, err := time.Parse(time.RFC3339Nano, string(l.stamp))
		if l.seq != e.Seq || l.level != e.Level || l.stream != e.Stream || message != *e.Message {
			t.Fatalf("%+v %q\n%+v %q", l, message, e, *e.Message)
		}
		if year := e.Timestamp.UTC().Year(); year >= 0 && year <= 9999 && (err != nil || !stamp.Equal(e.Timestamp.Truncate(time.Millisecond))) {
			t.Fatalf("the time is %q (%v), expected %v", l.stamp, err, e.Timestamp)
		}
	})
}

// repeats reports whether an object says something twice, of which decoders may take either, or
// under a name that only encoding/json takes for a field of ours.
func repeats(text string) bool {
	d := json.NewDecoder(strings.NewReader(text))
	seen := map[string]bool{}
	if _, err := d.Token(); err != nil {
		return true
	}
	for d.More() {
		key, err := d.Token()
		name, isName := key.(string)
		if err != nil || !isName || seen[strings.ToLower(name)] || name != strings.ToLower(name) && name != "executionId" {
			return true
		}
		seen[strings.ToLower(name)] = true
		var skipped json.RawMessage
		if d.Decode(&skipped) != nil {
			return true
		}
	}
	return false
}

// naiveIndex is the first place of a literal.
func naiveIndex(text string, l literal) int {
	for i := 0; i+len(l.text) <= len(text); i++ {
		part := text[i : i+len(l.text)]
		if part == l.text || l.folded && string(lower([]byte(part))) == l.text {
			return i
		}
	}
	return -1
}

func FuzzFinder(f *testing.F) {
	f.Add("The quick brown fox", "QUICK", "fox", true, uint8(3))
	f.Add("aAaAaAaA", "aa", "A", true, uint8(1))
	f.Add("aAaAaAaA", "aA", "Aa", false, uint8(1))
	f.Add(strings.Repeat("abcdefgh", 20)+"ABCDEFGHIJ", "efghabcdE", "hij", true, uint8(7))
	f.Add("日本語 日本語", "本語", "x", true, uint8(2))
	f.Add("[`@{", "[", "`", true, uint8(0))
	f.Fuzz(func(t *testing.T, text, one, two string, folded bool, step uint8) {
		var literals []literal
		for _, needle := range []string{one, two} {
			if needle == "" {
				continue
			}
			if folded {
				needle = string(lower([]byte(needle)))
			}
			literals = append(literals, literal{needle, folded})
		}
		if len(literals) == 0 {
			return
		}
		find := newFinder(literals, false)
		for round := range 2 { // the second text is searched as the first has taught it
			find.begin([]byte(text))
			for from := 0; from <= len(text); {
				want := len(text)
				for _, l := range literals {
					if i := naiveIndex(text[from:], l); i >= 0 {
						want = min(want, from+i)
					}
				}
				got := find.next(from)
				if got != want {
					t.Fatalf("round %d: from %d it is at %d, expected %d", round, from, got, want)
				}
				// Sometimes on from the find, sometimes past it.
				from = max(from, got) + 1 + int(step)%5
			}
		}
	})
}

// A line that an expression matches holds one of the texts that are required of it.
func FuzzRequired(f *testing.F) {
	for _, add := range [][2]string{
		{`needle|error`, "an ERROR"}, {`(?i)kiss|sky`, "\u212aIſſ"}, {`a(b|c)d+e`, "acdde"}, {`(foo)?bar`, "bar"}, {`(foo)+bar`, "foofoobar"}, {`x{2,3}y`, "xxy"}, {`x{0,3}y`, "y"},
		{`(?i)straße`, "STRAßE"}, {`"a<b>&"`, `"a<b>&"`}, {`[kK]elvin`, "Kelvin"}, {`é|(?i:Σ)`, "ς"}, {`\x{fffd}x`, "\xffx"}, {`a|`, "b"}, {`a\tb`, "a\tb"}, {`(?i)[^x]ab`, "yAB"}, {"日本", "日本"}, {`(?i)İx`, "İX"},
	} {
		f.Add(add[0], add[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if !utf8.ValidString(pattern) || len(pattern) > 200 || len(text) > 1000 {
			return
		}
		for _, q := range []Query{{Text: pattern, Regex: true}, {Text: pattern, Regex: true, CaseSensitive: true}, {Text: pattern}, {Text: pattern, CaseSensitive: true}} {
			m, err := newMatcher(q)
			if err != nil {
				continue
			}
			event := logline.NewEncoder(someID).Append(nil, 1, 0, logline.Info, logline.Stdout, []byte(text), false, nil)
			var e execution.Event
			if err := json.Unmarshal(event, &e); err != nil {
				t.Fatal(err)
			}
			message := []byte(*e.Message)
			matches := m.matches(message)
			if matches != (len(m.find(message)) > 0) {
				t.Fatalf("%+v: matches says %v, find %v", q, matches, m.find(message))
			}
			if !matches || len(m.literals) == 0 {
				continue
			}
			if marshalled, err := json.Marshal(e); err != nil {
				t.Fatal(err)
			} else {
				for _, bytes := range [][]byte{event, marshalled} {
					find := newFinder(m.literals, len(m.literals) > 0)
					find.begin(bytes)
					if find.next(0) == len(bytes) {
						t.Fatalf("%+v: %q matches, but has none of %+v", q, message, m.literals)
					}
				}
			}
		}
	})
}

func TestRequired(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		`timeout after \d+ ms`: "timeout after ", `(?i)timeout`: "timeout~", `(?i)Kiss`: "i~", `refused|mismatch`: "refused,mismatch", `(?i)refused|x`: "refu~,x~",
		`\d+`: "", `a*`: "", `a*b`: "b", `(abc)+`: "abc", `(abc)?d`: "d", `ab|c*`: "", `[nN]eedle`: "eedle", `x{3}`: "x", `(?i)ſ`: "", `"a"`: "a", `a"bc`: "bc",
		`(?:aa|bb)cc`: "cc", `(?:aaa|bbb)cc`: "aaa,bbb", `a|b|c|d|e|f|g|h|i|j|k|l|m|n|o|p|q|r`: "", `(a|b)long`: "long", `^start.*end$`: "start", `日本`: "日本", `(?i)日本Ö`: "日本~",
	} {
		tree, err := syntax.Parse(pattern, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, l := range required(tree.Simplify()) {
			if l.folded {
				l.text += "~"
			}
			got = append(got, l.text)
		}
		if strings.Join(got, ",") != want {
			t.Errorf("%s requires %q, expected %q", pattern, got, want)
		}
	}
}

// The byte that is looked for is one that is seldom there.
func TestNeedle_tune(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, 100<<10)
	for i := range text {
		text[i] = "abcdefg "[r.IntN(8)]
	}
	copy(text[5000:], "Z")
	f := newFinder([]literal{{"abzcd", true}, {"ab.cd", false}}, false)
	f.begin(text)
	if f.needles[0].lower != 'z' || f.needles[1].lower != '.' {
		t.Errorf("%q and %q are looked for", f.needles[0].lower, f.needles[1].lower)
	}
	if f.next(0) != len(text) {
		t.Error("it finds what is not there")
	}
}
