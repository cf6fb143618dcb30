package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A clock that jumps: no process can have a wall clock of its own on Linux, so the program is built with a
// package time whose Now adds what a file says, in seconds, to the wall clock. Its monotonic part, which
// timers and durations go by, stays the kernel's, as it does when an operator or NTP sets a clock.

// The one line of the standard library that is changed, and what it becomes.
const (
	clockRead  = "\tsec, nsec, mono := runtimeNow()\n\tif mono == 0 {\n"
	clockMoved = "\tsec, nsec, mono := runtimeNow()\n\tsec += jumped(mono)\n\tif mono == 0 {\n"
)

// clockCode looks at the file at most every 20 ms. It makes its system calls raw, for Now is called from
// places where the scheduler must not be told of them.
const clockCode = `package time

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

var jumpLook, jumpSeconds atomic.Int64

var jumpFile = [...]byte{%s 0}

func jumped(mono int64) int64 {
	look := jumpLook.Load()
	if mono < look || !jumpLook.CompareAndSwap(look, mono+20_000_000) {
		return jumpSeconds.Load()
	}
	here := -100 // AT_FDCWD
	fd, _, errno := syscall.RawSyscall6(syscall.SYS_OPENAT, uintptr(here), uintptr(unsafe.Pointer(&jumpFile[0])), syscall.O_RDONLY|syscall.O_CLOEXEC, 0, 0, 0)
	if errno != 0 {
		return jumpSeconds.Load()
	}
	var b [24]byte
	n, _, errno := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	syscall.RawSyscall(syscall.SYS_CLOSE, fd, 0, 0)
	if errno != 0 || n == 0 {
		return jumpSeconds.Load()
	}
	var seconds, sign int64 = 0, 1
	for _, c := range b[:n] {
		switch {
		case c == '-':
			sign = -1
		case c >= '0' && c <= '9':
			seconds = 10*seconds + int64(c-'0')
		}
	}
	jumpSeconds.Store(sign * seconds)
	return sign * seconds
}
`

// clockOverlay prepares what go build -overlay takes, for a program whose clock goes by a file.
func clockOverlay(dir, file string) (overlay string, err error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("find the sources of Go: %w", err)
	}
	src := filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	text, err := os.ReadFile(filepath.Join(src, "time.go"))
	if err != nil {
		return "", err
	}
	if strings.Count(string(text), clockRead) != 1 {
		return "", fmt.Errorf("make a clock that jumps: time.Now of this Go is not written as it was; see %s", filepath.Join(src, "time.go"))
	}
	files := map[string]string{
		"time.go":   strings.Replace(string(text), clockRead, clockMoved, 1),
		"jumped.go": fmt.Sprintf(clockCode, bytesOf(file)),
	}
	replace := map[string]string{}
	for name, text := range files {
		changed := filepath.Join(dir, "clock-"+name)
		if err := os.WriteFile(changed, []byte(text), 0o644); err != nil {
			return "", err
		}
		replace[filepath.Join(src, name)] = changed
	}
	body, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "clock-overlay.json")
	return overlay, os.WriteFile(overlay, body, 0o644)
}

// bytesOf writes a text as the elements of a Go array.
func bytesOf(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		fmt.Fprintf(&b, "%d, ", c)
	}
	return b.String()
}

// setClock makes the clock of the programs under test wrong by so much.
func setClock(file string, by time.Duration) error {
	next := file + ".next"
	if err := os.WriteFile(next, []byte(strconv.Itoa(int(by.Seconds()))), 0o644); err != nil {
		return err
	}
	return os.Rename(next, file)
}

// jumpClock sets the wall clock of the server and of all runners forward or back, by an hour or so.
func jumpClock(random *rand.Rand, _ time.Duration) fault {
	by := pick(random, -time.Hour, time.Hour, 0, between(random, -2*time.Hour, 2*time.Hour))
	return fault{name: "clock set", do: func(_ context.Context, s *site) error { return setClock(s.clock, by) }}
}
