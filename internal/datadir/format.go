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

// checkFormat accepts a directory of this version, and writes the version into a new one.
func checkFormat(dir string) error {
	path := filepath.Join(dir, "format")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return WriteFile(path, fmt.Appendf(nil, `{"version":%d}`+"\n", FormatVersion))
	}
	if err != nil {
		return fmt.Errorf("read the data directory's format: %w", err)
	}
	var f format
	if err := json.Unmarshal(data, &f); err != nil || f.Version < 1 {
		return fmt.Errorf(`%s should hold {"version":%d} but holds %.60q: is this the data directory of another program? If it is ours, write that line into it`, path, FormatVersion, data)
	}
	if f.Version > FormatVersion {
		return fmt.Errorf("data directory %s has format %d, and this program knows formats up to %d: it was used by a newer claudeops; run that one, or choose another directory with --data", dir, f.Version, FormatVersion)
	}
	return nil
}
