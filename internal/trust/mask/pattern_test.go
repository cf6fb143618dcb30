package mask_test

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/claudeops/claudeops/internal/trust/mask"
)

func TestMasker_patterns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		patterns []string
		in, out  string
	}{
		{[]string{`sk-[a-z0-9]+`}, "key sk-abc123 and sk-\n", "key " + m + " and sk-\n"},
		{[]string{`\bAKIA[0-9A-Z]{16}\b`}, "AKIAABCDEFGHIJKLMNOP xAKIAABCDEFGHIJKLMNOP AKIAABCDEFGHIJKLMNOPQ", m + " xAKIAABCDEFGHIJKLMNOP AKIAABCDEFGHIJKLMNOPQ"},
		{[]string{`(?i)bearer\s+\S+`}, "Authorization: Bearer  abc.def-g; ok", "Authorization: " + m + " ok"},
		{[]string{`password=[^&\s]*`}, "?user=a&password=hunter2&x=1", "?user=a&" + m + "&x=1"},
		{[]string{`a[^b]*b`}, "a1\n2b a3b", "a1\n2b " + m},
		{[]string{`^x+$`}, "xx\nyx\nxxx", m + "\nyx\n" + m},
		{[]string{`é{2,}`}, "aéb éé", "aéb " + m},
		{[]string{`ab|abcd`, `cde`}, "abcde", m + m},
		{[]string{`\bA`}, "AKIAABC A", m + "KIAABC " + m},
		{[]string{`tok-\d{3}`}, "tok-12 tok-1234", "tok-12 " + m + "4"},
	} {
		if got := masker(t, nil, c.patterns...).String(c.in); got != c.out {
			t.Errorf("%q in %q: got %q, want %q", c.patterns, c.in, got, c.out)
		}
	}
}

func TestCheckPattern_refuses(t *testing.T) {
	t.Parallel()
	for expression, words := range map[string]string{
		`a(b`: "missing closing", `x*`: "empty text", ``: "empty text", `a?|b`: "empty text", `\bx?$`: "empty text",
		`[a-z]{1000}`: "too long or too deep",
	} {
		if err := mask.CheckPattern(expression); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%q gives %v, want words of %q", expression, err, words)
		}
	}
}

// A prompt that waits for an answer must be seen: only what may be the beginning of a match is held.
func TestStream_holds_no_more_than_it_must(t *testing.T) {
	t.Parallel()
	s := masker(t, nil, `sk-[a-z]{4,}`, `\bpin: \d+`).Stream()
	for _, step := range []struct{ in, out string }{
		{"Continue? ", "Continue? "}, {"s", ""}, {"end ", "send "}, {"sk-", ""}, {"ab", ""}, {"cd", ""}, {"ef", ""}, {" on", m + " on"},
		{" pin", " "}, {": ", ""}, {"12", ""}, {"\n", m + "\n"}, {"spin: 1", "spin: 1"},
	} {
		if got := string(s.Append(nil, []byte(step.in))); got != step.out {
			t.Errorf("%q gives %q, want %q", step.in, got, step.out)
		}
	}
}

// FuzzPatterns: however the text is cut up, what comes out is what masking each line whole gives.
func FuzzPatterns(f *testing.F) {
	for i, expression := range []string{
		`sk-[a-z0-9]+`, `\bAKIA[0-9A-Z]{3}\b`, `(?i)bearer\s+\S+`, `a[^b]*b`, `^x+$`, `é{2,}`, `ab|abcd`, `(a|ab)(c|bcd)`, `a{2,3}b?`, `.b\b`, `(?:aa)+b`,
	} {
		f.Add(expression, "a sk-abc AKIAABC bearer  x abéé xx\nxx\nabcd aaab aaaaab\xc3", uint64(i))
	}
	f.Fuzz(func(t *testing.T, expression, text string, seed uint64) {
		if mask.CheckPattern(expression) != nil {
			return
		}
		ms := masker(t, nil, expression)
		re := regexp.MustCompile(expression)
		r := rand.New(rand.NewPCG(seed, 0))
		s := ms.Stream()
		var out []byte
		for rest := text; rest != ""; {
			n := 1 + r.IntN(len(rest))
			if r.IntN(2) == 0 {
				n = 1
			}
			out = s.Append(out, []byte(rest[:n]))
			rest = rest[n:]
		}
		out = s.End(out)
		var want strings.Builder
		for line := range strings.Lines(text) {
			body, newline := strings.CutSuffix(line, "\n")
			want.WriteString(re.ReplaceAllLiteralString(body, m))
			if newline {
				want.WriteByte('\n')
			}
		}
		if string(out) != want.String() {
			t.Fatalf("%q in %q: in pieces %q, whole %q", expression, text, out, want.String())
		}
	})
}
