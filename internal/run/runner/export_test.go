package runner

import (
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
)

// MainWith is Main with a writer put in front of the journal's, and one more driver.
func MainWith(dataDir, id string, wrap func(journal.Writer) journal.Writer, name string, drv driver.Driver) int {
	return runMain(dataDir, id, parts{
		open: func(store *journal.Files, id string) (journal.Writer, journal.Recovery, error) {
			w, recovery, err := store.Append(id)
			if err != nil {
				return nil, recovery, err
			}
			return wrap(w), recovery, nil
		},
		driver: func(asked string) (driver.Driver, error) {
			if asked == name {
				return drv, nil
			}
			return driverFor(asked)
		},
	})
}
