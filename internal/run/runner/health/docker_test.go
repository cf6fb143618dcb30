package health

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fakeEngine speaks Docker's API on a unix socket.
type fakeEngine struct {
	socket string
	mu     sync.Mutex
	asked  map[string]int
}

type fakeContainer struct {
	name, state, health string
	exit, restarts      int
	oom                 bool
	finished            time.Time
	cpu                 float64 // cores in use
	memory, limit       uint64
	cache               uint64
}

func newFakeEngine(t *testing.T, containers []fakeContainer) *fakeEngine {
	t.Helper()
	dir, err := os.MkdirTemp("", "docker") // t.TempDir is too long for a socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	e := &fakeEngine{socket: filepath.Join(dir, "docker.sock"), asked: map[string]int{}}
	id := func(i int) string { return fmt.Sprintf("%012d%052d", i, i) }
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(v); err != nil {
			t.Error(err)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containers/json", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("all") != "1" {
			t.Error("stopped containers were not asked for")
		}
		list := []map[string]any{}
		for i, c := range containers {
			list = append(list, map[string]any{"Id": id(i), "Names": []string{"/" + c.name}, "Image": "image:1", "State": c.state, "Status": "Up 2 hours"})
		}
		answer(w, list)
	})
	mux.HandleFunc("GET /containers/{id}/json", func(w http.ResponseWriter, r *http.Request) {
		for i, c := range containers {
			if id(i) != r.PathValue("id") {
				continue
			}
			if c.name == "gone" {
				w.WriteHeader(http.StatusNotFound)
				answer(w, map[string]string{"message": "No such container: gone"})
				return
			}
			state := map[string]any{"Status": c.state, "ExitCode": c.exit, "OOMKilled": c.oom, "FinishedAt": c.finished.Format(time.RFC3339Nano)}
			if c.health != "" {
				state["Health"] = map[string]any{"Status": c.health}
			}
			answer(w, map[string]any{"Id": id(i), "RestartCount": c.restarts, "State": state})
		}
	})
	mux.HandleFunc("GET /containers/{id}/stats", func(w http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); q.Get("stream") != "false" {
			t.Error("an endless stream of statistics was asked for")
		}
		for i, c := range containers {
			if id(i) != r.PathValue("id") {
				continue
			}
			if c.state != "running" {
				t.Errorf("statistics of %s, which does not run", c.name)
			}
			e.mu.Lock()
			e.asked[c.name]++
			readings := e.asked[c.name]
			e.mu.Unlock()
			// The machine has 4 cores; each reading is a second after the one before.
			system := uint64(1e12 + float64(readings)*4e9)
			used := uint64(1e9 + float64(readings)*c.cpu*1e9)
			answer(w, map[string]any{
				"cpu_stats":    map[string]any{"cpu_usage": map[string]any{"total_usage": used}, "system_cpu_usage": system, "online_cpus": 4},
				"memory_stats": map[string]any{"usage": c.memory + c.cache, "limit": c.limit, "stats": map[string]any{"inactive_file": c.cache}},
			})
		}
	})
	listener, err := net.Listen("unix", e.socket)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(mux)
	server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	return e
}

// look runs the check on a healthy machine with an engine at socket. Real sockets know no made-up
// time, so the sample is short instead.
func look(t *testing.T, socket string) (lines string, report Report) {
	t.Helper()
	p := DefaultParameters()
	p.IncludeDockerStats, p.DockerSocket, p.SampleSeconds = true, socket, 0.01
	path := filepath.Join(t.TempDir(), "result.json")
	var out bytes.Buffer
	if code := run(t.Context(), &out, &out, p, healthy().sources(), path); code != 0 {
		t.Fatalf("exit %d:\n%s", code, &out)
	}
	result, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(result, &report); err != nil {
		t.Fatal(err)
	}
	checkLines(t, out.String())
	return out.String(), report
}

func TestContainers_healthy(t *testing.T) {
	t.Parallel()
	e := newFakeEngine(t, []fakeContainer{
		{name: "web", state: "running", health: "healthy", cpu: 1.5, memory: 256 << 20, cache: 64 << 20, limit: 1 * gib},
		{name: "old", state: "exited", exit: 1, finished: time.Now().Add(-72 * time.Hour)},
		{name: "gone", state: "running"},
	})
	lines, report := look(t, e.socket)
	if report.Overall != Healthy || len(report.Findings) > 0 {
		t.Errorf("%s: %+v", report.Overall, report.Findings)
	}
	want := &Docker{Available: true, Running: 1, Containers: []Container{
		{ID: "000000000001", Name: "old", Image: "image:1", State: "exited", ExitCode: 1},
		{ID: "000000000000", Name: "web", Image: "image:1", State: "running", Health: "healthy", CPUPercent: 150, Memory: 256 << 20, MemoryLimit: gib, MemoryPercent: 25},
	}}
	if diff := cmp.Diff(want, report.Metrics.Docker); diff != "" {
		t.Error(diff)
	}
	for _, part := range []string{"web", "150.0 %", "256.0 MiB of 1.0 GiB", "gone"} {
		if !strings.Contains(lines, part) {
			t.Errorf("no %q in\n%s", part, lines)
		}
	}
}

