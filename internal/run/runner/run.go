package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/run/control"
	"github.com/claudeops/claudeops/internal/run/process"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
	"github.com/claudeops/claudeops/internal/run/runner/logline"
	"github.com/claudeops/claudeops/internal/trust/mask"
	"github.com/claudeops/claudeops/protocol"
)

// run is one execution from its start to its last event.
type run struct {
	spec      *control.Spec
	dir       string // of the execution
	workspace string
	result    string // path of the result file
	masker    *mask.Masker

	audience *audience
	control  *controlServer
	rec      *recorder
	session  *session
	agent    driver.Agent
	group    *process.Group
	tree     *process.Tree
	child    *child
	memory   *memoryWatch
	caps     *caps
	seen     *sightings
	drained  chan struct{} // closed when both outputs are at their end
	confined *confined     // nil: no sandbox is asked for

	began    time.Time
	lastByte atomic.Int64 // when the agent last wrote, nanoseconds after began

	idleLooked int64 // when it was last looked whether it is silent, nanoseconds after began; watch's own
	allGone    atomic.Bool
	stops      chan stop      // why the agent is to be stopped; the first counts
	asides     sync.WaitGroup // what is recorded while the watch goes on
	over       chan struct{}  // closed when nothing is left to record
	hurried    sync.WaitGroup
}

// stop is why and how the runner ends the agent.
type stop struct {
	cancelled  bool
	by, words  string // of who cancelled
	outcome    driver.Outcome
	ownGrace   time.Duration // for the agent to end by itself before the signal
	hasOutcome bool
	journal    bool // the journal is lost: nothing can be recorded
	signalled  bool // the runner itself was told to end
}

// runOne runs spec and returns the process's exit code. The error says why it could not begin, or
// what became of the journal.
func runOne(spec *control.Spec, dir string, writer journal.Writer, drv driver.Driver, agentMask int, ready *control.Readiness) (int, error) {
	masker, err := mask.New(spec.Secrets, spec.Patterns)
	if err != nil {
		return ExitFailed, err
	}
	r := &run{spec: spec, dir: dir, workspace: filepath.Join(dir, workspaceDir), result: filepath.Join(dir, resultFile),
		masker: masker, audience: newAudience(writer.Head()), stops: make(chan stop, 1), over: make(chan struct{})}
	signals := make(chan os.Signal, 4)
	// SIGHUP is caught so that it is not inherited ignored by the agent.
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
	defer signal.Stop(signals)
	if err := process.BecomeReaper(); err != nil {
		return ExitFailed, fmt.Errorf("become the reaper of what the agent starts: %w", err)
	}
	if err := r.prepare(); err != nil {
		return ExitFailed, err
	}
	defer r.cleanUp()
	if r.control, err = listenControl(spec.ExecutionID, dir, r.audience); err != nil {
		return ExitFailed, err
	}
	if r.rec, err = newRecorder(spec.ExecutionID, writer, spec.MaxOutput, spec.SyncInterval, r.audience, r.journalLost); err != nil {
		r.control.stop()
		return ExitFailed, err
	}
	defer r.rec.sync.stop()
	r.control.serve(r.cancel, r.serverEnds, r.input)
	defer r.control.stop()
	ready.OK()

	r.began = time.Now()
	defer r.hurried.Wait()
	defer close(r.over)
	last := r.attempt(drv, agentMask, signals)
	if err := r.rec.finish(last); err != nil {
		return ExitJournal, err
	}
	r.linger()
	return ExitOK, nil
}

// prepare makes the workspace anew and removes what an earlier try may have left.
func (r *run) prepare() error {
	if err := removeTree(r.workspace); err != nil {
		return fmt.Errorf("empty the workspace: %w", err)
	}
	if err := os.Mkdir(r.workspace, 0o700); err != nil {
		return fmt.Errorf("make the workspace: %w", err)
	}
	if err := removeTree(r.result); err != nil {
		return fmt.Errorf("remove an old result: %w", err)
	}
	if !r.spec.NoCgroup {
		r.group, _ = process.NewGroup(r.spec.ExecutionID) // an advantage where there is one
	}
	r.tree = process.NewTree(r.spec.ExecutionID, r.group)
	r.caps = newCaps(r.spec, r.group)
	r.memory = watchMemory(kernelCounters, r.group, r.caps.groups)
	return nil
}

