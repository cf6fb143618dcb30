package mask_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/claudeops/claudeops/internal/trust/mask"
)

const m = mask.Text

func masker(t testing.TB, secrets []string, patterns ...string) *mask.Masker {
	t.Helper()
	ms, err := mask.New(secrets, patterns)
	if err != nil {
		t.Fatal(err)
	}
	return ms
}

func TestMasker_String(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		secrets []string
		in, out string
	}{
		{[]string{"s3cret"}, "a s3cret b", "a " + m + " b"},
		{[]string{"s3cret"}, "s3crets3cret", m + m},
		{[]string{"s3cret"}, "s3cre", "s3cre"},
		{[]string{"abc", "bcd"}, "abcd", m},
		{[]string{"abc", "abcdef"}, "abcdefg abcx", m + "g " + m + "x"},
		{[]string{"aaa"}, "aaaaaaa b", m + " b"},
		{[]string{"a\"b\nc"}, `{"k":"a\"b\nc"} a"b` + "\nc", `{"k":"` + m + `"} ` + m},
		{[]string{"<&>!"}, `<&>! \u003c\u0026\u003e!`, m + " " + m},
		{[]string{"", "x"}, "axb", "a" + m + "b"},
		{[]string{"é"}, "caf\xc3\xa9", "caf" + m},
	} {
		if got := masker(t, c.secrets).String(c.in); got != c.out {
			t.Errorf("%q in %q: got %q, want %q", c.secrets, c.in, got, c.out)
		}
	}
}

func TestNew_NoSecrets(t *testing.T) {
	t.Parallel()
	for _, none := range [][]string{nil, {}, {"", ""}} {
		if got := masker(t, none); got != nil || got.String("as it is") != "as it is" || string(got.JSON([]byte(`"as it is"`))) != `"as it is"` {
			t.Errorf("%q gives a masker", none)
		}
	}
}

// FuzzStream: however the text is cut up, the same comes out, no secret in it, and nothing is held
// back that can't be the start of one.
func FuzzStream(f *testing.F) {
	f.Add("s3cret", "s3", "xx s3cret s3s3cret", uint64(1))
	f.Add("aaa", "aab", "aaaaaaaabaaab", uint64(2))
	f.Add("a\nb", "b", "xa\nba\\nb\n", uint64(3))
	f.Fuzz(func(t *testing.T, one, two, text string, seed uint64) {
		ms := masker(t, []string{one, two})
		if ms == nil {
			return
		}
		whole := ms.String(text)
		for _, secret := range []string{one, two} {
			if secret == "" || strings.Contains(m, secret) {
				continue
			}
			// Two pieces of a secret that what is masked between them held apart may meet in the
			// output only around a mask.
			for part := range strings.SplitSeq(whole, m) {
				if strings.Contains(part, secret) {
					t.Fatalf("%q is left in %q", secret, whole)
				}
			}
		}
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
		if out = s.End(out); string(out) != whole {
			t.Fatalf("in pieces %q, whole %q", out, whole)
		}
	})
}

func TestMasker_JSON(t *testing.T) {
	t.Parallel()
	ms := masker(t, []string{"s3cret", "12345", "true"})
	for in, want := range map[string]string{
		`{"a":"xs3crety","s3cret":[1,"é"]}`: `{"a":"x` + m + `y","` + m + `":[1,"é"]}`,
		`{"n":12345,"o":123456,"p":1234}`:   `{"n":"` + m + `","o":"` + m + `","p":1234}`,
		`[true, false ,null]`:               `[` + `"` + m + `", false ,null]`,
		`"s3\u0063ret"`:                     `"` + m + `"`,
		`{"a":"\"\\"}`:                      `{"a":"\"\\"}`,
		`-1.5e3`:                            `-1.5e3`,
	} {
		if got := string(ms.JSON([]byte(in))); got != want {
			t.Errorf("%s gives %s, want %s", in, got, want)
		}
	}
}

func FuzzJSON(f *testing.F) {
	f.Add("e", `{"a":[1,true,"e\u0065",{"e":null}],"b":-1e5}`)
	f.Fuzz(func(t *testing.T, secret, text string) {
		if !json.Valid([]byte(text)) {
			return
		}
		if out := masker(t, []string{secret}).JSON([]byte(text)); !json.Valid(out) {
			t.Fatalf("%q in %s gives %s", secret, text, out)
		}
	})
}
