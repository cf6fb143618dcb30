package process

import (
	"bytes"
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// arguments is the command line, nil where there is none.
func (i *Info) arguments() []string {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(i.PID) + "/cmdline")
	if err != nil || len(b) == 0 {
		return nil
	}
	return strings.Split(string(bytes.TrimRight(b, "\x00")), "\x00")
}

// BecomeReaper makes every orphan among the descendants of this process its child, so that nothing
// that descends from it gets out of its reach.
func BecomeReaper() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

const (
	// adoptPause is how long after a child's end it is looked for orphans to wait for. A burst of ends
	// is one look.
	adoptPause = time.Second
	// leaderWait is how long a dead child that leads a session is left to whoever may have started it:
	// runners do, and are waited for at once; so do daemons.
	leaderWait = 2 * time.Second
	// strangerWait is the same for one in this process's own session, which no orphan of a runner is in.
	strangerWait = 30 * time.Second
)

// Adopt waits for the orphans that become children of this process, so that no zombie stays of them,
// until ctx ends: they come from runners that were killed (see BecomeReaper), and from all over where
// this process is the first of its container (PID 1). It does not wait for a process that this one has
// started.
func Adopt(ctx context.Context) {
	ends := make(chan os.Signal, 1)
	signal.Notify(ends, unix.SIGCHLD)
	defer signal.Stop(ends)
	timer := time.NewTimer(adoptPause) // some may have come before
	defer timer.Stop()
	a := &adopter{session: ownSession(), since: make(map[ID]time.Time)}
	pending := true
	for {
		select {
		case <-ends:
			if !pending {
				pending = true
				timer.Reset(adoptPause)
			}
		case <-timer.C:
			pending = a.reap(time.Now())
			if pending {
				timer.Reset(adoptPause)
			}
		case <-ctx.Done():
			return
		}
	}
}

type adopter struct {
	session int
	since   map[ID]time.Time // dead children that were left to whoever started them
}

// reap waits for the dead orphans there are. It reports whether dead children are left.
func (a *adopter) reap(now time.Time) (left bool) {
	// One call tells, in the usual case, that nobody is dead who is not waited for.
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil); err != nil || info.Signo == 0 {
		clear(a.since)
		return false
	}
	pids, _ := children(os.Getpid(), nil)
	met := make(map[ID]struct{})
	for _, pid := range pids {
		child, err := Read(pid)
		if err != nil || !child.dead() {
			continue
		}
		var wait time.Duration
		switch child.SID {
		case a.session:
			wait = strangerWait
		case child.PID:
			wait = leaderWait
		}
		met[child.ID] = struct{}{}
		if _, known := a.since[child.ID]; !known {
			a.since[child.ID] = now
		}
		if now.Sub(a.since[child.ID]) < wait {
			left = true
			continue
		}
		var status unix.WaitStatus
		_, _ = unix.Wait4(pid, &status, unix.WNOHANG, nil)
	}
	for id := range a.since {
		if _, there := met[id]; !there {
			delete(a.since, id)
		}
	}
	return left
}

// strayOrphans lists the living orphans that have come to this process since the runner was started
// and belong to nobody that is known, with all that descends from them.
func strayOrphans(lost Lost) []Info {
	if lost.Runner.Start == 0 {
		return nil
	}
	self, session := os.Getpid(), ownSession()
	var stray []Info
	env := make([]byte, 16<<10)
	pids, _ := children(self, nil)
	for _, pid := range pids {
		info, err := Read(pid)
		if err != nil || info.dead() || info.SID == session || info.Start < lost.Runner.Start || isRunner(&info) {
			continue
		}
		if text, err := slurp(unix.AT_FDCWD, "/proc/"+strconv.Itoa(pid)+"/environ", env); err == nil && bytes.Contains(text, []byte(Marker+"=")) {
			continue // another execution's, which ends it
		}
		stray = append(stray, info)
		descend(pid, func(info Info) {
			if !info.dead() {
				stray = append(stray, info)
			}
		})
	}
	return stray
}

// isRunner reports whether a process is a runner: this very program, started as one.
func isRunner(info *Info) bool {
	ours, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return false
	}
	theirs, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(info.PID), "exe"))
	words := info.arguments()
	return err == nil && strings.TrimSuffix(theirs, " (deleted)") == strings.TrimSuffix(ours, " (deleted)") && len(words) == 4 && words[1] == "runner"
}
