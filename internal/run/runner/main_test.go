package runner_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"testing"

	"go.uber.org/goleak"

	"github.com/claudeops/claudeops/internal/run/control/controltest"
	"github.com/claudeops/claudeops/internal/run/runner"
)

// TestMain makes the test binary a runner ("runner DATADIR ID", as the real program) and each of the
// agents in agents_test.go ("agent NAME …").
func TestMain(m *testing.M) {
	if len(os.Args) > 3 && os.Args[1] == "runner" {
		if _, err := os.Stat(filepath.Join(os.Args[2], "faulty")); err == nil {
			os.Exit(runFaulty(os.Args[2], os.Args[3]))
		}
		os.Exit(profiled(os.Args[2], func() int { return runner.Main(os.Args[2], os.Args[3]) }))
	}
	if len(os.Args) > 2 && os.Args[1] == "agent" {
		agent, ok := agents[os.Args[2]]
		if !ok {
			fmt.Fprintln(os.Stderr, "no such agent:", os.Args[2])
			os.Exit(99)
		}
		agent(os.Args[3:])
		os.Exit(0)
	}
	goleak.VerifyTestMain(controltest.AfterRunners{M: m})
}

// profiled writes a CPU profile where the data directory asks for one.
func profiled(dataDir string, f func() int) int {
	out, err := os.OpenFile(filepath.Join(dataDir, "cpu.pprof"), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return f()
	}
	defer out.Close()
	if err := pprof.StartCPUProfile(out); err != nil {
		return f()
	}
	defer pprof.StopCPUProfile()
	return f()
}
