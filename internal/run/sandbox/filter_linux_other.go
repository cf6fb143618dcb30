//go:build linux && !amd64 && !arm64

package sandbox

// filter does nothing where no filter was written for the machine's system calls.
func filter(bool) error { return nil }
