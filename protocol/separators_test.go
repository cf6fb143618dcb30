package protocol_test

import (
	"encoding/json"
	"testing"

	"github.com/claudeops/claudeops/protocol"
)

func TestEscapeSeparators(t *testing.T) {
	t.Parallel()
	text := "a\u2028b\u2029c\u0085d é 日本 \\u2028"
	var b []byte
	b = append(b, `{"x":"`...)
	b = append(b, "a\u2028b\u2029c\u0085d é 日本 \\\\u2028"...)
	b = append(b, `"}`...)
	escaped := protocol.EscapeSeparators(b)
	if protocol.HasSeparator(escaped) {
		t.Errorf("it is %q", escaped)
	}
	var got struct{ X string }
	if err := json.Unmarshal(escaped, &got); err != nil || got.X != text {
		t.Errorf("it means %q, %v, want %q", got.X, err, text)
	}
	if plain := []byte(`{"x":"é"}`); &protocol.EscapeSeparators(plain)[0] != &plain[0] {
		t.Error("what has none is copied")
	}
}
