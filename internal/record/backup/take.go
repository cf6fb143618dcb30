package backup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/claudeops/claudeops/internal/record/datadir"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/rundir"
)

// errChanged tells that what is copied has changed under the copier: it was sealed, or cut.
var errChanged = errors.New("it has changed meanwhile")

// Options say what to copy and where to.
type Options struct {
	Source string // the data directory
	Target string // where the backup is, or will be
	// Agents is the directory of definitions to copy, too. Empty: those of the earlier backup stay.
	Agents string
	// Full copies everything again, whatever an earlier backup has.
	Full bool
	// Force takes a data directory that has nothing in common with the earlier backup.
	Force   bool
	Program string // this program's version
	// Progress, when it is not nil, is called now and then.
	Progress func(Progress)
}

// Progress says how far a backup, a restore or a check is.
type Progress struct {
	Done, Executions int
	Bytes            int64 // copied, or read
}

// Failure is an execution that could not be copied, or a file that is not what it should be.
type Failure struct {
	ExecutionID string `json:"executionId,omitempty"`
	File        string `json:"file,omitempty"`
	Error       string `json:"error"`
}

// Taken says what a backup has done.
type Taken struct {
	Number     uint64    `json:"number"`
	Taken      time.Time `json:"taken"`
	Executions int       `json:"executions"` // in the backup
	Copied     int       `json:"copied"`     // new, or grown
	Unchanged  int       `json:"unchanged"`
	Unfinished int       `json:"unfinished"` // that had not ended when they were copied
	Removed    int       `json:"removed"`    // that the data directory does not have any more
	Bytes      int64     `json:"bytes"`      // written
	TotalBytes int64     `json:"totalBytes"` // in the backup
	// Definitions is how many are in the backup; DefinitionsKept, that they are the earlier backup's.
	Definitions     int       `json:"definitions"`
	DefinitionsKept bool      `json:"definitionsKept,omitempty"`
	Failed          []Failure `json:"failed,omitempty"`
}

// taker is one backup under way.
type taker struct {
	Options
	*copier
	store   *journal.Files
	old     map[string]*Execution // of the earlier backup
	partial map[string]*Execution // of one that was interrupted
	since   time.Time             // when the earlier backup was begun; what is older is in it
	earlier *Manifest             // nil: none
	at      Progress
	next    Manifest
	note    *os.File // partial.ndjson
	result  Taken
}

// Take makes a backup, or brings the one that is there up to date. The data directory may be in use;
// each execution is copied up to an event that was whole at some moment of the backup.
func Take(ctx context.Context, options Options) (Taken, error) {
	t := &taker{Options: options, copier: newCopier()}
	return t.run(ctx)
}

func (t *taker) run(ctx context.Context) (_ Taken, err error) {
	t.durable = !syncsAll
	if t.Source, t.Target, err = places(t.Source, t.Target); err != nil {
		return Taken{}, err
	}
	if t.next.Format, err = datadir.Format(t.Source); err != nil {
		return Taken{}, err
	}
	if err := t.prepareTarget(); err != nil {
		return Taken{}, t.explain(err)
	}
	held, err := lock(t.Target)
	if err != nil {
		return Taken{}, err
	}
	defer func() { err = errors.Join(err, held.Close()) }()
	if err := t.readEarlier(); err != nil {
		return Taken{}, err
	}
	if t.store, err = journal.OpenDir(t.Source); err != nil {
		return Taken{}, err
	}
	defer func() { err = errors.Join(err, t.store.Close()) }()
	if err := t.take(ctx); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return Taken{}, t.explain(err)
	}
	return t.result, nil
}

// places refuses what would make a backup part of what it is of.
func places(source, target string) (string, string, error) {
	source, err := filepath.Abs(source)
	if err != nil {
		return "", "", err
	}
	if target, err = filepath.Abs(target); err != nil {
		return "", "", err
	}
	if real, err := filepath.EvalSymlinks(source); err == nil {
		source = real
	}
	if real, err := filepath.EvalSymlinks(target); err == nil {
		target = real
	}
	info, err := os.Stat(source)
	if err != nil || !info.IsDir() {
		return "", "", fmt.Errorf("there is no data directory %s; name it with --data", source)
	}
	for _, pair := range [][2]string{{source, target}, {target, source}} {
		if rel, err := filepath.Rel(pair[0], pair[1]); err == nil && filepath.IsLocal(rel) {
			return "", "", fmt.Errorf("the backup %s and the data directory %s must not be one in the other", target, source)
		}
	}
	return source, target, nil
}

