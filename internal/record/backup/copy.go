package backup

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// errOther tells that a file does not go on from what was copied of it before.
var errOther = errors.New("it is another file than before")

// output is a file that is being written.
type output interface {
	io.WriterAt
	Truncate(size int64) error
	Sync() error
	Close() error
}

// copier copies files, and knows how much.
type copier struct {
	open   func(path string) (output, error) // makes it when it is missing
	buffer []byte
	bytes  int64        // written, or checked
	tick   func() error // called after each piece; an error ends the copying
	// durable says that every file is synced by itself, since nothing can sync all of them.
	durable bool
}

func newCopier() *copier {
	return &copier{open: openOutput, buffer: make([]byte, 1<<20), tick: func() error { return nil }}
}

func openOutput(path string) (output, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = private(path, f.Chmod(0o600))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// private says what to do when a file or directory can't be kept from others.
func private(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("others could read %s, and that can't be changed: %w; take a directory of your own, or mount file systems without modes with umask=077", path, err)
}

// copy copies the first limit bytes of src. Of what is in the target already, the first
// known.Bytes are those of an earlier copy: they stay, if src begins with them, else it is errOther
// and the target as it was.
func (c *copier) copy(src io.ReaderAt, limit int64, to string, known File) (f File, err error) {
	f = File{Name: filepath.Base(to), Bytes: limit}
	if known.Bytes > limit {
		return f, errOther
	}
	sum := sha256.New()
	if known.Bytes > 0 {
		if err := c.stream(src, nil, 0, known.Bytes, sum); err != nil {
			return f, err
		}
		if hex.EncodeToString(sum.Sum(nil)) != known.SHA256 {
			return f, errOther
		}
		if known.Bytes == limit {
			return known, nil
		}
	} else if known.SHA256 != "" && limit == 0 {
		return known, nil
	}
	out, err := c.open(to)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if err := c.stream(src, out, known.Bytes, limit, sum); err != nil {
		return f, err
	}
	// What an interrupted backup has left behind it.
	if err := out.Truncate(limit); err != nil {
		return f, err
	}
	if c.durable {
		if err := out.Sync(); err != nil {
			return f, err
		}
	}
	f.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return f, nil
}

// stream reads [from, to) and writes it to the same place, unless out is nil.
func (c *copier) stream(src io.ReaderAt, out io.WriterAt, from, to int64, sum hash.Hash) error {
	for from < to {
		chunk := c.buffer[:min(int64(len(c.buffer)), to-from)]
		n, err := src.ReadAt(chunk, from)
		if n < len(chunk) {
			if err == nil || errors.Is(err, io.EOF) {
				err = fmt.Errorf("it became shorter: %w", errChanged)
			}
			return err
		}
		sum.Write(chunk)
		if out != nil {
			if _, err := out.WriteAt(chunk, from); err != nil {
				return err
			}
			c.bytes += int64(n)
		}
		from += int64(n)
		if err := c.tick(); err != nil {
			return err
		}
	}
	return nil
}

// check compares a file with what the manifest says. Nil when it is as it should be.
func (c *copier) check(path string, want File) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	if err := c.stream(f, nil, 0, want.Bytes, sum); errors.Is(err, errChanged) {
		return fmt.Errorf("it is shorter than the %d bytes it should have", want.Bytes)
	} else if err != nil {
		return err
	}
	if hex.EncodeToString(sum.Sum(nil)) != want.SHA256 {
		return errors.New("its bytes are not those that were copied")
	}
	return nil
}

// makeDir makes a directory for its owner alone.
func makeDir(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return err
	}
	return private(path, os.Chmod(path, 0o700))
}

// removeAll removes files that are there.
func removeAll(paths ...string) error {
	var errs []error
	for _, path := range paths {
		if err := os.RemoveAll(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
