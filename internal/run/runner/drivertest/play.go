package drivertest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
	"github.com/claudeops/claudeops/internal/run/runner/logline"
)

// Played is a run of a driver over a real process, without a runner: one lock, real pipes, real timers.
type Played struct {
	t     *testing.T
	mu    sync.Mutex
	cond  *sync.Cond
	agent driver.Agent
	enc   *logline.Encoder
	cmd   *exec.Cmd
	stdin io.WriteCloser
	done  chan struct{}

	events  []execution.Event
	lines   [][]byte
	stdout  []byte
	ended   *driver.Outcome // by the driver itself
	active  bool            // what Active says
	over    bool
	outcome driver.Outcome
	exit    driver.Exit
	timers  sync.WaitGroup
}

// StandIn makes a stand-in for an agent's program out of the running test binary, whose TestMain must
// call standin.Main when standin.Named. name ends with -standin.
func StandIn(t testing.TB, name string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// Play starts the agent. It is killed, with all its children in its session, at the end of the test.
func Play(t *testing.T, d driver.Driver, inv driver.Invocation) *Played {
	t.Helper()
	command, err := d.Command(inv)
	if err != nil {
		t.Fatal(err)
	}
	p := &Played{t: t, enc: logline.NewEncoder(id), done: make(chan struct{})}
	p.cond = sync.NewCond(&p.mu)
	p.cmd = exec.Command(command.Argv[0], command.Argv[1:]...)
	p.cmd.Env, p.cmd.Dir = command.Env, inv.Workdir
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	errs, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if command.Stdin {
		if p.stdin, err = p.cmd.StdinPipe(); err != nil {
			t.Fatal(err)
		}
	}
	p.mu.Lock()
	p.agent = d.Open(inv, p)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.agent.Started()
	p.mu.Unlock()
	var readers sync.WaitGroup
	readers.Go(func() { p.read(execution.Stdout, out) })
	readers.Go(func() { p.read(execution.Stderr, errs) })
	go func() {
		readers.Wait()
		p.finish(p.cmd.Wait())
	}()
	t.Cleanup(func() {
		p.Kill()
		<-p.done
		p.timers.Wait()
	})
	return p
}

func (p *Played) read(stream execution.Stream, r io.Reader) {
	reads := p.agent.Reads()
	first := reads.Stdout
	if stream == execution.Stderr {
		first = reads.Stderr
	}
	b := bufio.NewReader(r)
	for {
		line, err := b.ReadBytes('\n')
		line = bytes.TrimSuffix(line, []byte("\n"))
		if len(line) > 0 || err == nil {
			p.mu.Lock()
			if stream == execution.Stdout {
				p.stdout = append(append(p.stdout, line...), newline(err)...)
			}
			if len(line) == 0 || bytes.IndexByte([]byte(first), line[0]) < 0 || !p.agent.Line(stream, line) {
				p.logLocked(stream, execution.Info, line, nil)
			}
			p.mu.Unlock()
		}
		if err != nil {
			return
		}
	}
}

func newline(err error) string {
	if err != nil {
		return ""
	}
	return "\n"
}

func (p *Played) finish(err error) {
	p.mu.Lock()
	p.exit = driver.Exit{Code: p.cmd.ProcessState.ExitCode()}
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		p.exit = driver.Exit{Code: -1, Signal: status.Signal().String()}
	}
	if p.ended != nil {
		p.outcome = *p.ended
	} else {
		p.outcome = p.agent.Exited(p.exit)
	}
	p.over = true
	p.cond.Broadcast()
	p.mu.Unlock()
	close(p.done)
}

// Kill kills the agent and its session.
func (p *Played) Kill() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) }

// Outcome waits for the end and gives what became of the agent.
func (p *Played) Outcome() driver.Outcome {
	p.t.Helper()
	select {
	case <-p.done:
	case <-p.t.Context().Done():
		p.t.Fatal("the agent did not end")
	}
	return p.outcome
}

