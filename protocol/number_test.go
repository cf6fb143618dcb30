package protocol_test

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/claudeops/claudeops/protocol"
)

func TestSeq_Refuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"-1", "1.5", "1e3", "9007199254740992", "9223372036854775808", "18446744073709551616", `"1"`, "true", "{}", "[1]", " 1", "+1", "0x1", "1_0", "١"} {
		if n, err := protocol.ParseSeq(text); err == nil {
			t.Errorf("%q was taken as %d", text, n)
		}
	}
	for text, want := range map[string]protocol.Seq{"0": 0, "1": 1, "9007199254740991": protocol.MaxSeq} {
		if n, err := protocol.ParseSeq(text); err != nil || n != want {
			t.Errorf("%q gave %d, %v", text, n, err)
		}
	}
}

func FuzzSeq(f *testing.F) {
	for _, seed := range []string{"0", "1", "-1", "9007199254740991", "9007199254740992", "1e3", `"1"`, "null", "99999999999999999999"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var request struct{ Since *protocol.Seq }
		if json.Unmarshal([]byte(`{"Since":`+string(text)+`}`), &request) != nil || request.Since == nil {
			return
		}
		n := uint64(*request.Since)
		if n > protocol.MaxSeq {
			t.Fatalf("%q was taken as %d", text, n)
		}
		// What was taken is what every reader of 64-bit floats takes.
		if strconv.FormatFloat(float64(n), 'f', -1, 64) != strconv.FormatUint(n, 10) {
			t.Fatalf("%q became %d, which a float does not keep", text, n)
		}
	})
}
