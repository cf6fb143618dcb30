package journal_test

import (
	"errors"
	"io"
	"io/fs"
	"sync"

	"github.com/claudeops/claudeops/internal/record/journal"
)

// memoryLayer is a disk in memory, for tests that make very many journals.
type memoryLayer struct {
	mu    sync.Mutex
	files map[string]*memoryFile
}

func newMemory() *memoryLayer { return &memoryLayer{files: map[string]*memoryFile{}} }

// memoryFile has its contents alone, as nobody shares it between goroutines.
type memoryFile struct{ b []byte }

func (l *memoryLayer) Mkdir(string) error { return nil }

func (l *memoryLayer) Open(name string) (journal.File, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f := l.files[name]; f != nil {
		return f, nil
	}
	return nil, fs.ErrNotExist
}

func (l *memoryLayer) Change(name string) (journal.File, error) { return l.Open(name) }

func (l *memoryLayer) Create(name string) (journal.File, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.files[name] != nil {
		return nil, fs.ErrExist
	}
	l.files[name] = &memoryFile{}
	return l.files[name], nil
}

func (l *memoryLayer) SyncDir(string) error { return nil }

func (l *memoryLayer) Lock(string, string) (journal.Lock, string, error) {
	return io.NopCloser(nil), "", nil
}

func (l *memoryLayer) Locked(string) (bool, error) { return false, nil }

func (l *memoryLayer) Exists(name string) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.files[name] != nil, nil
}

func (l *memoryLayer) Remove(name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.files, name)
	return nil
}

func (l *memoryLayer) Names(string, func([]string) error) error { return errors.ErrUnsupported }
func (l *memoryLayer) Rename(string, string) error              { return errors.ErrUnsupported }
func (l *memoryLayer) RemoveAll(string) error                   { return errors.ErrUnsupported }
func (l *memoryLayer) Close() error                             { return nil }

func (f *memoryFile) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fs.ErrInvalid
	}
	if off >= int64(len(f.b)) {
		return 0, io.EOF
	}
	n := copy(p, f.b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memoryFile) WriteAt(p []byte, off int64) (int, error) {
	c := change{off, p}
	if len(p) > 0 {
		f.b = c.apply(f.b)
	}
	return len(p), nil
}

func (f *memoryFile) Truncate(size int64) error {
	c := change{at: size}
	f.b = c.apply(f.b)
	return nil
}

func (f *memoryFile) Size() (int64, error)       { return int64(len(f.b)), nil }
func (f *memoryFile) Reserve(int64, int64) error { return nil }
func (f *memoryFile) Sync() error                { return nil }
func (f *memoryFile) Close() error               { return nil }
