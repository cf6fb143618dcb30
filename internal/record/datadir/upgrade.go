package datadir

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// An upgrade goes these steps for each format, and whatever ends it between two of them, the next Open
// goes on:
//
//	upgrade.json, stage "snapshot"   nothing is touched yet; what there is of the snapshot is dropped
//	second names in upgrade-snapshot for all that will be touched
//	upgrade.json, stage "run"        the migration is run, again if need be
//	format                           from here on the directory has the next format
//	the snapshot and upgrade.json are removed
//
// When the migration fails, stage "undo" puts back what the snapshot has, and the directory is what it
// was.
const (
	upgradeName  = "upgrade.json"
	snapshotName = "upgrade-snapshot"
)

type stage string

const (
	stageSnapshot stage = "snapshot"
	stageRun      stage = "run"
	stageUndo     stage = "undo"
)

// upgrade is what upgrade.json holds.
type upgrade struct {
	From  int       `json:"from"`
	To    int       `json:"to"`
	Name  string    `json:"name"`
	Stage stage     `json:"stage"`
	Paths []touched `json:"paths,omitempty"`
}

// touched is a path that a migration may change.
type touched struct {
	Path string `json:"path"`
	Kind string `json:"kind"` // "file", "directory", or "none": nothing was there
}

// Option changes how Open works.
type Option func(*opening)

type opening struct {
	ctx      context.Context
	formats  Formats
	written  func(dir, id string) (bool, error)
	upgraded func(Upgraded)
	at       func(point string) error
}

// Upgraded tells of an upgrade that is begun or has ended.
type Upgraded struct {
	From, To int
	Name     string
	Done     bool
}

// WithFormats replaces the formats that Open knows.
func WithFormats(f Formats) Option { return func(o *opening) { o.formats = f } }

// WithContext ends an upgrade when ctx ends; it is gone on with later.
func WithContext(ctx context.Context) Option { return func(o *opening) { o.ctx = ctx } }

// WithWritten says how to find out whether a runner still writes to an execution of the directory.
// Without it no migration may touch executions.
func WithWritten(written func(dir, id string) (bool, error)) Option {
	return func(o *opening) { o.written = written }
}

// WithUpgraded is called when an upgrade begins and when it has ended.
func WithUpgraded(told func(Upgraded)) Option { return func(o *opening) { o.upgraded = told } }

func newOpening(options []Option) *opening {
	o := &opening{ctx: context.Background(), formats: formats(), upgraded: func(Upgraded) {}, at: func(string) error { return nil }}
	for _, option := range options {
		option(o)
	}
	return o
}

// RunningError tells that an upgrade has to wait for executions.
type RunningError struct {
	Dir      string
	From, To int
	IDs      []string
}

func (e *RunningError) Error() string {
	names := strings.Join(e.IDs[:min(3, len(e.IDs))], ", ")
	if len(e.IDs) > 3 {
		names += fmt.Sprintf(" and %d more", len(e.IDs)-3)
	}
	return fmt.Sprintf("data directory %s has format %d and is to be upgraded to %d, but agents still run that the program before has started: %s. They need no server: start this one again when they have ended, or start the program before and cancel them", e.Dir, e.From, e.To, names)
}

// bringUp brings the directory to the format that this program writes.
func (o *opening) bringUp(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	version, err := o.version(dir)
	if err != nil {
		return err
	}
	pending, err := readUpgrade(dir)
	if err != nil {
		return err
	}
	if pending != nil {
		if err := o.goOn(root, dir, pending, &version); err != nil {
			return err
		}
	}
	for version < o.formats.Version {
		m := o.formats.from(version)
		if m == nil {
			return fmt.Errorf("data directory %s has format %d, and this program knows no way from there to its own, %d; upgrade with a version of claudeops in between first", dir, version, o.formats.Version)
		}
		if err := o.migrate(root, dir, m); err != nil {
			return err
		}
		version++
	}
	return nil
}

// version reads the directory's format, and writes it into a new directory.
func (o *opening) version(dir string) (int, error) {
	data, err := os.ReadFile(filepath.Join(dir, "format"))
	if errors.Is(err, fs.ErrNotExist) {
		return o.formats.Version, writeFormat(dir, o.formats.Version)
	}
	if err != nil {
		return 0, fmt.Errorf("read the data directory's format: %w", err)
	}
	return parseFormat(dir, data, o.formats.Version)
}

func readUpgrade(dir string) (*upgrade, error) {
	path := filepath.Join(dir, upgradeName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read how far an upgrade of the data directory is: %w", err)
	}
	var u upgrade
	if err := json.Unmarshal(data, &u); err != nil || u.From < 1 || u.To != u.From+1 {
		return nil, fmt.Errorf("%s should say how far an upgrade is, but holds %.60q: restore a backup, or write to those who make claudeops", path, data)
	}
	return &u, nil
}

func (u *upgrade) write(dir string) error {
	text, err := json.Marshal(u)
	if err != nil {
		return err
	}
	return WriteFile(filepath.Join(dir, upgradeName), append(text, '\n'))
}

