// Package early is where a process that is a runner, or is to confine itself and become an agent, does so: before the packages that only the
// server and the command line need are initialised. Go initialises packages in the order of their
// import paths as their imports allow, so this one, which needs little more than the runner, comes
// before the JSON Schema compiler and its like. That spares each runner 3 MB of memory of its own,
// 2 MB of the program's pages, and half of its start.
//
// It is the only init in the house that does anything, and it does it in no other process.
package early

import (
	"os"

	"github.com/claudeops/claudeops/internal/run/runner"
	"github.com/claudeops/claudeops/internal/run/sandbox"
)

func init() {
	if len(os.Args) == 4 && os.Args[1] == "runner" {
		os.Exit(runner.Main(os.Args[2], os.Args[3]))
	}
	if len(os.Args) > 1 && os.Args[1] == sandbox.Command {
		os.Exit(sandbox.Main(os.Args[2:]))
	}
}