// Await waits until an event fits and gives it. It fails when the run ends before.
func (p *Played) Await(what string, fits func(e *execution.Event) bool) execution.Event {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for from := 0; ; {
		for ; from < len(p.events); from++ {
			if fits(&p.events[from]) {
				return p.events[from]
			}
		}
		if p.over {
			p.t.Fatalf("the run ended (%+v) without %s:\n%s", p.outcome, what, p.textLocked())
		}
		p.cond.Wait()
	}
}

// AwaitApproval waits for a question.
func (p *Played) AwaitApproval(requestID string) execution.Event {
	p.t.Helper()
	return p.Await("approval "+requestID, func(e *execution.Event) bool {
		return e.Type == execution.TypeApproval && e.RequestID == requestID
	})
}

// Input passes on what a person says.
func (p *Played) Input(in driver.Input) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.agent.Input(in)
}

// Stop asks the agent to end.
func (p *Played) Stop() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.agent.Stop()
}

// Cost is what the run has cost.
func (p *Played) Cost() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.agent.Cost()
}

// SetActive says what the driver is told of the processor's use.
func (p *Played) SetActive(active bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.active = active
}

// Events gives the events so far.
func (p *Played) Events() []execution.Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]execution.Event(nil), p.events...)
}

// Journal gives the events as the runner would have journaled them.
func (p *Played) Journal() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bytes.Join(p.lines, nil)
}

// Stdout gives what the agent has written to stdout.
func (p *Played) Stdout() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bytes.Clone(p.stdout)
}

// Text writes the events for a test's message.
func (p *Played) Text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.textLocked()
}

func (p *Played) textLocked() string {
	var b bytes.Buffer
	for _, e := range p.events {
		line, _ := json.Marshal(e)
		fmt.Fprintf(&b, "%.300s\n", line)
	}
	return b.String()
}

func (p *Played) addLocked(line []byte) {
	var e execution.Event
	if err := json.Unmarshal(line, &e); err != nil {
		p.t.Errorf("an event that is no JSON: %.200q: %v", line, err)
		return
	}
	p.lines = append(p.lines, line)
	p.events = append(p.events, e)
	p.cond.Broadcast()
}

func (p *Played) logLocked(stream execution.Stream, level execution.Level, message, data []byte) {
	index := map[execution.Stream]logline.Stream{execution.Stdout: logline.Stdout, execution.Stderr: logline.Stderr, execution.Agent: logline.Agent}[stream]
	p.addLocked(p.enc.Append(nil, uint64(len(p.events))+1, 0, logline.LevelOf(level), index, message, false, data))
}

// Log is driver.Session's.
func (p *Played) Log(stream execution.Stream, level execution.Level, message, data []byte) {
	p.logLocked(stream, level, message, data)
}

// Emit is driver.Session's.
func (p *Played) Emit(e *execution.Event) error {
	e.ExecutionID, e.Seq, e.Timestamp = id, uint64(len(p.events))+1, execution.At(time.Now())
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	p.addLocked(append(line, '\n'))
	return nil
}

// Progress is driver.Session's.
func (p *Played) Progress(percent float64, message string, _ []byte) bool {
	return p.Emit(&execution.Event{Type: execution.TypeProgress, Progress: &percent, Message: &message}) == nil
}

// Send is driver.Session's.
func (p *Played) Send(b []byte) error {
	if p.stdin == nil {
		return errors.New("stdin is not open")
	}
	_, err := p.stdin.Write(b)
	return err
}

// CloseInput is driver.Session's.
func (p *Played) CloseInput() {
	if p.stdin != nil {
		_ = p.stdin.Close()
	}
}

// Active is driver.Session's.
func (p *Played) Active() bool { return p.active }

// End is driver.Session's.
func (p *Played) End(outcome driver.Outcome, grace time.Duration) {
	if p.ended == nil {
		p.ended = &outcome
	}
	p.timers.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		select {
		case <-p.done:
		case <-ctx.Done():
			p.Kill()
		}
	})
}

// After is driver.Session's.
func (p *Played) After(d time.Duration, f func()) (cancel func()) {
	timer := time.AfterFunc(d, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if !p.over {
			f()
		}
	})
	return func() { timer.Stop() }
}
