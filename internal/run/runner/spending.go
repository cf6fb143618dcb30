package runner

import (
	"fmt"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/run/control"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
	"github.com/claudeops/claudeops/internal/run/runner/logline"
	"github.com/claudeops/claudeops/protocol"
)

// spending watches what the run costs. The runner does so itself, for it needs no server to go on.
type spending struct {
	limit  *control.Budget // nil: none
	warned bool
	over   bool
}

func newSpending(limit *control.Budget) spending { return spending{limit: limit} }

// warnPercent is the part of a budget from which it is told that it runs out.
const warnPercent = 80

// spend looks at a cost event that was just recorded: it warns once when most of the budget is gone,
// and ends the run when all of it is.
func (s *session) spend(e *execution.Event) {
	w := &s.spending
	notional := e.Notional != nil && *e.Notional
	if w.limit == nil || w.over || e.USD == nil || notional && !w.limit.Notional {
		return
	}
	cost := protocol.FromUSD(*e.USD)
	switch {
	case cost > w.limit.USD:
		w.over = true
		s.end(driver.Outcome{Failed: true, Reason: execution.ReasonBudgetExceeded,
			Error: fmt.Sprintf("the run has cost $%s, more than its budget of $%s; raise budget.usd in the definition to let it cost more", cost, w.limit.USD)}, 0)
	case !w.warned && cost*100 >= w.limit.USD*warnPercent:
		w.warned = true
		text := fmt.Sprintf("the run has cost $%s, %d %% of its budget of $%s", cost, cost*100/w.limit.USD, w.limit.USD)
		s.rec.logLocked(time.Now().UnixMilli(), logline.Warn, logline.Agent, []byte(text), false, nil)
	}
}
