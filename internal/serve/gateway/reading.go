package gateway

import (
	"context"
	"slices"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/run/supervisor"
	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

// records gives executions without asking who wants them.
type records interface {
	Get(ctx context.Context, id string) (execution.Record, error)
	List(ctx context.Context, f index.Filter) (index.Page, error)
}

// reading is the executions that one caller may read. Whatever shows executions to a caller gets them
// here: the others are not there for it.
type reading struct {
	records records
	scope   auth.Scope
	caller  auth.Principal
}

func readingOf(all records, p auth.Principal) reading {
	return reading{all, p.Scope(protocol.PermRead), p}
}

// may reports whether a caller holds a permission for an execution.
func may(p auth.Principal, perm string, rec *execution.Record) bool {
	return p.CanFor(perm, rec.AgentType) || p.Owns(perm, rec)
}

// Get gives a record.
func (r reading) Get(ctx context.Context, id string) (execution.Record, error) {
	rec, err := r.records.Get(ctx, id)
	if err == nil && !may(r.caller, protocol.PermRead, &rec) {
		return execution.Record{}, noExecution(id)
	}
	return rec, err
}

// check refuses an execution that the caller may not read. Who may read all of them is told by whoever
// opens the journal that there is none.
func (r reading) check(ctx context.Context, id string) error {
	if r.scope.All() {
		return nil
	}
	_, err := r.Get(ctx, id)
	return err
}

// noExecution is what is said of an execution that is not there, and of one that the caller may not know of.
func noExecution(id string) error {
	return fault.New(protocol.NotFound, "there is no execution %s", id)
}

// List gives a page of records.
func (r reading) List(ctx context.Context, f index.Filter) (index.Page, error) {
	switch {
	case r.caller.Execution() != "": // an agent knows by their ids what it started
		rec, err := r.Get(ctx, r.caller.Execution())
		return index.Page{Executions: []execution.Record{rec}, Total: 1}, err
	case r.scope.Empty():
		return index.Page{}, nil
	case !r.scope.All():
		f.Agents = r.scope.Patterns()
	}
	page, err := r.records.List(ctx, f)
	if !r.scope.All() {
		page.Executions = slices.DeleteFunc(page.Executions, func(rec execution.Record) bool { return !r.scope.Allows(rec.AgentType) })
	}
	return page, err
}

// acting gives the record of an execution that a caller wants to do something to, which needs perm for
// its agent. Who may not even read it is told that there is none.
func acting(ctx context.Context, all records, p auth.Principal, id, perm string) (execution.Record, error) {
	rec, err := all.Get(ctx, id)
	switch {
	case err != nil:
		return execution.Record{}, err
	case may(p, perm, &rec):
		return rec, nil
	case may(p, protocol.PermRead, &rec):
		return execution.Record{}, fault.New(protocol.Forbidden, "this needs the permission %s for the agent %s, which %s does not have", perm, rec.AgentType, p.ID)
	}
	return execution.Record{}, noExecution(id)
}

// mayExecute refuses who may not start an agent, whether or not there is one of that name.
func mayExecute(p auth.Principal, agent string) error {
	if p.CanFor(protocol.PermExecute, agent) {
		return nil
	}
	if p.Execution() != "" {
		return fault.New(protocol.Forbidden, "this agent may not start the agent %.100q: whoever started it may not, or %d executions have started one another already", agent, auth.MaxCallDepth)
	}
	return fault.New(protocol.Forbidden, "this needs the permission %s for the agent %.100q, which %s does not have", protocol.PermExecute, agent, p.ID)
}

// limited gives as much of a record as the caller may know: who may only act on an execution learns its
// id and how it stands.
func limited(rec execution.Record, p auth.Principal) recordBody {
	return recordBody{rec, !may(p, protocol.PermRead, &rec)}
}

// requestOf makes the request of a caller: in whose name it is, and with a token for the agent.
func requestOf(credentials interface {
	ExecutionToken(p auth.Principal, id string) (string, error)
}, p auth.Principal, trigger string) supervisor.Request {
	user, name := p.Starter()
	r := supervisor.Request{
		Trigger: execution.Trigger{Kind: trigger, User: user}, StartedBy: name,
		Token: func(id string) (string, error) { return credentials.ExecutionToken(p, id) },
	}
	if parent := p.Execution(); parent != "" {
		r.Trigger.Kind = "agent"
		r.Parent = &protocol.Relative{ExecutionID: parent, Why: protocol.WhyCall}
	}
	return r
}
