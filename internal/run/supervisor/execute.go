package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/datadir"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/rundir"
	"github.com/claudeops/claudeops/internal/run/agent"
	"github.com/claudeops/claudeops/internal/run/control"
	"github.com/claudeops/claudeops/protocol"
)

// Request is what somebody wants to be run.
type Request struct {
	AgentType      string
	Config         json.RawMessage // parameters; nothing, null and {} are the same
	Tags           []string        // beside the definition's own
	IdempotencyKey string          // empty: none. The same user's same key gives the same execution
	Trigger        execution.Trigger
	StartedBy      string // the name of the API key; empty: Trigger.User says who
	Parent         *protocol.Relative

	// Token makes the token with which the execution's agent reaches this server. Nil: Options.Token does.
	Token func(executionID string) (string, error)

	NotBefore time.Time // it waits in the queue until then; zero: for its turn only

	turn  *agent.Turn       // of a session that goes on
	spent protocol.MicroUSD // of the run's budget, by the turns before

	// EndWithCaller says that the execution is to be cancelled when Trigger.User stays away: it is
	// kept with the execution, so that the next server knows.
	EndWithCaller bool
}

// Execute accepts an execution: when it returns, the execution is stored and will run, whatever
// becomes of this server. existing is true when the idempotency key stands for one that was
// accepted before, whose record it then gives.
//
// Codes of its errors: not_found (no such agent), bad_request and too_large (parameters, as
// details.fields says), conflict (the key was used for something else), limit_reached (too many
// wait), budget_exceeded (nothing more may be spent now), unavailable (stopping, or it could not be stored).
func (s *Supervisor) Execute(ctx context.Context, request Request) (rec execution.Record, existing bool, err error) {
	done, err := s.enter()
	if err != nil {
		return execution.Record{}, false, err
	}
	defer done()
	if request.IdempotencyKey != "" {
		return s.executeOnce(ctx, request)
	}
	rec, err = s.accept(ctx, request, nil)
	return rec, false, err
}

// accept makes an execution of a request, under a claim if there is one.
func (s *Supervisor) accept(ctx context.Context, request Request, claim *rundir.Claim) (execution.Record, error) {
	definition, invocation, err := s.resolve(request)
	if err != nil {
		return execution.Record{}, err
	}
	if request.Tags, err = agent.MergeTags(definition.Tags, request.Tags); err != nil {
		message := err.Error()
		return execution.Record{}, fault.New(protocol.BadRequest, "tags: %s", message).With(struct {
			Fields []agent.FieldError `json:"fields"`
		}{[]agent.FieldError{{Field: "tags", Message: message}}})
	}
	if err := s.affordable(definition); err != nil {
		return execution.Record{}, err
	}
	s.mu.Lock()
	admitted := s.queue.admit(definition.Name, s.options.MaxQueued)
	s.mu.Unlock()
	if !admitted {
		return execution.Record{}, fault.New(protocol.LimitReached, "%d executions wait already, which is as many as this server lets wait; try again when some have ended, or raise the limit", s.options.MaxQueued)
	}
	l, err := s.store(ctx, request, definition, invocation, claim)
	s.mu.Lock()
	s.queue.leave(definition.Name)
	if err != nil {
		s.mu.Unlock()
		return execution.Record{}, err
	}
	// Nobody waits in line before it is known, and nobody knows it before its first event is told.
	s.queue.push(l)
	s.mu.Unlock()
	s.cancelEarly(l)
	s.schedule()

	rec := l.snapshot()
	s.mu.RLock()
	rec.QueuePosition = s.queue.position(l)
	if rec.QueuePosition > 0 {
		rec.QueueReason = s.queue.why(l, time.Now())
	}
	s.mu.RUnlock()
	return rec, nil
}

// resolve finds what is to run, and checks the parameters.
func (s *Supervisor) resolve(request Request) (*agent.Definition, *agent.Invocation, error) {
	definition, ok := s.options.Catalogue.Get(request.AgentType)
	if !ok {
		return nil, nil, s.unknownAgent(request.AgentType)
	}
	invocation, err := definition.ResolveTurn(request.Config, request.turn)
	if wrong := (*agent.ConfigError)(nil); errors.As(err, &wrong) {
		return nil, nil, fault.Wrap(wrong.Code(), err, "%s", wrong.Error()).With(struct {
			Fields []agent.FieldError `json:"fields"`
		}{wrong.Fields})
	}
	if err != nil {
		return nil, nil, fmt.Errorf("resolve the parameters of %s: %w", definition.Name, err)
	}
	return definition, invocation, nil
}

func (s *Supervisor) unknownAgent(name string) error {
	definitions := s.options.Catalogue.List()
	names := nearest(name, definitions)
	hint := "list the agents there are with GET /api/agents or claudeops agents"
	if len(names) > 0 {
		hint = "did you mean " + strings.Join(names, " or ") + "?"
	}
	return fault.New(protocol.NotFound, "there is no agent %.80q; %s", name, hint).With(struct {
		Nearest []string `json:"nearest"`
	}{names})
}