func TestContainers_findings(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		container fakeContainer
		overall   Overall
		id        string
		evidence  string
	}{
		{"restarting", fakeContainer{state: "restarting", restarts: 17, exit: 2}, Critical, "container.restarting:x", "after 17 restarts, exit code 2"},
		{"unhealthy", fakeContainer{state: "running", health: "unhealthy"}, Critical, "container.unhealthy:x", "health check"},
		{"starting", fakeContainer{state: "running", health: "starting"}, Healthy, "", ""},
		{"restarted often", fakeContainer{state: "running", restarts: 3}, Warning, "container.restarts:x", "3 restarts"},
		{"restarted twice", fakeContainer{state: "running", restarts: 2}, Healthy, "", ""},
		{"dead", fakeContainer{state: "dead"}, Warning, "container.dead:x", "could not remove"},
		{"out of memory", fakeContainer{state: "exited", oom: true, exit: 137}, Warning, "container.out-of-memory:x", "exit code 137"},
		{"failed lately", fakeContainer{state: "exited", exit: 1, finished: time.Now().Add(-150 * time.Minute)}, Healthy, "container.failed:x", "exit code 1, 2 h 30 min ago"},
		{"ended well", fakeContainer{state: "exited", finished: time.Now()}, Healthy, "", ""},
		{"memory", fakeContainer{state: "running", memory: 90, limit: 100}, Warning, "container.memory:x", "90.0 %"},
		{"memory critical", fakeContainer{state: "running", memory: 99, limit: 100}, Critical, "container.memory:x", "99.0 %"},
		{"memory that is cache", fakeContainer{state: "running", memory: 10, cache: 89, limit: 100}, Healthy, "", ""},
	} {
		t.Run(strings.ReplaceAll(tt.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			tt.container.name = "x"
			_, report := look(t, newFakeEngine(t, []fakeContainer{tt.container}).socket)
			if report.Overall != tt.overall {
				t.Errorf("%s, want %s", report.Overall, tt.overall)
			}
			if tt.id == "" {
				if len(report.Findings) > 0 {
					t.Errorf("findings %+v", report.Findings)
				}
				return
			}
			if len(report.Findings) != 1 || report.Findings[0].ID != tt.id || !strings.Contains(report.Findings[0].Evidence, tt.evidence) || report.Findings[0].Recommendation == "" {
				t.Errorf("findings %+v", report.Findings)
			}
		})
	}
}

func TestContainers_many(t *testing.T) {
	t.Parallel()
	var many []fakeContainer
	for i := range 100 {
		many = append(many, fakeContainer{name: fmt.Sprintf("c%03d", i), state: "running", cpu: 0.01, memory: 1, limit: 2})
	}
	_, report := look(t, newFakeEngine(t, many).socket)
	if d := report.Metrics.Docker; d.Running != 100 || len(d.Containers) != 100 || d.Containers[99].Name != "c099" || d.Containers[99].CPUPercent != 1 {
		t.Errorf("%d running, %d listed", d.Running, len(d.Containers))
	}
}

func TestContainers_no_engine(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "docker")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "stale.sock"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	stale.Close()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refusing := filepath.Join(dir, "refusing.sock")
	listener, err := net.Listen("unix", refusing)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintln(w, `{"message":"not for\nyou"}`)
	})}
	served := make(chan struct{})
	go func() { defer close(served); server.Serve(listener) }()
	t.Cleanup(func() { server.Close(); <-served })

	for socket, want := range map[string]string{
		filepath.Join(dir, "none.sock"):  "there is no Docker here: no socket at ",
		filepath.Join(dir, "stale.sock"): "the Docker engine is not running",
		filepath.Join(dir, "file"):       "the Docker engine is not running",
		refusing:                         "the engine answers 403 Forbidden not for?you",
	} {
		lines, report := look(t, socket)
		if d := report.Metrics.Docker; d.Available || !strings.Contains(d.Reason, want) {
			t.Errorf("%s: %+v, want %q", socket, d, want)
		}
		if n := strings.Count(lines, report.Metrics.Docker.Reason); n != 1 {
			t.Errorf("told %d times:\n%s", n, lines)
		}
		if report.Overall != Healthy {
			t.Errorf("%s: no engine makes the machine %s", socket, report.Overall)
		}
	}
}

// TestEngine_unavailable_permission is about an error that root, who runs these tests in places,
// never gets from a real socket.
func TestEngine_unavailable_permission(t *testing.T) {
	t.Parallel()
	e := newEngine("/var/run/docker.sock")
	err := fmt.Errorf("dial: %w", &net.OpError{Op: "dial", Err: &os.SyscallError{Syscall: "connect", Err: os.ErrPermission}})
	if got := e.unavailable(err); !strings.Contains(got, "no permission to use /var/run/docker.sock: add this user to the group docker") {
		t.Error(got)
	}
}
