package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/claudeops/claudeops/client"
	_ "github.com/claudeops/claudeops/cmd/claudeops/internal/early" // runners go no further
)

// Exit codes. run ends with the agent's own where the agent has one.
const (
	exitOK        = 0
	exitFailure   = 1
	exitUsage     = 2
	exitCancelled = 130 // as a shell reports a program that Ctrl-C ended
)

// start is the program. Runners and builtins are processes of their own that do not pass through the
// command line's set-up.
func start(args []string) int {
	if len(args) > 0 {
		switch args[0] {
		case "runner": // one that was called rightly is in package early
			fmt.Fprintln(os.Stderr, "claudeops runner is started by the server, with a data directory and an execution's id")
			return exitUsage
		case "builtin":
			return runBuiltin(args[1:])
		}
	}
	return Main(args, os.Stdin, os.Stdout, os.Stderr)
}

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

// Main is the command line as anybody sees it. It returns the exit code.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := &command{stdin: stdin, stdout: stdout, stderr: stderr}
	root := c.root()
	root.SetArgs(args)
	err := root.ExecuteContext(context.Background())
	if c.close != nil {
		if closeErr := c.close(); err == nil {
			err = closeErr
		}
	}
	if err == nil {
		return exitOK
	}
	code := exitFailure
	if strings.HasPrefix(err.Error(), "if any flags in the group") {
		code = exitUsage // cobra says so in its own words
	}
	var exit *exitError
	if errors.As(err, &exit) {
		code = exit.code
		if exit.err == nil {
			return code
		}
	}
	c.complain(err)
	return code
}

// complain tells what went wrong, with the fields of a config that was refused one a line.
func (c *command) complain(err error) {
	fmt.Fprintln(c.stderr, c.paint(c.stderr, red, "claudeops:"), neutral(err.Error()))
	var refused *client.Error
	if errors.As(err, &refused) {
		for _, field := range fieldsOf(refused.Details) {
			fmt.Fprintf(c.stderr, "  %s: %s\n", neutral(field.Field), neutral(field.Message))
		}
	}
}

// command is what every subcommand has: its streams and the flags they share.
type command struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	data      string
	url       string
	tokenFile string
	json      bool
	color     string

	close func() error // of the client, or of a server in this process
}

func (c *command) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "claudeops",
		Short: "Runs agents, shows every line they write, and stops them for certain",
		Long: `Runs agents, shows every line they write, and stops them for certain.

  claudeops serve                     the server and its page
  claudeops run system-health         run an agent, see what it writes, end as it ends

Every flag has a twin in the environment: --data is CLAUDEOPS_DATA, --allow-host is
CLAUDEOPS_ALLOW_HOST. The token is found in the data directory, or in CLAUDEOPS_TOKEN.

Exit codes: 0 success; 1 failure; 2 wrong use; run ends with the agent's own code, or 130 when
the execution was cancelled, or 1 when it failed without a code.`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return fromEnvironment(cmd) },
		Args:              noSuchCommand,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(c.stdin)
	root.SetOut(c.stdout)
	root.SetErr(c.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError("%w; see %s --help", err, cmd.CommandPath())
	})
	flags := root.PersistentFlags()
	flags.StringVar(&c.data, "data", "", "data `directory` (default "+dataDirHelp+")")
	flags.StringVar(&c.url, "url", "", "`address` of the server (default: the one that serves from the data directory)")
	flags.StringVar(&c.tokenFile, "token-file", "", "`file` with the token, for a server elsewhere")
	flags.BoolVar(&c.json, "json", false, "print one JSON object a line")
	flags.StringVar(&c.color, "color", "auto", "`when` to use colour: auto, always, never")
	root.AddCommand(c.serveCommand(), c.runCommand(), c.logsCommand(), c.grepCommand(), c.cancelCommand(), c.pinCommand(), c.unpinCommand(), c.pruneCommand(), c.psCommand(), c.topCommand(),
		c.agentsCommand(), c.tokenCommand(), c.openCommand(), c.backupCommand(), c.restoreCommand(), c.verifyCommand(), c.reindexCommand(), c.versionCommand())
	for _, sub := range root.Commands() {
		wrapArgs(sub)
	}
	return root
}

// noSuchCommand refuses what is no command, and names those it may have meant.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	if close := cmd.SuggestionsFor(args[0]); len(close) > 0 {
		return usageError("there is no command %q; did you mean %s?", args[0], strings.Join(close, " or "))
	}
	return usageError("there is no command %q; claudeops help lists them", args[0])
}

// wrapArgs makes a wrong number of arguments a wrong use.
func wrapArgs(cmd *cobra.Command) {
	check := cmd.Args
	if check == nil {
		check = cobra.NoArgs
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError("%w; it is used as: %s", err, cmd.UseLine())
		}
		return nil
	}
}
