package journal

import (
	"encoding/json"

	"github.com/claudeops/claudeops/internal/execution"
)

// Ended reports whether the event before head, the last one, is one that ends its execution. One that
// is lost or can't be read is not.
func Ended(r Reader, head Position) (bool, error) {
	if head.Seq == 0 {
		return false, nil
	}
	at, gap, err := r.Locate(head.Seq - 1)
	if err != nil || gap != nil {
		return false, err
	}
	buf := make([]byte, head.Offset-at.Offset)
	n, _, gap, err := r.Read(at, head, buf)
	if err != nil || gap != nil {
		return false, err
	}
	var last struct {
		Type string `json:"type"`
	}
	return json.Unmarshal(buf[:n], &last) == nil && execution.IsTerminalType(last.Type), nil
}
