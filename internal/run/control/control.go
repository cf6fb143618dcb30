// Package control is what a server needs to start a runner and to reach one: the specification that
// it hands over, the start of the process, the messages of the control socket, and the server's end
// of the connection. The runner's own end, and everything that happens inside a runner, is package
// runner's.
package control

import "github.com/claudeops/claudeops/internal/record/rundir"

// Names in the directory of one execution that server and runner share.
const (
	SpecFile   = rundir.SpecFile      // what the runner is to do
	SocketFile = rundir.SocketFile    // where the runner can be reached
	LogFile    = rundir.RunnerLogFile // the runner's standard error
	TraceFile  = rundir.TraceFile     // the agent's processes that the runner has seen, see process.Trace
)
