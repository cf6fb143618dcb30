package supervisor

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/record/journal"
)

// watcher is one who wants to know how far a journal has grown.
type watcher struct {
	gone atomic.Bool // cancelled: nothing more is told

	mu     sync.Mutex // serializes calls of grew
	grew   func(journal.Position)
	called bool
	last   journal.Position
	final  bool
}

// tell passes on a position that is news. The final one always is: it says that there is no more.
func (w *watcher) tell(at journal.Position, final bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.gone.Load() || w.final || (!final && w.called && at.Seq <= w.last.Seq) {
		return
	}
	w.called, w.last, w.final = true, at, final
	w.grew(at)
}

// Watch calls grew at once with the head of the execution's journal, then whenever it has grown,
// one call at a time and never backwards, and once more after the last event, when Get gives a
// terminal record. grew must not block. cancel may be called from anywhere, also from within grew;
// a call that is under way may still be finishing when it returns. The code of the error is
// not_found when there is no such execution.
func (s *Supervisor) Watch(id string, grew func(journal.Position)) (cancel func(), err error) {
	w := &watcher{grew: grew}
	l := s.find(id)
	if l == nil || !l.addWatcher(w) {
		at, err := s.head(id)
		if err != nil {
			return nil, err
		}
		w.tell(at, true)
		return func() {}, nil
	}
	cancel = func() {
		w.gone.Store(true)
		l.removeWatcher(w)
		l.switchNotices()
	}
	l.switchNotices()
	// Only now: what is appended before this look is seen by it, what comes later is noticed.
	at, err := s.head(id)
	if err != nil {
		cancel()
		return nil, err
	}
	w.tell(at, false)
	return cancel, nil
}

// addWatcher reports false when the execution has ended: there is nothing to watch.
func (l *live) addWatcher(w *watcher) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.watchers = append(append(make([]*watcher, 0, len(l.watchers)+1), l.watchers...), w)
	return true
}

func (l *live) removeWatcher(w *watcher) {
	l.mu.Lock()
	defer l.mu.Unlock()
	left := make([]*watcher, 0, len(l.watchers))
	for _, other := range l.watchers {
		if other != w {
			left = append(left, other)
		}
	}
	l.watchers = left
}

// tell passes a position on to all who watch.
func (l *live) tell(at journal.Position, final bool) {
	l.mu.Lock()
	watchers := l.watchers
	if final {
		l.ended, l.final, l.watchers = true, at, nil
	}
	l.mu.Unlock()
	for _, w := range watchers {
		w.tell(at, final)
	}
}

// switchNotices has the runner tell of growth exactly while somebody watches.
func (l *live) switchNotices() {
	l.switching.Lock()
	defer l.switching.Unlock()
	l.mu.Lock()
	link, wanted := l.link, len(l.watchers) > 0
	l.mu.Unlock()
	if link != nil && wanted != l.noticed {
		l.noticed = wanted
		link.Watch(wanted)
	}
}

// setLink makes link the way to the runner; nil when there is none.
func (l *live) setLink(link Link) {
	l.switching.Lock()
	defer l.switching.Unlock()
	l.noticed = false
	l.mu.Lock()
	defer l.mu.Unlock()
	l.link = link
	l.stalled = false // a new link tells it again
}

// head looks at the journal for its end.
func (s *Supervisor) head(id string) (journal.Position, error) {
	r, err := s.openJournal(id)
	if err != nil {
		return journal.Position{}, err
	}
	defer r.Close()
	at, err := r.Head()
	if err != nil {
		return journal.Position{}, fmt.Errorf("find the end of the journal of %s: %w", id, err)
	}
	return at, nil
}

// openJournal answers an execution there is not with not_found.
func (s *Supervisor) openJournal(id string) (journal.Reader, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	r, err := s.options.Store.Open(id)
	if isNoJournal(err) {
		return nil, index.NotFound(id)
	}
	if err != nil {
		return nil, fmt.Errorf("open the journal of %s: %w", id, err)
	}
	return r, nil
}
