package runner

import (
	"fmt"

	"github.com/claudeops/claudeops/internal/run/runner/driver"
	"github.com/claudeops/claudeops/internal/run/runner/shell"
)

// driverFor gives the driver that Spec.Driver names. The built-in agents are programs too: this
// one, started with a subcommand.
func driverFor(name string) (driver.Driver, error) {
	switch name {
	case "command", "shell", "builtin":
		return shell.Driver{}, nil
	}
	return nil, fmt.Errorf("there is no driver %q; there are command, shell and builtin", name)
}
