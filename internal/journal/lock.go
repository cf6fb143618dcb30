package journal

import (
	"errors"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// maxNote is as much of a lock file as is ever shown, in bytes.
const maxNote = 64

// leaveNote replaces what the last holder left in a lock file. The note only helps people, so a
// full disk must not keep the lock from being taken.
func leaveNote(f *os.File, note string) error {
	if err := f.Chmod(0o600); err != nil {
		return err
	}
	err := f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(note+"\n"), 0)
	}
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return nil
	}
	return err
}

// held is a lock that is held. Closing the file alone would not do: the lock belongs to the open
// file, and a child that is just being forked has a copy of it until it executes its program.
type held struct {
	f      *os.File
	unlock func(f *os.File) error
}

func (h *held) Close() error { return errors.Join(h.unlock(h.f), h.f.Close()) }

func readNote(f *os.File) string {
	note := make([]byte, maxNote)
	n, err := f.ReadAt(note, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return ""
	}
	return strings.TrimSpace(strings.ToValidUTF8(string(note[:n]), "?"))
}

func retryInterrupted(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
