package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/internal/run/process"
	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

// world is a data directory, definitions, and the servers that come and go over them.
type world struct {
	t      *testing.T
	dir    string // data
	agents string // definitions
	listen string // the same for every server of this world
	args   []string
	via    []string // what the server is started through, as prlimit, and its arguments

	mu     sync.Mutex // guards server
	server *server
}

// server is one server process.
type server struct {
	cmd  *exec.Cmd
	log  *logBuffer
	done chan struct{} // closed when it has ended
	err  error         // how, once done
}

// logBuffer keeps what a process writes.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newWorld(t *testing.T, args ...string) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{t: t, dir: filepath.Join(dir, "data"), agents: filepath.Join(dir, "agents"), listen: freeAddress(t), args: args}
	if err := os.Mkdir(w.agents, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			if s := w.current(); s != nil {
				t.Logf("the last server's log:\n%s", s.log)
			}
		}
		w.kill()
		w.endExecutions()
	})
	return w
}

// freeAddress gives an address nothing listens on now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// define writes a definition.
func (w *world) define(name, text string) {
	w.t.Helper()
	text = strings.ReplaceAll(text, "TESTAGENT", testAgent)
	if err := os.WriteFile(filepath.Join(w.agents, name+".yaml"), []byte("name: "+name+"\n"+text), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) url() string { return "http://" + w.listen }

func (w *world) current() *server {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.server
}

// launch starts a server and does not wait until it is ready.
func (w *world) launch() *server {
	w.t.Helper()
	args := append([]string{"serve", "--data", w.dir, "--agents", w.agents, "--listen", w.listen, "--log-level", "debug"}, w.args...)
	command := append(append(slices.Clone(w.via), binary), args...)
	s := &server{cmd: exec.Command(command[0], command[1:]...), log: &logBuffer{}, done: make(chan struct{})}
	s.cmd.Env = cleanEnviron()
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	// A shell's Ctrl-C at the tests must not reach servers before the tests do.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.done)
	}()
	w.mu.Lock()
	w.server = s
	w.mu.Unlock()
	return s
}

// serve starts a server and waits until it is ready.
func (w *world) serve() *server {
	w.t.Helper()
	s := w.launch()
	w.waitReady(s)
	return s
}

func (w *world) waitReady(s *server) {
	w.t.Helper()
	// Every run has a transport of its own, so that none of its connections outlives a server that is killed.
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	c := &http.Client{Transport: transport, Timeout: 5 * time.Second}
	await(w.t, "the server is ready", func() bool {
		select {
		case <-s.done:
			w.t.Fatalf("the server ended (%v):\n%s", s.err, s.log)
		default:
		}
		r, err := c.Get(w.url() + "/readyz")
		if err != nil {
			return false
		}
		_, _ = io.Copy(io.Discard, r.Body)
		r.Body.Close()
		return r.StatusCode == http.StatusOK
	})
}

// kill ends the current server as a crash does.
func (w *world) kill() {
	s := w.current()
	if s == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	<-s.done
}

// stop ends the current server as an operator does.
func (w *world) stop() {
	w.t.Helper()
	s := w.current()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		w.t.Fatal(err)
	}
	select {
	case <-s.done:
	case <-time.After(30 * time.Second):
		w.t.Fatalf("the server does not end:\n%s", s.log)
	}
	if s.err != nil {
		w.t.Fatalf("the server ended badly: %v\n%s", s.err, s.log)
	}
}

// endExecutions leaves nothing behind that a test has started.
func (w *world) endExecutions() {
	entries, _ := os.ReadDir(filepath.Join(w.dir, "executions"))
	for _, entry := range entries {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		if _, err := process.KillMarked(ctx, entry.Name()); err != nil {
			w.t.Errorf("end what is left of %s: %v", entry.Name(), err)
		}
		cancel()
	}
	// A runner whose agent is gone writes the end and goes too. The directory is removed after that.
	await(w.t, "no runner of this test is left", func() bool { return len(w.runners()) == 0 })
}

// runners are the runner processes of this world.
func (w *world) runners() []int {
	var pids []int
	all, _ := process.List()
	for _, info := range all {
		cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", info.PID))
		if args := strings.Split(string(cmdline), "\x00"); len(args) > 2 && args[1] == "runner" && args[2] == w.dir {
			pids = append(pids, info.PID)
		}
	}
	return pids
}