// store puts a new execution on disk and into the index, and tells of it. After an error nothing
// of it is left.
func (s *Supervisor) store(ctx context.Context, request Request, d *agent.Definition, inv *agent.Invocation, claim *rundir.Claim) (_ *live, err error) {
	now := time.Now()
	id, err := s.ids.next(now)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err == nil {
			return
		}
		if undone := s.undo(id); undone != nil {
			s.log.Error("an execution that could not be stored could not be removed either; the next start will look at it", "executionId", id, "error", undone)
		}
		if ctx.Err() == nil {
			s.log.Error("an execution could not be stored, and was refused", "executionId", id, "agent", d.Name, "error", err)
		}
		err = couldNotStore(err)
	}()
	if err := s.mark(id); err != nil {
		return nil, err
	}
	w, err := s.options.Store.Create(id)
	if err != nil {
		return nil, fmt.Errorf("create the journal of %s: %w", id, err)
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	spec := s.newSpec(id, d, inv)
	if err := s.connect(spec, request); err != nil {
		return nil, err
	}
	if spec.Budget != nil {
		spec.Budget.USD = max(0, spec.Budget.USD-request.spent)
	}
	if err := s.writeSidecar(id, control.SpecFile, spec); err != nil {
		return nil, err
	}
	if request.EndWithCaller {
		if err := s.writeSidecar(id, callerName, boundCaller{User: request.Trigger.User}); err != nil {
			return nil, err
		}
	}
	if claim != nil {
		claim.ExecutionID = id
		if err := s.writeClaim(*claim); err != nil {
			return nil, err
		}
	}
	config := inv.MaskedConfig
	if len(config) == 0 {
		config = json.RawMessage(`{}`)
	}
	trigger := request.Trigger
	line, at, err := appendEvent(w, &execution.Event{
		Type: execution.TypeQueued, ExecutionID: id, Timestamp: execution.At(now),
		AgentType: d.Name, Config: config, Trigger: &trigger, Tags: request.Tags, StartedBy: request.StartedBy, Parent: request.Parent,
		NotBefore: notBefore(request.NotBefore),
	})
	if err != nil {
		return nil, err
	}
	// The runner opens the journal next: it must be free before anybody can start it.
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("close the journal of %s: %w", id, err)
	}
	var e execution.Event
	if err := json.Unmarshal(line, &e); err != nil {
		return nil, fmt.Errorf("decode the first event of %s: %w", id, err)
	}
	l := newLive(execution.Record{})
	rec, _ := l.apply(&e, at)
	l.id, l.agent = rec.ExecutionID, rec.AgentType
	l.notBefore, l.account = request.NotBefore, inv.Account
	l.phase = leaving // until it is pushed
	if err := s.indexer.check(s.options.Index.Add(ctx, rec, claim)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.live[id] = l
	s.mu.Unlock()
	s.told.tell(line, &e, rec)
	return l, nil
}

func (s *Supervisor) writeClaim(claim rundir.Claim) error {
	dir, err := s.options.Store.Dir(claim.ExecutionID)
	if err != nil {
		return fmt.Errorf("find the directory of execution %s: %w", claim.ExecutionID, err)
	}
	return rundir.WriteClaim(dir, claim)
}

// undo removes what store has made so far.
func (s *Supervisor) undo(id string) error {
	removed := s.options.Store.Remove(id)
	if isNoJournal(removed) {
		removed = nil
	}
	err := errors.Join(removed, s.options.Index.Remove(context.Background(), []string{id}))
	if err != nil {
		return err // the mark stays, so that it is looked at again
	}
	return s.unmark(id)
}

// couldNotStore makes an error of the disk one that says what to do. What has a code already, or
// is the caller's own giving up, stays as it is.
func couldNotStore(err error) error {
	if fault.CodeOf(err) != protocol.Internal || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	why := datadir.Explain(err)
	if why == "" {
		why = "the server's log says why"
	}
	return fault.Wrap(protocol.Unavailable, err, "the execution could not be stored, so nothing was started: %s", why)
}

// appendEvent writes one event, durably, and gives its line.
func appendEvent(w journal.Writer, e *execution.Event) (line []byte, at journal.Position, err error) {
	e.Seq = w.Head().Seq + 1
	line, err = json.Marshal(e)
	if err != nil {
		return nil, at, fmt.Errorf("encode %s of %s: %w", e.Type, e.ExecutionID, err)
	}
	line = append(protocol.EscapeSeparators(line), '\n')
	at, err = w.Append(line, 1)
	if err == nil {
		err = w.Sync()
	}
	if err != nil {
		return nil, at, fmt.Errorf("append %s to the journal of %s: %w", e.Type, e.ExecutionID, err)
	}
	return line, at, nil
}
