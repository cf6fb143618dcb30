package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The cores of a round.
const (
	serverCore = 0
	loadCore   = 1
)

// pin puts every thread of a process on one core.
func pin(pid, core int) {
	var set unix.CPUSet
	set.Set(core)
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	for _, task := range tasks {
		if tid, err := strconv.Atoi(filepath.Base(task)); err == nil {
			_ = unix.SchedSetaffinity(tid, &set)
		}
	}
}

// cpuTime is the CPU time a process has used, from the scheduler's own clock (nanoseconds) of each of
// its threads.
func cpuTime(pid int) time.Duration {
	var sum time.Duration
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, task := range tasks {
		b, err := os.ReadFile(task)
		if err != nil {
			continue
		}
		if first, _, ok := strings.Cut(string(b), " "); ok {
			ns, _ := strconv.ParseInt(first, 10, 64)
			sum += time.Duration(ns)
		}
	}
	return sum
}

// residentKB is what a process holds in memory.
func residentKB(pid int) float64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb
		}
	}
	return 0
}

// descendants lists the processes below pid.
func descendants(pid int) []int {
	var all []int
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	parents := map[int]int{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		text := string(b)
		end := strings.LastIndexByte(text, ')')
		fields := strings.Fields(text[end+1:])
		if end < 0 || len(fields) < 2 {
			continue
		}
		child, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		parents[child], _ = strconv.Atoi(fields[1])
	}
	for child := range parents {
		for p := parents[child]; p > 1; p = parents[p] {
			if p == pid {
				all = append(all, child)
				break
			}
		}
	}
	return all
}