// cleanUp removes what only the run needed. What can't be removed does no harm and is told in the log.
func (r *run) cleanUp() {
	for _, err := range []error{
		r.group.Remove(),
		r.caps.groups.Remove(),
		removeTree(r.workspace),
		removeTree(r.result),
		r.confined.remove(),
		removeTree(filepath.Join(r.dir, control.SpecFile)),
		removeTree(filepath.Join(r.dir, control.TraceFile)),
	} {
		if err != nil {
			fmt.Fprintf(os.Stderr, "clean up: %v\n", err)
		}
	}
}

// removeTree removes path and all below it, directories included that forbid even their owner to
// look inside.
func removeTree(path string) error {
	err := os.RemoveAll(path)
	if !errors.Is(err, os.ErrPermission) {
		return err
	}
	_ = filepath.WalkDir(path, func(p string, d os.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(p, 0o700)
		}
		return nil
	})
	return os.RemoveAll(path)
}

// lingerTime is how long a runner whose execution is over stays for a server to hear of it, where
// none has connected yet.
const lingerTime = 250 * time.Millisecond

func (r *run) linger() {
	timer := time.NewTimer(lingerTime)
	defer timer.Stop()
	select {
	case <-r.audience.arrived:
	case <-timer.C:
	}
}

// request asks for a stop. The first one counts; it never blocks.
func (r *run) request(s stop) {
	select {
	case r.stops <- s:
	default:
	}
}

func (r *run) cancel(by, words string) { r.request(stop{cancelled: true, by: by, words: words}) }

func (r *run) journalLost(error) { r.request(stop{journal: true}) }

func (r *run) driverEnds(o driver.Outcome, grace time.Duration) {
	r.request(stop{outcome: o, hasOutcome: true, ownGrace: grace})
}

func (r *run) serverEnds(reason execution.Reason, text string) {
	r.driverEnds(driver.Outcome{Failed: true, Reason: reason, Error: text}, 0)
}

func (r *run) input(in driver.Input) error {
	var err error = fault.New(protocol.Conflict, "the agent has ended")
	r.rec.record(func() {
		if r.session != nil && !r.session.over {
			err = r.agent.Input(in)
		}
	})
	return err
}

// attempt starts the agent, sees it through, and gives the execution's last event, when nothing of
// the agent runs any more and all of its output is recorded.
func (r *run) attempt(drv driver.Driver, agentMask int, signals <-chan os.Signal) *execution.Event {
	p, err := r.start(drv, agentMask)
	if err != nil {
		r.hurry(signals, nil)
		return r.failed(execution.ReasonSpawnFailed, fmt.Sprintf("%v: %v", errNotStarted, err))
	}
	r.seen = startSightings(r.spec.ExecutionID, r.dir, r.group)
	defer r.seen.stop()
	streams, err := r.streams(p)
	if err != nil {
		// No memory even for a buffer: what was started is ended again.
		r.request(stop{hasOutcome: true, outcome: driver.Outcome{Failed: true, Reason: execution.ReasonSpawnFailed, Error: err.Error()}})
	}
	r.read(streams)
	w := r.watch(signals)
	r.hurry(signals, w.why)

	r.allGone.Store(true)
	_ = p.stdout.ours.SetReadDeadline(time.Unix(1, 0))
	if p.stderr != nil {
		_ = p.stderr.ours.SetReadDeadline(time.Unix(1, 0))
	}
	<-r.drained
	r.asides.Wait()
	p.closeOurs()
	last := r.verdict(w.why, w.status)
	for i := range w.survivors {
		last.Survivors = append(last.Survivors, execution.Survivor{PID: w.survivors[i].PID, Command: r.masker.String(w.survivors[i].Command())})
	}
	r.session.stop()
	if len(w.survivors) == 0 {
		r.child.wg.Wait()
	}
	return last
}

// read has the outputs read to their end.
func (r *run) read(streams []*stream) {
	r.drained = make(chan struct{})
	var readers sync.WaitGroup
	for _, s := range streams {
		s.sightings = r.seen
		readers.Go(s.run)
	}
	go func() { // ends with the streams, which attempt waits for
		readers.Wait()
		close(r.drained)
	}()
}

