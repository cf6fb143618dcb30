package secrets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/claudeops/claudeops/internal/trust/secrets/source"
)

// MaxBytes is how long a value may be.
const MaxBytes = 64 << 10

// commandWait is how long a command may take.
const commandWait = 15 * time.Second

// Resolve gives the value of a source now. Of a file and a command the last line break is dropped. The
// error never holds a value.
func (s *Store) Resolve(ctx context.Context, from source.Value) (string, error) {
	var value string
	var err error
	switch {
	case from.Secret != "":
		return s.Get(from.Secret)
	case from.File != "":
		value, err = readFile(from.File)
	case len(from.Command) > 0:
		value, err = run(ctx, from.Command)
	default:
		return "", errors.New("no source is given")
	}
	if err != nil {
		return "", err
	}
	value = strings.TrimSuffix(strings.TrimSuffix(value, "\n"), "\r")
	return value, Check(value)
}

// Check says what is wrong with a value.
func Check(value string) error {
	switch {
	case value == "":
		return errors.New("the value is empty")
	case len(value) > MaxBytes:
		return fmt.Errorf("the value is longer than %d bytes", MaxBytes)
	case strings.ContainsRune(value, 0):
		return errors.New("the value holds a NUL byte, which no program can be given")
	}
	return nil
}

func readFile(path string) (string, error) {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		path = filepath.Join(home, rest)
	}
	// Without O_NONBLOCK a named pipe would hold the start up for ever.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is no ordinary file", path)
	}
	b, err := io.ReadAll(io.LimitReader(f, MaxBytes+3))
	return string(b), err
}

// run gives what a command prints. What it writes to standard error is part of the error, because a
// password manager says there what it lacks.
func run(ctx context.Context, command []string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.WaitDelay = time.Second
	out, errs := &bounded{limit: MaxBytes + 3}, &bounded{limit: 1 << 10}
	cmd.Stdout, cmd.Stderr = out, errs
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return "", fmt.Errorf("%s did not end within %s", command[0], commandWait)
	case err != nil:
		said := strings.TrimSpace(errs.b.String())
		if said != "" {
			said = ": " + said
		}
		return "", fmt.Errorf("%s: %w%s", command[0], err, said)
	}
	return out.b.String(), nil
}

// bounded keeps the beginning of what is written.
type bounded struct {
	b     bytes.Buffer
	limit int
}

func (w *bounded) Write(p []byte) (int, error) {
	w.b.Write(p[:min(len(p), w.limit-w.b.Len())])
	return len(p), nil
}
