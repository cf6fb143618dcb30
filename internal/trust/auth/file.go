package auth

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// maxFileBytes bounds what is read of a file of ours: anything larger is not one.
const maxFileBytes = 64 << 20

// openDir opens the data directory, made for its owner alone when it is missing. Everything is
// reached through the Root, so a link in the directory leads nowhere else.
func openDir(path string) (*os.Root, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, fmt.Errorf("make the data directory: %w", err)
		}
		if err := os.Chmod(path, 0o700); err != nil { // whatever the umask
			return nil, fmt.Errorf("make the data directory private: %w", err)
		}
	}
	dir, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("open the data directory: %w", err)
	}
	return dir, nil
}

// randomToken is 32 random bytes in base64url: 43 characters that need no escaping anywhere.
func randomToken() string {
	var b [32]byte
	rand.Read(b[:]) // never fails: the runtime ends the process instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// writeSecret puts data into a file that only its owner can read, whole or not at all. When it may
// not replace a file that is there, the error is fs.ErrExist.
func writeSecret(dir *os.Root, name string, data []byte, replace bool) (err error) {
	temporary := name + "." + randomToken()[:8] + ".tmp"
	f, err := dir.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			f.Close()
			err = fmt.Errorf("write %s: %w", name, err)
		}
		if removed := dir.Remove(temporary); removed != nil && !errors.Is(removed, fs.ErrNotExist) {
			err = errors.Join(err, removed)
		}
	}()
	if err = f.Chmod(0o600); err != nil { // a umask can take the owner's own bits
		return err
	}
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if replace {
		err = dir.Rename(temporary, name)
	} else {
		err = dir.Link(temporary, name)
	}
	if err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir *os.Root) error {
	d, err := dir.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// readSecret reads a file of ours, and takes it away from everybody else who could read it.
// loose tells that somebody could have.
func readSecret(dir *os.Root, name string) (data []byte, info fs.FileInfo, loose bool, err error) {
	info, err = dir.Lstat(name)
	if err != nil {
		return nil, nil, false, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, false, fmt.Errorf("%s is not a regular file but %s: remove it", name, info.Mode().Type())
	}
	f, err := dir.Open(name)
	if err != nil {
		return nil, nil, false, err
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return nil, nil, false, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		loose = true
		if err := f.Chmod(0o600); err != nil {
			return nil, nil, true, fmt.Errorf("%s can be read by others and that can't be changed: %w", name, err)
		}
	}
	data, err = io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err == nil && len(data) > maxFileBytes {
		err = fmt.Errorf("%s is larger than %d bytes", name, maxFileBytes)
	}
	return data, info, loose, err
}
