package gateway

import (
	"slices"
	"strings"
	"testing"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

// TestCancelMany: what waits is cancelled before what runs, each once, and nothing by accident.
func TestCancelMany(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	owner := d.as(d.token, nil)
	for body, field := range map[string]string{`{}`: "all", `{"all":false}`: "all", `{"agent":"echo"}`: "agent", `{"reason":"enough"}`: "all"} {
		if got := d.do(t, "POST", "/api/executions/cancel", body, owner); got.status != 400 && got.status != 422 || !strings.Contains(got.body, field) {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	d.supervisor.mu.Lock()
	calls := len(d.supervisor.calls)
	d.supervisor.mu.Unlock()
	if calls != 0 {
		t.Errorf("a refused request has reached the supervisor")
	}
	done := decode[CancelledMany](t, d.do(t, "POST", "/api/executions/cancel", `{"agentType":"echo","tags":["nightly"],"reason":"enough"}`, owner), 202)
	d.supervisor.mu.Lock()
	defer d.supervisor.mu.Unlock()
	filter := d.supervisor.filter
	if filter.AgentType != "echo" || !slices.Equal(filter.Tags, []string{"nightly"}) || !slices.Equal(filter.Status, []execution.Status{execution.Queued, execution.Running}) || len(filter.Agents) != 0 {
		t.Errorf("listed by %+v", filter)
	}
	for _, id := range done.Executions {
		if !slices.ContainsFunc(d.supervisor.calls, func(call string) bool { return strings.HasPrefix(call, "cancel "+id) }) {
			t.Errorf("%s was not cancelled: %q", id, d.supervisor.calls)
		}
	}
	if rule := protocol.RoutePermission["POST /api/executions/cancel"]; !slices.Equal(rule, []string{protocol.PermCancel}) {
		t.Errorf("the rule is %v", rule)
	}
}
