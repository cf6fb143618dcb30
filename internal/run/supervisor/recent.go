package supervisor

import (
	"container/list"
	"sync"

	"github.com/claudeops/claudeops/internal/execution"
)

// recentBytes bounds what is kept of ended executions: their results can be a mebibyte each.
const recentBytes = 4 << 20

// recordBytes is what a record takes beside its texts, roughly.
const recordBytes = 1 << 10

// recent keeps the records of ended executions that were asked for last. They never change, but for
// what retention does to them: then they are forgotten.
type recent struct {
	mu    sync.Mutex // guards what follows
	age   uint64     // counts what was forgotten
	bytes int
	order *list.List // of *execution.Record, newest use first
	byID  map[string]*list.Element
}

func newRecent() *recent {
	return &recent{order: list.New(), byID: make(map[string]*list.Element)}
}

func weight(rec *execution.Record) int { return recordBytes + len(rec.Result) + len(rec.Config) }

func (r *recent) get(id string) (execution.Record, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	element, ok := r.byID[id]
	if !ok {
		return execution.Record{}, false
	}
	r.order.MoveToFront(element)
	return *element.Value.(*execution.Record), true
}

// epoch is to be taken before a record is read that is to be put.
func (r *recent) epoch() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.age
}

// forget drops a record. One that was read before is not put any more.
func (r *recent) forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.age++
	r.dropLocked(id)
}

// put keeps a record that was read in that epoch.
func (r *recent) put(epoch uint64, rec execution.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if epoch != r.age {
		return
	}
	r.dropLocked(rec.ExecutionID)
	if weight(&rec) > recentBytes/4 {
		return // one must not push all others out
	}
	r.byID[rec.ExecutionID] = r.order.PushFront(&rec)
	r.bytes += weight(&rec)
	for r.bytes > recentBytes {
		r.dropLocked(r.order.Back().Value.(*execution.Record).ExecutionID)
	}
}

func (r *recent) dropLocked(id string) {
	element, ok := r.byID[id]
	if !ok {
		return
	}
	delete(r.byID, id)
	r.bytes -= weight(r.order.Remove(element).(*execution.Record))
}
