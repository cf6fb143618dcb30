package backup

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ownFiles copies what the data directory has beside executions.
func (t *taker) ownFiles() (err error) {
	t.next.Files, err = t.small(t.Source, t.next.filesDir(), belongs)
	return err
}

// definitions copies the agents' definitions: those in the directory named, else those that the
// earlier backup has, which would otherwise go with it.
func (t *taker) definitions() (err error) {
	defer func() { t.result.Definitions = len(t.next.Agents) }()
	if t.Agents == "" {
		return t.keepDefinitions()
	}
	t.next.Agents, err = t.small(t.Agents, t.next.agentsDir(), func(name string) bool {
		return strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
	})
	return err
}

// keepDefinitions takes the definitions over from the earlier backup, unless that is given up.
func (t *taker) keepDefinitions() error {
	if t.earlier == nil || len(t.earlier.Agents) == 0 || t.Force {
		return nil
	}
	from := filepath.Join(t.Target, t.earlier.agentsDir())
	for _, f := range t.earlier.Agents {
		if err := t.check(filepath.Join(from, f.Name), f); err != nil {
			return fmt.Errorf("keep the definitions of the earlier backup: %s: %w; name their directory with --agents to copy them again", f.Name, err)
		}
	}
	files, err := t.small(from, t.next.agentsDir(), func(name string) bool {
		return slices.ContainsFunc(t.earlier.Agents, func(f File) bool { return f.Name == name })
	})
	t.next.Agents, t.result.DefinitionsKept = files, true
	return err
}

// small copies the files of one directory that belong.
func (t *taker) small(from, to string, belongs func(string) bool) (files []File, err error) {
	entries, err := os.ReadDir(from)
	if err != nil {
		return nil, fmt.Errorf("copy the files of %s: %w", from, err)
	}
	if err := makeDir(filepath.Join(t.Target, to)); err != nil {
		return nil, err
	}
	for _, entry := range entries {
		name := entry.Name()
		if !belongs(name) {
			continue
		}
		// A definition may be a link to where it is kept.
		info, err := os.Stat(filepath.Join(from, name))
		if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
			continue
		}
		if err != nil {
			return nil, err
		}
		f, err := t.smallFile(filepath.Join(from, name), filepath.Join(t.Target, to, name))
		if err != nil {
			return nil, fmt.Errorf("copy %s: %w", filepath.Join(from, name), err)
		}
		files = append(files, f)
	}
	return files, nil
}

// smallFile copies one file, lines up to the last whole one: others are appended meanwhile.
func (t *taker) smallFile(from, to string) (_ File, err error) {
	in, err := os.Open(from)
	if err != nil {
		return File{}, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	info, err := in.Stat()
	if err != nil {
		return File{}, err
	}
	limit := info.Size()
	if strings.HasSuffix(from, ".ndjson") {
		if limit, err = wholeLines(in, limit); err != nil {
			return File{}, err
		}
	}
	return t.copy(in, limit, to, File{})
}

// wholeLines is how many of the first size bytes are whole lines.
func wholeLines(f *os.File, size int64) (int64, error) {
	chunk := make([]byte, 64<<10)
	for end := size; end > 0; {
		from := max(0, end-int64(len(chunk)))
		n, err := f.ReadAt(chunk[:end-from], from)
		if int64(n) < end-from {
			return 0, errors.Join(errChanged, err)
		}
		if i := bytes.LastIndexByte(chunk[:n], '\n'); i >= 0 {
			return from + int64(i) + 1, nil
		}
		end = from
	}
	return 0, nil
}
