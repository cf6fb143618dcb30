package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/rundir"
	"github.com/claudeops/claudeops/internal/run/sandbox"
)

// beginWait is how long a runner may take from its start until it has the journal and the socket.
// On an idle machine that is some 20 ms.
const beginWait = 30 * time.Second

// passedOn are the variables of the server's environment that a runner gets. The agent gets none of
// them but through its Spec.
var passedOn = []string{"PATH", "HOME", "TMPDIR", "TZ", "GODEBUG", "GOTRACEBACK", "GOCOVERDIR", "GORACE", sandbox.AssumeVariable}

// Spawn starts the runner of execution id, exe being this program, and returns when the runner has
// taken over the journal and can be dialled, which is when the agent is being started. The runner
// lives in a session of its own and outlives its parent. Where it can't begin, the error says why
// in its own words, and nothing of it is left.
//
// Spawn leaves a goroutine behind that ends with the runner process; it waits for it so that no
// zombie is left, and takes no thread for that on Linux.
//
// fetched are the values of the spec's EnvFrom; they pass through a pipe and are in no file.
func Spawn(exe, dataDir, id string, fetched map[string]string) (pid int, err error) {
	if err := execution.ValidateID(id); err != nil {
		return 0, err
	}
	fail := func(err error) (int, error) {
		return 0, fmt.Errorf("start the runner of execution %s: %w", id, err)
	}
	dataDir, err = filepath.Abs(dataDir)
	if err != nil {
		return fail(err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return fail(err)
	}
	defer null.Close()
	logPath := filepath.Join(dataDir, rundir.ExecutionsDir, id, LogFile)
	log, err := os.OpenFile(logPath, os.O_WRONLY|os.O_CREATE|os.O_APPEND|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return fail(err)
	}
	defer log.Close()
	ready, readyEnd, err := os.Pipe()
	if err != nil {
		return fail(err)
	}
	defer ready.Close()
	env := []string{readyEnv + "=3", "GOMAXPROCS=2", "GOTRACEBACK=single"}
	for _, name := range passedOn {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	stdin, give, err := giveFetched(null, fetched)
	if err != nil {
		return fail(err)
	}
	defer give()
	pid, err = syscall.ForkExec(exe, []string{exe, "runner", dataDir, id}, &syscall.ProcAttr{
		Dir:   "/", // nothing to hold on to
		Env:   env,
		Files: []uintptr{stdin.Fd(), null.Fd(), log.Fd(), readyEnd.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	_ = readyEnd.Close()
	if stdin != null {
		_ = stdin.Close()
	}
	if err != nil {
		return fail(fmt.Errorf("%s: %w", exe, err))
	}
	_ = ready.SetReadDeadline(time.Now().Add(beginWait))
	said, err := io.ReadAll(io.LimitReader(ready, 16<<10))
	if string(said) == readyWord {
		go reap(pid)
		return pid, nil
	}
	if err != nil {
		// It hangs. It is our own child and has not been waited for, so the pid is certainly its.
		_ = syscall.Kill(pid, syscall.SIGKILL)
		err = fmt.Errorf("it did not begin within %s", beginWait)
	}
	status := wait(pid)
	if len(said) > 0 {
		return fail(errors.New(string(said)))
	}
	return fail(errors.Join(err, fmt.Errorf("it ended (%s) before it began: %s", statusText(status), lastLines(logPath))))
}

// giveFetched gives what is the runner's standard input, and writes the values to it until done is
// called: a pipe may hold less than they are.
func giveFetched(null *os.File, fetched map[string]string) (stdin *os.File, done func(), err error) {
	if len(fetched) == 0 {
		return null, func() {}, nil
	}
	b, err := json.Marshal(fetched)
	if err != nil {
		return nil, nil, err
	}
	stdin, ours, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = ours.Write(b) // a runner that does not read says why it could not begin
		_ = ours.Close()
	}()
	return stdin, func() {
		_ = ours.SetWriteDeadline(time.Unix(1, 0))
		<-written
	}, nil
}

// wait blocks until the child has ended.
func wait(pid int) syscall.WaitStatus {
	var status syscall.WaitStatus
	for {
		if _, err := syscall.Wait4(pid, &status, 0, nil); err != syscall.EINTR {
			return status
		}
	}
}

func statusText(s syscall.WaitStatus) string {
	if s.Signaled() {
		return s.Signal().String()
	}
	return fmt.Sprintf("exit code %d", s.ExitStatus())
}

// lastLines is what the runner has left in its log.
func lastLines(path string) string {
	const most = 2 << 10
	b, err := os.ReadFile(path)
	if err != nil || len(b) == 0 {
		return "it left no message"
	}
	if len(b) > most {
		b = b[len(b)-most:]
	}
	return strings.TrimSpace(string(b))
}
