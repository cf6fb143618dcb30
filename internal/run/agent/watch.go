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
	// pollEvery is how often the directory is listed, watched or not: network and container file
	// systems take a watch and send no events.
	pollEvery = 3 * time.Second
	// readEvery is how many of those listings pass before the files are read whatever the listing
	// says: a file may be rewritten within the resolution of its times, with as many bytes.
	readEvery = 10
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
		c.options.Log.Warn("definition files can't be watched; the directory is listed every few seconds instead", "dir", c.options.Dir, "error", err)
		w = &watcher{dir: c.options.Dir}
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
	*fsnotify.Watcher // nil: polling alone
	dir               string
	on                os.FileInfo // the directory that is watched now; nil while there is none
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
	if w.Watcher == nil {
		return nil
	}
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

// watch reloads when the files have been quiet for a moment after a change. Changes are told by the
// file system, and found by listing the directory at intervals where it tells nothing.
func (c *Catalogue) watch(ctx context.Context, w *watcher) {
	var events chan fsnotify.Event
	var failures chan error
	if w.Watcher != nil {
		defer w.Close()
		events, failures = w.Events, w.Errors
	}
	quiet := time.NewTimer(0) // what changed between OpenCatalogue and the watch is read at once
	defer quiet.Stop()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for polls := 1; ; {
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
			_ = w.place()  // the next poll tries again
			_ = c.Reload() // the error is in Problems and in the log
		case <-poll.C:
			if polls++; polls%readEvery == 0 || listing(c.options.Dir) != c.lastListing() {
				quiet.Reset(c.options.Debounce)
			}
		}
	}
}