// shutdownWait is how long the end of an execution may wait for room on the disk when the machine
// shuts down.
const shutdownWait = 5 * time.Second

// hurry lets what waits for room on the disk, now that the agent is gone, be given up at a signal:
// a while after the one that ended the agent, at once at another. The server then writes the last
// event when it can.
func (r *run) hurry(signals <-chan os.Signal, why *stop) {
	r.hurried.Go(func() {
		var late <-chan time.Time
		if why != nil && why.signalled {
			timer := time.NewTimer(shutdownWait)
			defer timer.Stop()
			late = timer.C
		}
		for {
			select {
			case s := <-signals:
				if s == unix.SIGHUP {
					continue
				}
			case <-late:
			case <-r.over:
				return
			}
			r.rec.giveUp()
			return
		}
	})
}

// start starts the agent.
func (r *run) start(drv driver.Driver, agentMask int) (*pipes, error) {
	workdir := r.spec.Workdir
	if workdir == "" {
		workdir = r.workspace
	}
	own := map[string]string{process.Marker: r.spec.ExecutionID, "CLAUDEOPS_RESULT": r.result, "CLAUDEOPS_WORKSPACE": r.workspace}
	env := environment(r.spec.Env, own)
	if r.spec.Sandbox != nil {
		var err error
		if r.confined, err = newConfined(r.spec.Sandbox, r.dir, r.result); err != nil {
			return nil, err
		}
		env = r.confined.environment(env)
	}
	inv := driver.Invocation{ExecutionID: r.spec.ExecutionID, Agent: r.spec.Agent, Argv: r.spec.Argv, Env: env, Workdir: workdir, Options: r.spec.Options, Prices: r.spec.Prices,
		PlainLines: r.spec.PlainLines, OpenStdin: r.spec.OpenStdin,
		Settings: r.spec.Settings, StateDir: filepath.Join(filepath.Dir(filepath.Dir(r.dir)), sessionsDir)}
	cmd, err := drv.Command(inv)
	if err != nil {
		return nil, err
	}
	if len(cmd.Argv) == 0 {
		return nil, errors.New("the command is empty")
	}
	if err := checkWorkdir(workdir); err != nil {
		return nil, err
	}
	program, err := findProgram(cmd.Argv[0], cmd.Env, workdir)
	if err != nil {
		if m, ok := drv.(driver.Installed); ok && errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w; %s", err, m.Install())
		}
		return nil, err
	}
	p, err := newPipes(cmd.Stdin, r.spec.MergeOutput)
	if err != nil {
		return nil, err
	}
	r.session = &session{rec: r.rec, masker: r.masker, end: r.driverEnds, work: process.NewWork(r.spec.ExecutionID, r.group), tasks: make(map[*task]struct{}), spending: newSpending(r.spec.Budget)}
	if p.stdin != nil {
		r.session.input = newInputPipe(p.stdin.ours)
	}
	r.agent = drv.Open(inv, r.session)
	r.idleLooked = int64(time.Since(r.began))
	r.lastByte.Store(r.idleLooked)
	executed, argv := program, cmd.Argv
	if r.confined != nil {
		executed, argv, err = r.confined.command(program, argv, cmd.Env, workdir, r.workspace)
	}
	if err == nil {
		r.child, err = startChild(executed, argv, cmd.Env, workdir, p, r.group, agentMask, r.caps)
	}
	p.closeTheirs()
	if err != nil {
		p.closeOurs()
		return nil, explainExec(program, err)
	}
	r.tree.Lead(r.child.id)
	r.started(cmd.Argv, workdir)
	return p, nil
}

// started tells that the agent runs.
func (r *run) started(argv []string, workdir string) {
	command := make([]string, len(argv))
	for i, arg := range argv {
		command[i] = r.masker.String(arg)
	}
	host, _ := os.Hostname()
	r.rec.record(func() {
		r.rec.addLocked(&execution.Event{Type: execution.TypeStarted, AgentType: r.spec.Agent, Command: command,
			Workdir: r.masker.String(workdir), PID: r.child.id.PID, Host: host})
		for _, warning := range slices.Concat(r.spec.Warnings, r.confined.warnings(), r.caps.warnings()) {
			r.rec.logLocked(time.Now().UnixMilli(), logline.Warn, logline.Agent, []byte(r.masker.String(warning)), false, nil)
		}
		if r.confined != nil {
			r.rec.heard = r.confined.hear
		}
		r.agent.Started()
	})
}

