// Package backup copies what a data directory holds to another place while it is in use, and back
// into an empty one. It reads the data directory and never writes there; it decides nothing about
// executions, and leaves to the next server what becomes of those that ran.
//
// A backup is a directory:
//
//	manifest.ndjson      what belongs to the backup, with checksums; replaced as a whole, last of all
//	executions/<id>/     files of executions, as in a data directory
//	files-<n>/           the data directory's own files, as of backup n
//	agents-<n>/          definitions, when they were asked for
//	partial.ndjson       what an unfinished backup has copied already
//
// Whatever the manifest lists is not changed until there is a new one: files only grow beyond the
// bytes it vouches for, or come under names that it does not have. So an interruption at any point
// leaves the earlier backup as it was.
package backup

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/datadir"
	"github.com/claudeops/claudeops/internal/record/rundir"
)

// Version is the form of backups that this program writes and reads.
const Version = 1

// The names in a backup.
const (
	ManifestName   = "manifest.ndjson"
	partialName    = "partial.ndjson"
	lockName       = "lock"
	executionsName = rundir.ExecutionsDir
)

// Manifest says what belongs to a backup.
type Manifest struct {
	Header
	Executions []Execution // in the order of their ids
}

// Header is the manifest's first line.
type Header struct {
	Version int       `json:"version"`           // of the backup's form
	Format  int       `json:"format"`            // of the data directory it is of
	Number  uint64    `json:"number"`            // of the backups in this place
	Program string    `json:"program,omitempty"` // that made it
	Source  string    `json:"source"`            // the data directory
	Begun   time.Time `json:"begun"`
	Taken   time.Time `json:"taken"`
	Files   []File    `json:"files"`
	Agents  []File    `json:"agents,omitempty"`
}

// File is one file, or as much of it as belongs to the backup.
type File struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // of those bytes, hexadecimal
}

// Execution is one execution as of when it was copied.
type Execution struct {
	ID string `json:"id"`
	// Dir is the directory below executions when it is not named by the id.
	Dir string `json:"dir,omitempty"`
	// Head is the seq of its last event.
	Head uint64 `json:"head"`
	// Ended says that it has its last event, and that nothing of it changes any more.
	Ended bool   `json:"ended"`
	Files []File `json:"files"`
}

// footer is the manifest's last line. Without it the manifest is not whole.
type footer struct {
	End        bool   `json:"end"`
	Executions int    `json:"executions"`
	SHA256     string `json:"sha256"` // of all lines before
}

func (e *Execution) dir() string {
	if e.Dir != "" {
		return e.Dir
	}
	return e.ID
}

// path is where a file of an execution lies in a backup.
func (e *Execution) path(target, name string) string {
	return filepath.Join(target, executionsName, e.dir(), name)
}

func (h *Header) filesDir() string  { return fmt.Sprintf("files-%d", h.Number) }
func (h *Header) agentsDir() string { return fmt.Sprintf("agents-%d", h.Number) }

// Bytes is how much the backup holds.
func (m *Manifest) Bytes() (n int64) {
	for _, files := range [][]File{m.Files, m.Agents} {
		for _, f := range files {
			n += f.Bytes
		}
	}
	for i := range m.Executions {
		for _, f := range m.Executions[i].Files {
			n += f.Bytes
		}
	}
	return n
}

// Is reports whether there is a backup in a directory.
func Is(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, ManifestName))
	return err == nil
}

// Read reads the manifest of the backup in a directory. fs.ErrNotExist when there is none.
func Read(dir string) (*Manifest, error) {
	path := filepath.Join(dir, ManifestName)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s holds no whole backup: there is no %s: %w", dir, ManifestName, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read the backup's manifest: %w", err)
	}
	defer f.Close()
	m, err := decode(f)
	if err != nil {
		return nil, fmt.Errorf("read the backup's manifest %s: %w", path, err)
	}
	return m, nil
}

var errDamaged = errors.New("it is damaged; the journals in executions beside it are those of a data directory and can be read with claudeops verify --data")

func decode(r io.Reader) (*Manifest, error) {
	in := bufio.NewReaderSize(r, 1<<20)
	sum := sha256.New()
	m := &Manifest{}
	for n := 0; ; n++ {
		line, err := in.ReadBytes('\n')
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errDamaged // it ends without its last line
			}
			return nil, err
		}
		switch {
		case n == 0:
			if err := json.Unmarshal(line, &m.Header); err != nil || m.Version < 1 {
				return nil, errDamaged
			}
			if m.Version > Version {
				return nil, fmt.Errorf("it has form %d, and this program knows forms up to %d: the backup was made by a newer claudeops; use that one", m.Version, Version)
			}
			if err := checkNames(m.Files, m.Agents); err != nil {
				return nil, err
			}
		case bytes.HasPrefix(line, []byte(`{"end":true`)):
			var f footer
			if json.Unmarshal(line, &f) != nil || f.Executions != len(m.Executions) || f.SHA256 != hex.EncodeToString(sum.Sum(nil)) {
				return nil, errDamaged
			}
			return m, nil
		default:
			var e Execution
			if err := json.Unmarshal(line, &e); err != nil {
				return nil, errDamaged
			}
			if err := e.check(); err != nil {
				return nil, err
			}
			m.Executions = append(m.Executions, e)
		}
		sum.Write(line)
	}
}

// check refuses names that lead out of the backup.
func (e *Execution) check() error {
	if err := execution.ValidateID(e.ID); err != nil {
		return fmt.Errorf("it names an execution that can't be one: %w", err)
	}
	if e.Dir != "" && !plain(e.Dir) {
		return fmt.Errorf("it names a directory %.40q: %w", e.Dir, errDamaged)
	}
	return checkNames(e.Files)
}

func checkNames(lists ...[]File) error {
	for _, files := range lists {
		for _, f := range files {
			if !plain(f.Name) || f.Bytes < 0 || len(f.SHA256) != 2*sha256.Size {
				return fmt.Errorf("it names a file %.40q: %w", f.Name, errDamaged)
			}
		}
	}
	return nil
}

// plain says whether a name is one of a file in a directory and nothing else.
func plain(name string) bool {
	return name != "." && name != ".." && name == filepath.Base(name) && filepath.IsLocal(name)
}

// write replaces the manifest in a directory.
func (m *Manifest) write(dir string) error {
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	if err := out.Encode(&m.Header); err != nil {
		return err
	}
	for i := range m.Executions {
		if err := out.Encode(&m.Executions[i]); err != nil {
			return err
		}
	}
	sum := sha256.Sum256(b.Bytes())
	if err := out.Encode(footer{true, len(m.Executions), hex.EncodeToString(sum[:])}); err != nil {
		return err
	}
	return datadir.WriteFile(filepath.Join(dir, ManifestName), b.Bytes())
}
