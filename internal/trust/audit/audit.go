// Package audit keeps the record of who changed what, when and from where: one line of JSON for
// each mutation, in a file that is only ever appended to, and the same as a log record. It never
// holds a credential or an agent's parameters, and it judges nothing.
package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// File is the name, in the data directory, of the record.
const File = "audit.ndjson"

// OK is the outcome of what succeeded. What was refused or failed has the error's code.
const OK = "ok"

// Entry is one mutation, or one attempt.
type Entry struct {
	Time    time.Time `json:"time"`             // zero: now
	Actor   string    `json:"actor"`            // the user's id
	Kind    string    `json:"kind"`             // what the user presented: "owner", "session", "jwt"
	Address string    `json:"address"`          // the client's IP address
	Via     string    `json:"via,omitempty"`    // "rest", "ws", "poll", …
	Action  string    `json:"action"`           // "execution.create", "execution.cancel", "session.create", …
	Target  string    `json:"target,omitempty"` // what it was done to: an execution's id, an agent's name
	Outcome string    `json:"outcome"`          // OK or a code of package protocol
	Detail  string    `json:"detail,omitempty"` // what else an auditor wants to know
}

// Log appends entries. It is safe for concurrent use.
type Log struct {
	path string
	log  *slog.Logger

	mu     sync.Mutex
	file   *os.File
	closed bool
}

// Open opens, or makes, the record of a data directory.
func Open(dataDir string, log *slog.Logger) (*Log, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	l := &Log{path: filepath.Join(dataDir, File), log: log}
	if err := l.openLocked(); err != nil {
		return nil, fmt.Errorf("open the audit log: %w", err)
	}
	return l, nil
}

// Record appends one entry, and logs it. A record that can't be written is logged as an error: what
// was done is done, and stopping an agent must work on a full disk too.
func (l *Log) Record(ctx context.Context, e Entry) {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	e.Time = e.Time.UTC().Truncate(time.Millisecond)
	l.log.LogAttrs(ctx, slog.LevelInfo, "audit", slog.Group("audit",
		slog.String("action", e.Action), slog.String("target", e.Target), slog.String("outcome", e.Outcome),
		slog.String("actor", e.Actor), slog.String("kind", e.Kind), slog.String("address", e.Address),
		slog.String("via", e.Via), slog.String("detail", e.Detail)))
	if err := l.append(e); err != nil {
		l.log.LogAttrs(ctx, slog.LevelError, "an entry is missing in the audit file", slog.String("file", l.path), slog.Any("error", err))
	}
}

func (l *Log) append(e Entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return fs.ErrClosed
	}
	if err := l.followLocked(); err != nil {
		return err
	}
	n, err := l.file.Write(line)
	if err != nil && n > 0 {
		// Half a line would spoil the next one too.
		if info, statErr := l.file.Stat(); statErr == nil {
			err = errors.Join(err, l.file.Truncate(info.Size()-int64(n)))
		}
	}
	return err
}

// followLocked opens the file anew when somebody renamed or removed it, as log rotation does.
func (l *Log) followLocked() error {
	if l.file != nil {
		held, err := l.file.Stat()
		if err != nil {
			return err
		}
		there, err := os.Lstat(l.path)
		if err == nil && os.SameFile(held, there) {
			return nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		l.file.Close()
		l.file = nil
	}
	return l.openLocked()
}

func (l *Log) openLocked() error {
	if info, err := os.Lstat(l.path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file: remove it", l.path)
	}
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := f.Chmod(0o600); err != nil {
		f.Close()
		return err
	}
	l.file = f
	return nil
}

// Close syncs and closes the file. It is safe to call twice.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	if l.file == nil {
		return nil
	}
	return errors.Join(l.file.Sync(), l.file.Close())
}
