package process

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Limits bound what a process tree may take of the machine. A zero field is no limit.
type Limits struct {
	Memory int64   // bytes
	PIDs   int64   // processes and threads at a time
	CPU    float64 // processors
}

// cpuPeriod is the time in which a share of the processors is given out, in microseconds.
const cpuPeriod = 100_000

// setting is one file of a cgroup and what is written there.
type setting struct {
	controller string // memory, pids or cpu
	limit      string // its name in a definition
	v2, v1     []file
}

type file struct{ name, value string }

func (l Limits) settings() []setting {
	var list []setting
	if l.Memory > 0 {
		bytes := strconv.FormatInt(l.Memory, 10)
		list = append(list, setting{"memory", "memory",
			[]file{{"memory.max", bytes}, {"memory.oom.group", "1"}}, []file{{"memory.limit_in_bytes", bytes}}})
	}
	if l.PIDs > 0 {
		max := []file{{"pids.max", strconv.FormatInt(l.PIDs, 10)}}
		list = append(list, setting{"pids", "pids", max, max})
	}
	if l.CPU > 0 {
		quota := strconv.FormatInt(max(1000, int64(l.CPU*cpuPeriod)), 10)
		list = append(list, setting{"cpu", "cpu",
			[]file{{"cpu.max", fmt.Sprintf("%s %d", quota, cpuPeriod)}},
			[]file{{"cpu.cfs_period_us", strconv.Itoa(cpuPeriod)}, {"cpu.cfs_quota_us", quota}}})
	}
	return list
}

// Caps hold the limits of one execution: in its cgroup v2 where the controllers are there, otherwise in
// cgroups of version 1. A nil *Caps has none.
type Caps struct {
	dirs   []string // of version 1
	memory string   // the file in which kills for want of memory are counted; empty: none
}

// NewCaps sets limits for execution id, whose cgroup is group or nil. unmet says for people, for each
// limit that can't be set, why.
func NewCaps(id string, limits Limits, group *Group) (c *Caps, unmet []string) {
	c = &Caps{}
	for _, s := range limits.settings() {
		err := group.limit(s)
		if err == nil && s.controller == "memory" {
			c.memory = filepath.Join(group.dir, "memory.events")
		}
		if err != nil {
			var dir string
			if dir, err = limitV1(id, s); err == nil {
				if !slices.Contains(c.dirs, dir) {
					c.dirs = append(c.dirs, dir)
				}
				if s.controller == "memory" {
					c.memory = filepath.Join(dir, "memory.oom_control")
				}
			}
		}
		if err != nil {
			unmet = append(unmet, fmt.Sprintf("limits.%s: %v", s.limit, err))
		}
	}
	return c, unmet
}

// limit sets a limit in a cgroup of version 2.
func (g *Group) limit(s setting) error {
	if g == nil {
		return fmt.Errorf("there is no cgroup of version 2 that this server may write")
	}
	if err := unix.Access(filepath.Join(g.dir, s.v2[0].name), unix.W_OK); err != nil {
		if err := giveControllers(filepath.Dir(g.dir), s.controller); err != nil {
			return err
		}
	}
	return write(g.dir, s.v2)
}

func write(dir string, files []file) error {
	for i, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.name), []byte(f.value), 0); err != nil {
			if i > 0 && os.IsNotExist(err) {
				continue // an older kernel has only what matters
			}
			return fmt.Errorf("set %s: %w", f.name, err)
		}
	}
	return nil
}

// ownLeaf is where the server and its runners are put when a cgroup must hold no process of its own, for
// its controllers to be given to the cgroups in it.
const ownLeaf = "claudeops-processes"

// giveControllers has the cgroups in dir get a controller.
func giveControllers(dir, controller string) error {
	enable := func() error {
		return os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+controller), 0)
	}
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil || !slices.Contains(strings.Fields(string(b)), controller) {
		return fmt.Errorf("the controller %s is not there in the cgroup %s", controller, dir)
	}
	if enable() == nil {
		return nil
	}
	leaf := filepath.Join(dir, ownLeaf)
	if err := os.Mkdir(leaf, 0o755); err != nil && !os.IsExist(err) {
		return fmt.Errorf("make a cgroup: %w", err)
	}
	b, err = os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return err
	}
	ours, _ := os.Readlink("/proc/self/exe")
	for _, pid := range strings.Fields(string(b)) {
		if exe, _ := os.Readlink("/proc/" + pid + "/exe"); exe == ours { // others are not ours to move
			_ = os.WriteFile(filepath.Join(leaf, "cgroup.procs"), []byte(pid), 0)
		}
	}
	if err := enable(); err != nil {
		return fmt.Errorf("give the controller %s to the cgroups in %s: %w", controller, dir, err)
	}
	return nil
}

