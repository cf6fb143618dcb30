package process

import (
	"errors"
	"os"
	"slices"
	"syscall"
)

// Tree is what runs of one execution: all that descends from this process, which must be a child
// subreaper and start nothing else, and what is in the execution's cgroup. Where the system has no
// subreapers, or does not list the children of one process, it is also the session of the main
// process and what carries the execution's id in the environment, and every look reads the list of
// all processes. A Tree is used by one goroutine at a time.
type Tree struct {
	reach   reach
	leader  ID
	ended   map[ID]struct{}
	refused []Info
}

// NewTree is the tree of execution id below this process. group may be nil.
func NewTree(id string, group *Group) *Tree {
	r := reach{root: os.Getpid(), group: group, narrow: childrenListed()}
	if !r.narrow {
		r.mark = id
	}
	return &Tree{reach: r, ended: make(map[ID]struct{})}
}

// Lead names the main process, which leads a session of its own.
func (t *Tree) Lead(leader ID) {
	t.leader = leader
	t.reach.seen = []ID{leader}
}

// Certain reports whether nothing can be left once this process has no child any more: orphans come
// back to it, whatever they do.
func (t *Tree) Certain() bool { return t.reach.narrow }

// Ended counts the processes that were alive when Signal or Kill signalled them.
func (t *Tree) Ended() int { return len(t.ended) }

// Refused lists the living processes that this user was not allowed to kill at the last attempt.
func (t *Tree) Refused() []Info { return t.refused }

// Live lists the living processes of the tree.
func (t *Tree) Live() ([]Info, error) {
	var list []Info
	err := t.reach.each(func(info Info) error {
		list = append(list, info)
		return nil
	})
	return list, err
}

// snapshots bounds how often Signal looks for processes that were born during its look.
const snapshots = 4

// Signal sends sig once to each process of the tree that is alive at this moment, never to one that
// is born later: what an agent starts to clean up after itself is left to work. The processes are
// held still meanwhile where there is a cgroup. A process that is stopped gets SIGCONT as well, for
// it would not act on sig. It gives how many were signalled; the error is about those that could not be.
func (t *Tree) Signal(sig syscall.Signal) (int, error) {
	thaw := t.reach.group.freeze()
	defer thaw()
	var list []Info
	known := make(map[ID]struct{})
	var failed error
	for range snapshots {
		live, err := t.Live()
		failed = err
		before := len(list)
		for _, info := range live {
			if _, again := known[info.ID]; !again {
				known[info.ID] = struct{}{}
				list = append(list, info)
			}
		}
		if len(list) == before {
			break
		}
	}
	n, err := t.send(list, sig)
	return n, errors.Join(failed, err)
}

// SignalLeader sends sig to the main process only.
func (t *Tree) SignalLeader(sig syscall.Signal) (int, error) {
	info, err := Read(t.leader.PID)
	if err != nil || info.Start != t.leader.Start || info.dead() {
		return 0, err
	}
	return t.send([]Info{info}, sig)
}

func (t *Tree) send(list []Info, sig syscall.Signal) (n int, err error) {
	var errs []error
	for _, info := range list {
		if err := info.Signal(sig); err != nil {
			if !errors.Is(err, ErrGone) {
				errs = append(errs, err)
			}
			continue
		}
		n++
		t.ended[info.ID] = struct{}{}
	}
	for _, info := range list {
		if info.State == 'T' {
			_ = info.Signal(syscall.SIGCONT) // it may be gone already, which is what sig was for
		}
	}
	return n, errors.Join(errs...)
}

// Kill makes one attempt at ending all of the tree and gives how many processes it saw alive; the
// caller repeats it until nothing is left.
func (t *Tree) Kill() (alive int, err error) {
	var made attempt
	urgent(func() { made, err = t.reach.kill(t.ended) })
	t.refused = slices.Clone(made.refused)
	return made.alive, err
}
