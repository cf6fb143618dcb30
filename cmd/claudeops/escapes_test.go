package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestEscapeFilter(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, strip, colored, plain string }{
		"text":               {"a\tb", "a\tb", "a\tb", "a\tb"},
		"colour":             {"\x1b[31mred\x1b[0m rest", "red rest", "\x1b[31mred\x1b[0m rest", "red rest"},
		"colour left open":   {"\x1b[1;32mok", "ok", "\x1b[1;32mok\x1b[0m", "ok"},
		"256 and true color": {"\x1b[38;5;9ma\x1b[48;2;1;2;3mb", "ab", "\x1b[38;5;9ma\x1b[0m\x1b[38;5;9;48;2;1;2;3mb\x1b[0m", "ab"},
		"colons":             {"\x1b[4:3ma\x1b[4:0m\x1b[38:2::1:2:3mb", "ab", "\x1b[4:3ma\x1b[0m\x1b[38:2::1:2:3mb\x1b[0m", "ab"},
		"concealed":          {"\x1b[8mshown", "shown", "shown", "shown"},
		"title":              {"\x1b]0;owned\aa", "a", "␛]0;owned␇a", "␛]0;owned␇a"},
		"clear":              {"\x1b[2Ja", "a", "␛[2Ja", "␛[2Ja"},
		"erase in line":      {"a\x1b[K", "a", "a", "a"},
		"link":               {"\x1b]8;;http://x\x1b\\text\x1b]8;;\x1b\\", "text", "text", "text"},
		"clipboard":          {"\x1b]52;c;eA==\a", "", "␛]52;c;eA==␇", "␛]52;c;eA==␇"},
		"device status":      {"\x1b[6n", "", "␛[6n", "␛[6n"},
		"private SGR":        {"\x1b[>4;2m", "", "␛[>4;2m", "␛[>4;2m"},
		"lone escape":        {"a\x1b", "a\x1b", "a␛", "a␛"},
		"unfinished":         {"a\x1b[31", "a\x1b[31", "a␛[31", "a␛[31"},
		"escape in escape":   {"\x1b[3\x1b[31mx", "\x1b[3x", "␛[3\x1b[31mx\x1b[0m", "␛[3x"},
		"C1 and direction":   {"\u009b31m\u202e", "\u009b31m\u202e", "‹U+009B›31m‹U+202E›", "‹U+009B›31m‹U+202E›"},
	} {
		if got := (&escapeFilter{}).strip(c.text, true); got != c.strip {
			t.Errorf("%s: %q is stripped to %q, want %q", name, c.text, got, c.strip)
		}
		if got := (&escapeFilter{}).show(c.text, true, true); got != c.colored {
			t.Errorf("%s: %q is shown as %q, want %q", name, c.text, got, c.colored)
		}
		if got := (&escapeFilter{}).show(c.text, false, true); got != c.plain {
			t.Errorf("%s: %q is shown without colour as %q, want %q", name, c.text, got, c.plain)
		}
	}
}

func TestEscapeFilter_over_pieces_and_lines(t *testing.T) {
	t.Parallel()
	f := &escapeFilter{}
	got := f.show("\x1b[3", true, false) + f.show("1mred", true, false) + f.show(" on", true, true) + f.show("next line", true, true) + f.show("\x1b[mplain", true, true)
	if want := "\x1b[31mred\x1b[0m\x1b[31m on\x1b[0m\x1b[31mnext line\x1b[0mplain"; got != want {
		t.Errorf("it is shown as %q, want %q", got, want)
	}
	f = &escapeFilter{}
	if got := f.strip("a\x1b]0;ti", false) + f.strip("tle\ab", true); got != "ab" {
		t.Errorf("it is stripped to %q", got)
	}
}

