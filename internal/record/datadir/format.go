package datadir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// FormatVersion is the layout this program reads and writes.
const FormatVersion = 1

type format struct {
	Version int `json:"version"`
}

// Format reads which format a data directory has, and refuses one that this program does not know.
func Format(dir string) (int, error) {
	path := filepath.Join(dir, "format")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("%s is no data directory: it has no file named format; name another with --data: %w", dir, err)
	}
	if err != nil {
		return 0, fmt.Errorf("read the data directory's format: %w", err)
	}
	if err := errors.Join(checkRestoring(dir), checkUpgrade(dir)); err != nil {
		return 0, err
	}
	return parseFormat(dir, data, FormatVersion)
}

// checkUpgrade refuses a directory that an upgrade has not come to its end with.
func checkUpgrade(dir string) error {
	u, err := readUpgrade(dir)
	if err != nil || u == nil {
		return err
	}
	return fmt.Errorf("data directory %s is being upgraded to format %d, or that was interrupted: start claudeops serve to finish it", dir, u.To)
}

func parseFormat(dir string, data []byte, known int) (int, error) {
	var f format
	if err := json.Unmarshal(data, &f); err != nil || f.Version < 1 {
		return 0, fmt.Errorf(`%s should hold {"version":%d} but holds %.60q: is this the data directory of another program? If it is ours, write that line into it`, filepath.Join(dir, "format"), FormatVersion, data)
	}
	if f.Version > known {
		return 0, fmt.Errorf("data directory %s has format %d, and this program knows formats up to %d: it was used by a newer claudeops; run that one, or choose another directory with --data", dir, f.Version, known)
	}
	return f.Version, nil
}

func writeFormat(dir string, version int) error {
	return WriteFile(filepath.Join(dir, "format"), fmt.Appendf(nil, `{"version":%d}`+"\n", version))
}
