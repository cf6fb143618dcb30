package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// groupPrefix begins the name of an execution's cgroup.
const groupPrefix = "claudeops-"

// Group is the cgroup v2 of one execution. What is started in it can leave it only with the right
// to write to other cgroups, and the kernel kills all of it at one stroke, forks under way
// included. A nil Group is a machine without: its methods do nothing.
type Group struct{ dir string }

// NewGroup makes a cgroup for execution id below the calling process's own. It gives nil and the
// reason where that is not possible: no cgroup v2, or not ours to write.
func NewGroup(id string) (*Group, error) {
	own, err := ownGroup()
	if err != nil {
		return nil, err
	}
	g := &Group{dir: filepath.Join(own, groupPrefix+id)}
	if err := os.Mkdir(g.dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make a cgroup: %w", err)
	}
	// cgroup.kill came with Linux 5.14; without it the group would only be one more list.
	if err := unix.Access(filepath.Join(g.dir, "cgroup.kill"), unix.W_OK); err != nil {
		_ = os.Remove(g.dir)
		return nil, fmt.Errorf("make a cgroup: cgroup.kill: %w", err)
	}
	return g, nil
}

// searchTime bounds the search through all cgroups of a machine that may have very many. What is not
// found carries its mark in the environment all the same.
const searchTime = time.Second

// FindGroup gives the cgroup of execution id wherever a runner has made it, or nil.
func FindGroup(id string) *Group {
	name := groupPrefix + id
	if own, err := ownGroup(); err == nil {
		if info, err := os.Stat(filepath.Join(own, name)); err == nil && info.IsDir() {
			return &Group{dir: filepath.Join(own, name)}
		}
	}
	mount, err := groupMount()
	if err != nil {
		return nil
	}
	var found *Group
	since := time.Now()
	_ = filepath.WalkDir(mount, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil && path == mount:
			return err
		case err != nil || !entry.IsDir():
			return nil
		case entry.Name() == name:
			found = &Group{dir: path}
			return fs.SkipAll
		case time.Since(since) > searchTime:
			return fs.SkipAll
		}
		return nil
	})
	return found
}

// groupMount is where cgroup v2 is mounted: alone, or beside v1.
func groupMount() (string, error) {
	b, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return "", fmt.Errorf("find cgroup v2: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 2 && f[2] == "cgroup2" {
			return unescapeMount(f[1]), nil
		}
	}
	return "", errors.New("find cgroup v2: it is not mounted")
}

// unescapeMount undoes the octal escapes of /proc/self/mounts.
func unescapeMount(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// ownGroup is the directory of the calling process's cgroup.
func ownGroup() (string, error) {
	mount, err := groupMount()
	if err != nil {
		return "", err
	}
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", fmt.Errorf("find our cgroup: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		if path, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); ok {
			if filepath.Base(path) == ownLeaf {
				path = filepath.Dir(path) // see giveControllers
			}
			return filepath.Join(mount, path), nil
		}
	}
	return "", errors.New("find our cgroup: this process is in none of version 2")
}

// Open gives a descriptor to start processes in the group with (clone3 and CLONE_INTO_CGROUP).
func (g *Group) Open() (*os.File, error) {
	fd, err := unix.Open(g.dir, unix.O_DIRECTORY|unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open cgroup: %w", err)
	}
	return os.NewFile(uintptr(fd), g.dir), nil
}

// OutOfMemory counts how often the kernel killed in this group for want of memory. Known is false
// where the memory controller is not at work here.
func (g *Group) OutOfMemory() (kills uint64, known bool) {
	if g == nil {
		return 0, false
	}
	b, err := os.ReadFile(filepath.Join(g.dir, "memory.events"))
	if err != nil {
		return 0, false
	}
	return Counter(b, "oom_kill")
}

// Counter finds "NAME VALUE" in one of the kernel's flat lists.
func Counter(list []byte, name string) (uint64, bool) {
	for line := range strings.Lines(string(list)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == name {
			v, err := strconv.ParseUint(f[1], 10, 64)
			return v, err == nil
		}
	}
	return 0, false
}

// each visits the living members, those of nested groups included.
func (g *Group) each(visit func(Info)) error {
	if g == nil {
		return nil
	}
	err := filepath.WalkDir(g.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return nil // a nested group may go while we look
		}
		b, err := os.ReadFile(filepath.Join(path, "cgroup.procs"))
		if err != nil {
			return nil
		}
		for line := range strings.Lines(string(b)) {
			pid, ok := number([]byte(strings.TrimSuffix(line, "\n")))
			if !ok || pid == 0 { // 0: a process of an outer pid namespace
				continue
			}
			if info, err := Read(int(pid)); err == nil && !info.dead() {
				visit(info)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("list cgroup: %w", err)
	}
	return nil
}

// kill ends all of the group at one stroke. visit sees who was in it just before.
func (g *Group) kill(visit func(Info)) error {
	if g == nil {
		return nil
	}
	any := false
	if err := g.each(func(info Info) {
		any = true
		visit(info)
	}); err != nil {
		return err
	}
	if !any {
		return nil
	}
	if err := os.WriteFile(filepath.Join(g.dir, "cgroup.kill"), []byte("1"), 0); err != nil {
		return fmt.Errorf("kill cgroup: %w", err)
	}
	return nil
}

// freezeWait is how long a group may take to come to a stand; what is deep in the kernel takes longer.
const freezeWait = 100 * time.Millisecond

// freeze holds all of the group still, unseen by itself, until thaw is called.
func (g *Group) freeze() (thaw func()) {
	if g == nil {
		return func() {}
	}
	control := filepath.Join(g.dir, "cgroup.freeze")
	if err := os.WriteFile(control, []byte("1"), 0); err != nil {
		return func() {}
	}
	for since := time.Now(); time.Since(since) < freezeWait; time.Sleep(time.Millisecond) {
		b, err := os.ReadFile(filepath.Join(g.dir, "cgroup.events"))
		if frozen, _ := Counter(b, "frozen"); err != nil || frozen == 1 {
			break
		}
	}
	return func() { _ = os.WriteFile(control, []byte("0"), 0) }
}

// Remove takes the group away, with those that were made inside it. All of it must be dead.
func (g *Group) Remove() error {
	if g == nil {
		return nil
	}
	var dirs []string
	_ = filepath.WalkDir(g.dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
		}
		return nil
	})
	var first error
	for i := len(dirs) - 1; i >= 0; i-- { // innermost first
		if err := removeGroup(dirs[i]); err != nil && err != unix.ENOENT && first == nil {
			first = fmt.Errorf("remove cgroup %s: %w", dirs[i], err)
		}
	}
	return first
}

// removeGroup removes one directory. The kernel counts a process as a member for a moment after it
// has become a zombie, or has even been waited for.
func removeGroup(dir string) error {
	for tries := 0; ; tries++ {
		err := unix.Rmdir(dir)
		if err != unix.EBUSY || tries == 200 {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}
