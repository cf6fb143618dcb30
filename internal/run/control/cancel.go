package control

import (
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/claudeops/claudeops/internal/record/rundir"
)

// NotedCancel gives the cancellation that a server has noted in an execution's directory. A server that
// can't reach the runner ends the agent itself; the note is how the runner learns why.
func NotedCancel(dir string) (by, reason string, ok bool) {
	text, err := os.ReadFile(filepath.Join(dir, rundir.CancelFile))
	if err != nil {
		return "", "", false
	}
	var note struct {
		By     string `json:"by"`
		Reason string `json:"reason"`
	}
	if json.Unmarshal(text, &note) != nil {
		return "", "", false
	}
	return note.By, note.Reason, true
}
