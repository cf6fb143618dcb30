package journal

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
)

// layer is the little of a file system that the journal needs: names below the directory of
// executions, with "/" between them. Tests put one in between that fails or forgets.
type layer interface {
	// Mkdir makes a directory that only its owner may enter; fs.ErrExist when the name is taken.
	Mkdir(name string) error
	// Open opens a file for reading.
	Open(name string) (file, error)
	// Change opens a file for reading and writing.
	Change(name string) (file, error)
	// Create makes a file that only its owner may read; fs.ErrExist when the name is taken.
	Create(name string) (file, error)
	// SyncDir makes the names in a directory durable.
	SyncDir(name string) error
	// Lock takes the lock that the file stands for, making the file if there is none, and leaves
	// note in it. ErrLocked, with the holder's note, when it is held. It is let go by closing it,
	// or by the kernel when the process dies.
	Lock(name, note string) (l lock, holder string, err error)
	// Locked tells, without taking it, whether a lock is held. False when there is no such file.
	Locked(name string) (bool, error)
	// Exists tells whether there is a regular file of that name.
	Exists(name string) (bool, error)
	// Names calls fn with the names in a directory, some at a time, in no order.
	Names(name string, fn func([]string) error) error
	Rename(from, to string) error
	Remove(name string) error
	RemoveAll(name string) error
	Close() error
}

// file is one open file. Reads and writes are at an offset, so a failed write leaves no position
// behind that a later one could trip over.
type lock = io.Closer

type file interface {
	io.ReaderAt
	io.WriterAt
	Size() (int64, error)
	Truncate(size int64) error
	// Reserve takes room on the disk for n bytes at off, past the end too, without showing it in
	// the size. errors.ErrUnsupported where that can't be done.
	Reserve(off, n int64) error
	// Sync makes the contents durable, and the size.
	Sync() error
	Close() error
}

// disk is the real layer. It keeps everything below one directory, whatever the names hold.
type disk struct{ root *os.Root }

func openDisk(dir string) (*disk, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &disk{root}, nil
}

func (d *disk) Mkdir(name string) error {
	if err := d.root.Mkdir(name, 0o700); err != nil {
		return err
	}
	return d.root.Chmod(name, 0o700) // the umask may have taken too much
}

func (d *disk) Open(name string) (file, error)   { return d.open(name, os.O_RDONLY) }
func (d *disk) Change(name string) (file, error) { return d.open(name, os.O_RDWR) }

func (d *disk) Create(name string) (file, error) {
	f, err := d.open(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, err
	}
	if err := f.(*diskFile).f.Chmod(0o600); err != nil {
		return nil, errors.Join(err, f.Close(), d.root.Remove(name))
	}
	return f, nil
}

func (d *disk) open(name string, flag int) (file, error) {
	f, err := d.root.OpenFile(name, flag, 0o600)
	if err != nil {
		return nil, err
	}
	return &diskFile{f}, nil
}

func (d *disk) SyncDir(name string) error {
	f, err := d.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d *disk) Exists(name string) (bool, error) {
	info, err := d.root.Lstat(name)
	if err == nil {
		return info.Mode().IsRegular(), nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	// What stands in the directory's place may be a file, or a link that leads out of here.
	if dir, e := d.root.Lstat(path.Dir(name)); e == nil && !dir.IsDir() {
		return false, nil
	}
	return false, err
}

func (d *disk) Names(name string, fn func([]string) error) error {
	f, err := d.root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		names, err := f.Readdirnames(4096)
		if len(names) > 0 {
			if err := fn(names); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (d *disk) Rename(from, to string) error { return d.root.Rename(from, to) }
func (d *disk) Remove(name string) error     { return d.root.Remove(name) }
func (d *disk) Close() error                 { return d.root.Close() }

// RemoveAll removes a tree. Programs leave directories behind that forbid even their owner to look
// inside, so when it is refused it first opens every directory up.
func (d *disk) RemoveAll(name string) error {
	err := d.root.RemoveAll(name)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	d.openUp(name)
	return d.root.RemoveAll(name)
}

func (d *disk) openUp(name string) {
	info, err := d.root.Lstat(name)
	if err != nil || !info.IsDir() || d.root.Chmod(name, 0o700) != nil {
		return
	}
	_ = d.Names(name, func(names []string) error {
		for _, n := range names {
			d.openUp(name + "/" + n)
		}
		return nil
	})
}

// diskFile is a file of the real layer.
type diskFile struct{ f *os.File }

func (f *diskFile) ReadAt(p []byte, off int64) (int, error)  { return f.f.ReadAt(p, off) }
func (f *diskFile) WriteAt(p []byte, off int64) (int, error) { return f.f.WriteAt(p, off) }
func (f *diskFile) Truncate(size int64) error                { return f.f.Truncate(size) }
func (f *diskFile) Reserve(off, n int64) error               { return reserve(f.f, off, n) }
func (f *diskFile) Sync() error                              { return syncData(f.f) }
func (f *diskFile) Close() error                             { return f.f.Close() }

// Size seeks to the end because that, unlike Stat, allocates nothing. Nobody uses the place.
func (f *diskFile) Size() (int64, error) { return f.f.Seek(0, io.SeekEnd) }
