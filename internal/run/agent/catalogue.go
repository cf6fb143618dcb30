package agent

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"sync"
	"time"
)

// Options say where a catalogue reads, and what its agents are given.
type Options struct {
	// Dir holds the definitions, *.yaml and *.yml. Empty: only what is built in. It may be missing,
	// which is a problem, appear, go and come back while the catalogue runs.
	Dir string
	// Executable is this program, which runs the builtins. Empty: os.Executable.
	Executable string
	// Environ is the server's environment, of which agents get the allowlist. Nil: os.Environ.
	Environ []string
	// Debounce is how long files must be quiet before they are read again. 0: 100 ms.
	Debounce time.Duration
	// Log hears of every change. Nil: nothing is logged.
	Log *slog.Logger
}

// Catalogue keeps the agents there are. While a file is wrong its last good definition stays. All
// methods are safe for concurrent use.
type Catalogue struct {
	options Options
	environ []string
	builtin []*Definition // there without a file

	reloading sync.Mutex // one reload at a time; held while subscribers are told

	mu          sync.RWMutex
	files       map[string]*file // by name in Dir
	definitions map[string]*Definition
	problems    []Problem
	listed      string // the directory's listing before it was last read
	subscribers map[int]func()
	nextID      int

	watching watching
}

// file is what is known of one definition file.
type file struct {
	sum      [sha256.Size]byte
	good     *Definition // the last that was right
	problems []Problem   // with what is there now
}

// OpenCatalogue reads the definitions once. What is wrong with them is in Problems; only a
// directory that can't be read at all is an error.
func OpenCatalogue(options Options) (*Catalogue, error) {
	if options.Executable == "" {
		executable, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find this program's own path: %w", err)
		}
		options.Executable = executable
	}
	if options.Dir != "" {
		dir, err := filepath.Abs(options.Dir)
		if err != nil {
			return nil, fmt.Errorf("find the directory of agent definitions %s: %w", options.Dir, err)
		}
		options.Dir = dir
	}
	if options.Environ == nil {
		options.Environ = os.Environ()
	}
	if options.Debounce <= 0 {
		options.Debounce = 100 * time.Millisecond
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	c := &Catalogue{
		options: options, environ: allowlisted(options.Environ), builtin: builtinDefinitions(),
		files: map[string]*file{}, subscribers: map[int]func(){},
	}
	for _, d := range c.builtin {
		c.equip(d)
	}
	if err := c.Reload(); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Catalogue) equip(d *Definition) {
	d.executable, d.environ = c.options.Executable, c.environ
}

// Get finds an agent by name.
func (c *Catalogue) Get(name string) (*Definition, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	d, ok := c.definitions[name]
	return d, ok
}

// List gives every agent, by name.
func (c *Catalogue) List() []*Definition {
	c.mu.RLock()
	defer c.mu.RUnlock()
	list := make([]*Definition, 0, len(c.definitions))
	for _, name := range slices.Sorted(maps.Keys(c.definitions)) {
		list = append(list, c.definitions[name])
	}
	return list
}

// Problems gives what is wrong with the files as they are now, by file and line.
func (c *Catalogue) Problems() []Problem {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return append([]Problem(nil), c.problems...)
}

// Subscribe calls changed after every change of agents or problems, one call at a time. changed
// may ask the catalogue anything but must not Reload or Stop it. After cancel a call already under
// way may still end; no new one begins.
func (c *Catalogue) Subscribe(changed func()) (cancel func()) {
	c.mu.Lock()
	id := c.nextID
	c.nextID++
	c.subscribers[id] = changed
	c.mu.Unlock()
	return func() {
		c.mu.Lock()
		delete(c.subscribers, id)
		c.mu.Unlock()
	}
}

