// Package controltest helps tests that start runners.
package controltest

import (
	"bytes"
	"runtime"
	"testing"
	"time"
)

// AfterRunners runs tests, and then waits until the runners that they have started are gone, before
// it is looked for leaks: a program with the race detector in it takes a second to exit.
type AfterRunners struct{ M *testing.M }

// Run gives the exit code of the tests.
func (a AfterRunners) Run() int {
	code := a.M.Run()
	stacks := make([]byte, 4<<20)
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if !bytes.Contains(stacks[:runtime.Stack(stacks, true)], []byte("control.reap(")) {
			break
		}
	}
	return code
}
