package main

import "golang.org/x/sys/unix"

// lookAtClock asks the kernel whether its clock is kept in step.
func lookAtClock() finding {
	const unsynchronised, clockError = 0x40, 5 // STA_UNSYNC, TIME_ERROR
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	switch {
	case err != nil:
		return finding{"clock", notable, "whether it is kept in step can't be asked: " + err.Error(), ""}
	case state == clockError || t.Status&unsynchronised != 0:
		return finding{"clock", notable, "nothing keeps it in step, so times and schedules may drift", "sudo timedatectl set-ntp true"}
	}
	return finding{"clock", fine, "is kept in step", ""}
}
