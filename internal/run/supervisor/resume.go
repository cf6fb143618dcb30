package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/rundir"
	"github.com/claudeops/claudeops/internal/run/control"
	"github.com/claudeops/claudeops/protocol"
)

// resumeWait is for how long Start waits until every runner was reached or its execution settled.
// What takes longer goes on behind: a process that can't be killed must not keep a server down.
const resumeWait = 2 * time.Second

// resumers is how many executions are looked at side by side on start.
const resumers = 16

// prepareIndex makes sure that the index knows every execution, without reading the history each
// time: only a new index, or a machine that went down, can have left any out.
func (s *Supervisor) prepareIndex(ctx context.Context) error {
	boot, complete, err := s.options.Index.Complete(ctx)
	if err == nil && complete && boot != s.boot {
		err = s.options.Index.Check(ctx)
	}
	switch {
	case errors.Is(err, index.ErrDamaged):
		s.log.Warn("the index is damaged; it is rebuilt from the journals", "error", err)
		err = s.options.Index.Renew(ctx, s.options.Store)
	case err != nil:
	case !complete:
		s.log.Info("the index is filled from the journals")
		err = s.options.Index.Fill(ctx, s.options.Store)
	case boot != s.boot:
		err = s.options.Index.Fill(ctx, s.options.Store)
	}
	if err != nil {
		return err
	}
	if boot != s.boot || !complete {
		if err := s.options.Index.SetComplete(ctx, s.boot); err != nil {
			return err
		}
	}
	last, err := s.options.Index.LastID(ctx)
	if err != nil {
		return err
	}
	s.ids.continueAfter(last)
	return nil
}

// plan is what is to be done about an execution that a server has left behind.
type plan int

const (
	nothing plan = iota // there is no such execution
	enqueue             // it waits
	follow              // it runs, or ran and is to be settled
	retire              // it has its last event
	again               // it could not be looked at
)

// found is an execution that was left behind.
type found struct {
	l      *live
	plan   plan
	caller string // who it ends with; empty: nobody
}

