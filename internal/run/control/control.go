// Package control is what a server needs to start a runner and to reach one: the specification that
// it hands over, the start of the process, the messages of the control socket, and the server's end
// of the connection. The runner's own end, and everything that happens inside a runner, is package
// runner's.
package control

// Names in the directory of one execution that server and runner share.
const (
	SpecFile   = "spec.json"        // what the runner is to do
	SocketFile = "runner.sock"      // where the runner can be reached
	LogFile    = "runner.log"       // the runner's standard error
	TraceFile  = "processes.ndjson" // the agent's processes that the runner has seen, see process.Trace
)
