package journal

import (
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
	DataName  = dataName
	IndexName = indexName
)

// InheritLock gives a second descriptor of a writer's lock, as a process that was just started has.
func InheritLock(w Writer) (*os.File, error) {
	fd, err := syscall.Dup(int(w.(*writer).lock.(heldLock).f.Fd()))
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "lock"), nil
}
