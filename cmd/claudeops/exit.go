package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

// Exit codes. run and wait end with the agent's own where the agent has one.
const (
	exitOK         = 0
	exitFailure    = 1
	exitUsage      = 2   // wrong flags, arguments or parameters
	exitTimeout    = 124 // the agent took longer than its definition allows
	exitServer     = 125 // the server's fault, or the server can't be reached
	exitNotStarted = 126 // the agent could not be started
	exitSignal     = 128 // plus the number of the signal that ended the agent
	exitCancelled  = 130 // as a shell reports a program that Ctrl-C ended
)

// exitError ends the program with a code, and with a message unless err is nil.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func usageError(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// codeOf is the exit code for an error that names none itself.
func codeOf(err error) int {
	var exit *exitError
	switch {
	case errors.As(err, &exit):
		return exit.code
	case strings.HasPrefix(err.Error(), "if any flags in the group"):
		return exitUsage // cobra says so in its own words
	case unreachable(err):
		return exitServer
	}
	switch client.CodeOf(err) {
	case protocol.BadRequest, protocol.TooLarge, protocol.UnknownType:
		return exitUsage
	case protocol.Unavailable, protocol.Internal:
		return exitServer
	}
	return exitFailure
}

// unreachable reports whether no server answered, or one stopped answering.
func unreachable(err error) bool {
	var request *url.Error
	var network *net.OpError
	return errors.Is(err, errNoServer) || errors.As(err, &request) || errors.As(err, &network) && network.Op != "listen"
}

// runError gives an error of run, wait or rerun its exit code. Their other codes are the agent's, so
// whatever is not a wrong use is reported as the server's fault.
func runError(err error) error {
	var exit *exitError
	if err == nil || errors.As(err, &exit) || errors.Is(err, errOutput) {
		return err
	}
	code := exitServer
	switch client.CodeOf(err) {
	case protocol.BadRequest, protocol.NotFound, protocol.TooLarge, protocol.UnknownType:
		code = exitUsage
	}
	return &exitError{code, err}
}

// outcome is how an execution ended, as far as an exit code can say it.
type outcome struct {
	status   execution.Status
	reason   execution.Reason
	exitCode *int
	signal   string
}

func outcomeOfEvent(e *protocol.Event) outcome {
	o := outcome{exitCode: e.ExitCode, signal: e.Signal}
	switch e.Type {
	case execution.TypeCompleted:
		o.status = execution.Completed
	case execution.TypeCancelled:
		o.status = execution.Cancelled
	default:
		o.status, o.reason = execution.Failed, execution.Reason(e.Reason)
	}
	return o
}

func outcomeOfRecord(r protocol.Record) outcome {
	o := outcome{status: r.Status, exitCode: r.ExitCode, signal: r.Signal}
	if r.Status == execution.Failed {
		o.reason = execution.Reason(r.Reason)
	}
	return o
}

// code is what run and wait end with.
func (o outcome) code() int {
	switch {
	case o.status == execution.Cancelled:
		return exitCancelled
	case o.status == execution.Completed:
		if o.exitCode != nil {
			return *o.exitCode
		}
		return exitOK
	}
	switch o.reason {
	case execution.ReasonTimeout, execution.ReasonIdleTimeout, "stalled":
		return exitTimeout
	case execution.ReasonSpawnFailed:
		return exitNotStarted
	case execution.ReasonRunnerLost, execution.ReasonHostRestarted, "worker_lost":
		return exitServer
	}
	switch {
	case o.exitCode != nil && *o.exitCode != 0:
		return *o.exitCode
	case o.signal != "":
		if n := int(unix.SignalNum(o.signal)); n > 0 {
			return exitSignal + n
		}
	}
	return exitFailure
}
