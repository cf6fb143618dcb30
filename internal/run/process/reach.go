package process

import (
	"errors"
	"os"
	"syscall"
)

// reach says which processes belong to an execution. The calling process never does.
type reach struct {
	root   int    // pid whose descendants belong; 0: none
	group  *Group // whose members belong; may be nil
	mark   string // the execution id in the environment; "": it is not looked for
	seen   []ID   // processes that belonged when they were seen; their sessions and descendants belong
	narrow bool   // the descendants of root and the group are certainly all there is: nothing else is read
}

// visitor calls visit once for every living process it is given, the calling one excepted.
type visitor struct {
	visit func(Info) error
	self  int
	met   map[ID]struct{}
	errs  []error
}

func (v *visitor) touch(info Info) {
	if _, again := v.met[info.ID]; again || info.PID == v.self || info.dead() {
		return
	}
	v.met[info.ID] = struct{}{}
	if err := v.visit(info); err != nil && !errors.Is(err, ErrGone) {
		v.errs = append(v.errs, err)
	}
}

// each calls visit once for every living process in reach, as soon as it is met: what visit does to
// a parent comes before its newest children are looked for. Errors other than ErrGone are joined.
func (r reach) each(visit func(Info) error) error {
	v := &visitor{visit: visit, self: os.Getpid(), met: make(map[ID]struct{})}
	if r.narrow {
		descend(r.root, v.touch)
	} else if err := r.walkAll(v); err != nil {
		v.errs = append(v.errs, err)
	}
	if err := r.group.each(v.touch); err != nil {
		v.errs = append(v.errs, err)
	}
	return errors.Join(v.errs...)
}

// walkAll looks at every process of the machine.
func (r reach) walkAll(v *visitor) error {
	members := make(map[int]struct{})
	if r.root > 0 {
		members[r.root] = struct{}{}
	}
	sessions := r.sessions()
	seen := make(map[ID]struct{}, len(r.seen))
	for _, id := range r.seen {
		seen[ID{PID: id.PID, Start: id.Start}] = struct{}{}
	}
	belongs := func(info *Info, marked func() bool) bool {
		if _, ok := members[info.PPID]; ok {
			return true
		}
		if _, ok := seen[info.ID]; ok {
			return true
		}
		for _, number := range []int{info.SID, info.PGID} {
			if since, ok := sessions[number]; ok && info.Start >= since {
				return true
			}
		}
		return r.mark != "" && marked()
	}
	list, err := walk(r.mark, func(info Info, marked func() bool) {
		if info.PID != v.self && info.PID != 1 && belongs(&info, marked) {
			members[info.PID] = struct{}{}
			v.touch(info)
		}
	})
	// Children whose pid is below their parent's, after the pids have wrapped round.
	for grew := true; grew; {
		grew = false
		for _, info := range list {
			_, child := members[info.PPID]
			if _, known := members[info.PID]; known || !child || info.PID == v.self || info.PID == 1 {
				continue
			}
			members[info.PID] = struct{}{}
			v.touch(info)
			grew = true
		}
	}
	return err
}

// sessions gives the sessions and process groups that seen processes lead or led, each with the
// earliest start of a member of it. A number whose session is empty can have become another's: where
// its leader is alive, it must be the one that was seen.
func (r reach) sessions() map[int]uint64 {
	sessions := make(map[int]uint64)
	for _, id := range r.seen {
		if now, err := Read(id.PID); err == nil && now.Start != id.Start {
			continue
		}
		sessions[id.PID] = id.Start
	}
	return sessions
}

// stopPasses bounds how often kill looks for the newly born before it kills what it has.
const stopPasses = 16

// attempt is what one attempt at ending everything in reach has met.
type attempt struct {
	alive   int    // processes that were alive
	refused []Info // of these: those that this user may not signal
}

// kill makes one attempt at ending everything in reach: the cgroup at one stroke; and then, since
// what forks faster than one pass kills would go on for ever, all is first brought to a stand by
// SIGSTOP (what is stopped has no more children) until a pass finds nobody new. It adds the processes
// that it has signalled to ended.
func (r reach) kill(ended map[ID]struct{}) (attempt, error) {
	var errs []error
	var refused []Info
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
				if errors.Is(err, os.ErrPermission) {
					refused = append(refused, info)
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
	return attempt{len(seen), refused}, errors.Join(errs...)
}

// How often the newest processes are looked at, and how many of them each time: a process that forks
// and exits at once has a few of those, and lives for less than a millisecond.
const (
	chases = 200
	recent = 12
)

// chase looks for new children of this process, or of those that were stopped, again and again, and
// stops them. Where a process exits as soon as it has forked, one pass comes too late for each of them.
func (r reach) chase(held map[ID]struct{}, stop func(Info) error) {
	parents := map[int]struct{}{}
	if r.root > 0 {
		parents[r.root] = struct{}{}
	}
	for id := range held {
		parents[id.PID] = struct{}{}
	}
	if len(parents) == 0 {
		return
	}
	self := os.Getpid()
	for missed := 0; missed < chases; missed++ {
		pids, ok := r.newborn()
		if !ok {
			return
		}
		for _, pid := range pids {
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

// newborn gives the processes among which new ones of this execution are: the children of root, for
// an orphan becomes one at once, or else the newest of the machine.
func (r reach) newborn() (pids []int, ok bool) {
	if r.narrow {
		pids, _ = children(r.root, nil)
		return pids, true
	}
	last, ok := newest()
	for pid := last; ok && pid > max(1, last-recent); pid-- {
		pids = append(pids, pid)
	}
	return pids, ok
}
