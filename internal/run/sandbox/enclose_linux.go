package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
)

// become confines the calling thread and turns this process into the agent. It returns only when that
// fails.
func become(r *Rules, program string, argv []string) error {
	runtime.LockOSThread() // what only holds for a thread must hold for the one that executes the agent
	if err := limit(r); err != nil {
		return err
	}
	if err := dropCapabilities(); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("forbid new privileges: %w", err)
	}
	if err := restrict(r); err != nil {
		return fmt.Errorf("apply Landlock: %w", err)
	}
	if err := filter(r.Network == networkNone); err != nil {
		return fmt.Errorf("apply the system call filter: %w", err)
	}
	if err := unix.Exec(program, argv, os.Environ()); err != nil {
		return &execError{program, err}
	}
	return nil
}

// execError is an error of exec itself.
type execError struct {
	program string
	err     error
}

func (e *execError) Error() string {
	if errors.Is(e.err, unix.EACCES) {
		return fmt.Sprintf("%s, or its interpreter or loader, is out of reach in the sandbox: add its directory to sandbox.read (%v)", e.program, e.err)
	}
	return e.program + ": " + e.err.Error()
}

// limit sets the resource limits. No core file is written: it would hold what the agent knows.
func limit(r *Rules) error {
	set := func(what string, resource int, value uint64) error {
		var now unix.Rlimit
		if err := unix.Getrlimit(resource, &now); err != nil {
			return fmt.Errorf("limit %s: %w", what, err)
		}
		value = min(value, now.Max)
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: value, Max: value}); err != nil {
			return fmt.Errorf("limit %s: %w", what, err)
		}
		return nil
	}
	err := set("core files", unix.RLIMIT_CORE, 0)
	if r.OpenFiles > 0 {
		err = errors.Join(err, set("open files", unix.RLIMIT_NOFILE, uint64(r.OpenFiles)))
	}
	if r.MaxFileSize > 0 {
		err = errors.Join(err, set("the size of files", unix.RLIMIT_FSIZE, uint64(r.MaxFileSize)))
	}
	return err
}

// restrict applies Landlock, as much of it as the kernel has.
func restrict(r *Rules) error {
	versions := []landlock.Config{landlock.V1, landlock.V2, landlock.V3, landlock.V4, landlock.V5, landlock.V6}
	have := min(r.ABI, Supported().ABI, len(versions))
	if have < abiPaths {
		return nil
	}
	config := versions[have-1]
	var rules []landlock.Rule
	for _, path := range r.Read {
		rules = append(rules, allow(path, landlock.RODirs, landlock.ROFiles)...)
	}
	for _, path := range r.Write {
		rules = append(rules, allow(path, func(paths ...string) landlock.FSRule {
			rule := landlock.RWDirs(paths...)
			if have >= 2 {
				rule = rule.WithRefer()
			}
			if have >= 5 {
				rule = rule.WithIoctlDev()
			}
			return rule
		}, landlock.RWFiles)...)
	}
	for _, path := range r.List {
		rules = append(rules, landlock.PathAccess(landlock.AccessFSSet(unix.LANDLOCK_ACCESS_FS_READ_DIR), path))
	}
	if err := config.RestrictPaths(rules...); err != nil {
		return err
	}
	if have >= abiTCP && r.Network != networkAll {
		var ports []landlock.Rule
		for _, port := range r.Connect {
			ports = append(ports, landlock.ConnectTCP(uint16(port)))
		}
		// Listening is left free: it reaches nobody by itself.
		if err := (landlock.Config{HandledAccessNet: landlock.AccessNetSet(unix.LANDLOCK_ACCESS_NET_CONNECT_TCP)}).RestrictNet(ports...); err != nil {
			return err
		}
	}
	if have >= abiScope {
		return config.RestrictScoped()
	}
	return nil
}

// allow makes the rule for a path, by what it is. One that does not exist, or can't be looked at, has none.
func allow(path string, dirs, files func(...string) landlock.FSRule) []landlock.Rule {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil
	case info.IsDir():
		return []landlock.Rule{dirs(path)}
	case info.Mode()&fs.ModeSocket != 0:
		return nil // a socket is connected to, not opened
	}
	return []landlock.Rule{files(path)}
}