// resumeAll looks at every execution whose end is not in the index.
func (s *Supervisor) resumeAll(ctx context.Context) error {
	ids, err := s.leftBehind(ctx)
	if err != nil {
		return err
	}
	results := make([]found, len(ids))
	group, looking := errgroup.WithContext(ctx)
	group.SetLimit(resumers)
	for i, id := range ids {
		group.Go(func() error {
			f, err := s.inspect(looking, id)
			if err != nil && looking.Err() == nil {
				f.plan = again
				s.log.Error("an execution left behind can't be looked at; it is tried again", "executionId", id, "error", err)
			}
			results[i] = f
			return looking.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, f := range results {
		if f.plan == again {
			s.lookAgain(ctx, ids[i])
			continue
		}
		s.take(f)
	}
	timeout := time.NewTimer(resumeWait)
	defer timeout.Stop()
	for _, f := range results {
		if f.plan != follow {
			continue
		}
		select {
		case <-f.l.looked:
		case <-timeout.C:
			s.log.Warn("some executions are still being adopted or settled")
			return nil
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		}
	}
	return nil
}

// leftBehind lists what is marked as active, or open in the index, oldest first.
func (s *Supervisor) leftBehind(ctx context.Context) ([]string, error) {
	entries, err := os.ReadDir(s.activeDir())
	if err != nil {
		return nil, fmt.Errorf("list active executions: %w", err)
	}
	ids, err := s.options.Index.Open(ctx)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if err := execution.ValidateID(entry.Name()); err != nil {
			s.log.Warn("a file among the active marks is no mark; it is left alone", "name", entry.Name())
			continue
		}
		ids = append(ids, entry.Name())
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// How often an execution that can't be looked at is tried again.
const (
	firstLookPause = 250 * time.Millisecond
	lastLookPause  = 30 * time.Second
)

// lookAgain keeps one execution that can't be looked at from stopping the others. Whatever holds
// it up may pass: no descriptors, a disk that fails now and then. Until then it keeps its agent's
// place taken, unless it is certain that no runner has it: nothing may run beside it that waits
// for it.
func (s *Supervisor) lookAgain(ctx context.Context, id string) {
	rec, err := s.options.Index.Get(ctx, id)
	if err != nil {
		rec = execution.Record{ExecutionID: id}
	}
	place := newLive(rec)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != serving {
		return
	}
	s.queue.occupy(place)
	s.work.Go(func() {
		defer func() {
			s.mu.Lock()
			s.queue.release(place)
			s.mu.Unlock()
			s.schedule()
		}()
		for pause := firstLookPause; later(s.ctx, pause); pause = min(2*pause, lastLookPause) {
			if _, err := s.resumeOne(s.ctx, id); err == nil {
				return
			}
			held, err := s.options.Store.Written(id)
			s.hold(place, err != nil || held)
		}
	})
}

// hold keeps a place taken, or gives it up.
func (s *Supervisor) hold(place *live, taken bool) {
	s.mu.Lock()
	switch {
	case taken && place.phase != active:
		s.queue.occupy(place)
	case !taken:
		s.queue.release(place)
	}
	s.mu.Unlock()
	s.schedule()
}

// inspect finds out from what is on disk where an execution stands.
func (s *Supervisor) inspect(ctx context.Context, id string) (f found, err error) {
	r, err := s.options.Store.Open(id)
	if isNoJournal(err) {
		return found{}, s.undo(id)
	}
	if err != nil {
		return found{}, fmt.Errorf("open the journal: %w", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	held, err := s.options.Store.Written(id)
	if err != nil {
		return found{}, fmt.Errorf("find out who writes the journal: %w", err)
	}
	head, err := r.Head()
	if err != nil {
		return found{}, fmt.Errorf("find the journal's end: %w", err)
	}
	if held && head.Seq <= 1 {
		if held, err = s.heldByRunner(ctx, id); err != nil {
			return found{}, err
		}
	}
	rec, err := s.options.Index.Get(ctx, id)
	indexed := err == nil && rec.Terminal
	if fault.CodeOf(err) == protocol.NotFound {
		if head.Seq == 0 && !held {
			// The server died before the execution was accepted: nobody was promised anything.
			return found{}, s.undo(id)
		}
		rec, err = s.addToIndex(ctx, id)
	}
	if err != nil {
		return found{}, err
	}
	// Of a pin the file is the truth.
	dir, err := s.options.Store.Dir(id)
	if err != nil {
		return found{}, err
	}
	if rec.Pinned, err = rundir.Pinned(dir, id); err != nil {
		return found{}, err
	}
	l := newLive(rec)
	l.counted = indexed
	if !rec.Terminal {
		s.readTiming(l)
	}
	if err := s.readCancel(l); err != nil {
		return found{}, err
	}
	if rec.Terminal {
		l.tell(head, true)
		return found{l: l, plan: retire}, nil // its end was indexed, and only the mark is left
	}
	caller, err := s.readCaller(id)
	if err != nil {
		return found{}, err
	}
	if held {
		return found{l, follow, caller}, s.readRunner(l)
	}
	ended, err := journal.Ended(r, head)
	if err != nil {
		return found{}, err
	}
	if ended {
		if err := s.catchUp(l); err != nil {
			return found{}, err
		}
		l.tell(head, true)
		return found{l: l, plan: retire}, nil
	}
	waits, err := s.neverRan(l, head)
	if err != nil {
		return found{}, err
	}
	if waits {
		return found{l, enqueue, caller}, nil
	}
	return found{l, follow, caller}, nil
}

// addToIndex makes up for a server that died between storing an execution and indexing it. Who
// asked for it got no answer, and may ask again with the same key.
func (s *Supervisor) addToIndex(ctx context.Context, id string) (execution.Record, error) {
	rec, claim, err := index.Read(ctx, s.options.Store, id)
	if err != nil {
		return rec, err
	}
	if rec.ExecutionID != id {
		return rec, errors.New("its journal does not begin with its execution:queued")
	}
	err = s.options.Index.Add(ctx, rec, claim)
	if fault.CodeOf(err) == protocol.Conflict {
		s.log.Warn("an idempotency key stands for an older execution already", "executionId", id)
		err = s.options.Index.Add(ctx, rec, nil)
	}
	return rec, err
}

// heldWait is for how long a journal may be held by what is not a runner: a child that was being
// forked when the server before was killed has a copy of its locks until it executes its program.
const heldWait = 2 * time.Second

// heldByRunner tells whether who holds a journal without a trace of an agent in it can be a runner.
// If none was ever to be started, it waits until the journal is free.
func (s *Supervisor) heldByRunner(ctx context.Context, id string) (bool, error) {
	started, err := s.hasSidecar(id, spawnedName)
	if err != nil || started {
		return started, err
	}
	for deadline := time.Now().Add(heldWait); time.Now().Before(deadline); {
		held, err := s.options.Store.Written(id)
		if err != nil || !held {
			return false, err
		}
		if !later(ctx, firstPause) {
			return false, context.Cause(ctx)
		}
	}
	return false, errors.New("its journal is held by a process that is not its runner")
}

// neverRan reports whether an execution whose journal nobody holds may be started without fear that
// its agent runs twice. A runner that was started and has not locked the journal yet does no harm:
// of two, one gets it, and the other leaves.
func (s *Supervisor) neverRan(l *live, head journal.Position) (bool, error) {
	if head.Seq > 1 || l.cancelRequested() != nil {
		return false, nil
	}
	start, known, err := s.readSpawned(l.id)
	if err != nil {
		return false, err
	}
	if known && (start.Boot != s.boot || s.runners.Begun(l.id)) {
		return false, nil
	}
	if known && start.Runner.PID != 0 && s.runners.Alive(start.Runner) {
		l.runner = start.Runner
		return false, nil
	}
	specified, err := s.hasSidecar(l.id, control.SpecFile)
	if err != nil {
		return false, err
	}
	if !specified {
		l.verdict = func(rec execution.Record) *execution.Event {
			return failedEvent(rec, execution.ReasonSpawnFailed, "what it was to run is not stored any more: "+control.SpecFile+" is missing", time.Now(), 0)
		}
	}
	return specified, nil
}

func (s *Supervisor) readCancel(l *live) error {
	var request cancelRequest
	asked, err := s.readSidecar(l.id, cancelName, &request)
	if errors.Is(err, errUnreadable) {
		s.log.Warn("who asked for an execution's end can't be read; that somebody did counts", "executionId", l.id, "error", err)
		request, err = cancelRequest{By: "unknown"}, nil
	}
	if err != nil || !asked {
		return err
	}
	l.cancel = &request
	if !l.record.Terminal {
		l.record.Status = execution.Cancelling
	}
	return nil
}

// readCaller gives who an execution ends with, empty for nobody. Of a damaged note nobody can tell
// whose absence to wait for, so it binds nobody.
func (s *Supervisor) readCaller(id string) (string, error) {
	var caller boundCaller
	_, err := s.readSidecar(id, callerName, &caller)
	if errors.Is(err, errUnreadable) {
		s.log.Warn("whom an execution ends with can't be read; it runs to its own end", "executionId", id, "error", err)
		return "", nil
	}
	return caller.User, err
}

func (s *Supervisor) readRunner(l *live) error {
	start, _, err := s.readSpawned(l.id)
	l.runner = start.Runner
	return err
}

// take makes an execution that was left behind one of ours.
func (s *Supervisor) take(f found) {
	if f.plan != nothing && s.takeIn(f) && f.caller != "" && s.options.Bound != nil {
		s.options.Bound(f.caller, f.l.id)
	}
}

func (s *Supervisor) takeIn(f found) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != serving || s.live[f.l.id] != nil {
		return false
	}
	s.live[f.l.id] = f.l
	switch f.plan {
	case enqueue:
		s.queue.push(f.l)
	case follow:
		s.queue.occupy(f.l)
		s.work.Go(func() { s.attend(f.l, false) })
	case retire:
		f.l.phase = over
		s.indexer.mark(f.l, true)
	}
	return true
}

// resumeOne looks at an execution that nothing marks as active though the index has it open.
func (s *Supervisor) resumeOne(ctx context.Context, id string) (*live, error) {
	s.resuming.Lock()
	defer s.resuming.Unlock()
	if l := s.find(id); l != nil {
		return l, nil
	}
	f, err := s.inspect(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("look at execution %s: %w", id, err)
	}
	s.take(f)
	return f.l, nil // nil: there is no such execution
}
