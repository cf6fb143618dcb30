package runner

import (
	"syscall"

	"github.com/claudeops/claudeops/internal/run/process"
)

const kernelCounters = ""

// memoryWatch can't tell anything here.
type memoryWatch struct{}

func watchMemory(string, *process.Group, *process.Caps) *memoryWatch { return &memoryWatch{} }

func (*memoryWatch) ended(syscall.WaitStatus) bool { return false }
