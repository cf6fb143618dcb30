package runner

import (
	"fmt"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/run/control"
	"github.com/claudeops/claudeops/internal/run/process"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
	"github.com/claudeops/claudeops/internal/run/runner/logline"
)

const (
	// settling is how long after the start what only that needed is given back.
	settling = time.Second
	// lingering is how long processes that the main process has left behind, and that can't write to
	// the output any more, may take to end by themselves.
	lingering = 100 * time.Millisecond
	// silence is after how long without output those that could still write are taken to have no more
	// to say.
	silence = 800 * time.Millisecond
	// leftoverGrace is how long what is left behind gets from the stop signal to SIGKILL.
	leftoverGrace = 900 * time.Millisecond
	// leastDrain is how long output is waited for at most where the definition gives no grace.
	leastDrain = 2 * time.Second
	// killPause is how often SIGKILL is repeated while something lives.
	killPause = 20 * time.Millisecond
	// hardToKill is after how long of that it is told what does not die.
	hardToKill = 5 * time.Second
	// refusedWait is how long processes that this user may not kill get to end by themselves.
	refusedWait = 2 * time.Second
	// undeadWait is how long it is waited for a process that SIGKILL does not end, because the kernel
	// does not let go of it.
	undeadWait = time.Minute
)

// phase is how far the end has come.
type phase int

const (
	running   phase = iota
	asking          // the driver has asked the agent to end, or gives it time to
	leftover        // the main process has ended; others may follow by themselves, or have more to write
	signalled       // the stop signal has been sent
	killing         // SIGKILL, again and again
	over            // nothing is left, or what is left can't be ended
)

// watch sees one agent through until nothing of it lives.
type watch struct {
	*run
	now        phase
	timer      *time.Timer // of the phase
	stopSignal syscall.Signal

	why       *stop               // why it was stopped; nil: it ended by itself
	status    *syscall.WaitStatus // how the main process ended
	survivors []process.Info      // what could not be ended

	mainEnded  time.Time // when the main process ended
	signalSent time.Time // when the stop signal was sent
	killSince  time.Time // since when SIGKILL is sent
	toldStuck  time.Time // when it was last told what does not die
	alone      time.Time // since when only processes are left that this user may not kill
}

// watch sees the agent through. Its result says why it was stopped, how the main process ended, and
// what could not be ended.
func (r *run) watch(signals <-chan os.Signal) *watch {
	w := &watch{run: r, timer: time.NewTimer(time.Hour), stopSignal: unix.SignalNum(r.spec.StopSignal)}
	w.timer.Stop()
	defer w.timer.Stop()
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
	for w.now != over {
		select {
		case s := <-r.child.exited:
			w.mainExited(s)
		case <-r.child.gone:
			if w.status == nil { // both were ready
				w.mainExited(<-r.child.exited)
			}
			w.allGone()
		case <-settled.C:
			debug.FreeOSMemory()
			restImage()
		case s := <-r.stops:
			w.begin(s)
		case s := <-signals:
			if s == unix.SIGTERM || s == unix.SIGINT {
				w.fail(execution.ReasonRunnerLost, fmt.Sprintf("the runner was told to end by %s, as when the machine shuts down", unix.SignalName(s.(syscall.Signal))))
			}
		case <-total:
			w.fail(execution.ReasonTimeout, fmt.Sprintf("it took longer than the %s it is allowed", r.spec.Timeout))
		case <-idle:
			if left := r.quietFor(); left > 0 {
				idleTimer.Reset(min(left, r.idleTick()))
			} else {
				w.fail(execution.ReasonIdleTimeout, idleText(r.spec.IdleTimeout))
			}
		case <-w.timer.C:
			w.elapsed()
		}
	}
	return w
}

// idleText says what happened, and the usual reason why a program that works is silent.
func idleText(limit time.Duration) string {
	return fmt.Sprintf("it wrote nothing for %s; if it did write, its output may be held in a buffer, as many programs do when they write to a pipe (stdbuf -oL, python -u, grep --line-buffered and their like turn that off)", limit)
}

// mainExited is called once, when the main process has ended.
func (w *watch) mainExited(status syscall.WaitStatus) {
	w.status, w.mainEnded = &status, time.Now()
	switch {
	case w.now == running || w.now == asking,
		// Only the main process was told to stop: what it leaves behind is given time, and then told.
		w.now == signalled && w.spec.StopTo == control.StopMain:
		w.now = leftover
		w.timer.Reset(lingering)
	}
}

// allGone is called when this process has no child any more.
func (w *watch) allGone() {
	w.now = over
	if !w.tree.Certain() {
		w.sweep()
	}
}

// elapsed is called when the time of the phase is over.
func (w *watch) elapsed() {
	switch w.now {
	case asking:
		w.ask(w.spec.StopGrace)
	case leftover:
		if more := w.mayWrite(); more > 0 {
			w.timer.Reset(more)
			return
		}
		w.tellCut()
		w.askAll(leftoverGrace)
	case signalled, killing:
		w.kill()
	}
}

// mayWrite gives for how much longer processes that the main process has left behind get to write:
// until their pipes are closed, until nothing has come for a while, or until the grace is over.
func (w *watch) mayWrite() time.Duration {
	select {
	case <-w.drained:
		return 0
	default:
	}
	if w.rec.stalled.Load() {
		return silence // they can't write while nothing can be recorded
	}
	quiet := time.Since(w.mainEnded)
	if last := w.began.Add(time.Duration(w.lastByte.Load())); last.After(w.mainEnded) {
		quiet = time.Since(last)
	}
	since := w.mainEnded
	if !w.signalSent.IsZero() {
		since = w.signalSent
	}
	left := max(w.spec.StopGrace, leastDrain) - time.Since(since)
	return min(silence-quiet, left)
}

