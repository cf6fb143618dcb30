package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// server is a process under measurement.
type server struct {
	name      string
	address   string
	cmd       *exec.Cmd
	token     string
	execution string
	begin     func(rate int) error // makes it publish lines
	stop      func()
}

func (s *server) pid() int { return s.cmd.Process.Pid }

// startServer starts a server on its core and waits until it listens.
func startServer(ctx context.Context, name, binary string) (*server, error) {
	if name == "claudeops" {
		return startOurs(ctx, binary)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var cmd *exec.Cmd
	switch name {
	case "node-ws":
		cmd = exec.CommandContext(ctx, "node", "node/ws.mjs")
	case "socket.io":
		cmd = exec.CommandContext(ctx, "node", "node/socketio.mjs")
	default:
		cmd = exec.CommandContext(ctx, self, "serve", name)
		cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	if err := onCore(serverCore, cmd.Start); err != nil {
		return nil, err
	}
	s := &server{name: name, cmd: cmd}
	s.stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("%s did not say where it listens: %w", name, err)
	}
	s.address = strings.TrimSpace(line)
	s.begin = func(rate int) error {
		_, err := fmt.Fprintf(in, "%d\n", rate)
		return err
	}
	return s, nil
}

// onCore starts a process with the affinity it shall have.
func onCore(core int, start func() error) error {
	var before, set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return err
	}
	set.Set(core)
	done := make(chan error)
	go func() {
		// A thread of its own, which ends with the goroutine: its affinity is inherited.
		lockThread()
		_ = unix.SchedSetaffinity(0, &set)
		done <- start()
	}()
	return <-done
}

// startOurs starts the server with one agent that writes lines.
func startOurs(ctx context.Context, binary string) (*server, error) {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "claudeops-bench-")
	if err != nil {
		return nil, err
	}
	agents := filepath.Join(dir, "agents")
	if err := os.MkdirAll(agents, 0o700); err != nil {
		return nil, err
	}
	definition := fmt.Sprintf("name: lines\ntitle: Lines\ncommand: [%q, emit, -rate, \"{{rate}}\"]\nparameters:\n  type: object\n  properties: {rate: {type: integer}}\n", self)
	if err := os.WriteFile(filepath.Join(agents, "lines.yaml"), []byte(definition), 0o600); err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	cmd := exec.CommandContext(ctx, binary, "serve", "--listen", "127.0.0.1:0", "--data", data, "--agents", agents, "--log-level", logLevel())
	cmd.Stderr = os.Stderr
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	s := &server{name: "claudeops", cmd: cmd}
	if err := onCore(serverCore, cmd.Start); err != nil {
		return nil, err
	}
	s.stop = sync.OnceFunc(func() {
		if s.execution != "" {
			_, _ = s.post("/api/executions/"+s.execution+"/cancel", `{}`)
			s.awaitEnd()
		}
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	})
	if err := s.awaitListening(ctx, data); err != nil {
		s.stop()
		return nil, err
	}
	s.begin = func(rate int) error {
		body, err := s.post("/api/executions", fmt.Sprintf(`{"agentType":"lines","config":{"rate":%d}}`, rate))
		if err != nil {
			return err
		}
		var rec struct {
			ExecutionID string `json:"executionId"`
		}
		if err := json.Unmarshal(body, &rec); err != nil {
			return err
		}
		s.execution = rec.ExecutionID
		// The runner and the agent are the source: they belong on the other core.
		time.Sleep(300 * time.Millisecond)
		for _, pid := range descendants(s.pid()) {
			pin(pid, loadCore)
		}
		return nil
	}
	return s, nil
}

func (s *server) awaitListening(ctx context.Context, data string) error {
	for ctx.Err() == nil {
		var where struct {
			URL string `json:"url"`
		}
		b, err := os.ReadFile(filepath.Join(data, "server.json"))
		token, err2 := os.ReadFile(filepath.Join(data, "owner.token"))
		if err == nil && err2 == nil && json.Unmarshal(b, &where) == nil && where.URL != "" {
			s.address = strings.TrimSuffix(strings.TrimPrefix(where.URL, "http://"), "/")
			s.token = strings.TrimSpace(string(token))
			resp, err := http.Get(where.URL + "/readyz")
			if err == nil {
				resp.Body.Close()
				if resp.StatusCode == http.StatusOK {
					return nil
				}
			}
		}
		if s.cmd.ProcessState != nil {
			return fmt.Errorf("the server ended: %s", s.cmd.ProcessState)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return ctx.Err()
}

func (s *server) post(path, body string) ([]byte, error) {
	req, err := http.NewRequest(http.MethodPost, "http://"+s.address+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if resp.StatusCode >= 300 {
		return nil, fmt.Errorf("%s: %s: %s", path, resp.Status, answer)
	}
	return answer, err
}

func (s *server) awaitEnd() {
	for range 100 {
		if len(descendants(s.pid())) == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func logLevel() string {
	if level := os.Getenv("BENCH_LOG"); level != "" {
		return level
	}
	return "warn"
}
