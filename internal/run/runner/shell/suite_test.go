package shell_test

import (
	"testing"

	"github.com/claudeops/claudeops/internal/run/runner/driver"
	"github.com/claudeops/claudeops/internal/run/runner/drivertest"
	"github.com/claudeops/claudeops/internal/run/runner/shell"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	drivertest.Suite(t, drivertest.Kit{
		Driver:     shell.Driver{},
		Invocation: driver.Invocation{Argv: []string{"df", "-h"}, Env: []string{"PATH=/bin", "CLAUDEOPS_EXECUTION_ID=x"}, Workdir: "/"},
		Lines:      []string{"::progress 40::Indexing", "::progress 41::Indexing", "::group::A", "::endgroup::", "::debug::d", "::warning::w", "::error::e", `::error::{"command":"error"}`},
		KeepsText:  true,
	})
}
