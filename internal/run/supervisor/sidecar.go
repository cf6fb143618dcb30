package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/datadir"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/rundir"
	"github.com/claudeops/claudeops/internal/run/control"
	"github.com/claudeops/claudeops/internal/run/process"
	"github.com/claudeops/claudeops/protocol"
)

// What the supervisor keeps in an execution's directory, for the next server. All of it goes when
// the execution has ended and the index knows: spec.json holds secrets.
const (
	spawnedName = rundir.SpawnedFile // a runner was about to be started, and which it became
	cancelName  = rundir.CancelFile  // somebody asked for an end that is not there yet
	callerName  = rundir.CallerFile  // it ends when its caller stays away
)

// boundCaller is who an execution ends with.
type boundCaller struct {
	User string `json:"user"`
}

// spawned says that a runner was started, or was about to be. Boot tells a machine that went down
// under it from a runner that died.
type spawned struct {
	Boot   string     `json:"boot"`
	Runner process.ID `json:"runner"` // zero when the server died before it knew
	// Restored is when the backup was taken that the execution is from. It may have gone on since,
	// elsewhere or even here, and that is another's execution.
	Restored *time.Time `json:"restored,omitempty"`
}

// MarkRestored notes in an execution's directory that it is from a backup, where it had not ended:
// the next server ends it with that as the reason, starts nothing and kills nothing.
func MarkRestored(dir string, taken time.Time) error {
	text, err := json.Marshal(spawned{Boot: "of a backup", Restored: &taken})
	if err != nil {
		return fmt.Errorf("note that an execution is from a backup: %w", err)
	}
	return datadir.WriteFile(filepath.Join(dir, spawnedName), append(text, '\n'))
}

// cancelRequest is an end that was promised to somebody.
type cancelRequest struct {
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}

func isNoJournal(err error) bool { return errors.Is(err, journal.ErrNotFound) }

// checkID answers what can't be an id the way an unknown one is answered, saying what is wrong.
func checkID(id string) error {
	if err := execution.ValidateID(id); err != nil {
		return fault.Wrap(protocol.NotFound, err, "there is no execution %.40q: an id has %d characters, a-z and 0-9", id, execution.IDLength)
	}
	return nil
}

func (s *Supervisor) sidecar(id, name string) (string, error) {
	dir, err := s.options.Store.Dir(id)
	if err != nil {
		return "", fmt.Errorf("find the directory of execution %s: %w", id, err)
	}
	return filepath.Join(dir, name), nil
}

// writeSidecar stores value durably.
func (s *Supervisor) writeSidecar(id, name string, value any) error {
	path, err := s.sidecar(id, name)
	if err != nil {
		return err
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode %s of execution %s: %w", name, id, err)
	}
	return datadir.WriteFile(path, append(text, '\n'))
}

// noteRunner replaces spawned.json. Losing it to a power loss is no loss: that ends the runner too.
func (s *Supervisor) noteRunner(id string, start spawned) error {
	path, err := s.sidecar(id, spawnedName)
	if err != nil {
		return err
	}
	text, err := json.Marshal(start)
	if err != nil {
		return fmt.Errorf("encode %s of execution %s: %w", spawnedName, id, err)
	}
	// The old one must stay whole until the new one is, but neither need be on the disk.
	next := path + ".next"
	if err := os.WriteFile(next, append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(next, path)
}

// errUnreadable tells of a file that is there and does not hold what it should.
var errUnreadable = errors.New("it is damaged")

// readSidecar reports whether there is such a file. errUnreadable when it is damaged.
func (s *Supervisor) readSidecar(id, name string, value any) (bool, error) {
	path, err := s.sidecar(id, name)
	if err != nil {
		return false, err
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil && json.Unmarshal(text, value) != nil {
		err = errUnreadable
	}
	if err != nil {
		return true, fmt.Errorf("read %s of execution %s: %w", name, id, err)
	}
	return true, nil
}

// readSpawned reports whether a runner was ever to be started. What a power loss has left of the
// note is as good as one of another boot.
func (s *Supervisor) readSpawned(id string) (start spawned, known bool, err error) {
	known, err = s.readSidecar(id, spawnedName, &start)
	if errors.Is(err, errUnreadable) {
		s.log.Warn("when a runner was started can't be read; the machine is taken to have been restarted since", "executionId", id, "error", err)
		return spawned{}, true, nil
	}
	return start, known, err
}

func (s *Supervisor) hasSidecar(id, name string) (bool, error) {
	path, err := s.sidecar(id, name)
	if err != nil {
		return false, err
	}
	_, err = os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// clean removes what is of no use once the index knows the execution's end; the marker last, for
// while it is there the next server looks again.
func (s *Supervisor) clean(id string) error {
	for _, name := range []string{control.SpecFile, control.TraceFile, spawnedName, cancelName, callerName} {
		path, err := s.sidecar(id, name)
		if err != nil {
			return err
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("clean up after execution %s: %w", id, err)
		}
	}
	return s.unmark(id)
}

// mark notes, durably, that an execution's end is not in the index.
func (s *Supervisor) mark(id string) error {
	f, err := os.OpenFile(filepath.Join(s.activeDir(), id), os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		err = datadir.SyncDir(s.activeDir())
	}
	if err != nil {
		return fmt.Errorf("mark execution %s as active: %w", id, err)
	}
	return nil
}

func (s *Supervisor) unmark(id string) error {
	err := os.Remove(filepath.Join(s.activeDir(), id))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("take the active mark from execution %s: %w", id, err)
	}
	return nil
}
