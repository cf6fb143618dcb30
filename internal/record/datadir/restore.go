package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// restoringName marks a directory that is being filled from a backup. While it is there nobody can
// use the directory, except to begin again.
const restoringName = "restoring"

// lostName is what every file system of some kinds has at its top, which a data directory may be.
const lostName = "lost+found"

func restoringPath(dir string) string { return filepath.Join(dir, restoringName) }

// checkRestoring refuses a directory that a restore has not come to its end with.
func checkRestoring(dir string) error {
	if _, err := os.Lstat(restoringPath(dir)); err == nil {
		return fmt.Errorf("data directory %s is being restored from a backup, or that was interrupted: run claudeops restore again with the same directory", dir)
	}
	return nil
}

// OpenEmpty takes a directory that is empty, does not exist, or was being filled when that was
// interrupted; what is in it then is removed. Until Filled is called no other Open takes it.
func OpenEmpty(path string) (*Dir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open data directory %s: %w", path, err)
	}
	if err := makeEmptyable(path); err != nil {
		return nil, err
	}
	d := &Dir{path: path}
	if err := d.takeLock(); err != nil {
		return nil, err
	}
	if err := d.empty(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// makeEmptyable makes the directory, unless something is in it that a restore has not left there.
// It changes nothing of such a directory.
func makeEmptyable(path string) error {
	entries, err := os.ReadDir(path)
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return e.Name() == lostName })
	if err == nil && len(entries) > 0 {
		if _, err := os.Lstat(lockPath(path)); err == nil {
			// Who holds it is better told than that it is not empty.
			probe := &Dir{path: path}
			if err := probe.takeLock(); err != nil {
				return err
			}
			if err := probe.Close(); err != nil {
				return err
			}
		}
		if _, err := os.Lstat(restoringPath(path)); err != nil && !(len(entries) == 1 && entries[0].Name() == "lock") {
			return fmt.Errorf("data directory %s is not empty, and a restore replaces nothing: name another with --data, or move this one away", path)
		}
	}
	return makePrivate(path)
}

func (d *Dir) empty() error {
	if err := d.checkWritable(); err != nil {
		return err
	}
	if err := WriteFile(restoringPath(d.path), nil); err != nil {
		return err
	}
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if name := entry.Name(); name != "lock" && name != restoringName && name != lostName {
			if err := os.RemoveAll(filepath.Join(d.path, name)); err != nil {
				return fmt.Errorf("remove what an interrupted restore has left: %w", err)
			}
		}
	}
	for _, sub := range []string{d.Active(), d.Executions()} {
		if err := makePrivate(sub); err != nil {
			return err
		}
	}
	return nil
}

// Filled says that everything is in a directory that OpenEmpty gave, and of which format that is.
func (d *Dir) Filled(format int) error {
	for _, sub := range []string{d.Active(), d.Executions(), d.path} {
		if err := SyncDir(sub); err != nil {
			return err
		}
	}
	if err := writeFormat(d.path, format); err != nil {
		return err
	}
	if err := os.Remove(restoringPath(d.path)); err != nil {
		return err
	}
	return SyncDir(d.path)
}
