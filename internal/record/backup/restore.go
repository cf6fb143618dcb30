package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/claudeops/claudeops/internal/record/datadir"
)

// RestoreOptions say where from and where to.
type RestoreOptions struct {
	Source string // the backup
	Target string // an empty data directory, or one that does not exist
	Agents string // where definitions go, if the backup has any; empty: nowhere
	// Unfinished is called for the directory of each execution that had not ended, with the time of
	// the backup, before the data directory can be used.
	Unfinished func(dir string, taken time.Time) error
	// Index makes the index of the data directory, once everything else is there. It upgrades the
	// directory where the backup is of an earlier format.
	Index    func(ctx context.Context, dir string) error
	Progress func(Progress)
}

// Restored says what a restore has done.
type Restored struct {
	Taken      time.Time `json:"taken"` // when the backup was
	Executions int       `json:"executions"`
	Unfinished int       `json:"unfinished"`
	Bytes      int64     `json:"bytes"`
	Agents     int       `json:"agents,omitempty"`
	// Damaged is what is not as it was when it was copied. It was restored as it is.
	Damaged []Failure `json:"damaged,omitempty"`
}

type restorer struct {
	RestoreOptions
	*copier
	manifest *Manifest
	result   Restored
	at       Progress
}

// Restore makes a data directory from a backup. Interrupted, it leaves a directory that no server
// takes, and can be begun again.
func Restore(ctx context.Context, options RestoreOptions) (Restored, error) {
	r := &restorer{RestoreOptions: options, copier: newCopier()}
	if err := r.run(ctx); err != nil {
		if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			err = fmt.Errorf("the disk of %s is full; free some space and restore again, into the same directory: %w", r.Target, err)
		}
		return Restored{}, err
	}
	return r.result, nil
}

func (r *restorer) run(ctx context.Context) (err error) {
	r.durable = !syncsAll
	if r.Source, r.Target, err = places(r.Source, r.Target); err != nil {
		return err
	}
	if r.manifest, err = Read(r.Source); err != nil {
		return err
	}
	if r.manifest.Format > datadir.FormatVersion {
		return fmt.Errorf("the backup is of a data directory of format %d, and this program knows formats up to %d: it was made by a newer claudeops; use that one", r.manifest.Format, datadir.FormatVersion)
	}
	if err := r.checkAgents(); err != nil {
		return err
	}
	if err := r.fill(ctx); err != nil {
		return err
	}
	if err := r.Index(ctx, r.Target); err != nil {
		return fmt.Errorf("everything is restored but the index, which claudeops reindex makes, or the next server: %w", err)
	}
	return nil
}

// fill makes the data directory, which can be used when there was no error.
func (r *restorer) fill(ctx context.Context) (err error) {
	dir, err := datadir.OpenEmpty(r.Target)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	if err := r.copyAll(ctx, dir); err != nil {
		return err
	}
	if err := syncAll(r.Target); err != nil {
		return err
	}
	return dir.Filled(r.manifest.Format)
}

// checkAgents makes sure that no definition would be written over.
func (r *restorer) checkAgents() error {
	if r.Agents == "" {
		return nil
	}
	if len(r.manifest.Agents) == 0 {
		return fmt.Errorf("the backup %s holds no definitions; leave --agents away", r.Source)
	}
	for _, f := range r.manifest.Agents {
		path := filepath.Join(r.Agents, f.Name)
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is there already; name another directory with --agents", path)
		}
	}
	return nil
}

func (r *restorer) copyAll(ctx context.Context, dir *datadir.Dir) error {
	m := r.manifest
	r.at.Executions = len(m.Executions)
	r.tick = func() error { return r.progress(ctx) }
	for i := range m.Executions {
		r.at.Done = i
		if err := r.progress(ctx); err != nil {
			return err
		}
		if err := r.execution(&m.Executions[i], dir); err != nil {
			return fmt.Errorf("restore execution %s: %w", m.Executions[i].ID, err)
		}
	}
	r.at.Done = len(m.Executions)
	if err := r.files("", m.Files, filepath.Join(r.Source, m.filesDir()), r.Target); err != nil {
		return err
	}
	if r.Agents != "" {
		if err := os.MkdirAll(r.Agents, 0o700); err != nil {
			return err
		}
		if err := r.files("", m.Agents, filepath.Join(r.Source, m.agentsDir()), r.Agents); err != nil {
			return err
		}
		r.result.Agents = len(m.Agents)
	}
	r.result.Taken, r.result.Executions, r.result.Bytes = m.Taken, len(m.Executions), r.bytes
	return r.progress(ctx)
}

func (r *restorer) progress(ctx context.Context) error {
	if r.at.Bytes = r.bytes; r.Progress != nil {
		r.Progress(r.at)
	}
	return context.Cause(ctx)
}

func (r *restorer) execution(e *Execution, dir *datadir.Dir) error {
	to := filepath.Join(dir.Executions(), e.ID)
	if err := makeDir(to); err != nil {
		return err
	}
	if err := r.files(e.ID, e.Files, filepath.Join(r.Source, executionsName, e.dir()), to); err != nil {
		return err
	}
	if e.Ended {
		return nil
	}
	r.result.Unfinished++
	if err := r.Unfinished(to, r.manifest.Taken); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir.Active(), e.ID), nil, 0o600)
}

// files copies files as they are, and notes which are not what they were. A journal that is damaged
// in one place is good in all others.
func (r *restorer) files(id string, files []File, from, to string) error {
	for _, f := range files {
		damage, err := r.file(f, filepath.Join(from, f.Name), filepath.Join(to, f.Name))
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		if damage != "" {
			r.result.Damaged = append(r.result.Damaged, Failure{id, f.Name, damage})
		}
	}
	return nil
}

func (r *restorer) file(want File, from, to string) (damage string, err error) {
	in, err := os.Open(from)
	if errors.Is(err, fs.ErrNotExist) {
		return "it is not in the backup any more", nil
	}
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	info, err := in.Stat()
	if err != nil {
		return "", err
	}
	got, err := r.copy(in, min(want.Bytes, info.Size()), to, File{})
	switch {
	case err != nil:
		return "", err
	case got.Bytes < want.Bytes:
		return fmt.Sprintf("it has %d bytes, and had %d when it was copied", got.Bytes, want.Bytes), nil
	case got.SHA256 != want.SHA256:
		return "its bytes are not those that were copied", nil
	}
	return "", nil
}
