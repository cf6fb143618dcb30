package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// lookAtLimits looks at what bounds how many agents can run.
func lookAtLimits() []finding {
	var findings []finding
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err == nil {
		f := finding{"open files", fine, fmt.Sprintf("up to %d", uint64(files.Max)), ""}
		if uint64(files.Max) < 4096 {
			f.State, f.Fix = notable, "ulimit -Hn 65536 before the server is started; LimitNOFILE= in a systemd unit"
		}
		findings = append(findings, f)
	}
	if b, err := os.ReadFile("/proc/sys/fs/inotify/max_user_watches"); err == nil {
		n, _ := strconv.Atoi(strings.TrimSpace(string(b)))
		f := finding{"inotify", fine, fmt.Sprintf("%d watches", n), ""}
		if n < 1024 {
			f.State, f.Fix = notable, "sudo sysctl fs.inotify.max_user_watches=65536"
		}
		findings = append(findings, f)
	}
	return findings
}
