package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

func TestNeutral(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain — ünïcödé ✓ 日本語 🙂": "plain — ünïcödé ✓ 日本語 🙂",
		"tab\tstays":                   "tab\tstays",
		"\x1b[31mred\x1b]0;title\a":    "␛[31mred␛]0;title␇",
		"two\r\nlines":                 "two␍␊lines",
		"\x00\x7f\u009b31m":            "␀␡‹U+009B›31m",
		"\u202egnp.exe":                "‹U+202E›gnp.exe",
		"a\u2028b\U000e0041":           "a‹U+2028›b‹U+E0041›",
		"bad \xff utf-8 \xc2 \xe2\x80": "bad � utf-8 � ��",
	} {
		if got := neutral(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func FuzzNeutral(f *testing.F) {
	f.Add("\x1b[2J")
	f.Add("\u202e\u2066\x9b")
	f.Fuzz(func(t *testing.T, text string) {
		got := neutral(text)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, hostile) {
			t.Errorf("%q becomes %q", text, got)
		}
		if again := neutral(got); again != got {
			t.Errorf("%q becomes %q and then %q", text, got, again)
		}
	})
}

func TestParameter(t *testing.T) {
	t.Parallel()
	schema := json.RawMessage(`{"properties": {
		"text": {"type": "string"}, "whole": {"type": "integer"}, "number": {"type": "number"}, "flag": {"type": "boolean"},
		"list": {"type": "array"}, "object": {"type": "object"}, "either": {"type": ["integer", "string"]},
		"choice": {"enum": ["a", 2]}, "one": {"oneOf": [{"type": "null"}, {"type": "string"}]}, "any": {},
		"port": {"$ref": "#/$defs/port"}, "every": {"allOf": [{"$ref": "#/$defs/port"}, {"title": "x"}]}, "fixed": {"const": 3}, "self": {"$ref": "#/$defs/self"},
		"constructor": {"type": "integer"}, "__proto__": {"type": "boolean"}},
		"$defs": {"port": {"type": "integer"}, "self": {"$ref": "#/$defs/self"}}}`)
	for pair, want := range map[string]string{
		"text=hello":      `"hello"`,
		"text=12":         `"12"`,
		"text=true":       `"true"`,
		`text=<a b="c">&`: `"<a b=\"c\">&"`,
		"text=":           `""`,
		"text=a=b":        `"a=b"`,
		"whole=-3":        `-3`,
		"number=2.5":      `2.5`,
		"flag=true":       `true`,
		"flag=no":         `false`,
		`list=["a", 1]`:   `["a",1]`,
		`object={"a":{}}`: `{"a":{}}`,
		"either=7":        `7`,
		"either=seven":    `"seven"`,
		"choice=2":        `2`,
		"choice=a":        `"a"`,
		"one=null":        `null`,
		"one=x":           `"x"`,
		"any=7":           `"7"`,
		"unknown=7":       `"7"`,
		"port=8080":       `8080`,
		"every=80":        `80`,
		"fixed=3":         `3`,
		"self=x":          `"x"`,
		"constructor=1":   `1`,
		"__proto__=true":  `true`,
		"whole=1e2":       `1e2`,

		"whole=9007199254740993":               `9007199254740993`,
		"whole=123456789012345678901234567890": `123456789012345678901234567890`,
	} {
		config := map[string]json.RawMessage{}
		if err := setParameters(config, schema, []string{pair}, &input{}); err != nil {
			t.Errorf("%s: %v", pair, err)
			continue
		}
		key, _, _ := strings.Cut(pair, "=")
		var got bytes.Buffer
		if err := json.Compact(&got, config[key]); err != nil || got.String() != want {
			t.Errorf("%s becomes %s, want %s (%v)", pair, config[key], want, err)
		}
	}
	for _, pair := range []string{"whole=x", "whole=", "number=1,5", "flag=maybe", "list=a,b", "object=[]", "text", "=x", "whole=\x1b[2J"} {
		err := setParameters(map[string]json.RawMessage{}, schema, []string{pair}, &input{})
		if err == nil {
			t.Errorf("%q was taken", pair)
		} else if strings.Contains(err.Error(), "type") && strings.Contains(err.Error(), "not \x1b") {
			t.Errorf("%q is repeated as it is", err)
		}
	}
}

func TestPrefixTimes(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 20, 11, 32, 417e6, time.UTC)
	id := strings.ToLower(ulid.MustNew(ulid.Timestamp(at), ulid.DefaultEntropy()).String())
	for n := 1; n <= len(id); n++ {
		first, last := prefixTimes(id[:n])
		if at.Before(first) || at.After(last) {
			t.Errorf("%s is said to be from %v to %v", id[:n], first, last)
		}
		if n >= 10 && !first.Equal(last) {
			t.Errorf("%s names a millisecond, not %v to %v", id[:n], first, last)
		}
	}
	if _, last := prefixTimes("z"); last.Year() > 9999 {
		t.Errorf("%v can't be said in a query", last)
	}
}

