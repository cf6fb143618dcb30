package app

import (
	"testing"

	"github.com/claudeops/claudeops/protocol"
)

// To clients 0 is no limit; to the supervisor it is its default, and less is none.
func TestMaxQueued_no_limit_is_none(t *testing.T) {
	t.Parallel()
	if got := maxQueued(protocol.Limits{MaxConnections: 1}); got >= 0 {
		t.Errorf("without a limit the supervisor is told %d", got)
	}
	if got := maxQueued(protocol.Limits{MaxQueuedExecutions: 7}); got != 7 {
		t.Errorf("a limit of 7 becomes %d", got)
	}
}