// strays are the processes that carry an execution's id, its agents and whatever they left behind.
func strays(t *testing.T, id string) []process.Info {
	t.Helper()
	infos, err := process.Marked(id)
	if err != nil {
		t.Fatal(err)
	}
	return infos
}

func (w *world) token() string {
	w.t.Helper()
	token, err := auth.OwnerToken(w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

func (w *world) client(options ...client.Option) *client.Client {
	w.t.Helper()
	return w.clientAt(w.listen, options...)
}

// clientAt makes a client that comes to the server by way of another address.
func (w *world) clientAt(address string, options ...client.Option) *client.Client {
	w.t.Helper()
	options = append([]client.Option{client.WithToken(w.token()), client.WithBackoff(5*time.Millisecond, 100*time.Millisecond)}, options...)
	c, err := client.New("http://"+address, options...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := c.Close(); err != nil {
			w.t.Error(err)
		}
	})
	return c
}

// start runs an agent and waits until it runs.
func (w *world) start(ctx context.Context, c *client.Client, agent string, config any) protocol.Record {
	w.t.Helper()
	ack, err := c.Execute(ctx, agent, config)
	if err != nil {
		w.t.Fatal(err)
	}
	for m, err := range c.Messages(ctx, protocol.Cursor{ExecutionID: ack.ExecutionID}) {
		if err != nil {
			w.t.Fatal(err)
		}
		if m.Seq == 2 {
			break
		}
	}
	var record protocol.Record
	await(w.t, "the record says that the agent runs", func() bool {
		var err error
		if record, err = c.Get(ctx, ack.ExecutionID); err != nil {
			w.t.Fatal(err)
		}
		return record.PID != 0
	})
	return record
}

// journal reads an execution's events from the disk.
func (w *world) journal(id string) []protocol.Event {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir, "executions", id, "events.ndjson"))
	if errors.Is(err, fs.ErrNotExist) { // sealed
		b, err = unseal(filepath.Join(w.dir, "executions", id, "events.zst"))
	}
	if err != nil {
		w.t.Fatal(err)
	}
	var events []protocol.Event
	for line := range bytes.Lines(b) {
		var e protocol.Event
		if err := json.Unmarshal(line, &e); err != nil {
			w.t.Fatalf("the journal of %s holds %.200q: %v", id, line, err)
		}
		events = append(events, e)
	}
	return events
}

// unseal gives the plain bytes of a sealed journal, as zstd -d does.
func unseal(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d, err := zstd.NewReader(f)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return io.ReadAll(d)
}

// await waits until a condition holds that nothing tells of.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute) // of a machine that does much else
	for pause := time.Millisecond; !ok(); pause = min(2*pause, 50*time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
		time.Sleep(pause)
	}
}

// cleanEnviron is the tests' environment without what would steer the program.
func cleanEnviron() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "CLAUDEOPS_") && !strings.HasPrefix(v, "XDG_DATA_HOME=") {
			env = append(env, v)
		}
	}
	return env
}

// output is what a command line did.
type output struct {
	stdout, stderr string
	code           int
}

// cli runs the command line on this world's data directory.
func (w *world) cli(args ...string) output {
	w.t.Helper()
	cmd := w.command(args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.t.Fatal(err)
	}
	return output{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

func (w *world) command(args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	cmd.Env = append(cleanEnviron(), "CLAUDEOPS_DATA="+w.dir, "CLAUDEOPS_AGENTS="+w.agents)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

func (o output) check(t *testing.T, code int, want ...string) {
	t.Helper()
	if o.code != code {
		t.Errorf("exit code %d, want %d\nstdout: %s\nstderr: %s", o.code, code, o.stdout, o.stderr)
	}
	for _, text := range want {
		if !strings.Contains(o.stdout+o.stderr, text) {
			t.Errorf("%q is missing\nstdout: %s\nstderr: %s", text, o.stdout, o.stderr)
		}
	}
}

// waitEnd gives the record of an execution that has ended.
func waitEnd(ctx context.Context, t *testing.T, c *client.Client, id string) protocol.Record {
	t.Helper()
	if _, err := c.Wait(ctx, id); err != nil {
		t.Fatal(err)
	}
	record, err := c.Get(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	return record
}
