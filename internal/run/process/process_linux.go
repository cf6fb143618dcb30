package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// BootID names this boot of the machine.
func BootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read the boot id: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// Read looks at one process. ErrGone when there is none with that pid.
func Read(pid int) (Info, error) {
	var buf [1024]byte
	return readStat(unix.AT_FDCWD, "/proc/"+strconv.Itoa(pid)+"/stat", buf[:])
}

func readStat(dir int, path string, buf []byte) (Info, error) {
	b, err := slurp(dir, path, buf)
	if err != nil {
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) {
			return Info{}, ErrGone
		}
		return Info{}, fmt.Errorf("read %s: %w", path, err)
	}
	return parseStat(b)
}

// slurp reads a file of /proc whole, into buf as far as it holds it.
func slurp(dir int, path string, buf []byte) ([]byte, error) {
	fd, err := openat(dir, path)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	n := 0
	for {
		if n == len(buf) {
			buf = append(buf, make([]byte, len(buf))...)
		}
		m, err := unix.Read(fd, buf[n:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, err
		}
		if m <= 0 {
			return buf[:n], nil
		}
		n += m
	}
}

func openat(dir int, path string) (int, error) {
	for {
		fd, err := unix.Openat(dir, path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// parseStat reads /proc/PID/stat. The name, in parentheses, may hold anything, parentheses too.
func parseStat(b []byte) (Info, error) {
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 2 || end < open || end+3 >= len(b) {
		return Info{}, ErrGone // empty: it went while we looked
	}
	pid, ok := number(b[:open-1])
	if !ok {
		return Info{}, fmt.Errorf("read process: unexpected stat line %q", b)
	}
	info := Info{ID: ID{PID: int(pid)}, Name: string(b[open+1 : end]), State: b[end+2]}
	rest := b[end+3:]
	for field := 3; len(rest) > 0; field++ { // rest starts with the space before field 4, ppid
		rest = rest[1:]
		word := rest
		if sp := bytes.IndexByte(rest, ' '); sp >= 0 {
			word, rest = rest[:sp], rest[sp:]
		} else {
			rest = nil
		}
		var v uint64
		switch field + 1 {
		case 4, 5, 6, 20, 22:
			if v, ok = number(bytes.TrimPrefix(word, []byte("-"))); !ok {
				return Info{}, fmt.Errorf("read process: unexpected stat line %q", b)
			}
		}
		switch field + 1 {
		case 4:
			info.PPID = int(v)
		case 5:
			info.PGID = int(v)
		case 6:
			info.SID = int(v)
		case 20:
			info.threads = int(v)
		case 22:
			info.Start = v
			return info, nil
		}
	}
	return Info{}, fmt.Errorf("read process: stat line too short: %q", b)
}

func number(b []byte) (uint64, bool) {
	if len(b) == 0 || len(b) > 20 {
		return 0, false
	}
	var v uint64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + uint64(c-'0')
	}
	return v, true
}

// scan calls visit with the pid of every process there is, in ascending order but for those that
// are born meanwhile. dir is /proc, and what visit reads it reads relative to it.
func scan(visit func(dir, pid int)) error {
	proc, err := os.Open("/proc")
	if err != nil {
		return fmt.Errorf("list processes: %w", err)
	}
	defer proc.Close()
	dir := int(proc.Fd())
	for {
		names, err := proc.Readdirnames(128)
		for _, name := range names {
			if pid, ok := number([]byte(name)); ok && pid > 0 {
				visit(dir, int(pid))
			}
		}
		if err != nil || len(names) == 0 {
			return nil // io.EOF: that was all
		}
	}
}

// List shows every process there is. It is a walk, not a snapshot: some may be born or end meanwhile.
func List() ([]Info, error) {
	var all []Info
	buf := make([]byte, 1024)
	err := scan(func(dir, pid int) {
		if info, err := readStat(dir, strconv.Itoa(pid)+"/stat", buf); err == nil {
			all = append(all, info)
		}
	})
	return all, err
}

// marked reports whether the process carries id as its execution.
func marked(dir, pid int, id string, buf []byte) bool {
	env, err := slurp(dir, strconv.Itoa(pid)+"/environ", buf)
	return err == nil && hasMark(env, id)
}

// hasMark looks for the marker in an environment as the kernel shows it, each variable ended by NUL.
func hasMark(env []byte, id string) bool {
	want := []byte(Marker + "=" + id)
	for rest := env; ; {
		i := bytes.Index(rest, want)
		if i < 0 {
			return false
		}
		before, after := len(env)-len(rest)+i, i+len(want)
		if (before == 0 || env[before-1] == 0) && (after == len(rest) || rest[after] == 0) {
			return true
		}
		rest = rest[after:]
	}
}

// Marked lists the living processes that carry id as their execution, the calling one excepted.
func Marked(id string) ([]Info, error) {
	if id == "" {
		return nil, errors.New("find processes of an execution: no id given")
	}
	var found []Info
	self := os.Getpid()
	buf := make([]byte, 16<<10)
	err := scan(func(dir, pid int) {
		if pid == self || !marked(dir, pid, id, buf) {
			return
		}
		if info, err := readStat(dir, strconv.Itoa(pid)+"/stat", buf); err == nil && !info.dead() {
			found = append(found, info)
		}
	})
	return found, err
}

// signal goes through a pidfd: once that is open and the start time is right it can't hit another.
func (id ID) signal(sig syscall.Signal) error {
	fd, err := unix.PidfdOpen(id.PID, 0)
	if err == unix.ENOSYS || err == unix.EPERM { // before Linux 5.3, or a sandbox that forbids it
		return id.signalByPID(sig)
	}
	if err == unix.ESRCH || err == unix.EINVAL { // EINVAL: a thread has that number now
		return ErrGone
	}
	if err != nil {
		return fmt.Errorf("signal process %d: %w", id.PID, err)
	}
	defer unix.Close(fd)
	info, err := Read(id.PID)
	if err != nil {
		return err
	}
	if info.Start != id.Start {
		return ErrGone
	}
	switch err := unix.PidfdSendSignal(fd, sig, nil, 0); err {
	case nil:
		return nil
	case unix.ESRCH:
		return ErrGone
	case unix.ENOSYS:
		return id.signalByPID(sig)
	default:
		return fmt.Errorf("send %s to process %d (%s): %w", unix.SignalName(sig), id.PID, info.Name, err)
	}
}

// signalByPID looks, then signals. Between the two the pid could in theory be used again, which
// takes a whole round through all pids; only kernels without pidfds come here.
func (id ID) signalByPID(sig syscall.Signal) error {
	info, err := Read(id.PID)
	if err != nil {
		return err
	}
	if info.Start != id.Start {
		return ErrGone
	}
	switch err := unix.Kill(id.PID, sig); err {
	case nil:
		return nil
	case unix.ESRCH:
		return ErrGone
	default:
		return fmt.Errorf("send %s to process %d (%s): %w", unix.SignalName(sig), id.PID, info.Name, err)
	}
}
