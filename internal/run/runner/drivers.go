package runner

import (
	"fmt"

	"github.com/claudeops/claudeops/internal/run/kind"
	"github.com/claudeops/claudeops/internal/run/kind/kinds"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
)

// driverFor gives the driver that Spec.Driver names.
func driverFor(name string) (driver.Driver, error) {
	all := kinds.All()
	k, ok := kind.Find(all, name)
	if !ok {
		return nil, fmt.Errorf("there is no driver %q; there are %s", name, kind.Either(kind.Names(all), "and"))
	}
	return k.Driver, nil
}
