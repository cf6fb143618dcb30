package process

import (
	"errors"
	"os"
	"syscall"
)

// reach says which processes belong to an execution. The calling process never does.
type reach struct {
	mark   string // the execution id in the environment
	root   int    // pid whose descendants belong; 0: only those of marked processes
	leader ID     // whose session and process group belong; zero: none
	group  *Group // whose members belong; may be nil
}

// each calls visit once for every living process in reach, as soon as it is met: what visit does to
// a parent comes before its newest children are looked for. Errors other than ErrGone are joined.
func (r reach) each(visit func(Info) error) error {
	self := os.Getpid()
	members := make(map[int]struct{})
	if r.root > 0 {
		members[r.root] = struct{}{}
	}
	var errs []error
	met := make(map[ID]struct{})
	touch := func(info Info) {
		if _, again := met[info.ID]; again || info.PID == self || info.dead() {
			return
		}
		met[info.ID] = struct{}{}
		if err := visit(info); err != nil && !errors.Is(err, ErrGone) {
			errs = append(errs, err)
		}
	}
	session := r.leader.PID > 0
	if session {
		// Once the session is empty its number can be another's.
		if now, err := Read(r.leader.PID); err == nil && now.Start != r.leader.Start {
			session = false
		}
	}
	list, err := walk(r.mark, func(info Info, marked func() bool) {
		if info.PID == self || info.PID == 1 {
			return
		}
		_, belongs := members[info.PPID]
		belongs = belongs || session && info.Start >= r.leader.Start && (info.SID == r.leader.PID || info.PGID == r.leader.PID)
		if belongs || marked() {
			members[info.PID] = struct{}{}
			touch(info)
		}
	})
	if err != nil {
		errs = append(errs, err)
	}
	// Children whose pid is below their parent's, after the pids have wrapped round.
	for grew := true; grew; {
		grew = false
		for _, info := range list {
			_, child := members[info.PPID]
			if _, known := members[info.PID]; known || !child || info.PID == self || info.PID == 1 {
				continue
			}
			members[info.PID] = struct{}{}
			touch(info)
			grew = true
		}
	}
	if err := r.group.each(touch); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// stopPasses bounds how often kill looks for the newly born before it kills what it has.
const stopPasses = 16

// kill makes one attempt at ending everything in reach: the cgroup at one stroke; and then, since
// what forks faster than one pass kills would go on for ever, all is first brought to a stand by
// SIGSTOP (what is stopped has no more children) until a pass finds nobody new. It gives how many
// it saw alive and adds them to ended.
func (r reach) kill(ended map[ID]struct{}) (int, error) {
	var errs []error
	seen := make(map[ID]struct{})
	if err := r.group.kill(func(info Info) {
		seen[info.ID], ended[info.ID] = struct{}{}, struct{}{}
	}); err != nil {
		errs = append(errs, err)
	}
	var stopped []Info
	held := make(map[ID]struct{})
	for range stopPasses {
		born := false
		stop := func(info Info) error {
			if _, known := held[info.ID]; known {
				return nil
			}
			held[info.ID] = struct{}{}
			if err := info.Signal(syscall.SIGSTOP); err != nil {
				if !errors.Is(err, ErrGone) {
					seen[info.ID] = struct{}{} // it lives on, and must be told
				}
				return err
			}
			born = true
			stopped = append(stopped, info)
			seen[info.ID], ended[info.ID] = struct{}{}, struct{}{}
			return nil
		}
		if err := r.each(stop); err != nil {
			errs = append(errs, err)
		}
		r.chase(held, stop)
		if !born {
			break
		}
	}
	for _, info := range stopped {
		if err := info.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, ErrGone) {
			errs = append(errs, err)
		}
	}
	return len(seen), errors.Join(errs...)
}

// The newest pids are looked at so often, and so many of them each time: a process that forks and
// exits at once has a few of those, and lives for less than a millisecond.
const (
	chases = 200
	recent = 12
)

// chase looks among the newest processes for children of this one, or of those that were stopped, and
// stops them. Where one exits as soon as it has forked, a walk through all processes comes too late
// for each of them, the more so the busier the machine is.
func (r reach) chase(held map[ID]struct{}, stop func(Info) error) {
	parents := map[int]struct{}{}
	if r.root > 0 {
		parents[r.root] = struct{}{}
	}
	for id := range held {
		parents[id.PID] = struct{}{}
	}
	self := os.Getpid()
	for missed := 0; missed < chases; missed++ {
		last, ok := newest()
		if !ok {
			return
		}
		for pid := last; pid > max(1, last-recent); pid-- {
			info, err := Read(pid)
			if err != nil || info.dead() || pid == self {
				continue
			}
			if _, child := parents[info.PPID]; !child {
				continue
			}
			if _, known := held[info.ID]; known {
				continue
			}
			if stop(info) == nil {
				parents[pid] = struct{}{}
				missed = 0
			}
		}
	}
}
