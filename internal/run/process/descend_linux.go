package process

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// childrenListed reports whether this kernel lists the children of a process
// (/proc/PID/task/TID/children, CONFIG_PROC_CHILDREN).
func childrenListed() bool { return unix.Access("/proc/thread-self/children", unix.R_OK) == nil }

// descend calls visit for every living descendant of root, each as soon as it is found: what visit
// does to a parent happens before the parent's children are listed. It costs what the tree costs,
// whatever else runs on the machine. The list of one process's children is complete while that
// process is stopped or dead; of a process that forks meanwhile some may be missed.
func descend(root int, visit func(Info)) {
	met := map[int]struct{}{root: {}}
	var buf []byte
	stat := make([]byte, 1024)
	for queue := []int{root}; len(queue) > 0; {
		parent := queue[0]
		queue = queue[1:]
		var pids []int
		pids, buf = children(parent, buf)
		for _, pid := range pids {
			if _, again := met[pid]; again {
				continue
			}
			met[pid] = struct{}{}
			info, err := readStat(unix.AT_FDCWD, "/proc/"+strconv.Itoa(pid)+"/stat", stat)
			if err != nil {
				continue
			}
			visit(info)
			queue = append(queue, pid)
		}
	}
}

// children lists the children of all threads of a process. buf may be used again.
func children(pid int, buf []byte) ([]int, []byte) {
	if buf == nil {
		buf = make([]byte, 4096)
	}
	task, err := os.Open("/proc/" + strconv.Itoa(pid) + "/task")
	if err != nil {
		return nil, buf
	}
	defer task.Close()
	var pids []int
	for {
		threads, err := task.Readdirnames(64)
		for _, thread := range threads {
			list, err := slurp(int(task.Fd()), thread+"/children", buf)
			if err != nil {
				continue
			}
			pids = appendPIDs(pids, list)
			if cap(list) > cap(buf) {
				buf = list[:cap(list)]
			}
		}
		if err != nil || len(threads) == 0 {
			return pids, buf
		}
	}
}

func appendPIDs(pids []int, list []byte) []int {
	for _, word := range bytes.Fields(list) {
		if pid, ok := number(word); ok && pid > 0 {
			pids = append(pids, int(pid))
		}
	}
	return pids
}
