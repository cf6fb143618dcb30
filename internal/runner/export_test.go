package runner

import "claudeops/internal/journal"

// MainWith is Main with a writer put in front of the journal's.
func MainWith(dataDir, id string, wrap func(journal.Writer) journal.Writer) int {
	return runMain(dataDir, id, func(store *journal.Files, id string) (journal.Writer, journal.Recovery, error) {
		w, recovery, err := store.Append(id)
		if err != nil {
			return nil, recovery, err
		}
		return wrap(w), recovery, nil
	})
}