// Reload reads the directory now. The watcher calls it; so may anybody.
func (c *Catalogue) Reload() error {
	c.reloading.Lock()
	defer c.reloading.Unlock()
	seen := listing(c.options.Dir)
	c.mu.Lock()
	c.listed = seen // before the files are read: a change from here on is a change to the next look
	c.mu.Unlock()
	sources, unreadable, err := readDir(c.options.Dir)
	missing := errors.Is(err, errNoDirectory)
	if err != nil && !missing {
		problem := Problem{File: c.options.Dir, Message: err.Error()}
		if !c.loaded() {
			return fmt.Errorf("read %s: %w", c.options.Dir, err)
		}
		// Keep everything as it was: a directory that can't be read for a moment must not take
		// the agents away.
		c.mu.Lock()
		changed := !(len(c.problems) > 0 && c.problems[0] == problem)
		if changed {
			c.problems = append([]Problem{problem}, c.problems...)
		}
		c.mu.Unlock()
		if changed {
			c.options.Log.Warn("agent definitions can't be read; the last ones stay", "dir", c.options.Dir, "error", err)
			c.tell()
		}
		return fmt.Errorf("read %s: %w", c.options.Dir, err)
	}
	files := make(map[string]*file, len(sources))
	for name, source := range sources {
		sum := sha256.Sum256(source)
		before := c.file(name)
		if before != nil && before.sum == sum && unreadable[name] == "" {
			files[name] = before
			continue
		}
		now := &file{sum: sum}
		if before != nil {
			now.good = before.good
		}
		path := filepath.Join(c.options.Dir, name)
		if why := unreadable[name]; why != "" {
			now.sum = sha256.Sum256([]byte("unreadable: " + why))
			now.problems = []Problem{{File: path, Message: why}}
		} else {
			var d *Definition
			if d, now.problems = Parse(path, source); d != nil {
				c.equip(d)
				now.good = d
			}
		}
		files[name] = now
	}
	definitions, problems := merge(c.options.Dir, c.builtin, files)
	if missing {
		problems = append(problems, Problem{File: c.options.Dir, Message: err.Error()})
	}

	c.mu.Lock()
	changed := !sameDefinitions(c.definitions, definitions) || !sameProblems(c.problems, problems)
	first := c.definitions == nil
	c.files, c.definitions, c.problems = files, definitions, problems
	c.mu.Unlock()
	if !changed {
		return nil
	}
	for _, p := range problems {
		c.options.Log.Warn("a problem with agent definitions", "problem", p.Error())
	}
	if !first {
		c.options.Log.Info("agent definitions changed", "agents", len(definitions), "problems", len(problems))
	}
	c.tell()
	return nil
}

func (c *Catalogue) lastListing() string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.listed
}

func (c *Catalogue) loaded() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.definitions != nil
}

func (c *Catalogue) file(name string) *file {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.files[name]
}

// tell calls the subscribers in the order they came.
func (c *Catalogue) tell() {
	c.mu.RLock()
	ids := make([]int, 0, len(c.subscribers))
	for id := range c.subscribers {
		ids = append(ids, id)
	}
	c.mu.RUnlock()
	sort.Ints(ids)
	for _, id := range ids {
		c.mu.RLock()
		changed := c.subscribers[id]
		c.mu.RUnlock()
		if changed != nil {
			changed()
		}
	}
}

// merge makes the catalogue from its files: in their order by name, the first of a name wins.
func merge(dir string, builtin []*Definition, files map[string]*file) (map[string]*Definition, []Problem) {
	definitions := map[string]*Definition{}
	for _, d := range builtin {
		definitions[d.Name] = d
	}
	var problems []Problem
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f := files[name]
		for _, p := range f.problems {
			if f.good != nil && !p.Warning {
				p.Message += " (until then " + f.good.Name + " stays as it was)"
			}
			problems = append(problems, p)
		}
		d := f.good
		if d == nil {
			continue
		}
		clash := Problem{File: filepath.Join(dir, name), Line: d.line, Column: d.column, Field: "name"}
		switch other := definitions[d.Name]; {
		case other == nil || (slices.Contains(builtin, other) && sameRuns(d, other)):
			definitions[d.Name] = d
		case slices.Contains(builtin, other):
			clash.Message = fmt.Sprintf("%s is built in: choose another name, or say %s: %v to change its title and defaults", d.Name, other.Kind, other.Runs)
			problems = append(problems, clash)
		default:
			clash.Message = fmt.Sprintf("%s is the name of the agent in %s already: choose another", d.Name, other.File)
			problems = append(problems, clash)
		}
	}
	return definitions, problems
}

func sameDefinitions(a, b map[string]*Definition) bool {
	if len(a) != len(b) {
		return false
	}
	for name, d := range a {
		if b[name] != d {
			return false
		}
	}
	return true
}

func sameProblems(a, b []Problem) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
