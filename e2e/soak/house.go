package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/internal/run/process"
	"github.com/claudeops/claudeops/internal/trust/auth"
)

// programs are what is under test, and the agent it runs.
type programs struct {
	claudeops, testAgent string
	clock                string // file that sets the program's clock; empty: it goes by the machine's
}

// house is a data directory with the servers that come and go over it, all on one address.
type house struct {
	programs
	dir     string // of everything
	listen  string
	args    []string      // further flags of serve
	started time.Duration // longest from a server's start until it was ready

	mu     sync.Mutex // guards server
	server *server
}

// server is one process of it.
type server struct {
	cmd   *exec.Cmd
	log   *os.File
	began time.Time
	done  chan struct{} // closed when it has ended
	err   error         // how, once done
}

func newHouse(p programs, dir string, args ...string) (*house, error) {
	h := &house{programs: p, dir: dir, args: args}
	for _, sub := range []string{h.agents(), h.tallies()} {
		if err := os.MkdirAll(sub, 0o755); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h.listen = l.Addr().String()
	return h, l.Close()
}

func (h *house) data() string    { return filepath.Join(h.dir, "data") }
func (h *house) agents() string  { return filepath.Join(h.dir, "agents") }
func (h *house) tallies() string { return filepath.Join(h.dir, "tallies") }
func (h *house) logFile() string { return filepath.Join(h.dir, "server.log") }

// define writes an agent's definition.
func (h *house) define(name, text string) error {
	text = strings.ReplaceAll(text, "TESTAGENT", h.testAgent)
	return os.WriteFile(filepath.Join(h.agents(), name+".yaml"), []byte("name: "+name+"\n"+text), 0o644)
}

// environ is ours without what would steer the program.
func environ() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "CLAUDEOPS_") {
			env = append(env, v)
		}
	}
	return env
}

// launch starts a server and does not wait until it is ready.
func (h *house) launch() error {
	f, err := os.OpenFile(h.logFile(), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	args := append([]string{"serve", "--data", h.data(), "--agents", h.agents(), "--listen", h.listen}, h.args...)
	s := &server{cmd: exec.Command(h.claudeops, args...), log: f, began: time.Now(), done: make(chan struct{})}
	s.cmd.Env = environ()
	s.cmd.Stdout, s.cmd.Stderr = f, f
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C is for us first
	if err := s.cmd.Start(); err != nil {
		return errors.Join(err, f.Close())
	}
	go func() { // ends with the process, which kill and stop wait for
		s.err = s.cmd.Wait()
		_ = f.Close()
		close(s.done)
	}()
	h.mu.Lock()
	h.server = s
	h.mu.Unlock()
	return nil
}

func (h *house) current() *server {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.server
}

// pid is the server's, 0 when there is none.
func (h *house) pid() int {
	s := h.current()
	if s == nil {
		return 0
	}
	select {
	case <-s.done:
		return 0
	default:
		return s.cmd.Process.Pid
	}
}

// ready waits until the server accepts executions.
func (h *house) ready(ctx context.Context) error {
	s := h.current()
	transport := &http.Transport{DisableKeepAlives: true}
	c := &http.Client{Transport: transport, Timeout: 5 * time.Second}
	err := await(ctx, time.Minute, "the server is ready", func() (bool, error) {
		select {
		case <-s.done:
			return false, fmt.Errorf("the server ended while it started (%v); its log is %s", s.err, h.logFile())
		default:
		}
		r, err := c.Get("http://" + h.listen + "/readyz")
		if err != nil {
			return false, nil
		}
		_, _ = io.Copy(io.Discard, r.Body)
		return r.StatusCode == http.StatusOK, r.Body.Close()
	})
	if err == nil {
		h.started = max(h.started, time.Since(s.began))
	}
	return err
}

// serve starts a server and waits until it is ready.
func (h *house) serve(ctx context.Context) error {
	if err := h.launch(); err != nil {
		return err
	}
	return h.ready(ctx)
}

// kill ends the server as a crash does.
func (h *house) kill() {
	if s := h.current(); s != nil {
		_ = s.cmd.Process.Kill()
		<-s.done
	}
}

// stop ends the server as an operator does.
func (h *house) stop() error {
	s := h.current()
	if s == nil {
		return nil
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(time.Minute):
		_ = s.cmd.Process.Kill()
		<-s.done
		return errors.New("the server did not end within a minute of SIGTERM")
	}
	if s.err != nil {
		return fmt.Errorf("the server ended badly when told to: %w", s.err)
	}
	return nil
}

// signal sends the server a signal that does not end it.
func (h *house) signal(sig syscall.Signal) {
	if s := h.current(); s != nil {
		_ = s.cmd.Process.Signal(sig)
	}
}

// run calls the program's command line and gives what it said.
func (h *house) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, h.claudeops, args...)
	cmd.Env = environ()
	text, err := cmd.CombinedOutput()
	return string(text), err
}

// runner is a process that runs one execution.
type runner struct {
	process.ID
	execution string
}

// runners are those of this house.
func (h *house) runners() []runner {
	var found []runner
	all, _ := process.List()
	for _, info := range all {
		cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", info.PID))
		if err != nil {
			continue
		}
		if args := strings.Split(string(cmdline), "\x00"); len(args) > 3 && args[1] == "runner" && args[2] == h.data() {
			found = append(found, runner{info.ID, args[3]})
		}
	}
	return found
}

// marked finds every process that carries the id of some execution, by execution.
func marked() map[string][]int {
	found := map[string][]int{}
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err != nil {
			continue
		}
		for v := range bytes.SplitSeq(env, []byte{0}) {
			if id, ok := bytes.CutPrefix(v, []byte(process.Marker+"=")); ok {
				found[string(id)] = append(found[string(id)], pid)
			}
		}
	}
	return found
}

// client makes one that comes to the server over an address.
func (h *house) client(address string, options ...client.Option) (*client.Client, error) {
	token, err := auth.OwnerToken(h.data())
	if err != nil {
		return nil, err
	}
	options = append([]client.Option{
		client.WithToken(token), client.WithBackoff(20*time.Millisecond, time.Second), client.WithHandshakeTimeout(5 * time.Second),
	}, options...)
	return client.New("http://"+address, options...)
}

// metrics are the server's gauges and counters, by name with labels.
func (h *house) metrics(ctx context.Context) (map[string]float64, error) {
	token, err := auth.OwnerToken(h.data())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+h.listen+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask for metrics: %s", resp.Status)
	}
	values := map[string]float64{}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		name, text, ok := strings.Cut(lines.Text(), "} ")
		if ok {
			name += "}"
		} else if name, text, ok = strings.Cut(lines.Text(), " "); !ok {
			continue
		}
		if v, err := strconv.ParseFloat(text, 64); err == nil && !strings.HasPrefix(name, "#") {
			values[name] = v
		}
	}
	return values, lines.Err()
}

// diskBytes is what the data directory takes.
func (h *house) diskBytes() int64 {
	var sum int64
	_ = filepath.WalkDir(h.data(), func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // what has gone meanwhile takes nothing
		}
		if info, err := d.Info(); err == nil {
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				sum += st.Blocks * 512
			}
		}
		return nil
	})
	return sum
}

// await looks again and again until something holds that nothing tells of.
func await(ctx context.Context, most time.Duration, what string, ok func() (bool, error)) error {
	deadline := time.Now().Add(most)
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		done, err := ok()
		if done || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited %v in vain until %s", most, what)
		}
		if !later(ctx, pause) {
			return context.Cause(ctx)
		}
	}
}

// later waits, and reports false when ctx ends first.
func later(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
