package process

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Trace is the file in which a runner keeps the processes that it has seen of its execution, one ID
// a line, so that they are found if the runner is killed: also those that have left the session,
// emptied their environment, or run as another user. It need not survive the machine: nor do they.
type Trace struct {
	path  string
	known map[ID]struct{}
	boot  string
}

// NewTrace makes the trace at path. Nothing is written before Note.
func NewTrace(path string) (*Trace, error) {
	boot, err := BootID()
	if err != nil {
		return nil, err
	}
	return &Trace{path: path, known: make(map[ID]struct{}), boot: boot}, nil
}

// Note adds those processes that are new. It gives how many were.
func (t *Trace) Note(seen []Info) (added int, err error) {
	var lines []byte
	for _, info := range seen {
		if _, again := t.known[info.ID]; again {
			continue
		}
		t.known[info.ID] = struct{}{}
		id := info.ID
		id.Boot = t.boot
		line, err := json.Marshal(id)
		if err != nil {
			return added, fmt.Errorf("note processes: %w", err)
		}
		lines = append(append(lines, line...), '\n')
		added++
	}
	if added == 0 {
		return 0, nil
	}
	f, err := os.OpenFile(t.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return added, fmt.Errorf("note processes: %w", err)
	}
	_, err = f.Write(lines)
	if err = errors.Join(err, f.Close()); err != nil {
		return added, fmt.Errorf("note processes: %w", err)
	}
	return added, nil
}

// ReadTrace gives the processes of this boot that a trace holds; none when there is no trace. What
// can't be read of it is left out.
func ReadTrace(path string) ([]ID, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the processes a runner has seen: %w", err)
	}
	boot, err := BootID()
	if err != nil {
		return nil, err
	}
	var seen []ID
	for line := range bytes.Lines(b) {
		var id ID
		if json.Unmarshal(line, &id) == nil && id.PID > 1 && id.Boot == boot {
			seen = append(seen, ID{PID: id.PID, Start: id.Start})
		}
	}
	return seen, nil
}
