package datadir

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
)

// Migration takes a data directory from one format to the next.
//
// It may be ended at any point, by a crash too, and is then run again from its beginning on what it
// has left: so it looks at what is there and does what is still to be done.
type Migration struct {
	From int    // the format it takes; it leaves From+1
	Name string // what it does, for people
	// Touches gives every file and directory that Run may change, make or remove, below the data
	// directory, with "/" between names. A directory stands for all that is in it. Run can't change
	// anything else.
	Touches func(ctx context.Context, dir fs.FS) ([]string, error)
	Run     func(ctx context.Context, s *Step) error
}

// Formats are the formats that a program knows: the one it writes, and the way there from earlier ones.
type Formats struct {
	Version    int
	Migrations []Migration
}

// formats of this program. There has been only one format yet.
func formats() Formats { return Formats{Version: FormatVersion} }

// from gives the migration of a format, nil when there is none.
func (f *Formats) from(version int) *Migration {
	i := slices.IndexFunc(f.Migrations, func(m Migration) bool { return m.From == version })
	if i < 0 {
		return nil
	}
	return &f.Migrations[i]
}

// Step is what a migration changes a data directory with. Files are only replaced as a whole, never
// written in place: what the snapshot has is the file that was there.
type Step struct {
	root    *os.Root
	touches []string
	at      func(point string) error // of a test that crashes there
}

// FS is the data directory, to read.
func (s *Step) FS() fs.FS { return s.root.FS() }

// may says whether the migration has said that it touches a path.
func (s *Step) may(name string) error {
	if fs.ValidPath(name) && slices.ContainsFunc(s.touches, func(t string) bool { return within(t, name) }) {
		return s.at("step " + name)
	}
	return fmt.Errorf("the migration changes %q, which it did not say it would", name)
}

// within says whether name is dir or lies in it.
func within(dir, name string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }

// WriteFile puts data into a file, in place of what is there. Directories above it are made.
func (s *Step) WriteFile(name string, data []byte) error {
	return s.Replace(name, func(w io.Writer) error {
		_, err := io.Copy(w, bytes.NewReader(data))
		return err
	})
}

// Replace makes a file anew from what write writes, in place of what is there, durably and whole or
// not at all.
func (s *Step) Replace(name string, write func(io.Writer) error) error {
	if err := s.may(name); err != nil {
		return err
	}
	if err := s.root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return err
	}
	temp := path.Join(path.Dir(name), ".upgrade-"+path.Base(name))
	f, err := s.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = f.Chmod(0o600)
	if err == nil {
		err = write(f)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = s.at("replace " + name)
	}
	if err == nil {
		err = s.root.Rename(temp, name)
	}
	if err != nil {
		return err
	}
	return syncIn(s.root, path.Dir(name))
}

// Remove removes a file or a directory with all that is in it. It is no error when there is none.
func (s *Step) Remove(name string) error {
	if err := s.may(name); err != nil {
		return err
	}
	if err := s.root.RemoveAll(name); err != nil {
		return err
	}
	return syncIn(s.root, path.Dir(name))
}

// Rename gives a file or a directory another name. Nothing may have that one, or a file that it replaces.
func (s *Step) Rename(from, to string) error {
	if err := errors.Join(s.may(from), s.may(to)); err != nil {
		return err
	}
	if err := s.root.MkdirAll(path.Dir(to), 0o700); err != nil {
		return err
	}
	if err := s.root.Rename(from, to); err != nil {
		return err
	}
	return errors.Join(syncIn(s.root, path.Dir(from)), syncIn(s.root, path.Dir(to)))
}

func syncIn(root *os.Root, dir string) error {
	d, err := root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// linkOrCopy gives a file a second name, or where the file system can't do that, makes a copy.
func linkOrCopy(root *os.Root, from, to string) error {
	err := root.Link(from, to)
	for _, cause := range []error{errors.ErrUnsupported, syscall.EPERM, syscall.EMLINK, syscall.EXDEV} {
		if errors.Is(err, cause) {
			return copyFile(root, from, to)
		}
	}
	return err
}

func copyFile(root *os.Root, from, to string) error {
	in, err := root.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := root.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}
