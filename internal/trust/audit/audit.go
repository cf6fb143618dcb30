// Package audit keeps the record of who changed what, when and from where: one line of JSON for
// each mutation, in a file that is only ever appended to, and the same as a log record. Each line holds
// the hash of the one before, so that whoever changes or removes one is found by Verify. It never holds a credential or an agent's parameters, and it judges nothing.
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
	head   *os.File
	end    link // of the chain
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
	if err := l.openChain(dataDir); err != nil {
		return nil, fmt.Errorf("open the audit log: %w", errors.Join(err, l.Close()))
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
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return fs.ErrClosed
	}
	if err := l.followLocked(); err != nil {
		return err
	}
	line, end, err := l.end.next(e)
	if err != nil {
		return err
	}
	n, err := l.file.Write(append(line, '\n'))
	if err != nil && n > 0 {
		// Half a line would spoil the next one too.
		if info, statErr := l.file.Stat(); statErr == nil {
			err = errors.Join(err, l.file.Truncate(info.Size()-int64(n)))
		}
	}
	if err != nil {
		return err
	}
	l.end = end
	return writeHead(l.head, end)
}

// openChain finds the end of the chain. What a crash has left of a line is cut off, and that is recorded.
// Entries that the head knows of and the file does not have stay missing: the chain goes on behind them,
// so that Verify tells. A damaged head keeps nobody from working: that it was damaged is recorded.
func (l *Log) openChain(dataDir string) error {
	path := filepath.Join(dataDir, HeadFile)
	head, err := readHead(path)
	damaged := errors.Is(err, errHead)
	if err != nil && !damaged {
		return err
	}
	if l.head, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return err
	}
	line, torn, err := lastLine(l.file)
	if err != nil {
		return err
	}
	var last chained
	if len(line) > 0 && json.Unmarshal(line, &last) != nil {
		last.Seq = 0
	}
	l.end = head
	switch {
	case last.Seq > head.Seq:
		l.end = link{last.Seq, hashOf(line)}
	case head.Seq == 0 && len(line) > 0:
		l.end = link{0, hashOf(line)} // from before the log was chained
	case head.Seq == 0:
		l.end = link{0, genesis}
	}
	recovered := func(detail string) error {
		l.log.Error("the audit log was recovered", "file", l.path, "detail", detail)
		return l.append(Entry{Time: time.Now().UTC().Truncate(time.Millisecond), Action: "audit.recover", Outcome: OK, Detail: detail})
	}
	if torn > 0 {
		info, err := l.file.Stat()
		if err != nil {
			return err
		}
		if err := l.file.Truncate(info.Size() - torn); err != nil {
			return err
		}
		if err := recovered(fmt.Sprintf("%d bytes of a line that a crash had cut off were removed", torn)); err != nil {
			return err
		}
	}
	if damaged {
		return recovered(HeadFile + " was damaged: entries that were cut off at the end before this one can't be told any more")
	}
	return nil
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
	f, err := os.OpenFile(l.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
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
	var errs []error
	for _, f := range []*os.File{l.file, l.head} {
		if f != nil {
			errs = append(errs, f.Sync(), f.Close())
		}
	}
	return errors.Join(errs...)
}
