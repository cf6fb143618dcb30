package supervisor

import (
	"slices"
	"strings"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

// Approval is something that an agent asks for and nobody has answered, with the execution it is of.
type Approval struct {
	ExecutionID string `json:"executionId"`
	AgentType   string `json:"agentType"`
	protocol.PendingApproval
}

// Approvals lists what waits for an answer in all executions, oldest first.
func (s *Supervisor) Approvals() []Approval {
	s.mu.RLock()
	lives := make([]*live, 0, len(s.live))
	for _, l := range s.live {
		lives = append(lives, l)
	}
	s.mu.RUnlock()
	list := []Approval{}
	for _, l := range lives {
		rec := l.snapshot()
		if rec.Terminal || rec.Status == execution.Cancelling {
			continue
		}
		for _, p := range rec.PendingApprovals {
			list = append(list, Approval{rec.ExecutionID, rec.AgentType, p})
		}
	}
	slices.SortFunc(list, func(a, b Approval) int {
		if c := a.AskedAt.Compare(b.AskedAt.Time); c != 0 {
			return c
		}
		return strings.Compare(a.ExecutionID+a.RequestID, b.ExecutionID+b.RequestID)
	})
	return list
}