// goOn takes up an upgrade that was interrupted.
func (o *opening) goOn(root *os.Root, dir string, u *upgrade, version *int) error {
	m := o.formats.from(u.From)
	if m == nil || u.To > o.formats.Version {
		return fmt.Errorf("an upgrade of data directory %s from format %d to %d was begun by a newer claudeops, and this program knows formats up to %d: start the newer one to finish it", dir, u.From, u.To, o.formats.Version)
	}
	switch {
	case *version == u.To, u.Stage == stageSnapshot:
		return o.drop(root, dir)
	case u.Stage == stageUndo:
		return o.undo(root, dir, u)
	}
	if err := o.run(root, dir, m, u); err != nil {
		return err
	}
	*version = u.To
	return nil
}

// migrate goes from one format to the next.
func (o *opening) migrate(root *os.Root, dir string, m *Migration) error {
	u := &upgrade{From: m.From, To: m.From + 1, Name: m.Name, Stage: stageSnapshot}
	paths, err := m.Touches(o.ctx, root.FS())
	if err != nil {
		return fmt.Errorf("find out what an upgrade of data directory %s to format %d has to change: %w", dir, u.To, err)
	}
	if err := o.mustRest(root, dir, u, paths); err != nil {
		return err
	}
	err = o.at("begin")
	if err == nil {
		err = u.write(dir)
	}
	if err == nil {
		err = o.snapshot(root, u, paths)
	}
	if err != nil {
		if isCrash(err) {
			return err
		}
		return errors.Join(fmt.Errorf("keep what an upgrade of data directory %s to format %d will change, so that it can be undone (nothing is changed yet): %w", dir, u.To, err), o.drop(root, dir))
	}
	u.Stage = stageRun
	if err := o.at("snapshot is whole"); err != nil {
		return err
	}
	if err := u.write(dir); err != nil {
		return err
	}
	return o.run(root, dir, m, u)
}

// mustRest refuses to change what a runner still writes to.
func (o *opening) mustRest(root *os.Root, dir string, u *upgrade, paths []string) error {
	ids, err := executionsIn(root, paths)
	if err != nil || len(ids) == 0 {
		return err
	}
	if o.written == nil {
		return fmt.Errorf("an upgrade to format %d changes executions, and whether any runs can't be found out here", u.To)
	}
	running := &RunningError{Dir: dir, From: u.From, To: u.To}
	for _, id := range ids {
		held, err := o.written(dir, id)
		if err != nil {
			return err
		}
		if held {
			running.IDs = append(running.IDs, id)
		}
	}
	if len(running.IDs) > 0 {
		return running
	}
	return nil
}

