package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/datadir"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/run/agent"
	"github.com/claudeops/claudeops/internal/run/control"
	"github.com/claudeops/claudeops/protocol"
)

// Continue starts the next turn of an ended execution's session, as an execution of its own that is
// linked to it: the same agent, parameters and directory.
//
// Codes of its errors: those of Execute, not_found (no such execution), conflict (it has not ended, or
// has no session that can be continued).
func (s *Supervisor) Continue(ctx context.Context, id, prompt string, request Request) (execution.Record, error) {
	done, err := s.enter()
	if err != nil {
		return execution.Record{}, err
	}
	defer done()
	rec, err := s.Get(ctx, id)
	if err != nil {
		return execution.Record{}, err
	}
	if err := s.nextTurn(&request, rec, prompt); err != nil {
		return execution.Record{}, err
	}
	return s.accept(ctx, request, nil)
}

// nextTurn makes of request the next turn of rec's session.
func (s *Supervisor) nextTurn(request *Request, rec execution.Record, prompt string) error {
	id := rec.ExecutionID
	definition, ok := s.options.Catalogue.Get(rec.AgentType)
	switch {
	case prompt == "":
		return fault.New(protocol.BadRequest, "the prompt is empty: say what the agent is to do next")
	case !ok:
		return s.unknownAgent(rec.AgentType)
	case !definition.Continues():
		return fault.New(protocol.Conflict, "execution %s can't be continued: %s runs a %s, which has no sessions", id, rec.AgentType, definition.Kind)
	case !rec.Terminal:
		return fault.New(protocol.Conflict, "execution %s has not ended: continue it then, or send it a message while it works", id)
	case rec.SessionID == "":
		return fault.New(protocol.Conflict, "execution %s can't be continued: its agent had not begun a session", id)
	}
	request.AgentType, request.Config = rec.AgentType, rec.Config
	request.Parent = &protocol.Relative{ExecutionID: id, Why: protocol.WhyContinue}
	request.turn = &agent.Turn{Session: rec.SessionID, Prompt: prompt}
	if definition.Workdir == "" {
		// Sessions belong to a directory. A scratch directory is gone with its execution: its path is not.
		if err := s.revive(rec.Workdir); err != nil {
			return fault.Wrap(protocol.Unavailable, err, "the directory of execution %s can't be made again", id)
		}
		request.turn.Workdir = rec.Workdir
	}
	return nil
}

// revive makes an execution's scratch directory again, where its session is known.
func (s *Supervisor) revive(workdir string) error {
	within, err := filepath.Rel(filepath.Join(s.options.DataDir, "executions"), workdir)
	if err != nil || !filepath.IsLocal(within) {
		return nil // not one of ours: it is there or not
	}
	return os.MkdirAll(workdir, 0o700)
}

func notBefore(at time.Time) *execution.Time {
	if at.IsZero() {
		return nil
	}
	t := execution.At(at)
	return &t
}

// wakeLocked looks at the queue again when the next of those that wait for a time may start.
func (s *Supervisor) wakeLocked(now time.Time) {
	if s.waking != nil {
		s.waking.Stop()
		s.waking = nil
	}
	if next := s.queue.wake(now); !next.IsZero() {
		s.waking = time.AfterFunc(next.Sub(now), s.schedule)
	}
}

// limitsFile keeps until when which account's usage limit is reached.
const limitsFile = "limits.json"