func (r *run) streams(p *pipes) ([]*stream, error) {
	reads := r.agent.Reads()
	out, err := newStream(logline.Stdout, p.stdout.ours, p.stdout.fd, r.rec, r.masker)
	if err != nil {
		return nil, err
	}
	out.attach(r.agent, reads.Stdout, reads.MaxLine, r.session)
	streams := []*stream{out}
	if p.stderr != nil {
		errs, err := newStream(logline.Stderr, p.stderr.ours, p.stderr.fd, r.rec, r.masker)
		if err != nil {
			return nil, err
		}
		errs.attach(r.agent, reads.Stderr, reads.MaxLine, r.session)
		streams = append(streams, errs)
	}
	for _, s := range streams {
		s.lastByte, s.began, s.gone = &r.lastByte, r.began, &r.allGone
	}
	return streams, nil
}

// verdict makes the last event from why the agent was stopped, if it was, and how it ended.
func (r *run) verdict(why *stop, status *syscall.WaitStatus) *execution.Event {
	result := r.takeResult()
	var e *execution.Event
	outcome := driver.Outcome{}
	if why == nil && status != nil && status.Signaled() && status.Signal() == syscall.SIGKILL {
		if by, words, ok := control.NotedCancel(r.dir); ok {
			why = &stop{cancelled: true, by: by, words: words}
		}
	}
	switch {
	case why != nil && why.cancelled:
		e = r.last(execution.TypeCancelled)
		e.By, e.Reason = why.by, r.masker.String(why.words)
	case why != nil:
		outcome = why.outcome
	case r.confined.failure() != "":
		outcome = driver.Outcome{Failed: true, Reason: execution.ReasonSpawnFailed, Error: fmt.Sprintf("%v: %s", errNotStarted, r.confined.failure())}
	case r.memory.ended(*status):
		outcome = driver.Outcome{Failed: true, Reason: execution.ReasonOutOfMemory, Error: "the kernel ended it because the machine, or its memory limit, had no memory left"}
	default:
		exit := driver.Exit{Code: status.ExitStatus()}
		if status.Signaled() {
			exit = driver.Exit{Code: -1, Signal: unix.SignalName(status.Signal())}
		}
		r.rec.record(func() { outcome = r.agent.Exited(exit) })
	}
	switch {
	case e != nil:
	case outcome.Failed:
		e = r.failed(outcome.Reason, outcome.Error)
	default:
		e = r.last(execution.TypeCompleted)
	}
	if status != nil {
		if status.Signaled() {
			e.Signal = unix.SignalName(status.Signal())
		} else {
			code := status.ExitStatus()
			e.ExitCode = &code
		}
	}
	if e.Type == execution.TypeCompleted && e.ExitCode == nil {
		// The driver says it has done its work; that it had to be ended after is no failure.
		zero := 0
		e.ExitCode, e.Signal = &zero, ""
	}
	if !outcome.ResetsAt.IsZero() {
		at := execution.At(outcome.ResetsAt)
		e.ResetsAt = &at
	}
	e.Result = result
	if outcome.Result != nil {
		e.Result = r.masker.JSON(outcome.Result)
	}
	return e
}

// takeResult reads the result file and tells what is wrong with it.
func (r *run) takeResult() json.RawMessage {
	result, err := readResult(r.result)
	if err != nil {
		r.rec.note(logline.Warn, "the result in the file CLAUDEOPS_RESULT names was not taken: %v", err)
		return nil
	}
	return r.masker.JSON(result)
}

func (r *run) failed(reason execution.Reason, text string) *execution.Event {
	e := r.last(execution.TypeFailed)
	e.Reason, e.Error = string(reason), r.masker.String(text)
	return e
}

// last begins the execution's last event.
func (r *run) last(kind string) *execution.Event {
	e := &execution.Event{Type: kind}
	ms := time.Since(r.began).Milliseconds()
	reaped := r.tree.Ended()
	cost := 0.0
	if r.agent != nil {
		r.rec.record(func() { cost = r.agent.Cost() })
	}
	e.DurationMs, e.ProcessesReaped, e.Cost = &ms, &reaped, &cost
	return e
}
