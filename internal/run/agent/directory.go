package agent

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// readDir reads every definition file of dir, and none that lies outside it: symbolic links may
// lead elsewhere within dir only. unreadable says why a file that is in the map without text
// could not be read.
func readDir(dir string) (sources map[string][]byte, unreadable map[string]string, err error) {
	sources, unreadable = map[string][]byte{}, map[string]string{}
	if dir == "" {
		return sources, unreadable, nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, directoryError(err)
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, nil, directoryError(err)
	}
	for _, entry := range entries {
		name := entry.Name()
		if !definitionName(name) || entry.IsDir() {
			continue
		}
		source, err := readFile(root, name)
		if errors.Is(err, fs.ErrNotExist) && entry.Type()&fs.ModeSymlink == 0 {
			continue // gone since it was listed
		}
		if err != nil {
			sources[name], unreadable[name] = nil, err.Error()
			continue
		}
		sources[name] = source
	}
	return sources, unreadable, nil
}

const other = "or name another directory with --agents"

var errNoDirectory = errors.New("the directory of agent definitions does not exist: create it, " + other)

// directoryError says why the directory of definitions can't be read, and what to do, without
// repeating its name.
func directoryError(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errNoDirectory
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the directory of agent definitions may not be read by the server's user: change its owner or mode, or those of a directory above it, %s", other)
	case errors.Is(err, syscall.ENOTDIR), strings.HasSuffix(err.Error(), "not a directory"): // os.Root says the latter
		return errors.New("is not a directory: give the directory that holds the definitions with --agents")
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("the directory of agent definitions can't be read: %w; mend that, %s", err, other)
}

// listing is what can be seen of the directory without reading a file: a change of it is a reason to
// read again.
func listing(dir string) string {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err.Error()
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, entry := range entries {
		if !definitionName(entry.Name()) {
			continue
		}
		info, err := root.Stat(entry.Name()) // of what a link leads to
		if err != nil {
			fmt.Fprintf(&b, "%q %v\n", entry.Name(), err)
			continue
		}
		var inode uint64
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			inode = stat.Ino
		}
		fmt.Fprintf(&b, "%q %d %d %d %s\n", entry.Name(), inode, info.Size(), info.ModTime().UnixNano(), info.Mode())
	}
	return b.String()
}

// definitionName leaves out hidden files, which editors and version control make.
func definitionName(name string) bool {
	if strings.HasPrefix(name, ".") {
		return false
	}
	extension := filepath.Ext(name)
	return extension == ".yaml" || extension == ".yml"
}

func readFile(root *os.Root, name string) ([]byte, error) {
	// Without O_NONBLOCK a named pipe would hold us here for ever.
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, reason(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, reason(err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("is %s: a definition must be an ordinary file", modeName(info.Mode()))
	}
	var b bytes.Buffer
	if _, err := io.Copy(&b, io.LimitReader(f, MaxFileBytes+1)); err != nil {
		return nil, reason(err)
	}
	return b.Bytes(), nil
}

// reason says why a file can't be read without repeating its name, which the Problem has.
func reason(err error) error {
	var path *fs.PathError
	if !errors.As(err, &path) {
		return fmt.Errorf("can't be read: %w", err)
	}
	switch {
	case strings.Contains(path.Err.Error(), "escapes"):
		return errors.New("is a link that leads out of the directory of definitions: put the file itself there")
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("is a link to nothing: %w", fs.ErrNotExist)
	case errors.Is(err, fs.ErrPermission):
		return errors.New("may not be read by the server: check its owner and mode")
	default:
		return fmt.Errorf("can't be read: %w", path.Err)
	}
}

func modeName(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	default:
		return "no regular file"
	}
}
