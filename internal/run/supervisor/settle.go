package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/run/process"
)

// end appends the last event of an execution that no runner has. made is called once the journal
// is locked and everything in it observed, unless the last event is there already.
func (s *Supervisor) end(l *live, made func(execution.Record) *execution.Event) (err error) {
	w, recovery, err := s.options.Store.Append(l.id)
	if errors.Is(err, journal.ErrSealed) {
		return s.catchUp(l) // only what has its last event is sealed
	}
	if err != nil {
		return fmt.Errorf("take over the journal of %s: %w", l.id, err)
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if recovery.Reason != "" {
		s.counted.cut.Add(1)
		s.log.Warn("a journal was cut back to its last whole event", "executionId", l.id, "from", recovery.CutFrom, "bytes", recovery.CutBytes, "reason", recovery.Reason)
	}
	l.cutBack(w.Head())
	if err := s.catchUp(l); err != nil {
		return err
	}
	if l.terminal() {
		return nil
	}
	e := made(l.snapshot())
	if e == nil {
		return nil
	}
	e.ExecutionID, e.Timestamp = l.id, execution.At(time.Now())
	line, at, err := appendEvent(w, e)
	if err != nil {
		return err
	}
	return s.observeLine(l, line, at)
}

// catchUp observes what is in the journal and was not told by a link.
func (s *Supervisor) catchUp(l *live) (err error) {
	r, err := s.openJournal(l.id)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	l.mu.Lock()
	seen := l.seen
	l.mu.Unlock()
	_, err = index.Lifecycle(s.ctx, r, seen, func(line []byte, e *execution.Event, at journal.Position) error {
		s.observe(l, line, e, at)
		return nil
	})
	return err
}

// settle ends an execution whose runner is gone: whatever is left of it is killed, and its last
// event says why. journal.ErrLocked when the runner lives after all.
func (s *Supervisor) settle(l *live) error {
	var failure error
	settled := false
	err := s.end(l, func(rec execution.Record) *execution.Event {
		start, _, err := s.readSpawned(l.id)
		if err == nil && start.Restored != nil {
			// What carries its id on this machine belongs to the server that the backup is of.
			settled = true
			return s.restoredEvent(l, rec, *start.Restored)
		}
		remains, err := s.runners.EndLost(s.ctx, l.id, start.Runner)
		if err != nil {
			// The last event may be written only when nothing of the execution is left.
			failure = fmt.Errorf("end what is left of execution %s: %w", l.id, err)
			return nil
		}
		settled = true
		return s.lostEvent(l, rec, remains)
	})
	if err == nil && settled {
		s.counted.settled.Add(1)
	}
	return errors.Join(err, failure)
}

// lostEvent says how an execution ended whose runner can't say it any more.
func (s *Supervisor) lostEvent(l *live, rec execution.Record, remains process.Remains) *execution.Event {
	e := s.lostWhy(l, rec, remains)
	e.Survivors = survivorsOf(remains)
	return e
}

func survivorsOf(remains process.Remains) []execution.Survivor {
	var survivors []execution.Survivor
	for i := range remains.Survivors {
		survivors = append(survivors, execution.Survivor{PID: remains.Survivors[i].PID, Command: remains.Survivors[i].Command()})
	}
	return survivors
}

func (s *Supervisor) lostWhy(l *live, rec execution.Record, remains process.Remains) *execution.Event {
	now, killed := time.Now(), remains.Ended
	if request := l.cancelRequested(); request != nil {
		return cancelledEvent(rec, request, now, killed)
	}
	if e := l.silentEvent(rec, killed); e != nil {
		return e
	}
	if l.verdict != nil {
		return l.verdict(rec)
	}
	start, known, err := s.readSpawned(l.id)
	if err != nil {
		s.log.Warn("when the runner was started can't be read", "executionId", l.id, "error", err)
	}
	if known && start.Boot != s.boot {
		return failedEvent(rec, execution.ReasonHostRestarted, "the machine was restarted while the execution ran", now, killed)
	}
	return failedEvent(rec, execution.ReasonRunnerLost, lostMessage(remains, s.runnerLog(l.id)), now, killed)
}

// restoredEvent ends an execution that had not ended when the backup was taken that it is from.
func (s *Supervisor) restoredEvent(l *live, rec execution.Record, taken time.Time) *execution.Event {
	if request := l.cancelRequested(); request != nil {
		return cancelledEvent(rec, request, taken, 0)
	}
	was := "ran"
	if rec.StartedAt == nil {
		was = "waited"
	}
	message := fmt.Sprintf("the data was restored from a backup of %s, when the execution still %s; what became of it since is not in the backup", taken.UTC().Format(time.RFC3339), was)
	return failedEvent(rec, execution.ReasonHostRestarted, message, taken, 0)
}

// runnerLog is the last thing a runner has said about itself, empty when it has said nothing.
func (s *Supervisor) runnerLog(id string) string {
	const most = 400 // bytes
	path, err := s.sidecar(id, "runner.log")
	if err != nil {
		return ""
	}
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	tail := make([]byte, min(most, info.Size()))
	n, err := f.ReadAt(tail, info.Size()-int64(len(tail)))
	if err != nil && !errors.Is(err, io.EOF) {
		return ""
	}
	text := strings.TrimSpace(strings.ToValidUTF8(string(tail[:n]), ""))
	return text[strings.LastIndexByte(text, '\n')+1:]
}

func lostMessage(remains process.Remains, said string) string {
	died := "the runner of the execution died"
	if said != "" {
		died += " (its last words: " + said + ")"
	}
	switch {
	case len(remains.Survivors) > 0:
		pids := make([]string, len(remains.Survivors))
		for i, p := range remains.Survivors {
			pids[i] = fmt.Sprint(p.PID)
		}
		return fmt.Sprintf("%s; %d processes it had left were ended, and %d may still run, which this server may not end or can't be sure of (pid %s)",
			died, remains.Ended, len(pids), strings.Join(pids, ", "))
	case remains.Ended == 0:
		return died + "; nothing it had started was left"
	case remains.Ended == 1:
		return died + "; the one process it had left was ended"
	default:
		return fmt.Sprintf("%s; the %d processes it had left were ended", died, remains.Ended)
	}
}

func failedEvent(rec execution.Record, reason execution.Reason, message string, now time.Time, killed int) *execution.Event {
	return &execution.Event{
		Type: execution.TypeFailed, Error: message, Reason: string(reason),
		Cost: &rec.Cost, DurationMs: durationMs(rec, now), ProcessesReaped: &killed,
	}
}

func cancelledEvent(rec execution.Record, request *cancelRequest, now time.Time, killed int) *execution.Event {
	return &execution.Event{
		Type: execution.TypeCancelled, By: request.By, Reason: request.Reason,
		Cost: &rec.Cost, DurationMs: durationMs(rec, now), ProcessesReaped: &killed,
	}
}

// durationMs is how long the agent ran; 0 when it never did, or the clock went back under it.
func durationMs(rec execution.Record, now time.Time) *int64 {
	var ms int64
	if rec.StartedAt != nil {
		ms = max(0, now.Sub(*rec.StartedAt).Milliseconds())
	}
	return &ms
}

// schedule starts whatever may start.
func (s *Supervisor) schedule() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != serving {
		return
	}
	now := time.Now()
	for l := s.queue.next(now); l != nil; l = s.queue.next(now) {
		s.work.Go(func() { s.attend(l, true) })
	}
	s.wakeLocked(now)
}

// later waits, and reports false when the supervisor stops first.
func later(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
