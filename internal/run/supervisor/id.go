package supervisor

import (
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
)

// idSource makes ids that sort by creation, whatever the clock does: when it has gone back, they
// count on from the last one.
type idSource struct {
	mu      sync.Mutex // guards what follows
	last    uint64     // milliseconds of the newest id
	entropy *ulid.MonotonicEntropy
}

func newIDSource() *idSource {
	return &idSource{entropy: ulid.Monotonic(rand.Reader, 0)}
}

// continueAfter makes every id newer than the given one, if it is an id of ours.
func (s *idSource) continueAfter(id string) {
	parsed, err := ulid.ParseStrict(strings.ToUpper(id))
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// Within one millisecond ids differ in a random part, which a new process does not continue.
	s.last = max(s.last, parsed.Time()+1)
}

func (s *idSource) next(now time.Time) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = max(s.last, ulid.Timestamp(now))
	id, err := ulid.New(s.last, s.entropy)
	if err != nil {
		// The random part has run over: the next millisecond begins anew.
		s.last++
		id, err = ulid.New(s.last, s.entropy)
	}
	if err != nil {
		return "", fmt.Errorf("make an execution id: %w", err)
	}
	return strings.ToLower(id.String()), nil
}
