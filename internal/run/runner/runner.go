// Package runner is the process of one execution. It owns the agent: it starts it, turns its output into events, appends them to the journal, stops
// the whole process tree, and writes the event that ends the execution once nothing of it runs any
// more. It needs no server for that: servers come and go over its control socket. It never decides
// what may run or when, keeps no index, and never touches another execution.
//
// # Signals to the runner
//
// SIGTERM and SIGINT, as a machine that shuts down sends them, stop the agent in the usual orderly
// way (stop signal, grace, SIGKILL) and end the execution as failed with reason runner_lost: nobody
// cancelled it. SIGHUP means nothing to it, for it has no terminal. If it is killed, the kernel
// kills the main process with it (Linux) and the server the rest (process.KillMarked).
package runner

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/rundir"
	"github.com/claudeops/claudeops/internal/run/control"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
	"github.com/claudeops/claudeops/internal/trust/mask"
)

// What the runner process exits with.
const (
	ExitOK      = 0 // the execution has its last event
	ExitFailed  = 1 // it could not begin; nothing of the agent was started
	ExitJournal = 3 // the journal can no longer be written; the agent was ended, the last event is for the server to write
)

// Names in the directory of one execution.
const (
	resultFile   = rundir.ResultFile
	sessionsDir  = "sessions" // of the data directory: what drivers keep of agents' sessions
	workspaceDir = rundir.Workspace
)

// Main is the runner process of execution id: `claudeops runner DATADIR ID`. It returns the
// process's exit code. Standard error is for what goes wrong with the runner itself.
func Main(dataDir, id string) int {
	return runMain(dataDir, id, parts{open: (*journal.Files).Append, driver: driverFor})
}

// parts are what a test puts something else in the place of.
type parts struct {
	// open opens an execution's journal for writing at its end.
	open func(store *journal.Files, id string) (journal.Writer, journal.Recovery, error)
	// driver gives the driver that Spec.Driver names.
	driver func(name string) (driver.Driver, error)
}

func runMain(dataDir, id string, p parts) int {
	// The heap stays within a few MB; big buffers live outside it.
	debug.SetGCPercent(50)
	// What the runner makes is for its owner alone. The agent gets a mask of its own, see forkAgent.
	agentMask := syscall.Umask(0o077) | 0o022
	ready := control.TakeReadiness()
	code, err := execute(dataDir, id, agentMask, ready, p)
	if err != nil {
		fmt.Fprintf(os.Stderr, "runner of execution %s: %v\n", id, err)
		ready.Failed(err)
	}
	if execution.ValidateID(id) == nil {
		removeIfEmpty(filepath.Join(dataDir, rundir.ExecutionsDir, id, control.LogFile))
	}
	return code
}

// removeIfEmpty removes a log in which nothing was written.
func removeIfEmpty(path string) {
	if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && info.Size() == 0 {
		_ = os.Remove(path)
	}
}

func execute(dataDir, id string, agentMask int, ready *control.Readiness, p parts) (int, error) {
	if err := execution.ValidateID(id); err != nil {
		return ExitFailed, err
	}
	keepDescriptors()
	store, err := journal.OpenDir(dataDir)
	if err != nil {
		return ExitFailed, err
	}
	defer store.Close()
	dir, err := store.Dir(id)
	if err != nil {
		return ExitFailed, err
	}
	spec, err := control.ReadSpec(dir)
	if err != nil {
		return ExitFailed, err
	}
	if spec.ExecutionID != id {
		return ExitFailed, fmt.Errorf("%s is that of execution %q", control.SpecFile, spec.ExecutionID)
	}
	drv, err := p.driver(spec.Driver)
	if err != nil {
		return ExitFailed, err
	}
	if err := takeFetched(spec); err != nil {
		return ExitFailed, err
	}
	writer, recovery, err := p.open(store, id)
	if err != nil {
		return ExitFailed, err
	}
	if recovery.Reason != "" {
		fmt.Fprintf(os.Stderr, "journal mended: %d bytes cut from event %d on: %s\n", recovery.CutBytes, recovery.CutFrom, recovery.Reason)
	}
	// Of two runners that were started for one execution, by a server and the one after it, the
	// second must not run the agent again: it has run, or may have.
	if head := writer.Head(); head.Seq != 1 {
		return ExitFailed, errors.Join(fmt.Errorf("the execution has begun before: its journal holds %d events, and only execution:queued was expected", head.Seq), writer.Close())
	}
	code, err := runOne(spec, dir, writer, drv, agentMask, ready)
	if e := writer.Close(); e != nil && err == nil && code == ExitOK {
		// The last event was synced before; this is about the index at most.
		fmt.Fprintf(os.Stderr, "close journal: %v\n", e)
	}
	return code, err
}

// errNotStarted is the cause when the agent's process could not be started.
var errNotStarted = errors.New("cannot start the agent")

// takeFetched puts the values that the server has fetched into the agent's environment, and has them
// masked. The spec's file does not have them.
func takeFetched(spec *control.Spec) error {
	values, err := control.TakeFetched(spec.EnvFrom, os.Stdin)
	if err != nil {
		return err
	}
	spec.Env = environment(spec.Env, values)
	for name, value := range values {
		if forms := mask.Forms(value); len(forms) > 0 {
			spec.Secrets = append(spec.Secrets, forms...)
		}
		if len(value) < mask.Shortest {
			spec.Warnings = append(spec.Warnings, fmt.Sprintf("the value of %s is shorter than %d bytes, so it is not masked in the output: use a longer one", name, mask.Shortest))
		}
	}
	slices.SortFunc(spec.Secrets, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b)) })
	return nil
}
