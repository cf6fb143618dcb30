package notify

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/claudeops/claudeops/internal/record/datadir"
)

// The states of a delivery.
const (
	Pending = "pending"  // waits: for its turn, the end of quiet time, or the next try
	Sent    = "sent"     // the channel has taken it
	Failed  = "given_up" // it was tried for giveUpAfter
	Joined  = "joined"   // it is part of another message that says how many there were
)

// Delivery is a message on its way over one channel.
type Delivery struct {
	Message  Message   `json:"message"`
	Channel  string    `json:"channel"`
	Rule     string    `json:"rule"` // identifies the rule, for its bound
	AtMost   int       `json:"atMost"`
	State    string    `json:"state"`
	Attempts int       `json:"attempts"`
	Next     time.Time `json:"next"`            // of a pending one: not before
	Error    string    `json:"error,omitempty"` // of the last attempt
	Into     string    `json:"into,omitempty"`  // of a joined one: the message it is part of
	Updated  time.Time `json:"updated"`
}

// outbox keeps deliveries, each in a file of its own, so that none is lost with the server.
type outbox struct {
	dir string
	log *slog.Logger

	mu     sync.Mutex // guards all, and the files
	all    map[string]*Delivery
	wake   chan struct{} // has room for one: something is new
	marker marker
	moved  bool // whether the marker has moved since it was written
}

// marker says up to when executions that ended have been looked at.
type marker struct {
	Since   time.Time `json:"since"`   // when the first server began to watch
	Handled time.Time `json:"handled"` // every execution that ended before has become its messages
}

const (
	markerFile = "watched.json"
	// What is done is kept for the page, and so that a fact that still holds is not told again: the
	// newest keepCount always, others for keepDone, and never more than keepMost.
	keepCount = 200
	keepDone  = 14 * 24 * time.Hour
	keepMost  = 5000
)

func openOutbox(dir string, log *slog.Logger) (*outbox, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the outbox of notifications: %w", err)
	}
	b := &outbox{dir: dir, log: log, all: map[string]*Delivery{}, wake: make(chan struct{}, 1)}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read the outbox of notifications: %w", err)
	}
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		switch {
		case strings.HasPrefix(entry.Name(), "."): // a write that a crash has cut short
			_ = os.Remove(path)
		case entry.Name() == markerFile:
			err = read(path, &b.marker)
		case filepath.Ext(entry.Name()) == ".json":
			d := &Delivery{}
			if err = read(path, d); err == nil {
				b.all[d.Message.ID] = d
			}
		}
		if err != nil { // one damaged file must not silence the others
			log.Error("a file of the notifications' outbox can't be read; it is left where it is", "file", path, "error", err)
			err = nil
		}
	}
	if b.marker.Since.IsZero() {
		now := time.Now().UTC()
		b.marker = marker{Since: now, Handled: now}
		if err := b.saveMarker(); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func read(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

func (b *outbox) saveMarker() error {
	text, err := json.Marshal(b.marker)
	if err != nil {
		return err
	}
	return datadir.WriteFile(filepath.Join(b.dir, markerFile), text)
}

// handled notes that everything that ended before t has become its messages. flush makes it durable:
// what a crash loses of it is looked at again, and its messages are there already.
func (b *outbox) handled(t time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t.After(b.marker.Handled) {
		b.marker.Handled, b.moved = t, true
	}
}

// flush writes the marker when it has moved.
func (b *outbox) flush() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.moved {
		return nil
	}
	if err := b.saveMarker(); err != nil {
		return err
	}
	b.moved = false
	return nil
}

func (b *outbox) watched() marker {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.marker
}

// add puts a message in, durably, unless it is there already.
func (b *outbox) add(d Delivery) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all[d.Message.ID] != nil {
		return nil
	}
	d.State, d.Updated = Pending, time.Now().UTC()
	if err := b.save(&d); err != nil {
		return err
	}
	b.all[d.Message.ID] = &d
	select {
	case b.wake <- struct{}{}:
	default:
	}
	return nil
}

func (b *outbox) has(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all[id] != nil
}

// save writes a delivery. The caller holds mu.
func (b *outbox) save(d *Delivery) error {
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return datadir.WriteFile(filepath.Join(b.dir, d.Message.ID+".json"), text)
}

// change alters a delivery, durably.
func (b *outbox) change(id string, alter func(*Delivery)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	d := b.all[id]
	if d == nil {
		return nil
	}
	changed := *d
	alter(&changed)
	changed.Updated = time.Now().UTC()
	if err := b.save(&changed); err != nil {
		return err
	}
	b.all[id] = &changed
	return nil
}

// list gives every delivery, the newest message first.
func (b *outbox) list() []Delivery {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]Delivery, 0, len(b.all))
	for _, d := range b.all {
		all = append(all, *d)
	}
	slices.SortFunc(all, func(x, y Delivery) int {
		if c := y.Message.CreatedAt.Compare(x.Message.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(x.Message.ID, y.Message.ID)
	})
	return all
}

// tidy removes what was done long ago.
func (b *outbox) tidy(now time.Time) {
	done := slices.DeleteFunc(b.list(), func(d Delivery) bool { return d.State == Pending })
	for i, d := range done {
		if i < keepCount || i < keepMost && now.Sub(d.Updated) < keepDone {
			continue
		}
		b.mu.Lock()
		err := os.Remove(filepath.Join(b.dir, d.Message.ID+".json"))
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			delete(b.all, d.Message.ID)
		}
		b.mu.Unlock()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			b.log.Error("a delivered notification can't be removed", "error", err)
		}
	}
}
