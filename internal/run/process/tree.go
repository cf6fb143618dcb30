package process

import (
	"os"
	"syscall"
)

// Tree is what runs of one execution: all that descends from this process, which must be a child
// subreaper and start nothing else; the session of the main process; what is in the execution's
// cgroup; and what carries its id in the environment, wherever it hangs. A Tree is used by one
// goroutine at a time.
type Tree struct {
	reach reach
	ended map[ID]struct{}
}

// NewTree is the tree of execution id below this process. group may be nil.
func NewTree(id string, group *Group) *Tree {
	return &Tree{reach: reach{mark: id, root: os.Getpid(), group: group}, ended: make(map[ID]struct{})}
}

// Lead names the main process, which leads a session of its own.
func (t *Tree) Lead(leader ID) { t.reach.leader = leader }

// Ended counts the processes that were alive when Signal or Kill signalled them.
func (t *Tree) Ended() int { return len(t.ended) }

// Live lists the living processes of the tree.
func (t *Tree) Live() ([]Info, error) {
	var list []Info
	err := t.reach.each(func(info Info) error {
		list = append(list, info)
		return nil
	})
	return list, err
}

// Signal sends sig to every living process of the tree, and SIGCONT after it, since a stopped
// process would not act on it. It gives how many were there; the error is about those that could
// not be signalled.
func (t *Tree) Signal(sig syscall.Signal) (int, error) {
	n := 0
	err := t.reach.each(func(info Info) error {
		if err := info.Signal(sig); err != nil {
			return err
		}
		n++
		t.ended[info.ID] = struct{}{}
		_ = info.Signal(syscall.SIGCONT) // it may be gone already, which is what sig was for
		return nil
	})
	return n, err
}

// Kill makes one attempt at ending all of the tree and gives how many processes it saw alive; the
// caller repeats it until nothing is left.
func (t *Tree) Kill() (n int, err error) {
	urgent(func() { n, err = t.reach.kill(t.ended) })
	return n, err
}
