package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// inbox takes webhooks, and refuses them while it is down.
type inbox struct {
	*httptest.Server
	mu    sync.Mutex
	down  bool
	ids   map[string]int // by execution and id
	tried chan struct{}
}

func newInbox(t *testing.T) *inbox {
	t.Helper()
	in := &inbox{down: true, ids: map[string]int{}, tried: make(chan struct{}, 1000)}
	in.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m struct{ ID, ExecutionID string }
		err := json.NewDecoder(r.Body).Decode(&m)
		in.mu.Lock()
		defer in.mu.Unlock()
		if in.down || err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
		} else {
			in.ids[m.ExecutionID+" "+m.ID]++
		}
		in.tried <- struct{}{}
	}))
	t.Cleanup(in.Close)
	return in
}

func (in *inbox) up() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.down = false
}

// executions are those that messages have come about.
func (in *inbox) executions() map[string]bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	about := map[string]bool{}
	for key := range in.ids {
		about[key[:26]] = true
	}
	return about
}

// The receiver is down, the server is killed, an agent fails while no server runs: everything arrives.
func TestNotifications_survive_the_server(t *testing.T) {
	t.Parallel()
	in := newInbox(t)
	w := newWorld(t)
	w.define("fails", "shell: exit 3\n")
	w.define("fails-later", "shell: 'while [ ! -e \"$GO\" ]; do sleep 0.1; done; exit 4'\nenv: {GO: '"+filepath.Join(w.agents, "go")+"'}\n")
	if err := os.MkdirAll(w.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	config := "channels: {hook: {webhook: '" + in.URL + "', allowPrivate: true}}\nrules: [{when: failure, to: [hook]}]\n"
	if err := os.WriteFile(filepath.Join(w.dir, "notifications.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	w.serve()
	c := w.client()
	first := w.start(t.Context(), c, "fails", nil)
	later := w.start(t.Context(), c, "fails-later", nil)
	<-in.tried // refused: it waits in the outbox
	w.kill()
	if err := os.WriteFile(filepath.Join(w.agents, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	in.up()
	w.serve()
	for about := in.executions(); !about[first.ExecutionID] || !about[later.ExecutionID]; about = in.executions() {
		<-in.tried
	}
	w.cli("notify").check(t, 0, "sent", "fails failed")
	w.cli("notify", "test").check(t, 0, "hook: sent")
	w.cli("notify", "test", "nope").check(t, 1, "nope")
}
