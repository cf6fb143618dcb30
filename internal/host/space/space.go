// Package space watches whether there is room left for what is to be recorded: free bytes and inodes
// of the file system that holds the data directory. It tells early and knows by itself when there is
// room again. It frees nothing and holds nobody up: who is told decides.
package space

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/claudeops/claudeops/protocol"
)

// Figures are of a file system, as those may use it who are not root.
type Figures struct {
	Free, Total        uint64 // bytes
	FreeInodes, Inodes uint64 // both 0 where the file system does not count them
}

// Mark is how much must be free. The zero Mark is the default: the larger of 1 GiB and 2 %, but never
// more than a tenth of a small file system.
type Mark struct {
	Bytes   uint64
	Percent float64 // of the whole, of inodes too
	Off     bool    // nothing is watched
}

const (
	defaultBytes   = 1 << 30
	defaultInodes  = 1000
	defaultPercent = 2
	smallPercent   = 10 // what a default takes of a small file system at most
)

// criticalPart is which part of the low mark is the critical one.
const criticalPart = 4

// relief is how much more than a mark must be free, in percent of it, before what was held up goes on:
// else an execution that starts would be the one that stops the next.
const relief = 10

func percent(of uint64, p float64) uint64 { return uint64(float64(of) / 100 * p) }

func (m Mark) bytes(total uint64) uint64 {
	switch {
	case m.Bytes > 0:
		return m.Bytes
	case m.Percent > 0:
		return percent(total, m.Percent)
	}
	return min(max(defaultBytes, percent(total, defaultPercent)), percent(total, smallPercent))
}

func (m Mark) inodes(total uint64) uint64 {
	if m.Percent > 0 {
		return percent(total, m.Percent)
	}
	return min(max(defaultInodes, percent(total, defaultPercent)), percent(total, smallPercent))
}

// State is how it stands.
type State struct {
	protocol.DiskState
	Figures
	LowMark   uint64 // bytes
	Condition string // what is wrong, for people; empty when all is well
}

// judge says how it stands, given how it stood.
func (m Mark) judge(f Figures, before protocol.DiskState) State {
	s := State{DiskState: protocol.DiskOK, Figures: f, LowMark: m.bytes(f.Total)}
	inodes := m.inodes(f.Inodes)
	// below asks for more when it stood as badly before.
	below := func(state protocol.DiskState, part uint64) (bytes, nodes bool) {
		needBytes, needNodes := s.LowMark/part, inodes/part
		if before == state || before == protocol.DiskCritical {
			needBytes += needBytes * relief / 100
			needNodes += needNodes * relief / 100
		}
		return f.Free < needBytes, f.Inodes > 0 && f.FreeInodes < needNodes
	}
	bytes, nodes := below(protocol.DiskLow, 1)
	if !bytes && !nodes {
		return s
	}
	s.DiskState = protocol.DiskLow
	if b, n := below(protocol.DiskCritical, criticalPart); b || n {
		s.DiskState = protocol.DiskCritical
	}
	switch {
	case bytes:
		s.Condition = fmt.Sprintf("the disk of the data directory has %s free, and %s are needed", sizeText(f.Free), sizeText(s.LowMark))
	default:
		s.Condition = fmt.Sprintf("the file system of the data directory has %d inodes free, and %d are needed", f.FreeInodes, inodes)
	}
	s.Condition += ": nothing is started until there is room"
	return s
}

