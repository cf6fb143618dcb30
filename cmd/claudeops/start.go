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
	code := codeOf(err)
	var exit *exitError
	if errors.As(err, &exit) && exit.err == nil {
		return code
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
	var showVersion bool
	root := &cobra.Command{
		Use:   "claudeops",
		Short: "Runs agents, shows every line they write, and stops them for certain",
		Long: `Runs agents, shows every line they write, and stops them for certain.

  claudeops serve                     the server and its page
  claudeops run system-health         run an agent, see what it writes, end as it ends

Every flag has a twin in the environment: --data is CLAUDEOPS_DATA, --allow-host is
CLAUDEOPS_ALLOW_HOST. The token is found in the data directory, or in CLAUDEOPS_TOKEN.

Exit codes: 0 success; 1 failure; 2 wrong use; 125 the server can't be reached, or is at fault. run,
rerun and wait end with the agent's own code; with 124 after a timeout, 125 where the server or its
machine lost the execution, 126 when the agent could not be started, 128 plus the signal's number when
a signal ended it, 130 when it was cancelled, and 1 when it failed without any of these.`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return c.prepare(cmd) },
		Args:              noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if showVersion {
				return c.printVersion()
			}
			return cmd.Help()
		},
	}
	root.Flags().BoolVar(&showVersion, "version", false, "print the version")
	_ = root.Flags().SetAnnotation("version", noTwin, []string{"true"})
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
	_ = root.RegisterFlagCompletionFunc("color", completeWords("auto", "always", "never"))
	root.AddCommand(
		c.serveCommand(), c.openCommand(), c.tokenCommand(), c.keysCommand(),
		c.runCommand(), c.rerunCommand(), c.waitCommand(), c.cancelCommand(),
		c.approvalsCommand(), c.approveCommand(), c.denyCommand(), c.rulesCommand(),
		c.psCommand(), c.showCommand(), c.logsCommand(), c.grepCommand(), c.topCommand(),
		c.agentsCommand(), c.schedulesCommand(), c.validateCommand(), c.notifyCommand(), c.initCommand(),
		c.doctorCommand(), c.serviceCommand(), c.secretsCommand(),
		c.costsCommand(), c.budgetsCommand(), c.pricesCommand(),
		c.pinCommand(), c.unpinCommand(), c.pruneCommand(),
		c.backupCommand(), c.restoreCommand(), c.verifyCommand(), c.auditCommand(), c.reindexCommand(),
		c.versionCommand(),
	)
	root.InitDefaultCompletionCmd()
	root.SetHelpCommand(helpCommand(root))
	wrapAllArgs(root)
	return root
}

// prepare is done before every command.
func (c *command) prepare(cmd *cobra.Command) error {
	if err := fromEnvironment(cmd); err != nil {
		return err
	}
	switch c.color {
	case "auto", "always", "never":
		return nil
	}
	return usageError("--color %s is none of auto, always and never", c.color)
}

// helpCommand is cobra's, but refuses what is no command.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about a command",
		Args:  cobra.ArbitraryArgs,
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			of, _, err := root.Find(args)
			var names []cobra.Completion
			for _, sub := range of.Commands() {
				if err == nil && sub.IsAvailableCommand() {
					names = append(names, cobra.CompletionWithDesc(sub.Name(), sub.Short))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			of, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return noSuchCommand(root, args)
			}
			of.InitDefaultHelpFlag()
			return of.Help()
		},
	}
}

// wrapAllArgs checks the arguments of every command below cmd, and refuses a group without a
// subcommand's name.
func wrapAllArgs(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		if sub.HasSubCommands() && sub.Args == nil {
			sub.Args = noSuchCommand
		}
		if sub.HasSubCommands() && !sub.Runnable() {
			sub.RunE = func(cmd *cobra.Command, _ []string) error {
				return usageError("%s wants one of its subcommands; see %s --help", cmd.CommandPath(), cmd.CommandPath())
			}
		}
		wrapArgs(sub)
		wrapAllArgs(sub)
	}
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
	return usageError("there is no command %q; %s --help lists them", args[0], cmd.CommandPath())
}

// wrapArgs makes a wrong number of arguments a wrong use.
func wrapArgs(cmd *cobra.Command) {
	check := cmd.Args
	if check == nil {
		check = cobra.NoArgs
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			var exit *exitError
			if errors.As(err, &exit) {
				return err
			}
			return usageError("%w; it is used as: %s", err, cmd.UseLine())
		}
		return nil
	}
}