// prepareTarget makes the place, or makes sure that it is one for backups.
func (t *taker) prepareTarget() error {
	entries, err := os.ReadDir(t.Target)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return !ours(e.Name()) }) {
		return fmt.Errorf("%s holds something that is no backup; name a directory that is empty or does not exist", t.Target)
	}
	for _, dir := range []string{t.Target, filepath.Join(t.Target, executionsName)} {
		if err := makeDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// ours says whether a backup has an entry of that name, whole or not. lost+found is on every file
// system of some kinds.
func ours(name string) bool {
	switch name {
	case ManifestName, partialName, lockName, executionsName, "lost+found":
		return true
	}
	return strings.HasPrefix(name, "files-") || strings.HasPrefix(name, "agents-") || strings.HasPrefix(name, "."+ManifestName)
}

// readEarlier reads what is there of earlier backups.
func (t *taker) readEarlier() error {
	t.old, t.partial = map[string]*Execution{}, map[string]*Execution{}
	t.next.Version, t.next.Program, t.next.Source, t.next.Begun = Version, t.Program, t.Source, time.Now().UTC()
	t.next.Number = 1
	old, err := Read(t.Target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil && t.Full:
		// Nothing of it is relied on. Its number is not known, and must not come again.
		t.next.Number = uint64(time.Now().Unix())
	case err != nil:
		return fmt.Errorf("%w; --full makes the backup anew over it", err)
	default:
		t.next.Number, t.since, t.earlier = old.Number+1, old.Begun, old
		for i := range old.Executions {
			t.old[old.Executions[i].ID] = &old.Executions[i]
		}
	}
	if t.Full {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(t.Target, partialName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for line := range bytes.Lines(text) {
		var e Execution
		if json.Unmarshal(line, &e) == nil && e.check() == nil {
			t.partial[e.ID] = &e
		}
	}
	return nil
}

// explain says what became of the earlier backup when this one fails.
func (t *taker) explain(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		err = fmt.Errorf("the disk of the backup %s is full; free some space there and begin again, what was copied is not copied twice: %w", t.Target, err)
	}
	if old, e := Read(t.Target); e == nil {
		err = fmt.Errorf("%w (the backup of %s in %s is as it was)", err, old.Taken.Local().Format(time.DateTime), t.Target)
	}
	return err
}

func (t *taker) take(ctx context.Context) error {
	ids, err := t.store.IDs(ctx)
	if err != nil {
		return err
	}
	if err := t.sameDirectory(ids); err != nil {
		return err
	}
	if t.note, err = os.OpenFile(filepath.Join(t.Target, partialName), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600); err != nil {
		return err
	}
	defer t.note.Close()
	t.at.Executions = len(ids)
	t.tick = func() error { return t.progress(ctx) }
	touched := make([]*Execution, 0, len(ids))
	for i, id := range ids {
		t.at.Done = i
		if err := t.progress(ctx); err != nil {
			return err
		}
		e, copied, err := t.execution(ctx, id)
		switch {
		case errors.Is(err, journal.ErrNotFound):
			continue // removed meanwhile
		case fatal(err), ctx.Err() != nil:
			return fmt.Errorf("copy execution %s: %w", id, err)
		case err != nil:
			t.result.Failed = append(t.result.Failed, Failure{ExecutionID: id, Error: err.Error()})
			if e = t.old[id]; e == nil {
				continue
			}
		}
		t.next.Executions = append(t.next.Executions, *e)
		if copied {
			t.result.Copied++
		} else {
			t.result.Unchanged++
		}
		if copied || t.partial[id] != nil {
			touched = append(touched, e)
		}
		if !e.Ended {
			t.result.Unfinished++
		}
	}
	t.at.Done = len(ids)
	if err := t.progress(ctx); err != nil {
		return err
	}
	if err := t.ownFiles(); err != nil {
		return err
	}
	if err := t.definitions(); err != nil {
		return err
	}
	if err := syncAll(t.Target); err != nil {
		return err
	}
	t.next.Taken = time.Now().UTC()
	if err := t.next.write(t.Target); err != nil {
		return err
	}
	t.result.Number, t.result.Taken, t.result.Executions = t.next.Number, t.next.Taken, len(t.next.Executions)
	t.result.Bytes, t.result.TotalBytes = t.bytes, t.next.Bytes()
	return t.prune(touched)
}

// progress tells how far it is. An error when it is to end.
func (t *taker) progress(ctx context.Context) error {
	if t.at.Bytes = t.bytes; t.Progress != nil {
		t.Progress(t.at)
	}
	return context.Cause(ctx)
}

// fatal says whether an error concerns more than the one execution.
func fatal(err error) bool {
	for _, errno := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EMFILE, syscall.ENFILE, errTarget} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// errTarget marks errors of the place where the backup is written.
var errTarget = errors.New("the backup can't be written")

// sameDirectory refuses to replace a backup by one of another directory: all it holds would go.
func (t *taker) sameDirectory(ids []string) error {
	if len(t.old) == 0 || t.Force || slices.ContainsFunc(ids, func(id string) bool { return t.old[id] != nil }) {
		return nil
	}
	return fmt.Errorf("%s has none of the %d executions that the backup %s holds: is it the right data directory? Name another place for its backup, or say --force to give up what is there",
		t.Source, len(t.old), t.Target)
}

// execution copies one execution, unless the backup has it already.
func (t *taker) execution(ctx context.Context, id string) (e *Execution, copied bool, err error) {
	if old := t.old[id]; old != nil && old.Ended && !t.Full && t.there(old) {
		same, err := t.same(old)
		if err != nil || same {
			return old, false, err
		}
	}
	if p := t.partial[id]; p != nil && p.Ended && t.sound(p) {
		return p, true, nil
	}
	// It is sealed once in its life, and cut only by a server that takes over from a dead runner.
	const tries = 12 // two seconds in all
	for try := range tries {
		if e, err = t.copyExecution(ctx, id); !errors.Is(err, errChanged) {
			break
		}
		select {
		case <-time.After(time.Millisecond << min(try, 9)):
		case <-ctx.Done():
			return nil, false, context.Cause(ctx)
		}
	}
	if err != nil {
		return nil, false, err
	}
	if old := t.old[id]; old != nil && old.Ended == e.Ended && old.Dir == e.Dir && slices.Equal(old.Files, e.Files) {
		return e, false, nil
	}
	line, err := json.Marshal(e)
	if err == nil {
		_, err = t.note.Write(append(line, '\n'))
	}
	if err != nil {
		err = errors.Join(errTarget, err)
	}
	return e, true, err
}

// same says whether an execution that has ended has the files it had. It may have been sealed since,
// or trimmed, or pinned.
func (t *taker) same(e *Execution) (bool, error) {
	dir, err := t.store.Dir(e.ID)
	if err != nil {
		return false, err
	}
	names, err := endedFiles(dir)
	if err != nil || len(names) != len(e.Files) {
		return false, err
	}
	for _, name := range names {
		i := slices.IndexFunc(e.Files, func(f File) bool { return f.Name == name })
		info, err := os.Lstat(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) || i < 0 {
			return false, nil
		}
		if err != nil || info.Size() != e.Files[i].Bytes || !info.ModTime().Before(t.since) {
			return false, err
		}
	}
	return true, nil
}

// there says whether the files of an earlier backup are still in their places.
func (t *taker) there(e *Execution) bool {
	for _, f := range e.Files {
		info, err := os.Lstat(e.path(t.Target, f.Name))
		if err != nil || !info.Mode().IsRegular() || info.Size() < f.Bytes {
			return false
		}
	}
	return true
}

// sound says whether what an interrupted backup has copied is whole. It may never have been synced.
func (t *taker) sound(e *Execution) bool {
	for _, f := range e.Files {
		if t.check(e.path(t.Target, f.Name), f) != nil {
			return false
		}
	}
	return true
}

// leftOut are files of executions and of the data directory that say something of processes, sessions
// or progress that a copy has no part in, or that are made anew from the rest.
var leftOut = []string{
	"lock", "spec.json", "processes.ndjson", "spawned.json", "cancel.json", "caller.json",
	"secrets.key", "secrets.lock", // the key of the secrets: who has the backup must not have both
	"format", "audit.head", "server.json", "sessions.json", "executions.key", "restoring", "upgrade.json",
}

func belongs(name string) bool {
	if f, known := rundir.Find(name); known && f.Backup != rundir.Ended && f.Backup != rundir.Always {
		return false
	}
	return !slices.Contains(leftOut, name) && !strings.HasPrefix(name, ".") && !strings.HasPrefix(name, "index.sqlite") &&
		!strings.HasPrefix(name, "sessions.json") && !strings.HasSuffix(name, ".next") && !strings.HasSuffix(name, ".tmp")
}

// prune removes what the new manifest does not name any more.
func (t *taker) prune(touched []*Execution) error {
	keep := map[string]bool{}
	for i := range t.next.Executions {
		keep[t.next.Executions[i].dir()] = true
	}
	var gone []string
	entries, err := os.ReadDir(filepath.Join(t.Target, executionsName))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !keep[entry.Name()] {
			gone = append(gone, filepath.Join(t.Target, executionsName, entry.Name()))
		}
	}
	for id := range t.old {
		if _, ok := slices.BinarySearchFunc(t.next.Executions, id, func(e Execution, id string) int { return strings.Compare(e.ID, id) }); !ok {
			t.result.Removed++
		}
	}
	for _, e := range touched {
		files, err := os.ReadDir(filepath.Join(t.Target, executionsName, e.dir()))
		if err != nil {
			return err
		}
		for _, file := range files {
			if !slices.ContainsFunc(e.Files, func(f File) bool { return f.Name == file.Name() }) {
				gone = append(gone, e.path(t.Target, file.Name()))
			}
		}
	}
	entries, err = os.ReadDir(t.Target)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, "."+ManifestName) || (strings.HasPrefix(name, "files-") || strings.HasPrefix(name, "agents-")) && name != t.next.filesDir() && name != t.next.agentsDir() {
			gone = append(gone, filepath.Join(t.Target, name))
		}
	}
	return removeAll(append(gone, filepath.Join(t.Target, partialName))...)
}