func sizeText(n uint64) string {
	for _, unit := range []struct {
		bytes uint64
		name  string
	}{{1 << 40, "TiB"}, {1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= unit.bytes {
			return strconv.FormatFloat(float64(n)/float64(unit.bytes), 'f', 1, 64) + " " + unit.name
		}
	}
	return strconv.FormatUint(n, 10) + " bytes"
}

// ParseMark reads how much must be free: a share such as "5%", "off", or what size reads.
func ParseMark(text string, size func(string) (int64, error)) (Mark, error) {
	switch {
	case text == "":
		return Mark{}, nil
	case text == "off":
		return Mark{Off: true}, nil
	case strings.HasSuffix(text, "%"):
		p, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
		if err != nil || !(p > 0 && p < 100) {
			return Mark{}, fmt.Errorf("%.40q is no share of the disk, such as 5%%", text)
		}
		return Mark{Percent: p}, nil
	}
	n, err := size(text)
	if err != nil {
		return Mark{}, fmt.Errorf("%w; or a share such as 5%%, or off", err)
	}
	if n <= 0 {
		return Mark{}, fmt.Errorf("%.40q is nothing; to watch nothing say off", text)
	}
	return Mark{Bytes: uint64(n)}, nil
}

// Options are what a Watcher is made of. Path is needed.
type Options struct {
	Path    string
	Low     Mark
	Changed func(State)                        // told of each change, one at a time; must not call the watcher
	Every   time.Duration                      // between two looks; 0: two seconds
	Statfs  func(path string) (Figures, error) // nil: the system's
	Log     *slog.Logger
}

// every is how often it looks: a look costs microseconds, and a disk fills at gigabytes a second.
const every = 2 * time.Second

// Watcher looks at a file system again and again. It is safe for concurrent use.
type Watcher struct {
	options Options
	work    sync.WaitGroup
	ctx     context.Context // ends with Stop
	cancel  context.CancelFunc

	looking sync.Mutex // one look at a time, with what it tells; guards failed
	failed  bool

	mu    sync.Mutex // guards what follows
	begun bool
	state State
}

// New makes a watcher. It looks for the first time in Start.
func New(options Options) *Watcher {
	if options.Every == 0 {
		options.Every = every
	}
	if options.Statfs == nil {
		options.Statfs = statfs
	}
	if options.Changed == nil {
		options.Changed = func(State) {}
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	w := &Watcher{options: options, state: State{DiskState: protocol.DiskOK}}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	return w
}

// Start looks, and goes on looking. When it returns the state is known. Starting twice, or after Stop,
// changes nothing.
func (w *Watcher) Start() {
	w.mu.Lock()
	if w.begun || w.ctx.Err() != nil || w.options.Low.Off {
		w.mu.Unlock()
		return
	}
	w.begun = true
	w.work.Add(1)
	w.mu.Unlock()
	w.look()
	go func() {
		defer w.work.Done()
		ticker := time.NewTicker(w.options.Every)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				w.look()
			case <-w.ctx.Done():
				return
			}
		}
	}()
}

// Stop ends the looking. It is safe to call twice, and before Start.
func (w *Watcher) Stop() {
	w.mu.Lock()
	w.cancel()
	w.mu.Unlock()
	w.work.Wait()
}

// State gives how it stood at the last look. ok is false when nothing is watched.
func (w *Watcher) State() (s State, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state, w.begun
}

func (w *Watcher) look() {
	w.looking.Lock()
	defer w.looking.Unlock()
	figures, err := w.options.Statfs(w.options.Path)
	if err != nil {
		if !w.failed {
			w.options.Log.Error("the room of the data directory can't be found; it is taken to be as before", "path", w.options.Path, "error", err)
		}
		w.failed = true
		return
	}
	w.failed = false
	w.mu.Lock()
	before := w.state.DiskState
	w.state = w.options.Low.judge(figures, before)
	now := w.state
	w.mu.Unlock()
	if now.DiskState == before {
		return
	}
	switch now.DiskState {
	case protocol.DiskOK:
		w.options.Log.Info("there is room again", "path", w.options.Path, "free", now.Free, "inodes", now.FreeInodes)
	case protocol.DiskLow:
		w.options.Log.Warn(now.Condition, "path", w.options.Path, "free", now.Free, "needed", now.LowMark, "inodes", now.FreeInodes)
	default:
		w.options.Log.Error(now.Condition+"; what runs may soon have to wait for room too", "path", w.options.Path, "free", now.Free, "needed", now.LowMark, "inodes", now.FreeInodes)
	}
	w.options.Changed(now)
}
