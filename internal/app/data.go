package app

import (
	"errors"
	"log/slog"

	"github.com/claudeops/claudeops/internal/record/datadir"
	"github.com/claudeops/claudeops/internal/record/journal"
)

// OpenData opens a data directory, and brings one of an earlier format to that of this program.
func OpenData(path string, log *slog.Logger) (*datadir.Dir, error) {
	return datadir.Open(path, datadir.WithWritten(written), datadir.WithUpgraded(func(u datadir.Upgraded) {
		if u.Done {
			log.Info("the data directory is upgraded", "data", path, "from", u.From, "to", u.To, "change", u.Name)
		} else {
			log.Warn("the data directory is being upgraded; what is changed is kept until that has succeeded", "data", path, "from", u.From, "to", u.To, "change", u.Name)
		}
	}))
}

// written reports whether a runner still writes to an execution of a data directory: one that an
// earlier program has started, and that knows only the earlier format.
func written(dir, id string) (held bool, err error) {
	store, err := journal.OpenDir(dir)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	held, err = store.Written(id)
	if errors.Is(err, journal.ErrNotFound) {
		return false, nil
	}
	return held, err
}
