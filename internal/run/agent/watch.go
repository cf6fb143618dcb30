package agent

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// pollEvery is how often the files are read where they can't be watched.
	pollEvery = 3 * time.Second
	// checkEvery is how often the watch itself is looked after: a directory further up may have
	// been renamed, which nobody is told.
	checkEvery = 30 * time.Second
)

// watching is the state of Start and Stop.
type watching struct {
	mu      sync.Mutex
	cancel  context.CancelFunc
	done    chan struct{}
	stopped bool
}

// Start watches the directory until Stop or until ctx ends. Starting twice does nothing.
func (c *Catalogue) Start(ctx context.Context) error {
	c.watching.mu.Lock()
	defer c.watching.mu.Unlock()
	if c.watching.done != nil || c.watching.stopped || c.options.Dir == "" {
		return nil
	}
	w, err := newWatcher(c.options.Dir)
	if err != nil {
		c.options.Log.Warn("definition files can't be watched; looking at them every few seconds instead", "error", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	c.watching.cancel, c.watching.done = cancel, make(chan struct{})
	go func() {
		defer close(c.watching.done)
		c.watch(ctx, w)
	}()
	return nil
}

// Stop ends the watching and waits for it. Agents already read stay. It is safe twice and before Start.
func (c *Catalogue) Stop() {
	c.watching.mu.Lock()
	c.watching.stopped = true
	cancel, done := c.watching.cancel, c.watching.done
	c.watching.mu.Unlock()
	if cancel != nil {
		cancel()
		<-done
	}
}

// watcher watches the directory, and above it the nearest directory there is, so that it notices
// when the directory itself comes, goes or is replaced.
type watcher struct {
	*fsnotify.Watcher
	dir string
	on  os.FileInfo // the directory that is watched now; nil while there is none
}

func newWatcher(dir string) (*watcher, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	f, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	w := &watcher{Watcher: f, dir: absolute}
	if err := w.place(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return w, nil
}

// place puts the watches where they belong now. Adding one that is there already does nothing.
func (w *watcher) place() error {
	now, err := os.Stat(w.dir)
	if err != nil {
		now = nil
	}
	if w.on != nil && (now == nil || !os.SameFile(w.on, now)) {
		_ = w.Remove(w.dir) // usually gone with the directory
		w.on = nil
	}
	if now != nil && w.on == nil {
		if err := w.Add(w.dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		} else if err == nil {
			w.on = now
		}
	}
	for parent := filepath.Dir(w.dir); ; parent = filepath.Dir(parent) {
		err := w.Add(parent)
		if err == nil || parent == filepath.Dir(parent) {
			return err
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
}

// concerns reports whether an event may change what the directory holds.
func (w *watcher) concerns(e fsnotify.Event) bool {
	if filepath.Dir(e.Name) == w.dir {
		// Links may lead through hidden directories of the same directory (as Kubernetes mounts
		// them), so their coming and going counts; a temporary file's writing does not.
		return definitionName(filepath.Base(e.Name)) || e.Has(fsnotify.Create) || e.Has(fsnotify.Rename) || e.Has(fsnotify.Remove)
	}
	if e.Name == w.dir {
		return true
	}
	// Above it only what is on the way to it counts.
	way, err := filepath.Rel(e.Name, w.dir)
	return err == nil && filepath.IsLocal(way) && !e.Has(fsnotify.Write) && !e.Has(fsnotify.Chmod)
}

// watch reloads when the files have been quiet for a moment after a change. w is nil when watching
// is not to be had; then it looks at the files at intervals.
func (c *Catalogue) watch(ctx context.Context, w *watcher) {
	var events chan fsnotify.Event
	var failures chan error
	if w != nil {
		defer w.Close()
		events, failures = w.Events, w.Errors
	}
	quiet := time.NewTimer(0) // what changed between OpenCatalogue and the watch is read at once
	defer quiet.Stop()
	interval := checkEvery
	if w == nil {
		interval = pollEvery
	}
	poll := time.NewTicker(interval)
	defer poll.Stop()
	reload := func() {
		// The error is in Problems and in the log.
		_ = c.Reload()
	}
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			if w.concerns(e) {
				quiet.Reset(c.options.Debounce)
			}
		case _, ok := <-failures:
			if !ok {
				failures = nil
				continue
			}
			// The queue ran over, or a watch is gone: look at everything.
			quiet.Reset(c.options.Debounce)
		case <-quiet.C:
			if w != nil {
				_ = w.place() // the next poll tries again
			}
			reload()
		case <-poll.C:
			if w == nil {
				reload()
				continue
			}
			if w.moved() {
				quiet.Reset(c.options.Debounce)
			}
		}
	}
}

// moved reports whether the directory is another one than the watch is on.
func (w *watcher) moved() bool {
	now, err := os.Stat(w.dir)
	if err != nil || w.on == nil {
		return (err == nil) != (w.on != nil)
	}
	return !os.SameFile(w.on, now)
}
