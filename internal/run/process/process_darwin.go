package process

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// BootID names this boot of the machine.
func BootID() (string, error) {
	id, err := unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return "", fmt.Errorf("read the boot id: %w", err)
	}
	return id, nil
}

// Read looks at one process. ErrGone when there is none with that pid.
func Read(pid int) (Info, error) {
	k, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil || int(k.Proc.P_pid) != pid {
		return Info{}, ErrGone
	}
	return fromKernel(k), nil
}

func fromKernel(k *unix.KinfoProc) Info {
	// P_stat: SIDL 1, SRUN 2, SSLEEP 3, SSTOP 4, SZOMB 5.
	state := byte('S')
	switch k.Proc.P_stat {
	case 2:
		state = 'R'
	case 4:
		state = 'T'
	case 5:
		state = 'Z'
	}
	name := k.Proc.P_comm[:]
	if i := bytes.IndexByte(name, 0); i >= 0 {
		name = name[:i]
	}
	sid, _ := unix.Getsid(int(k.Proc.P_pid))
	return Info{
		ID:   ID{PID: int(k.Proc.P_pid), Start: uint64(k.Proc.P_starttime.Sec)*1e6 + uint64(k.Proc.P_starttime.Usec)},
		PPID: int(k.Eproc.Ppid), PGID: int(k.Eproc.Pgid), SID: sid, State: state, Name: string(name),
	}
}

// List shows every process there is.
func List() ([]Info, error) {
	all, err := unix.SysctlKinfoProcSlice("kern.proc.all")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	list := make([]Info, 0, len(all))
	for i := range all {
		list = append(list, fromKernel(&all[i]))
	}
	return list, nil
}

// marked reports whether the process carries id as its execution. Only the processes of the same
// user show their environment.
func marked(pid int, id string) bool {
	b, err := unix.SysctlRaw("kern.procargs2", pid)
	if err != nil || len(b) < 4 {
		return false
	}
	// argc, the executable's path, NULs, argc arguments, then the environment, each ended by NUL.
	argc := binary.LittleEndian.Uint32(b)
	words := bytes.Split(b[4:], []byte{0})
	if len(words) == 0 {
		return false
	}
	words = words[1:]
	for len(words) > 0 && len(words[0]) == 0 {
		words = words[1:]
	}
	if uint64(argc) > uint64(len(words)) {
		return false
	}
	want := []byte(Marker + "=" + id)
	for _, word := range words[argc:] {
		if bytes.Equal(word, want) {
			return true
		}
	}
	return false
}

// Marked lists the living processes that carry id as their execution, the calling one excepted.
func Marked(id string) ([]Info, error) {
	if id == "" {
		return nil, errors.New("find processes of an execution: no id given")
	}
	self := os.Getpid()
	var found []Info
	_, err := walk(id, func(info Info, marked func() bool) {
		if info.PID != self && marked() {
			found = append(found, info)
		}
	})
	return found, err
}

// walk calls visit for every process and gives them all.
func walk(id string, visit func(info Info, marked func() bool)) ([]Info, error) {
	all, err := List()
	if err != nil {
		return nil, err
	}
	for _, info := range all {
		visit(info, func() bool { return !info.dead() && marked(info.PID, id) })
	}
	return all, nil
}

// signal looks, then signals: macOS has no handle on a process that outlives its pid.
func (id ID) signal(sig syscall.Signal) error {
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
