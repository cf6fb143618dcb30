// Package sessionfile keeps what a driver knows of an agent's sessions from one execution to the next:
// one small JSON file for each session, in a directory of the kind. What is kept only makes later
// figures right, so that neither a missing nor a damaged file is an error.
package sessionfile

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
)

// Dir is the directory of one kind. The empty Dir keeps nothing.
type Dir string

// In gives the directory of a kind below the one a driver was given.
func In(stateDir, kind string) Dir {
	if stateDir == "" {
		return ""
	}
	return Dir(filepath.Join(stateDir, kind))
}

// path is the file of a session. Its id is the agent's: what could name another file is not kept.
func (d Dir) path(session string) string {
	if d == "" || session == "" || len(session) > 100 || strings.Trim(session, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
		return ""
	}
	return filepath.Join(string(d), session+".json")
}

// Load reads what is kept of a session into v. It is false when there is nothing.
func (d Dir) Load(session string, v any) bool {
	path := d.path(session)
	if path == "" {
		return false
	}
	b, err := os.ReadFile(path)
	return err == nil && json.Unmarshal(b, v) == nil
}

// Save keeps v of a session, whole or not at all.
func (d Dir) Save(session string, v any) {
	path := d.path(session)
	if path == "" || os.MkdirAll(string(d), 0o700) != nil {
		return
	}
	b, err := json.Marshal(v)
	if err != nil {
		return
	}
	f, err := os.CreateTemp(string(d), ".session-*")
	if err != nil {
		return
	}
	_, err = f.Write(b)
	if cerr := f.Close(); err == nil && cerr == nil && os.Rename(f.Name(), path) == nil {
		return
	}
	_ = os.Remove(f.Name())
}
