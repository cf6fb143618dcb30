package runner

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/claudeops/claudeops/internal/run/process"
)

// child is the agent's main process and those that have become this process's children.
type child struct {
	id     process.ID
	exited chan syscall.WaitStatus // the main process has ended
	gone   chan struct{}           // no child is left: nothing that descends from us lives
	wg     sync.WaitGroup
}

// pipes are the agent's ends and ours.
type pipes struct {
	null   *os.File
	stdout pipe
	stderr *pipe // nil when the agent writes both to stdout
	stdin  *pipe // nil when stdin is /dev/null
}

// pipe has the agent's end, and ours, which is not inherited and does not block.
type pipe struct {
	ours   *os.File
	fd     int // of ours
	theirs *os.File
}

// An agent can write this much ahead of us: at rest what pipes have anyway, since all that a user's
// pipes may hold together is limited; in a burst more.
const (
	pipeBytes      = 64 << 10
	pipeBurstBytes = 1 << 20
)

func newPipe(name string, weWrite bool) (pipe, error) {
	var fds [2]int
	if err := pipeCloseOnExec(fds[:]); err != nil {
		return pipe{}, fmt.Errorf("make a pipe: %w", err)
	}
	ours, theirs := fds[0], fds[1]
	if weWrite {
		ours, theirs = fds[1], fds[0]
	}
	if err := syscall.SetNonblock(ours, true); err != nil {
		return pipe{}, fmt.Errorf("make a pipe: %w", err)
	}
	return pipe{ours: os.NewFile(uintptr(ours), name), fd: ours, theirs: os.NewFile(uintptr(theirs), name)}, nil
}

func newPipes(stdin, merged bool) (*pipes, error) {
	p := &pipes{}
	var err error
	if p.null, err = os.Open(os.DevNull); err != nil {
		return nil, err
	}
	if p.stdout, err = newPipe("stdout", false); err != nil {
		return nil, err
	}
	if !merged {
		errs, err := newPipe("stderr", false)
		if err != nil {
			return nil, err
		}
		p.stderr = &errs
	}
	if stdin {
		in, err := newPipe("stdin", true)
		if err != nil {
			return nil, err
		}
		p.stdin = &in
	}
	return p, nil
}

// closeTheirs leaves the agent's ends to the agent.
func (p *pipes) closeTheirs() {
	_ = p.null.Close()
	_ = p.stdout.theirs.Close()
	if p.stderr != nil {
		_ = p.stderr.theirs.Close()
	}
	if p.stdin != nil {
		_ = p.stdin.theirs.Close()
	}
}

func (p *pipes) closeOurs() {
	_ = p.stdout.ours.Close()
	if p.stderr != nil {
		_ = p.stderr.ours.Close()
	}
	if p.stdin != nil {
		_ = p.stdin.ours.Close()
	}
}

// A program that is just being written can't be executed: it is tried again for a while.
const (
	busyWait  = 2 * time.Second
	busyPause = 20 * time.Millisecond
)

// startChild starts the agent in a session of its own, and in group where there is one. From then
// on it waits for every child this process gets, as the subreaper of all that descends from it: so
// no zombie stays, and the moment when no child is left is proof that nothing lives.
func startChild(path string, argv, env []string, workdir string, p *pipes, group *process.Group, mask int, caps *caps) (*child, error) {
	c := &child{exited: make(chan syscall.WaitStatus, 1), gone: make(chan struct{})}
	started := make(chan error, 1)
	c.wg.Go(func() {
		// The kernel kills the main process when the thread that started it ends; this one stays.
		runtime.LockOSThread()
		leave, err := caps.enter()
		if err != nil {
			started <- err
			return
		}
		pid, err := forkAgent(path, argv, env, workdir, p, group, mask)
		for since := time.Now(); errors.Is(err, syscall.ETXTBSY) && time.Since(since) < busyWait; {
			time.Sleep(busyPause)
			pid, err = forkAgent(path, argv, env, workdir, p, group, mask)
		}
		leave()
		if err == nil {
			// It has not been waited for, so it is there, if only as a zombie.
			var info process.Info
			if info, err = process.Read(pid); err == nil {
				c.id = info.ID
			}
		}
		started <- err
		if err != nil {
			return
		}
		defer close(c.gone)
		for {
			var status syscall.WaitStatus
			got, err := syscall.Wait4(-1, &status, waitAll, nil)
			switch {
			case err == syscall.EINTR:
			case err != nil: // ECHILD: no child is left
				return
			case got == pid:
				c.exited <- status
			}
		}
	})
	if err := <-started; err != nil {
		c.wg.Wait()
		return nil, err
	}
	return c, nil
}

func forkAgent(path string, argv, env []string, workdir string, p *pipes, group *process.Group, mask int) (int, error) {
	stdin := p.null
	if p.stdin != nil {
		stdin = p.stdin.theirs
	}
	stderr := p.stdout.theirs
	if p.stderr != nil {
		stderr = p.stderr.theirs
	}
	attr := &syscall.ProcAttr{Dir: workdir, Env: env, Files: []uintptr{stdin.Fd(), p.stdout.theirs.Fd(), stderr.Fd()}}
	// Files written by the agent are for it to protect; nothing else is made meanwhile.
	old := syscall.Umask(mask)
	defer syscall.Umask(old)
	if group != nil {
		if dir, err := group.Open(); err == nil {
			defer dir.Close()
			attr.Sys = agentAttr(int(dir.Fd()))
			pid, err := syscall.ForkExec(path, argv, attr)
			if err == nil || !errors.Is(err, syscall.EOPNOTSUPP) && !errors.Is(err, syscall.EBUSY) && !errors.Is(err, syscall.ENOSYS) && !errors.Is(err, syscall.EINVAL) {
				return pid, err
			}
		}
	}
	attr.Sys = agentAttr(-1)
	return syscall.ForkExec(path, argv, attr)
}

// environment gives env with the runner's own variables in place of any of the same name.
func environment(env []string, own map[string]string) []string {
	out := make([]string, 0, len(env)+len(own))
	for _, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		if _, ours := own[name]; !ours {
			out = append(out, kv)
		}
	}
	for name, value := range own {
		out = append(out, name+"="+value)
	}
	return out
}
