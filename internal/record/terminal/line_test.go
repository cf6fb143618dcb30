package terminal

import (
	"encoding/json"
	"os"
	"testing"
	"unicode/utf8"
)

type example struct{ Raw, Text string }

func examples(t testing.TB) []example {
	t.Helper()
	b, err := os.ReadFile("testdata/lines.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []example
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestText(t *testing.T) {
	t.Parallel()
	for _, e := range examples(t) {
		if got := Text(e.Raw); got != e.Text {
			t.Errorf("%q is shown as %q, want %q", e.Raw, got, e.Text)
		}
		if e.Raw == e.Text != Plain([]byte(e.Raw)) {
			t.Errorf("Plain(%q) is %v", e.Raw, e.Raw != e.Text)
		}
		// However a line is cut into parts, the same is shown.
		for i := range len(e.Raw) {
			if !utf8.RuneStart(e.Raw[i]) {
				continue
			}
			var l Line
			l.Write([]byte(e.Raw[:i]))
			l.Append(nil)
			l.Write([]byte(e.Raw[i:]))
			l.End()
			if got := string(l.Append(nil)); got != e.Text {
				t.Errorf("%q + %q is shown as %q, want %q", e.Raw[:i], e.Raw[i:], got, e.Text)
			}
		}
	}
}

func FuzzText(f *testing.F) {
	for _, e := range examples(f) {
		f.Add(e.Raw, 1)
	}
	f.Fuzz(func(t *testing.T, raw string, cut int) {
		if !utf8.ValidString(raw) {
			return
		}
		whole := Text(raw)
		if again := Text(whole); again != whole && Plain([]byte(whole)) {
			t.Fatalf("%q becomes %q", whole, again)
		}
		if !utf8.ValidString(whole) {
			t.Fatalf("%q is no UTF-8", whole)
		}
		if cut < 0 || cut > len(raw) || cut < len(raw) && !utf8.RuneStart(raw[cut]) || len(raw) > maxPending {
			return
		}
		var l Line
		l.Write([]byte(raw[:cut]))
		l.Write([]byte(raw[cut:]))
		l.End()
		if parts := string(l.Append(nil)); parts != whole {
			t.Fatalf("%q is shown as %q, in parts as %q", raw, whole, parts)
		}
	})
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"\xff\xfeO\x00K\x00\r\x00":      "OK\r",
		"\x00O\x00K\x00\r\x00":          "OK\r", // after a line end of little-endian text
		"\xfe\xff\x00O\x00K\x00\r\x00":  "OK\r",
		"\xff\xfe\x2d\x4e\x87\x65":      "中文",
		"g\x00r\x00\xfc\x00n\x00":       "grün",
		"\xff\xfe\x3d\xd8\x00\xdeo\x00": "😀o",
	} {
		if got, ok := Decode([]byte(raw)); !ok || string(got) != want {
			t.Errorf("%q is read as %q, %v; want %q", raw, got, ok, want)
		}
	}
	for _, raw := range []string{"", "abcd", "a\x00bcdef\x00\x00", "\x00\x00\x00\x00"} {
		if got, ok := Decode([]byte(raw)); ok {
			t.Errorf("%q is read as UTF-16: %q", raw, got)
		}
	}
}