// tellCut tells which processes are ended though they could still write.
func (w *watch) tellCut() {
	select {
	case <-w.drained:
		return
	default:
	}
	live, err := w.tree.Live()
	if err != nil || len(live) == 0 {
		return
	}
	text := fmt.Sprintf("%s left behind by the main process could still write output and %s ended now; what %s had not written is missing: %s",
		plural(len(live), "process", "processes"), choose(len(live), "is", "are"), choose(len(live), "it", "they"), w.describe(live))
	w.asides.Go(func() { w.rec.note(logline.Warn, "%s", text) })
}

// ask sends the stop signal to whom the definition says.
func (w *watch) ask(grace time.Duration) {
	if w.spec.StopTo != control.StopMain || w.status != nil {
		w.askAll(grace)
		return
	}
	w.now, w.signalSent = signalled, time.Now()
	_, _ = w.tree.SignalLeader(w.stopSignal)
	w.giveGrace(grace)
}

// askAll sends the stop signal, once, to every process there is.
func (w *watch) askAll(grace time.Duration) {
	w.now, w.signalSent = signalled, time.Now()
	_, _ = w.tree.Signal(w.stopSignal) // what can't be signalled is met again by SIGKILL
	w.giveGrace(grace)
}

func (w *watch) giveGrace(grace time.Duration) {
	if grace <= 0 {
		w.kill()
		return
	}
	w.timer.Reset(grace)
}

// begin begins the end of the agent. The first reason counts.
func (w *watch) begin(s stop) {
	if s.journal {
		defer w.rec.giveUp()
	}
	if w.now == leftover && w.why == nil {
		// The agent has ended by itself, in time. Only a person's word still changes what became of it.
		if s.cancelled || s.journal {
			w.why = &s
		}
		w.askAll(max(w.spec.StopGrace, 0))
		return
	}
	if w.now != running {
		return
	}
	w.why = &s
	grace := s.ownGrace
	if !s.hasOutcome && !s.journal {
		grace = w.askDriver()
	}
	if grace > 0 {
		w.now = asking
		w.timer.Reset(grace)
		return
	}
	w.ask(w.spec.StopGrace)
}

func (w *watch) fail(reason execution.Reason, text string) {
	w.begin(stop{outcome: driver.Outcome{Failed: true, Reason: reason, Error: text}, signalled: reason == execution.ReasonRunnerLost})
}

// kill makes one attempt at ending everything, and has the next one made a little later.
func (w *watch) kill() {
	if w.now != killing {
		w.now, w.killSince, w.toldStuck = killing, time.Now(), time.Now()
	}
	alive, err := w.tree.Kill()
	refused := w.tree.Refused()
	switch {
	case alive == 0 || alive > len(refused):
		w.alone = time.Time{}
	case w.alone.IsZero():
		w.alone = time.Now()
	case time.Since(w.alone) > refusedWait:
		w.survive(refused)
		return
	}
	if alive > 0 && time.Since(w.killSince) > undeadWait {
		if live, err := w.tree.Live(); err == nil && len(live) > 0 {
			w.survive(live)
			return
		}
	}
	if time.Since(w.toldStuck) > hardToKill {
		w.toldStuck = time.Now().Add(time.Minute) // told once a minute
		w.tellStuck(alive, err)
	}
	w.timer.Reset(killPause)
}

// survive ends the watch though something lives on.
func (w *watch) survive(list []process.Info) {
	w.now, w.survivors = over, list
	if w.status == nil {
		// The main process is one of them.
		select {
		case s := <-w.child.exited:
			w.status = &s
		default:
		}
	}
	text := fmt.Sprintf("%s of the agent could not be ended and %s on: %s", plural(len(list), "process", "processes"), choose(len(list), "lives", "live"), w.describe(list))
	w.asides.Go(func() { w.rec.note(logline.Error, "%s", text) })
}

// sweep kills what carries the execution's id and does not descend from this process: orphans, where
// there is no subreaper.
func (w *watch) sweep() {
	since := time.Now()
	for {
		n, err := w.tree.Kill()
		if n == 0 {
			return
		}
		if refused := w.tree.Refused(); n == len(refused) && time.Since(since) > refusedWait {
			w.survive(refused)
			return
		}
		if time.Since(since) > hardToKill {
			since = time.Now().Add(time.Minute)
			w.tellStuck(n, err)
		}
		time.Sleep(killPause)
	}
}

// tellStuck says in the log what does not die.
func (w *watch) tellStuck(n int, err error) {
	text := fmt.Sprintf("%s still alive after SIGKILL", plural(n, "process is", "processes are"))
	if live, e := w.tree.Live(); e == nil {
		text += ": " + w.describe(live)
	}
	if err != nil {
		text += ": " + err.Error()
	}
	w.asides.Go(func() { w.rec.note(logline.Warn, "%s", text) })
}

// describe names processes in the log, the first few of many.
func (w *watch) describe(list []process.Info) string {
	text := ""
	for i := range list {
		if i == 5 {
			return text + " …"
		}
		if i > 0 {
			text += "; "
		}
		text += fmt.Sprintf("%d (%s, state %c)", list[i].PID, w.masker.String(list[i].Command()), list[i].State)
	}
	return text
}

func plural(n int, one, many string) string { return fmt.Sprintf("%d %s", n, choose(n, one, many)) }

func choose(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// askDriver tells the driver to stop the agent and gives how long that may take. The recorder may
// be waiting for room on the disk; whoever watches over processes does not.
func (w *watch) askDriver() time.Duration {
	grace := make(chan time.Duration, 1)
	w.asides.Go(func() {
		w.rec.record(func() { grace <- w.agent.Stop() })
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
