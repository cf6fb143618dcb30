package control

// reap waits for a runner that is our child.
func reap(pid int) { wait(pid) }
