package supervisor

// Hold has nothing started from now on, for a reason that is shown with everything that waits; with an
// empty one the queue goes on. What runs is not touched, and what is new is accepted as ever: a queue
// that waits is better than a record cut off in the middle.
func (s *Supervisor) Hold(reason string) {
	s.mu.Lock()
	s.queue.held = reason
	s.mu.Unlock()
	if reason == "" {
		s.schedule()
	}
}

// Held gives why nothing is started, empty when nothing holds the queue up.
func (s *Supervisor) Held() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.queue.reason()
}

// drainReason is shown with everything that waits for a server that was told to start nothing.
const drainReason = "the server was told to start nothing (--max-running 0)"
