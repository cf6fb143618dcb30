package schedule

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// File is the name, in the data directory, of the log of what was due and what became of it.
const File = "schedules.ndjson"

// What became of a due time.
const (
	Started = "started" // it gave the execution
	Skipped = "skipped" // it gave none, for the reason
	Waiting = "waiting" // the run of an earlier one goes on

	starting = "starting" // a run is about to be started; not told to anybody
)

// What entries of the log say.
const (
	typeSeen    = "seen"    // the schedule is there: due times count from here on
	typeGone    = "gone"    // it is not any more
	typePaused  = "paused"  //
	typeResumed = "resumed" // due times count from here on
	typeDue     = "due"     // what became of a due time
)

// keptEntries is how many due times of one schedule the log keeps when it is shortened: a year's of
// every half hour. It is shortened when it is opened and has grown to twice as many.
const keptEntries = 17_600

type entry struct {
	Type        string     `json:"type"`
	Agent       string     `json:"agent"`
	N           int        `json:"n"`
	At          time.Time  `json:"at"`
	Spec        string     `json:"spec,omitempty"`
	By          string     `json:"by,omitempty"`
	Due         time.Time  `json:"due,omitzero"`
	Until       *time.Time `json:"until,omitempty"` // the last of several that were skipped together
	Count       int        `json:"count,omitempty"` // how many they are
	Outcome     string     `json:"outcome,omitempty"`
	ExecutionID string     `json:"executionId,omitempty"`
	Reason      string     `json:"reason,omitempty"`
}

// state is what the log says of one schedule.
type state struct {
	spec     string
	gone     bool
	cursor   time.Time // due times up to it are dealt with
	paused   bool
	pausedBy string
	pausedAt time.Time
	starting time.Time   // a due time whose run may or may not have been started; zero: none
	waiting  []time.Time // due times that wait for the end of an earlier run, oldest first
	last     string      // the newest execution that a due time gave
	newest   *entry      // of type due
}

// apply folds one entry in.
func (st *state) apply(e *entry) {
	switch e.Type {
	case typeSeen:
		st.spec, st.gone, st.cursor = e.Spec, false, e.At
	case typeGone:
		st.gone, st.waiting, st.starting = true, nil, time.Time{}
	case typePaused:
		st.paused, st.pausedBy, st.pausedAt = true, e.By, e.At
	case typeResumed:
		st.paused, st.pausedBy, st.cursor = false, "", e.At
	case typeDue:
		last := e.Due
		if e.Until != nil {
			last = *e.Until
		}
		if last.After(st.cursor) {
			st.cursor = last
		}
		st.waiting = slices.DeleteFunc(slices.Clone(st.waiting), e.Due.Equal)
		if st.starting.Equal(e.Due) {
			st.starting = time.Time{}
		}
		switch e.Outcome {
		case Waiting:
			st.waiting = append(st.waiting, e.Due)
		case starting:
			st.starting = e.Due
		case Started:
			if e.ExecutionID != "" {
				st.last = e.ExecutionID
			}
		}
		if e.Outcome != starting {
			st.newest = e
		}
	}
}

// record appends an entry, durably, and folds it in.
func (s *Scheduler) record(key Key, e entry, now time.Time) error {
	e.Agent, e.N, e.At = key.Agent, key.N, now.UTC()
	if !e.Due.IsZero() {
		e.Due = e.Due.UTC()
	}
	if err := s.file.append(&e); err != nil {
		return fmt.Errorf("record what is due: %w", err)
	}
	st := s.states[key]
	if st == nil {
		st = &state{}
		s.states[key] = st
	}
	st.apply(&e)
	return nil
}

// file is the open log. What it holds is whole lines, but for the last, which a crash may have cut.
type file struct {
	path string
	f    *os.File
	size int64        // of whole entries
	sync func() error // makes what was written durable
}

