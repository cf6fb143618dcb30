package process

import "time"

// Work tells whether the processes of an execution use the processor. It is used by one goroutine at a
// time.
type Work struct {
	tree   *Tree
	used   time.Duration // at the last look
	looked time.Time
}

// NewWork looks at what descends from this process, as a Tree does.
func NewWork(id string, group *Group) *Work {
	return &Work{tree: NewTree(id, group), looked: time.Now()}
}

// idleShare is how much of one processor a program may use that only waits: timers, keeping connections.
const idleShare = 0.02

// Active reports whether the processes have used more of the processor since the last call than
// waiting needs.
func (w *Work) Active() bool {
	var used time.Duration
	live, _ := w.tree.Live() // those that can't be seen do not count
	for _, info := range live {
		used += cpuTime(info.PID)
	}
	now := time.Now()
	more, elapsed := used-w.used, now.Sub(w.looked)
	w.used, w.looked = used, now
	return more.Seconds() > idleShare*elapsed.Seconds()
}
