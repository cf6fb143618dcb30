package agents_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/run/agent"
	"github.com/claudeops/claudeops/internal/run/process"
)

func catalogue(t *testing.T) *agent.Catalogue {
	t.Helper()
	c, err := agent.OpenCatalogue(agent.Options{Dir: "."})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range c.Problems() {
		t.Error(p)
	}
	return c
}

// needs fails with what to install when a program is missing.
func needs(t *testing.T, program, debianPackage string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("%s is missing: apt-get install %s", program, debianPackage)
	}
}

// output collects what an agent writes, and lets a test wait for some of it.
type output struct {
	mu   sync.Mutex
	grew *sync.Cond
	text bytes.Buffer
	over bool
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.grew.Broadcast()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (o *output) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.over = true
	o.grew.Broadcast()
}

// until waits until the output holds text as often as said.
func (o *output) until(t *testing.T, text string, times int) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	for strings.Count(o.text.String(), text) < times {
		if o.over {
			t.Fatalf("ended without %q:\n%s", text, o.text.String())
		}
		o.grew.Wait()
	}
}

// started is an agent that runs.
type started struct {
	id     string
	cmd    *exec.Cmd
	out    *output
	result string
	ended  chan struct{}
	err    error
}

// start runs an example with what a runner adds to it.
func start(t *testing.T, name string, config any) *started {
	t.Helper()
	d, ok := catalogue(t).Get(name)
	if !ok {
		t.Fatalf("no example %s", name)
	}
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	inv, err := d.Resolve(text)
	if err != nil {
		t.Fatal(err)
	}
	s := &started{id: fmt.Sprintf("test-%s-%d-%d", name, os.Getpid(), time.Now().UnixNano()), result: filepath.Join(t.TempDir(), "result.json"), ended: make(chan struct{})}
	s.out = &output{}
	s.out.grew = sync.NewCond(&s.out.mu)
	workspace := t.TempDir()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	s.cmd = exec.CommandContext(ctx, inv.Argv[0], inv.Argv[1:]...)
	s.cmd.Env = append(inv.Env, "CLAUDEOPS_EXECUTION_ID="+s.id, "CLAUDEOPS_RESULT="+s.result, "CLAUDEOPS_WORKSPACE="+workspace)
	s.cmd.Dir = inv.Workdir
	if s.cmd.Dir == "" {
		s.cmd.Dir = workspace
	}
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.ended)
		s.err = s.cmd.Wait()
		s.out.end()
	}()
	t.Cleanup(func() {
		_, err := process.KillMarked(context.Background(), s.id)
		if err != nil {
			t.Error(err)
		}
		<-s.ended
		cancel()
	})
	return s
}

// finish waits for the end and gives the exit code.
func (s *started) finish(t *testing.T) int {
	t.Helper()
	<-s.ended
	var exit *exec.ExitError
	if s.err != nil && !errors.As(s.err, &exit) {
		t.Fatal(s.err)
	}
	checkLines(t, s.out.String())
	return s.cmd.ProcessState.ExitCode()
}

func (s *started) read(t *testing.T, into any) {
	t.Helper()
	text, err := os.ReadFile(s.result)
	if err != nil {
		t.Fatalf("no result: %v\n%s", err, s.out)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%v in the result %s", err, text)
	}
}

var command = regexp.MustCompile(`^::(progress (100|[0-9]{1,2})|group|endgroup|debug|warning|error)::`)

// checkLines looks whether every line that begins with :: is one that ClaudeOps knows.
func checkLines(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "::") && !command.MatchString(line) {
			t.Errorf("no command: %q", line)
		}
	}
}
