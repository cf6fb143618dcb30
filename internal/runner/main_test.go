package runner_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"claudeops/internal/runner"
)

// TestMain makes the test binary a runner ("runner DATADIR ID", as the real program) and each of the
// agents in agents_test.go ("agent NAME …").
func TestMain(m *testing.M) {
	if len(os.Args) > 3 && os.Args[1] == "runner" {
		os.Exit(runner.Main(os.Args[2], os.Args[3]))
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
	goleak.VerifyTestMain(m)
}