func TestPrinter_gives_each_stream_its_own_bytes(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	c := &command{stdout: &stdout, stderr: &stderr, color: "auto"}
	p := c.newPrinter()
	p.quiet = true
	log := func(stream execution.Stream, text string, partial bool, raw []byte) {
		p.event(&protocol.Event{Type: execution.TypeLog, Stream: stream, Level: execution.Error, Message: &text, Partial: partial, Raw: raw})
	}
	log(execution.Stdout, "a long ", true, nil)
	log(execution.Stderr, "meanwhile \x1b[31m", false, nil)
	log(execution.Stdout, "line", false, nil)
	log(execution.Stdout, "� not text", false, []byte("\xff not text"))
	log(execution.Stdout, "no newline", true, nil)
	if want := "a long line\n\xff not text\nno newline"; stdout.String() != want {
		t.Errorf("stdout got %q, want %q", stdout.String(), want)
	}
	if want := "meanwhile \n"; stderr.String() != want {
		t.Errorf("stderr got %q, want %q", stderr.String(), want)
	}
}

func TestDurationText(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0 ms", 999 * time.Millisecond: "999 ms", 3140 * time.Millisecond: "3.1 s", 134 * time.Second: "2:14", 3723 * time.Second: "1:02:03",
	} {
		if got := durationText(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

func TestEveryFlagHasATwin(t *testing.T) {
	for _, name := range []string{"CLAUDEOPS_JSON", "CLAUDEOPS_DATA"} {
		t.Setenv(name, "")
	}
	t.Setenv("CLAUDEOPS_JSON", "true")
	var stdout, stderr bytes.Buffer
	if code := Main([]string{"version"}, nil, &stdout, &stderr); code != 0 || !json.Valid(stdout.Bytes()) {
		t.Errorf("with CLAUDEOPS_JSON version gives %d and %q, %q", code, stdout.String(), stderr.String())
	}
	stdout.Reset()
	t.Setenv("CLAUDEOPS_JSON", "perhaps")
	if code := Main([]string{"version"}, nil, &stdout, &stderr); code != exitUsage || !strings.Contains(stderr.String(), "CLAUDEOPS_JSON=perhaps") {
		t.Errorf("a wrong twin gives %d and %q", code, stderr.String())
	}
	// An agent that runs another finds its own parameters under this name.
	t.Setenv("CLAUDEOPS_JSON", "")
	t.Setenv("CLAUDEOPS_CONFIG", `{"a":1}`)
	t.Setenv("CLAUDEOPS_DATA", t.TempDir())
	stderr.Reset()
	if Main([]string{"run", "--url", "http://127.0.0.1:1", "nobody"}, nil, &stdout, &stderr); strings.Contains(stderr.String(), "CONFIG") {
		t.Errorf("CLAUDEOPS_CONFIG was taken for parameters: %q", stderr.String())
	}
}
