package index

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"claudeops/internal/datadir"
	"claudeops/internal/execution"
)

// What retention keeps of executions is, like a claim, in files beside the journal: they are the truth,
// and what the index says of it can be read from them again.
const (
	pinName  = "pin.json"
	keptName = "record.json"
)

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
	return datadir.WriteFile(filepath.Join(dir, pinName), append(text, '\n'))
}

// RemovePin takes the pin out again. It is no error when there is none.
func RemovePin(dir string) error {
	err := os.Remove(filepath.Join(dir, pinName))
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
	_, err := os.Lstat(filepath.Join(dir, pinName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for the pin of %s: %w", id, err)
	}
	return true, nil
}

// WriteKept keeps the record of an execution whose journal is about to lose events, durably.
func WriteKept(dir string, rec execution.Record) error {
	text, err := json.Marshal(rec)
	if err != nil {
		return fmt.Errorf("encode the record of %s: %w", rec.ExecutionID, err)
	}
	return datadir.WriteFile(filepath.Join(dir, keptName), append(text, '\n'))
}

// ReadKept gives the record in the directory of execution id, nil when there is none.
func ReadKept(dir, id string) (*execution.Record, error) {
	text, err := os.ReadFile(filepath.Join(dir, keptName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the kept record of %s: %w", id, err)
	}
	var rec execution.Record
	if err := json.Unmarshal(text, &rec); err != nil {
		return nil, fmt.Errorf("read the kept record of %s: %w", id, err)
	}
	if rec.ExecutionID != id || !rec.Terminal {
		return nil, fmt.Errorf("read the kept record of %s: it is of %.40q, %s", id, rec.ExecutionID, rec.Status)
	}
	return &rec, nil
}