// openFile reads the log, cuts a torn line off, and shortens it when it has grown long.
func openFile(path string, log *slog.Logger) (*file, map[Key]*state, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, err
	}
	states, counts := map[Key]*state{}, map[Key]int{}
	good, err := readEntries(f, func(e *entry) {
		key := Key{e.Agent, e.N}
		if states[key] == nil {
			states[key] = &state{}
		}
		states[key].apply(e)
		counts[key]++
	})
	if err == nil {
		err = f.Truncate(good)
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	l := &file{path: path, f: f, size: good}
	l.sync = func() error { return l.f.Sync() }
	for _, count := range counts {
		if count > 2*keptEntries {
			if err := l.shorten(states); err != nil {
				log.Warn("the log of schedules could not be shortened; it stays as it is", "file", path, "error", err)
			}
			break
		}
	}
	return l, states, nil
}

// readEntries calls fn for each whole entry and gives where the last one ends. A line that is damaged
// is passed over: what it said of a due time is made good by the executions' own keys.
func readEntries(r io.Reader, fn func(*entry)) (good int64, err error) {
	b := bufio.NewReader(r)
	for {
		line, err := b.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return good, nil
		}
		if err != nil {
			return good, err
		}
		good += int64(len(line))
		e := &entry{}
		if json.Unmarshal(line, e) == nil {
			fn(e)
		}
	}
}

func (l *file) append(e *entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	if _, err = l.f.WriteAt(line, l.size); err == nil {
		err = l.sync()
	}
	if err != nil {
		// The next entry goes over what of this one was written.
		return errors.Join(err, l.f.Truncate(l.size))
	}
	l.size += int64(len(line))
	return nil
}

// shorten writes the log anew with the newest due times of each schedule, and what they stand on.
func (l *file) shorten(states map[Key]*state) error {
	kept := map[Key][]*entry{}
	if err := l.each(func(e *entry) {
		key := Key{e.Agent, e.N}
		if e.Type != typeDue || e.Outcome == starting {
			return
		}
		list := append(kept[key], e)
		if len(list) > 2*keptEntries {
			list = slices.Clone(list[len(list)-keptEntries:])
		}
		kept[key] = list
	}); err != nil {
		return err
	}
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	for key, st := range states {
		list := kept[key]
		entries := append([]*entry(nil), list[max(0, len(list)-keptEntries):]...)
		entries = append(entries, &entry{Type: typeSeen, Spec: st.spec, At: st.cursor})
		for _, due := range st.waiting {
			entries = append(entries, &entry{Type: typeDue, Due: due, Outcome: Waiting, At: st.cursor})
		}
		if !st.starting.IsZero() {
			entries = append(entries, &entry{Type: typeDue, Due: st.starting, Outcome: starting, At: st.cursor})
		}
		if st.paused {
			entries = append(entries, &entry{Type: typePaused, By: st.pausedBy, At: st.pausedAt})
		}
		if st.gone {
			entries = append(entries, &entry{Type: typeGone, At: st.cursor})
		}
		for _, e := range entries {
			e.Agent, e.N = key.Agent, key.N
			if err := out.Encode(e); err != nil {
				return err
			}
		}
	}
	temp, err := os.CreateTemp(filepath.Dir(l.path), File+".*")
	if err != nil {
		return err
	}
	_, err = temp.Write(b.Bytes())
	if err == nil {
		err = temp.Sync()
	}
	if err == nil {
		err = os.Rename(temp.Name(), l.path)
	}
	if err != nil {
		return errors.Join(err, temp.Close(), removeAny(temp.Name()))
	}
	old := l.f
	l.f, l.size = temp, int64(b.Len())
	return old.Close()
}

func removeAny(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// each reads the whole log from its beginning.
func (l *file) each(fn func(*entry)) error {
	_, err := readEntries(io.NewSectionReader(l.f, 0, l.size), fn)
	return err
}

func (l *file) close() error {
	if l.f == nil {
		return nil
	}
	f := l.f
	l.f = nil
	return f.Close()
}
