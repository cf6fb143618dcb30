package agent

import (
	"regexp"
	"testing"
)

// TestNames holds the hand-written checks to what they say, over every byte at the start, in the
// middle and at the end.
func TestNames(t *testing.T) {
	t.Parallel()
	for what, tt := range map[string]struct {
		check   func(string) bool
		pattern string
	}{
		"agent":     {ValidName, `^[a-z0-9-]{1,63}$`},
		"parameter": {validParameter, `^[A-Za-z_][A-Za-z0-9_-]{0,127}$`},
		"variable":  {validVariable, `^[A-Za-z_][A-Za-z0-9_]*$`},
	} {
		pattern := regexp.MustCompile(tt.pattern)
		names := []string{"", "ab", "a\n", "é"}
		for _, n := range []int{62, 63, 64, 127, 128, 129} {
			name := make([]byte, n)
			for i := range name {
				name[i] = 'a'
			}
			names = append(names, string(name))
		}
		for c := range 256 {
			b := string([]byte{byte(c)})
			names = append(names, b, "a"+b, b+"a", "a"+b+"a")
		}
		for _, name := range names {
			if got, want := tt.check(name), pattern.MatchString(name); got != want {
				t.Errorf("%s %q: %v, want %v", what, name, got, want)
			}
		}
	}
}