// limitV1 sets a limit in a cgroup of version 1.
func limitV1(id string, s setting) (dir string, err error) {
	own, err := ownV1(s.controller)
	if err != nil {
		return "", err
	}
	dir = filepath.Join(own, groupPrefix+id)
	if err := os.Mkdir(dir, 0o755); err != nil && !os.IsExist(err) {
		return "", fmt.Errorf("make a cgroup: %w", err)
	}
	if err := write(dir, s.v1); err != nil {
		_ = os.Remove(dir)
		return "", err
	}
	return dir, nil
}

// ownV1 is the calling process's cgroup of version 1 for a controller.
func ownV1(controller string) (string, error) {
	missing := fmt.Errorf("there is no cgroup controller %s that this server may use", controller)
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return "", missing
	}
	mount := ""
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 3 && f[2] == "cgroup" && slices.Contains(strings.Split(f[3], ","), controller) {
			mount = unescapeMount(f[1])
		}
	}
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil || mount == "" {
		return "", missing
	}
	for line := range strings.Lines(string(groups)) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(f) == 3 && slices.Contains(strings.Split(f[1], ","), controller) {
			return filepath.Join(mount, f[2]), nil
		}
	}
	return "", missing
}

// Enter puts the calling thread, which must be locked, under the limits of version 1, so that what it
// starts is under them from its first instruction; leave takes it out again.
func (c *Caps) Enter() (leave func(), err error) {
	if c == nil {
		return func() {}, nil
	}
	thread := []byte(strconv.Itoa(unix.Gettid()))
	var left []string
	leave = func() {
		for _, dir := range left {
			_ = os.WriteFile(filepath.Join(filepath.Dir(dir), "tasks"), thread, 0)
		}
	}
	for _, dir := range c.dirs {
		if err := os.WriteFile(filepath.Join(dir, "tasks"), thread, 0); err != nil {
			leave()
			return nil, fmt.Errorf("enter the cgroup %s: %w", dir, err)
		}
		left = append(left, dir)
	}
	return leave, nil
}

// OutOfMemory counts how often the kernel killed for want of memory under these limits. Known is false
// where memory is not limited.
func (c *Caps) OutOfMemory() (kills uint64, known bool) {
	if c == nil || c.memory == "" {
		return 0, false
	}
	b, err := os.ReadFile(c.memory)
	if err != nil {
		return 0, false
	}
	return Counter(b, "oom_kill")
}

// Remove takes the cgroups of version 1 away. All in them must be dead.
func (c *Caps) Remove() error {
	if c == nil {
		return nil
	}
	for _, dir := range c.dirs {
		if err := removeGroup(dir); err != nil && err != unix.ENOENT {
			return fmt.Errorf("remove cgroup %s: %w", dir, err)
		}
	}
	return nil
}

// removeCaps takes away what a runner that was killed has left of its limits.
func removeCaps(id string) {
	for _, controller := range []string{"memory", "pids", "cpu"} {
		if own, err := ownV1(controller); err == nil {
			if dir := filepath.Join(own, groupPrefix+id); unix.Access(dir, unix.F_OK) == nil {
				_ = removeGroup(dir)
			}
		}
	}
}

// Renice adds to the niceness of the calling thread, which must be locked, and of what it starts; back
// undoes that where this user may.
func Renice(add int) (back func(), err error) {
	thread := unix.Gettid()
	// The system call gives 20 less the value, so that none is negative.
	raw, err := unix.Getpriority(unix.PRIO_PROCESS, thread)
	if err != nil {
		return nil, fmt.Errorf("read the niceness: %w", err)
	}
	now := 20 - raw
	want := min(max(now+add, -20), 19)
	if err := unix.Setpriority(unix.PRIO_PROCESS, thread, want); err != nil {
		return nil, fmt.Errorf("set the niceness to %d: %w", want, err)
	}
	return func() { _ = unix.Setpriority(unix.PRIO_PROCESS, thread, now) }, nil
}
