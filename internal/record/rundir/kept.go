package rundir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/claudeops/claudeops/internal/record/datadir"
)

// Claims, pins and notes of removal are the truth in files of their own: what the index says of them can be
// read from these again.

// Pin says who wants an execution to be kept.
type Pin struct {
	By string    `json:"by"`
	At time.Time `json:"at"`
}

// WritePin puts a pin into the execution's directory, durably.
func WritePin(dir string, pin Pin) error {
	text, err := json.Marshal(pin)
	if err != nil {
		return fmt.Errorf("encode a pin: %w", err)
	}
	return datadir.WriteFile(filepath.Join(dir, PinFile), append(text, '\n'))
}

// RemovePin takes the pin out again. It is no error when there is none.
func RemovePin(dir string) error {
	err := os.Remove(filepath.Join(dir, PinFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = datadir.SyncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("remove the pin: %w", err)
	}
	return nil
}

// Pinned reports whether there is a pin in the directory of execution id. One that is damaged pins too.
func Pinned(dir, id string) (bool, error) {
	_, err := os.Lstat(filepath.Join(dir, PinFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for the pin of %s: %w", id, err)
	}
	return true, nil
}

// logsRemoved notes that the journal has no log lines any more.
type logsRemoved struct {
	At time.Time `json:"at"`
}

// WriteLogsRemoved notes in the execution's directory, durably, that its log lines were removed.
func WriteLogsRemoved(dir string, at time.Time) error {
	text, err := json.Marshal(logsRemoved{at})
	if err != nil {
		return fmt.Errorf("encode when log lines were removed: %w", err)
	}
	return datadir.WriteFile(filepath.Join(dir, LogsRemovedFile), append(text, '\n'))
}

// LogsRemoved gives when the log lines of execution id were removed, nil when they were not. Of a
// damaged note only the time is lost.
func LogsRemoved(dir, id string) (*time.Time, error) {
	path := filepath.Join(dir, LogsRemovedFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var note logsRemoved
	if err == nil && json.Unmarshal(text, &note) != nil {
		var info fs.FileInfo
		if info, err = os.Stat(path); err == nil {
			note.At = info.ModTime().UTC()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("see whether %s has log lines: %w", id, err)
	}
	return &note.At, nil
}
