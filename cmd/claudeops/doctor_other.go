//go:build !linux

package main

// lookAtClock leaves the clock to the system, which says nothing of it to programs.
func lookAtClock() finding {
	return finding{"clock", fine, "is kept by the system", ""}
}
