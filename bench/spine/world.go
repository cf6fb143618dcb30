package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/internal/run/process"
	"github.com/claudeops/claudeops/internal/trust/auth"
)

// programs are what is measured, as it is released.
type programs struct {
	dir               string
	binary, testAgent string
}

func build(ctx context.Context) (*programs, error) {
	dir, err := os.MkdirTemp("", "claudeops-spine-")
	if err != nil {
		return nil, err
	}
	p := &programs{dir: dir, binary: filepath.Join(dir, "claudeops"), testAgent: filepath.Join(dir, "testagent")}
	for out, pkg := range map[string]string{p.binary: "github.com/claudeops/claudeops/cmd/claudeops", p.testAgent: "github.com/claudeops/claudeops/internal/testagent"} {
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			p.remove()
			return nil, fmt.Errorf("build %s: %w\n%s", pkg, err, text)
		}
	}
	return p, nil
}

func (p *programs) remove() { _ = os.RemoveAll(p.dir) }

// world is a data directory with a server.
type world struct {
	programs *programs
	dir      string // everything
	data     string
	agents   string
	listen   string
	server   *exec.Cmd
	log      *bytes.Buffer
	clients  []*client.Client
}

func (p *programs) world() (*world, error) {
	dir, err := os.MkdirTemp(p.dir, "world-")
	if err != nil {
		return nil, err
	}
	w := &world{programs: p, dir: dir, data: filepath.Join(dir, "data"), agents: filepath.Join(dir, "agents")}
	if err := os.Mkdir(w.agents, 0o755); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w.listen = l.Addr().String()
	return w, l.Close()
}

// define writes the definition of an agent that runs the test agent.
func (w *world) define(name string, args ...string) error {
	quoted := make([]string, len(args))
	for i, arg := range args {
		quoted[i] = strconv.Quote(arg)
	}
	text := fmt.Sprintf("name: %s\ncommand: [%q, %s]\n", name, w.programs.testAgent, strings.Join(quoted, ", "))
	return os.WriteFile(filepath.Join(w.agents, name+".yaml"), []byte(text), 0o644)
}

// serve starts the server and gives how long it took until it was ready.
func (w *world) serve(ctx context.Context) (time.Duration, error) {
	w.log = &bytes.Buffer{}
	w.server = exec.Command(w.programs.binary, "serve", "--data", w.data, "--agents", w.agents, "--listen", w.listen, "--log-level", "warn")
	w.server.Stdout, w.server.Stderr = w.log, w.log
	w.server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	begun := time.Now()
	if err := w.server.Start(); err != nil {
		return 0, err
	}
	h := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		if r, err := h.Get("http://" + w.listen + "/readyz"); err == nil {
			_, _ = io.Copy(io.Discard, r.Body)
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return time.Since(begun), nil
			}
		}
		if ctx.Err() != nil || time.Since(begun) > 30*time.Second {
			return 0, errors.Join(fmt.Errorf("the server is not ready after %v: %s", time.Since(begun), w.log), w.close())
		}
		time.Sleep(500 * time.Microsecond)
	}
}

func (w *world) client() (*client.Client, error) {
	token, err := auth.OwnerToken(w.data)
	if err != nil {
		return nil, err
	}
	c, err := client.New("http://"+w.listen, client.WithToken(token))
	if err == nil {
		w.clients = append(w.clients, c)
	}
	return c, err
}

// stop ends the server.
func (w *world) stop() error {
	if w.server == nil {
		return nil
	}
	server := w.server
	w.server = nil
	_ = server.Process.Signal(syscall.SIGTERM)
	if err := server.Wait(); err != nil {
		return fmt.Errorf("the server ended badly: %w: %s", err, w.log)
	}
	return nil
}

func (w *world) close() error {
	var errs []error
	for _, c := range w.clients {
		errs = append(errs, c.Close())
	}
	w.clients = nil
	errs = append(errs, w.stop())
	entries, _ := os.ReadDir(filepath.Join(w.data, "executions"))
	for _, entry := range entries {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		_, err := process.KillMarked(ctx, entry.Name())
		cancel()
		errs = append(errs, err)
	}
	return errors.Join(append(errs, os.RemoveAll(w.dir))...)
}

// runners are the runner processes of this world.
func (w *world) runners() []int {
	var pids []int
	all, _ := process.List()
	for _, info := range all {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", info.PID))
		if args := strings.Split(string(b), "\x00"); len(args) > 2 && args[1] == "runner" && args[2] == w.data {
			pids = append(pids, info.PID)
		}
	}
	return pids
}

// status reads a figure in kB from /proc/PID/status, 0 when the process is gone.
func status(pid int, name string) int {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(b)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == name+":" {
			n, _ := strconv.Atoi(fields[1])
			return n
		}
	}
	return 0
}

// cpu is the processor time a process has used.
func cpu(pid int) time.Duration {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * time.Second / 100 // Linux counts in hundredths
}
