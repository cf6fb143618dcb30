package runner

import (
	"fmt"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
	"github.com/claudeops/claudeops/internal/run/runner/logline"
)

const (
	// settling is how long after the start what only that needed is given back.
	settling = time.Second
	// lingering is how long what the main process has left behind may take to end by itself.
	lingering = 100 * time.Millisecond
	// leftoverGrace is how long it gets after that from the stop signal to SIGKILL. The execution
	// is reported within two seconds of the main process's end.
	leftoverGrace = 900 * time.Millisecond
	// killPause is how often SIGKILL is repeated while something lives.
	killPause = 20 * time.Millisecond
	// hardToKill is after how long of that it is told what does not die.
	hardToKill = 5 * time.Second
)

// phase is how far the end has come.
type phase int

const (
	running   phase = iota
	asking          // the driver has asked the agent to end, or gives it time to
	leftover        // the main process has ended; others may follow by themselves
	signalled       // the stop signal has been sent
	killing         // SIGKILL, again and again
)

// watch sees the agent through until nothing of it lives. It gives why it was stopped, nil when it
// ended by itself, and how the main process ended.
func (r *run) watch(signals <-chan os.Signal) (why *stop, status *syscall.WaitStatus) {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	var total, idle <-chan time.Time
	if r.spec.Timeout > 0 {
		t := time.NewTimer(r.spec.Timeout - time.Since(r.began))
		defer t.Stop()
		total = t.C
	}
	idleTimer := time.NewTimer(time.Hour)
	idleTimer.Stop()
	defer idleTimer.Stop()
	if r.spec.IdleTimeout > 0 {
		idleTimer.Reset(r.idleTick())
		idle = idleTimer.C
	}
	settled := time.NewTimer(settling)
	defer settled.Stop()
	now := running
	stopSignal := unix.SignalNum(r.spec.StopSignal)
	var killSince time.Time

	kill := func() {
		if now != killing {
			now, killSince = killing, time.Now()
		}
		n, err := r.tree.Kill()
		if time.Since(killSince) > hardToKill {
			killSince = time.Now().Add(time.Minute) // told once a minute
			r.tellStuck(n, err)
		}
		timer.Reset(killPause)
	}
	ask := func(grace time.Duration) {
		now = signalled
		_, _ = r.tree.Signal(stopSignal) // what can't be signalled is met again by SIGKILL
		if grace <= 0 {
			kill()
			return
		}
		timer.Reset(grace)
	}
	begin := func(s stop) {
		if now != running {
			return
		}
		why = &s
		grace := s.ownGrace
		if !s.hasOutcome && !s.journal {
			grace = r.askDriver()
		}
		if s.journal {
			r.rec.giveUp()
		}
		if grace > 0 {
			now = asking
			timer.Reset(grace)
			return
		}
		ask(r.spec.StopGrace)
	}
	fail := func(reason execution.Reason, text string) {
		begin(stop{outcome: driver.Outcome{Failed: true, Reason: reason, Error: text}, signalled: reason == execution.ReasonRunnerLost})
	}
	for {
		select {
		case s := <-r.child.exited:
			status = &s
			if now == running || now == asking {
				now = leftover
				timer.Reset(lingering)
			}
		case <-r.child.gone:
			if status == nil { // both were ready
				s := <-r.child.exited
				status = &s
			}
			r.sweep()
			return why, status
		case <-settled.C:
			debug.FreeOSMemory()
			restImage()
		case s := <-r.stops:
			begin(s)
		case s := <-signals:
			if s == unix.SIGTERM || s == unix.SIGINT {
				fail(execution.ReasonRunnerLost, fmt.Sprintf("the runner was told to end by %s, as when the machine shuts down", unix.SignalName(s.(syscall.Signal))))
			}
		case <-total:
			fail(execution.ReasonTimeout, fmt.Sprintf("it took longer than the %s it is allowed", r.spec.Timeout))
		case <-idle:
			if left := r.quietFor(); left > 0 {
				idleTimer.Reset(min(left, r.idleTick()))
			} else {
				fail(execution.ReasonIdleTimeout, fmt.Sprintf("it wrote nothing for %s", r.spec.IdleTimeout))
			}
		case <-timer.C:
			switch now {
			case asking:
				ask(r.spec.StopGrace)
			case leftover:
				ask(leftoverGrace)
			case signalled, killing:
				kill()
			}
		}
	}
}

// idleTick is how often it is looked whether the agent is silent: often enough to notice a time in which
// this process did not run.
func (r *run) idleTick() time.Duration { return min(r.spec.IdleTimeout/8, 15*time.Second) }

// quietFor is how much longer the agent may be silent. Time in which the journal had no room does
// not count, for the agent could not write; nor does time in which this process was stopped or got no
// processor, for it did not read what the agent wrote.
func (r *run) quietFor() time.Duration {
	now := int64(time.Since(r.began)) // by the clock that never jumps
	if r.rec.stalled.Load() {
		r.lastByte.Store(now)
	}
	if absent := now - r.idleLooked - int64(r.idleTick()); absent > int64(r.idleTick()) {
		last := r.lastByte.Load()
		r.lastByte.CompareAndSwap(last, min(last+absent, now)) // unless something has come meanwhile
	}
	r.idleLooked = now
	return r.spec.IdleTimeout - time.Duration(now-r.lastByte.Load())
}

// sweep kills what carries the execution's id and does not descend from us: started through some
// service, or, where there is no subreaper, orphaned.
func (r *run) sweep() {
	since := time.Now()
	for {
		n, err := r.tree.Kill()
		if n == 0 {
			return
		}
		if time.Since(since) > hardToKill {
			since = time.Now().Add(time.Minute)
			r.tellStuck(n, err)
		}
		time.Sleep(killPause)
	}
}

// tellStuck says in the log what does not die: a process in the kernel, or one that is not ours to
// kill. The execution goes on until it has.
func (r *run) tellStuck(n int, err error) {
	text := fmt.Sprintf("%d processes are still alive after SIGKILL", n)
	if live, e := r.tree.Live(); e == nil {
		for i, p := range live {
			if i == 5 {
				text += " …"
				break
			}
			text += fmt.Sprintf("; %d (%s, state %c)", p.PID, p.Name, p.State)
		}
	}
	if err != nil {
		text += ": " + err.Error()
	}
	r.asides.Go(func() { r.rec.note(logline.Warn, "%s", text) })
}

// askDriver tells the driver to stop the agent and gives how long that may take. The recorder may
// be waiting for room on the disk; whoever watches over processes does not.
func (r *run) askDriver() time.Duration {
	grace := make(chan time.Duration, 1)
	r.asides.Go(func() {
		r.rec.record(func() { grace <- r.agent.Stop() })
	})
	timer := time.NewTimer(100 * time.Millisecond)
	defer timer.Stop()
	select {
	case g := <-grace:
		return g
	case <-timer.C:
		return 0
	}
}