// loadLimits reads them. Without the file, or with a damaged one, nothing is held back: the agent then
// finds its limit again.
func (s *Supervisor) loadLimits() {
	path := filepath.Join(s.options.DataDir, limitsFile)
	text, err := os.ReadFile(path)
	limits := map[string]time.Time{}
	if err == nil {
		err = json.Unmarshal(text, &limits)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("the usage limits of accounts could not be read; nothing is held back for them", "file", path, "error", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for account, until := range limits {
		if until.After(time.Now()) {
			s.queue.hold(account, until)
		}
	}
}

// limitReached holds back what uses the account of an execution that has met its usage limit, and lets
// the next turn follow.
func (s *Supervisor) limitReached(l *live, rec execution.Record) {
	if rec.Reason != string(execution.ReasonUsageLimit) || rec.ResetsAt == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.account != "" && rec.ResetsAt.After(time.Now()) {
		s.queue.hold(l.account, *rec.ResetsAt)
		text, err := json.Marshal(s.queue.accounts)
		if err == nil {
			err = datadir.WriteFile(filepath.Join(s.options.DataDir, limitsFile), append(text, '\n'))
		}
		if err != nil {
			s.log.Warn("until when the usage limit of an account holds could not be stored; the next server does not know", "error", err)
		}
	}
	if s.state == serving {
		s.work.Go(func() { s.continueAfterLimit(s.ctx, rec) })
	}
}

// limitMemory is for how long a server that comes back lets a turn follow that none did for.
const limitMemory = 8 * 24 * time.Hour

// continueLimited lets the turns follow that an earlier server had no time for.
func (s *Supervisor) continueLimited() {
	filter := index.Filter{Status: []execution.Status{execution.Failed}, Query: string(execution.ReasonUsageLimit), Since: time.Now().Add(-limitMemory)}
	for {
		page, err := s.options.Index.List(s.ctx, filter)
		if err != nil {
			if s.ctx.Err() == nil {
				s.log.Warn("executions that have met a usage limit could not be looked for", "error", err)
			}
			return
		}
		for _, rec := range page.Executions {
			if rec.Reason == string(execution.ReasonUsageLimit) && rec.ResetsAt != nil {
				s.continueAfterLimit(s.ctx, rec)
			}
		}
		if filter.Cursor = page.Next; filter.Cursor == "" {
			return
		}
	}
}

// limitPrompt is what an agent is told when its account's usage limit has been reset.
const limitPrompt = "The usage limit has been reset. Continue where you left off."

// continueAfterLimit queues the next turn of an execution that has met a usage limit, for the time when
// that is reset. It is queued once, however often this is called; all turns have one budget.
func (s *Supervisor) continueAfterLimit(ctx context.Context, rec execution.Record) {
	definition, ok := s.options.Catalogue.Get(rec.AgentType)
	if !ok || definition.OnLimit == agent.LimitFail || !definition.Continues() || rec.SessionID == "" {
		return
	}
	request := Request{IdempotencyKey: "usage-limit:" + rec.ExecutionID, NotBefore: *rec.ResetsAt, Tags: rec.Tags, StartedBy: rec.StartedBy,
		Trigger: execution.Trigger{Kind: "continue", User: rec.Trigger.User}}
	err := s.nextTurn(&request, rec, limitPrompt)
	if err == nil {
		request.spent, err = s.spentByTurns(ctx, rec)
	}
	if usd := definition.Budget.USD; err == nil && usd != nil && request.spent >= *usd {
		s.log.Info("an execution that has met a usage limit is not continued: its budget is used up", "executionId", rec.ExecutionID)
		return
	}
	if err == nil {
		_, _, err = s.executeOnce(ctx, request)
	}
	if err != nil && ctx.Err() == nil {
		s.log.Warn("an execution that has met a usage limit can't be continued by itself; continue it by hand", "executionId", rec.ExecutionID, "error", err)
	}
}

// spentByTurns adds up what the turns of a session have cost that followed one another by themselves.
func (s *Supervisor) spentByTurns(ctx context.Context, rec execution.Record) (protocol.MicroUSD, error) {
	sum := protocol.FromUSD(rec.Cost)
	for rec.Trigger.Kind == "continue" && rec.Parent != nil && rec.Parent.Why == protocol.WhyContinue {
		before, err := s.Get(ctx, rec.Parent.ExecutionID)
		if fault.CodeOf(err) == protocol.NotFound {
			break // retention has removed it
		}
		if err != nil {
			return 0, err
		}
		sum += protocol.FromUSD(before.Cost)
		rec = before
	}
	return sum, nil
}

// readTiming takes from disk until when an execution that is found waits, and for which account.
func (s *Supervisor) readTiming(l *live) {
	rec := l.snapshot()
	if rec.NotBefore != nil {
		l.notBefore = *rec.NotBefore
	}
	dir, err := s.options.Store.Dir(l.id)
	if err != nil {
		return // whoever starts it finds out
	}
	if spec, err := control.ReadSpec(dir); err == nil {
		l.account = spec.Account
	}
}