// FuzzEscapeFilter holds that nothing but SGR reaches a terminal, however the text is cut.
func FuzzEscapeFilter(f *testing.F) {
	f.Add("a\x1b[31mb\x1b]0;t\ac", 3)
	f.Add("\x1bP1\x1b\\\x1b(0x", 2)
	f.Fuzz(func(t *testing.T, text string, cut int) {
		cut = min(max(cut, 0), len(text))
		for !utf8.RuneStart((text + "x")[cut]) {
			cut--
		}
		filter := &escapeFilter{}
		shown := filter.show(text[:cut], true, false) + filter.show(text[cut:], true, true)
		for rest := shown; rest != ""; {
			i := strings.IndexByte(rest, 0x1b)
			if i < 0 {
				i = len(rest)
			}
			if strings.ContainsFunc(rest[:i], hostile) {
				t.Fatalf("%q is shown as %q", text, shown)
			}
			if rest = rest[i:]; rest == "" {
				break
			}
			n, whole := escapeLength(rest)
			if !whole || n == 0 || rest[1] != '[' || rest[n-1] != 'm' || strings.Trim(rest[2:n-1], "0123456789;:") != "" {
				t.Fatalf("%q is shown as %q", text, shown)
			}
			rest = rest[n:]
		}
	})
}

func TestEscapeHostile(t *testing.T) {
	t.Parallel()
	const text = "C1 \u009b, direction \u202e, tag \U000e0041, delete \x7f, plain ü"
	line, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	got := escapeHostile(append(line, '\n'))
	if bytes.ContainsFunc(got, func(r rune) bool { return r != '\n' && hostile(r) }) {
		t.Errorf("it becomes %q", got)
	}
	var back string
	if err := json.Unmarshal(got, &back); err != nil || back != text {
		t.Errorf("it is read back as %q, %v", back, err)
	}
}

func TestHowLong(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"90s": "1m30s", "1d": "24h0m0s", "2w": "336h0m0s", "1d12h": "36h0m0s", "0": "0s"} {
		if got, ok := howLong(text); !ok || got.String() != want {
			t.Errorf("%q is %v, %v, want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "d", "1", "-5m", "+5m", "1dd", "5 m", "1h1d", "99999999999w", "1x"} {
		if got, ok := howLong(text); ok {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

func TestParameter_from_files(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/text"
	if err := os.WriteFile(file, []byte("two\nlines\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	set := func(in *input, pairs ...string) (string, error) {
		config := map[string]json.RawMessage{}
		err := setParameters(config, json.RawMessage(`{"properties":{"a":{"type":"string"},"b":{"type":"integer"}}}`), pairs, in)
		b, _ := json.Marshal(config)
		return string(b), err
	}
	for want, pairs := range map[string][]string{
		`{"a":"two\nlines"}`: {"a=@" + file},
		`{"b":7}`:            {"b=-"},
		`{"a":"@x"}`:         {"a=@@x"},
		`{"a":"--help"}`:     {"a=--help"},
	} {
		if got, err := set(&input{stdin: strings.NewReader("7\r\n")}, pairs...); err != nil || got != want {
			t.Errorf("%v gives %s, %v, want %s", pairs, got, err, want)
		}
	}
	for _, pairs := range [][]string{{"a=@"}, {"a=@/no/such/file"}, {"a=-", "b=-"}, {"b=@" + file}} {
		if got, err := set(&input{stdin: strings.NewReader("1")}, pairs...); err == nil || codeOf(err) != exitUsage {
			t.Errorf("%v gives %s, %v", pairs, got, err)
		}
	}
}

func TestTable_fits(t *testing.T) {
	t.Parallel()
	table := &table{optional: []int{1}}
	table.add("ID", "AGENT", "DETAIL")
	table.add("01m82w7g72ab2f343ncmhfv088", strings.Repeat("a", 40), strings.Repeat("日本", 30))
	for limit := 1; limit < 200; limit++ {
		used := -columnGap
		widths := table.widths(limit)
		for _, width := range widths {
			if width != leftOut {
				used += width + columnGap
			}
		}
		if widths[0] != 26 {
			t.Fatalf("at %d the id is cut to %d", limit, widths[0])
		}
		if used > max(limit, 26) {
			t.Fatalf("at %d it takes %d: %v", limit, used, widths)
		}
	}
	if got := table.widths(0); got[1] != 40 || got[2] != 120 {
		t.Errorf("without a limit the widths are %v", got)
	}
}
