package journal

import (
	"context"
	"os"
	"syscall"
)

// Layer, File and Lock let tests put a file system of their own under a store.
type (
	Layer = layer
	File  = file
	Lock  = lock
)

// WithLayer makes OpenDir use a layer instead of the disk.
func WithLayer(l Layer) Option { return func(f *Files) { f.layer = l } }

// DiskLayer is the layer that OpenDir uses on its own.
func DiskLayer(dir string) (Layer, error) { return openDisk(dir) }

// Names of a journal's files.
const (
	DataName   = dataName
	SealedName = sealedName
	TempName   = tempName
	IndexName  = indexName
)

// InheritLock gives a second descriptor of a writer's lock, as a process that was just started has.
func InheritLock(w Writer) (*os.File, error) {
	fd, err := syscall.Dup(int(w.(*writer).lock.(heldLock).f.Fd()))
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "lock"), nil
}

// SealAnyhow seals a journal whose last event does not end the execution.
func SealAnyhow(ctx context.Context, f *Files, id string) error {
	_, err := f.seal(ctx, id, nil, func(*reader) error { return nil })
	return err
}

// TrimAnyhow is Trim for such a journal.
func TrimAnyhow(ctx context.Context, f *Files, id string, upTo uint64) (int64, error) {
	return f.trim(ctx, id, upTo, func(*reader) error { return nil })
}

// MaxFrame is the most plain bytes of a frame.
const MaxFrame = maxFrame
