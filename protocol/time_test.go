package protocol_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/claudeops/claudeops/protocol"
)

func TestTime(t *testing.T) {
	t.Parallel()
	paris := time.FixedZone("", 7200)
	b, err := json.Marshal(protocol.At(time.Date(2026, 1, 2, 3, 4, 5, 6_999_999, paris)))
	if err != nil || string(b) != `"2026-01-02T01:04:05.006Z"` {
		t.Errorf("%s, %v", b, err)
	}
	var back protocol.Time
	if err := json.Unmarshal(b, &back); err != nil || back.Nanosecond() != 6_000_000 {
		t.Errorf("%v, %v", back, err)
	}
}
