package supervisor_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/datadir"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/run/agent"
	"github.com/claudeops/claudeops/internal/run/supervisor"
)

// actAgent is what the agents of the process tests do.
func actAgent(args []string) int {
	switch args[0] {
	case "count": // LINES PER_SECOND FILE: numbered lines with a checksum; FILE says how many were written
		lines, _ := strconv.Atoi(args[1])
		rate, _ := strconv.Atoi(args[2])
		acked, err := os.Create(args[3])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		began := time.Now()
		for n := 1; n <= lines; n++ {
			if _, err := fmt.Println(countedLine(n)); err != nil {
				return 2
			}
			if _, err := acked.WriteAt(fmt.Appendf(nil, "%d", n), 0); err != nil {
				return 3
			}
			if rate > 0 {
				time.Sleep(time.Until(began.Add(time.Duration(n) * time.Second / time.Duration(rate))))
			}
		}
		return 0
	case "stubborn": // ignores every polite request, as do the children it has and has sent away
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
		if len(args) > 1 {
			for {
				time.Sleep(time.Hour)
			}
		}
		exe, _ := os.Executable()
		for i := range 3 {
			child := exec.Command(exe, "agent", "stubborn", "child")
			child.SysProcAttr = &syscall.SysProcAttr{Setsid: i%2 == 0}
			if err := child.Start(); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
		}
		fmt.Println("all there")
		for {
			time.Sleep(time.Hour)
		}
	}
	return 9
}

func countedLine(n int) string {
	text := fmt.Sprintf("line %d", n)
	return fmt.Sprintf("%s %08x", text, crc32.ChecksumIEEE([]byte(text)))
}

const processAgents = `name: count
command: [%[1]q, agent, count, "{{lines}}", "{{rate}}", "{{file}}"]
parameters: {type: object, properties: {lines: {type: integer}, rate: {type: integer}, file: {type: string}}}
---
name: one-count
command: [%[1]q, agent, count, "{{lines}}", "{{rate}}", "{{file}}"]
parameters: {type: object, properties: {lines: {type: integer}, rate: {type: integer}, file: {type: string}}}
concurrency: 1
---
name: stubborn
command: [%[1]q, agent, stubborn]
stop: {grace: 100ms}
---
name: quick
command: [sh, -c, "echo out; echo err >&2; exit 3"]
---
name: missing
command: [/no/such/program]
`

// writeAgents writes the definitions and gives their directory.
func writeAgents(t testing.TB) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for i, source := range strings.Split(fmt.Sprintf(processAgents, exe), "---\n") {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.yaml", i)), []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// openReal opens a supervisor with runners that are processes.
func openReal(dataDir, agents string, log io.Writer) (s *supervisor.Supervisor, closeAll func() error, err error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	catalogue, err := agent.OpenCatalogue(agent.Options{Dir: agents, Executable: exe})
	if err != nil {
		return nil, nil, err
	}
	if problems := catalogue.Problems(); len(problems) > 0 {
		return nil, nil, fmt.Errorf("%v", problems)
	}
	store, err := journal.OpenDir(dataDir)
	if err != nil {
		return nil, nil, err
	}
	x, err := index.Open(filepath.Join(dataDir, "index.sqlite"))
	if err != nil {
		return nil, nil, errors.Join(err, store.Close())
	}
	s, err = supervisor.Open(supervisor.Options{
		DataDir: dataDir, Executable: exe, Catalogue: catalogue, Store: store, Index: x, MaxQueued: -1,
		Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	closeAll = func() error { return errors.Join(x.Close(), store.Close()) }
	if err != nil {
		return nil, nil, errors.Join(err, closeAll())
	}
	return s, closeAll, nil
}

// command is what a test asks of a server process, one JSON object a line; answer is what it says.
type command struct {
	Do, Agent, Key, ID string
	Config             json.RawMessage
}

type answer struct {
	Record   execution.Record
	Existing bool
	Error    string
}

// actServer is a server process. It lives until it is killed or its standard input ends.
func actServer(dataDir, agents string) int {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	d, err := datadir.Open(dataDir)
	if err != nil {
		return fail(err)
	}
	defer d.Close()
	s, closeAll, err := openReal(dataDir, agents, os.Stderr)
	if err != nil {
		return fail(err)
	}
	if err := s.Start(context.Background()); err != nil {
		return fail(err)
	}
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(answer{}); err != nil {
		return fail(err)
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var c command
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			return fail(err)
		}
		var a answer
		switch c.Do {
		case "execute":
			a.Record, a.Existing, err = s.Execute(context.Background(), supervisor.Request{AgentType: c.Agent, Config: c.Config, IdempotencyKey: c.Key, Trigger: me})
		case "cancel":
			a.Record, err = s.Cancel(context.Background(), c.ID, "ann", "test")
		case "get":
			a.Record, err = s.Get(context.Background(), c.ID)
		}
		if err != nil {
			a.Error = err.Error()
		}
		if err := out.Encode(a); err != nil {
			return fail(err)
		}
	}
	if err := s.Stop(context.Background()); err != nil {
		return fail(err)
	}
	if err := closeAll(); err != nil {
		return fail(err)
	}
	return 0
}

// serverProcess is a server as a test sees it from outside.
type serverProcess struct {
	t   testing.TB
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
	log *logBuffer
}

func startServer(t testing.TB, dataDir, agents string) *serverProcess {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &serverProcess{t: t, cmd: exec.Command(exe, "serve", dataDir, agents), log: &logBuffer{}}
	p.cmd.Stderr = p.log
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = json.NewDecoder(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("server %d said:\n%s", p.cmd.Process.Pid, p.log)
		}
	})
	var ready answer
	if err := p.out.Decode(&ready); err != nil {
		t.Fatalf("the server does not get ready: %v\n%s", err, p.log)
	}
	return p
}

// kill is kill -9.
func (p *serverProcess) kill() {
	if p.cmd.ProcessState != nil {
		return
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Error(err)
	}
	p.cmd.Wait()
}

// try gives false when the server died before it answered.
func (p *serverProcess) try(c command) (answer, bool) {
	line, err := json.Marshal(c)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		return answer{}, false
	}
	var a answer
	if err := p.out.Decode(&a); err != nil {
		return answer{}, false
	}
	return a, true
}

func (p *serverProcess) ask(c command) execution.Record {
	p.t.Helper()
	a, ok := p.try(c)
	if !ok || a.Error != "" {
		p.t.Fatalf("%s: %s, answered: %v", c.Do, a.Error, ok)
	}
	return a.Record
}

func (p *serverProcess) untilTerminal(id string) execution.Record {
	p.t.Helper()
	var rec execution.Record
	eventually(p.t, "execution "+short(id)+" has ended", func() bool {
		rec = p.ask(command{Do: "get", ID: id})
		if !rec.Terminal {
			time.Sleep(10 * time.Millisecond)
		}
		return rec.Terminal
	})
	return rec
}