// executionsIn gives the executions that paths lie in or hold.
func executionsIn(root *os.Root, paths []string) ([]string, error) {
	var ids []string
	for _, p := range paths {
		if rest, ok := strings.CutPrefix(p, "executions/"); ok {
			id, _, _ := strings.Cut(rest, "/")
			ids = append(ids, id)
		}
		if p == "executions" || p == "." {
			entries, err := fs.ReadDir(root.FS(), "executions")
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			for _, entry := range entries {
				ids = append(ids, entry.Name())
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// snapshot gives everything that will be touched a second name.
func (o *opening) snapshot(root *os.Root, u *upgrade, paths []string) error {
	if err := root.RemoveAll(snapshotName); err != nil {
		return err
	}
	if err := root.Mkdir(snapshotName, 0o700); err != nil {
		return err
	}
	for _, p := range paths {
		if !fs.ValidPath(p) || p == "." || within(snapshotName, p) || p == upgradeName || p == "format" || p == "lock" {
			return fmt.Errorf("the migration must not touch %q", p)
		}
		kind, err := o.keep(root, p)
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		u.Paths = append(u.Paths, touched{p, kind})
	}
	return syncIn(root, snapshotName)
}

// keep gives a file, or all files of a directory, second names in the snapshot.
func (o *opening) keep(root *os.Root, p string) (kind string, err error) {
	info, err := root.Lstat(p)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "none", nil
	case err != nil:
		return "", err
	case !info.IsDir():
		return "file", o.keepFile(root, p)
	}
	return "directory", fs.WalkDir(root.FS(), p, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return root.MkdirAll(path.Join(snapshotName, name), 0o700)
		}
		if !entry.Type().IsRegular() {
			return nil // sockets come and go with their processes
		}
		return o.keepFile(root, name)
	})
}

func (o *opening) keepFile(root *os.Root, name string) error {
	if err := errors.Join(o.ctx.Err(), o.at("keep "+name)); err != nil {
		return err
	}
	to := path.Join(snapshotName, name)
	if err := root.MkdirAll(path.Dir(to), 0o700); err != nil {
		return err
	}
	if err := linkOrCopy(root, name, to); err != nil {
		return err
	}
	return syncIn(root, path.Dir(to))
}

// run runs a migration whose snapshot is whole.
func (o *opening) run(root *os.Root, dir string, m *Migration, u *upgrade) error {
	told := Upgraded{From: u.From, To: u.To, Name: m.Name}
	o.upgraded(told)
	s := &Step{root: root, at: o.at}
	for _, t := range u.Paths {
		s.touches = append(s.touches, t.Path)
	}
	err := o.at("run")
	if err == nil {
		err = m.Run(o.ctx, s)
	}
	if isCrash(err) {
		return err
	}
	if o.ctx.Err() != nil {
		return fmt.Errorf("the upgrade of data directory %s to format %d was interrupted; the next start goes on with it: %w", dir, u.To, context.Cause(o.ctx))
	}
	if err != nil {
		err = fmt.Errorf("the upgrade of data directory %s from format %d to %d (%s) failed: %w", dir, u.From, u.To, m.Name, err)
		u.Stage = stageUndo
		if undone := errors.Join(u.write(dir), o.undo(root, dir, u)); undone != nil {
			return errors.Join(err, fmt.Errorf("and what it had changed could not be put back yet; the next start tries again, from %s: %w", filepath.Join(dir, snapshotName), undone))
		}
		return fmt.Errorf("%w (everything is as it was before; the program before can be used on)", err)
	}
	if err := o.at("format"); err != nil {
		return err
	}
	if err := writeFormat(dir, u.To); err != nil {
		return err
	}
	if err := o.drop(root, dir); err != nil {
		return err
	}
	told.Done = true
	o.upgraded(told)
	return nil
}

// drop removes the snapshot and says that no upgrade is under way.
func (o *opening) drop(root *os.Root, dir string) error {
	if err := o.at("drop the snapshot"); err != nil {
		return err
	}
	if err := root.RemoveAll(snapshotName); err != nil {
		return err
	}
	if err := o.at("drop the note"); err != nil {
		return err
	}
	if err := root.Remove(upgradeName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return SyncDir(dir)
}

// undo puts back what the snapshot has.
func (o *opening) undo(root *os.Root, dir string, u *upgrade) error {
	for _, t := range u.Paths {
		if err := o.at("undo " + t.Path); err != nil {
			return err
		}
		if err := undoOne(root, t); err != nil {
			return fmt.Errorf("put back %s: %w", t.Path, err)
		}
	}
	// The snapshot goes before the note does: whoever comes between must not look for it.
	u.Stage = stageSnapshot
	if err := o.at("undone"); err != nil {
		return err
	}
	if err := u.write(dir); err != nil {
		return err
	}
	return o.drop(root, dir)
}

func undoOne(root *os.Root, t touched) error {
	kept := path.Join(snapshotName, t.Path)
	// What a replacement that did not come to its end has left.
	if err := root.Remove(path.Join(path.Dir(t.Path), ".upgrade-"+path.Base(t.Path))); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	switch t.Kind {
	case "none":
		if err := root.RemoveAll(t.Path); err != nil {
			return err
		}
		if parent, err := root.Stat(path.Dir(t.Path)); err != nil || !parent.IsDir() {
			return nil
		}
		return syncIn(root, path.Dir(t.Path))
	case "file":
		return putBack(root, kept, t.Path)
	}
	if err := root.MkdirAll(t.Path, 0o700); err != nil {
		return err
	}
	err := fs.WalkDir(root.FS(), kept, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := t.Path + strings.TrimPrefix(name, kept)
		if entry.IsDir() {
			return root.MkdirAll(to, 0o700)
		}
		return putBack(root, name, to)
	})
	if err != nil {
		return err
	}
	// What the migration has made.
	return fs.WalkDir(root.FS(), t.Path, func(name string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !entry.IsDir() && !entry.Type().IsRegular() {
			return err
		}
		if _, err := root.Lstat(path.Join(snapshotName, name)); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := root.RemoveAll(name); err != nil {
			return err
		}
		if entry.IsDir() {
			return fs.SkipDir
		}
		return nil
	})
}

// putBack gives a file of the snapshot its name again, in place of what has it now.
func putBack(root *os.Root, kept, name string) error {
	was, err := root.Stat(kept)
	if err != nil {
		return err
	}
	if now, err := root.Lstat(name); err == nil && os.SameFile(was, now) {
		return nil
	} else if err == nil && now.IsDir() {
		if err := root.RemoveAll(name); err != nil {
			return err
		}
	}
	if err := root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return err
	}
	temp := path.Join(path.Dir(name), ".upgrade-"+path.Base(name))
	if err := root.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := linkOrCopy(root, kept, temp); err != nil {
		return err
	}
	if err := root.Rename(temp, name); err != nil {
		return err
	}
	return syncIn(root, path.Dir(name))
}

// crash is the error by which a test ends everything at once, as kill -9 does.
type crash struct{ point string }

func (c *crash) Error() string { return "killed at " + c.point }

func isCrash(err error) bool {
	var c *crash
	return errors.As(err, &c)
}
