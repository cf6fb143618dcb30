package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// screen is a terminal that a program has to itself. It writes only the lines that have changed, each
// frame in one write, so that nothing flickers; and it gives the terminal back as it was.
//
// It is little enough to need no framework: those bring two dozen modules for what is done here.
type screen struct {
	in, out *os.File

	mu     sync.Mutex  // guards what follows
	before *term.State // of the terminal; nil while it is not ours
	shown  []string
	w, h   int
}

const (
	// The other screen, no cursor, no wrapping at the end of lines.
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
	leaveScreen = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"
	// Terminals that know these show what stands between them at once.
	beginFrame = "\x1b[?2026h"
	endFrame   = "\x1b[?2026l"
)

// open takes the terminal.
func (s *screen) open() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.before != nil {
		return nil
	}
	before, err := term.MakeRaw(int(s.in.Fd()))
	if err != nil {
		return fmt.Errorf("take the terminal: %w", err)
	}
	s.before, s.shown = before, nil
	if _, err := s.out.WriteString(enterScreen); err != nil {
		return errors.Join(fmt.Errorf("take the terminal: %w", err), s.closeLocked())
	}
	return nil
}

// close gives the terminal back. It is safe to call twice, from anywhere.
func (s *screen) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closeLocked()
}

func (s *screen) closeLocked() error {
	if s.before == nil {
		return nil
	}
	before := s.before
	s.before = nil
	_, err := s.out.WriteString(leaveScreen)
	return errors.Join(err, term.Restore(int(s.in.Fd()), before))
}

// size is how large the terminal is now. One that does not say is taken for an ordinary one.
func (s *screen) size() (w, h int) {
	w, h, err := term.GetSize(int(s.out.Fd()))
	if err != nil || w <= 0 || h <= 0 {
		return 80, 24
	}
	return w, h
}

// draw shows lines, each of which fits.
func (s *screen) draw(lines []string, w, h int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.before == nil {
		return nil
	}
	var b strings.Builder
	if s.shown == nil || s.w != w || s.h != h {
		b.WriteString("\x1b[0m\x1b[2J")
		s.shown, s.w, s.h = make([]string, h), w, h
	}
	for i := range min(len(lines), h) {
		if lines[i] != s.shown[i] {
			fmt.Fprintf(&b, "\x1b[%d;1H\x1b[0m\x1b[2K%s", i+1, lines[i])
			s.shown[i] = lines[i]
		}
	}
	if b.Len() == 0 {
		return nil
	}
	if _, err := s.out.WriteString(beginFrame + b.String() + endFrame); err != nil {
		return fmt.Errorf("write to the terminal: %w", err)
	}
	return nil
}

// forget has the next frame drawn whole.
func (s *screen) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown = nil
}

// escapeWait is for how long the rest of a key's sequence may be on its way.
const escapeWait = 50 * time.Millisecond

// read passes on the keys that are pressed until ctx ends. Its error says why there are no more.
func (s *screen) read(ctx context.Context, keys chan<- key) (err error) {
	woken, wake, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("read keys: %w", err)
	}
	defer func() { err = errors.Join(err, woken.Close()) }()
	// Closing one end is what ends the wait below: a read of a terminal can't be broken off.
	stop := context.AfterFunc(ctx, func() { _ = wake.Close() })
	defer func() {
		if stop() {
			_ = wake.Close()
		}
	}()
	in, end := int(s.in.Fd()), int(woken.Fd())
	var pending []byte
	buf := make([]byte, 1024)
	for {
		var set unix.FdSet
		set.Set(in)
		set.Set(end)
		var timeout *unix.Timeval
		if len(pending) > 0 {
			t := unix.NsecToTimeval(int64(escapeWait))
			timeout = &t
		}
		n, err := unix.Select(max(in, end)+1, &set, nil, nil, timeout)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("wait for a key: %w", err)
		}
		if ctx.Err() != nil || set.IsSet(end) {
			return nil
		}
		read := 0
		if n > 0 {
			read, err = unix.Read(in, buf)
			switch {
			case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
				continue
			case err != nil:
				return fmt.Errorf("read keys: %w", err)
			case read == 0:
				return errors.New("the terminal is gone")
			}
		}
		var pressed []key
		pressed, pending = parseKeys(append(pending, buf[:read]...), n == 0)
		pending = append([]byte(nil), pending...)
		for _, k := range pressed {
			select {
			case keys <- k:
			case <-ctx.Done():
				return nil
			}
		}
	}
}
