package health

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"
)

// clock asks the kernel whether something keeps its clock in time. It changes nothing: no mode is set.
func clock(context.Context) (Clock, error) {
	const unsynchronized, nanoseconds = 0x0040, 0x2000 // STA_UNSYNC, STA_NANO
	var t unix.Timex
	if _, err := unix.Adjtimex(&t); err != nil {
		return Clock{}, fmt.Errorf("ask the kernel for its clock: %w", err)
	}
	offset := float64(t.Offset) / 1e3 // microseconds
	if t.Status&nanoseconds != 0 {
		offset = float64(t.Offset) / 1e6
	}
	return Clock{Known: true, Synchronized: t.Status&unsynchronized == 0, OffsetMs: offset, MaxErrorMs: float64(t.Maxerror) / 1e3}, nil
}
