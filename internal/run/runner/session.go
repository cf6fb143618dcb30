package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/run/process"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
	"github.com/claudeops/claudeops/internal/run/runner/logline"
	"github.com/claudeops/claudeops/internal/trust/mask"
)

// Progress events are limited to a rate; the newest value is told in any case.
const (
	progressBurst  = 10
	progressPerSec = 5
)

// session is the runner as the driver's agent sees it. All of it happens under the recorder's lock.
type session struct {
	rec    *recorder
	masker *mask.Masker
	input  *inputPipe // nil when stdin is /dev/null
	end    func(driver.Outcome, time.Duration)
	work   *process.Work

	muted bool // the line being read is past the output limit
	over  bool // nothing more is recorded
	tasks map[*task]struct{}
	wg    sync.WaitGroup // of tasks

	budget  float64 // progress events that may be told now
	counted time.Time
	late    *execution.Event // the newest progress, to be told when there is budget

	spending spending
}

func (s *session) Log(stream execution.Stream, level execution.Level, message, data []byte) {
	index := logline.Stdout
	switch stream {
	case execution.Stderr:
		index = logline.Stderr
	case execution.Agent:
		index = logline.Agent
	}
	if s.muted {
		return // what is made of a line past the limit is past it too
	}
	s.rec.logLocked(time.Now().UnixMilli(), logline.LevelOf(level), index, message, false, data)
}

func (s *session) Emit(e *execution.Event) error {
	switch e.Type {
	case execution.TypeProgress, execution.TypeCost, execution.TypeApproval, execution.TypeApproved, execution.TypeDenied,
		execution.TypeSession:
		s.rec.addLocked(e)
		if e.Type == execution.TypeCost {
			s.spend(e)
		}
		return nil
	case execution.TypeInput:
		e.Text = s.masker.String(e.Text)
		s.rec.addLocked(e)
		return nil
	}
	return fmt.Errorf("a driver can't add events of type %q", e.Type)
}

func (s *session) Progress(percent float64, message string, line []byte) bool {
	e := &execution.Event{Type: execution.TypeProgress, Progress: &percent}
	if message != "" {
		e.Message = &message
	}
	now := time.Now()
	s.budget = min(progressBurst, s.budget+now.Sub(s.counted).Seconds()*progressPerSec)
	s.counted = now
	if s.budget < 1 {
		if s.late == nil {
			s.After(time.Duration((1-s.budget)/progressPerSec*float64(time.Second)), s.tellLate)
		}
		s.late = e
		return s.muted // a line past the limit needs not be kept
	}
	s.budget--
	s.late = nil
	if line != nil && !s.muted {
		data, err := json.Marshal(struct {
			Line string `json:"line"`
		}{string(line)})
		if err != nil {
			return false
		}
		e.Data = data
	}
	s.rec.addLocked(e)
	return true
}

// tellLate tells the progress that was held back.
func (s *session) tellLate() {
	if s.late != nil {
		s.budget = max(0, s.budget-1)
		s.rec.addLocked(s.late)
		s.late = nil
	}
}

func (s *session) Send(p []byte) error {
	if s.input == nil {
		return errors.New("send to the agent: its stdin is not open")
	}
	return s.input.send(p)
}

func (s *session) CloseInput() {
	if s.input != nil {
		s.input.close()
	}
}

func (s *session) End(outcome driver.Outcome, grace time.Duration) { s.end(outcome, grace) }

func (s *session) Active() bool { return s.work.Active() }

// task is something to be done later.
type task struct{ timer *time.Timer }

func (s *session) After(d time.Duration, f func()) (cancel func()) {
	t := &task{}
	s.tasks[t] = struct{}{}
	s.wg.Add(1)
	t.timer = time.AfterFunc(d, func() {
		defer s.wg.Done()
		s.rec.record(func() {
			delete(s.tasks, t)
			if !s.over {
				f()
			}
		})
	})
	return func() { s.drop(t) }
}

func (s *session) drop(t *task) {
	if t.timer.Stop() {
		delete(s.tasks, t)
		s.wg.Done()
	}
}

// stop tells what was held back, and ends what was to be done later.
func (s *session) stop() {
	s.rec.record(func() {
		s.tellLate()
		s.over = true
		for t := range s.tasks {
			s.drop(t)
		}
	})
	s.wg.Wait()
	if s.input != nil {
		s.input.stop()
	}
}
