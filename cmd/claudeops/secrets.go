package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/internal/trust/secrets"
	"github.com/claudeops/claudeops/internal/trust/secrets/source"
)

func (c *command) secretsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "secrets",
		Short: "Values that agents are given and that nobody is shown",
		Long: `Keeps values that agents are given, encrypted in the data directory. A definition names one with
env: {KEY: {secret: NAME}}; it is masked in what the agent writes. With a server they are kept by it, else
in the data directory.

The key to them is secrets.key in the data directory, which no backup holds. It can be kept elsewhere: in
$CLAUDEOPS_SECRETS_KEY, in the file that $CLAUDEOPS_SECRETS_KEY_FILE names, or in the systemd credential
claudeops-secrets-key.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.listSecrets(cmd.Context()) },
	}
	cmd.AddCommand(
		&cobra.Command{
			Use: "list", Short: "List the names of the secrets", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return c.listSecrets(cmd.Context()) },
		},
		&cobra.Command{
			Use: "set NAME", Short: "Store a secret, read from standard input",
			Long: `Stores a secret, in place of one of that name. The value is read from standard input, without one line
break at its end; on a terminal it is asked for and not shown.`,
			Example: "  claudeops secrets set github-token <token.txt",
			Args:    cobra.ExactArgs(1),
			RunE:    func(cmd *cobra.Command, args []string) error { return c.setSecret(cmd.Context(), args[0]) },
		},
		&cobra.Command{
			Use: "rm NAME…", Aliases: []string{"remove", "delete"}, Short: "Remove secrets", Args: cobra.MinimumNArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error { return c.removeSecrets(cmd.Context(), args) },
		},
		&cobra.Command{
			Use: "rotate", Short: "Make a new key and encrypt the secrets with it", Args: cobra.NoArgs,
			Long: `Makes a new secrets.key in the data directory and encrypts the secrets with it. Whoever has the old key
can read no copy that is made from now on; values that may be known have to be set anew.`,
			RunE: func(*cobra.Command, []string) error { return c.rotateSecrets() },
		},
	)
	return cmd
}

// secretKeeper is the server, or without one the data directory.
type secretKeeper struct {
	cl    *client.Client
	store *secrets.Store
}

func (c *command) secretKeeper(ctx context.Context) (*secretKeeper, error) {
	cl, err := c.connect(ctx)
	if err == nil {
		return &secretKeeper{cl: cl}, nil
	}
	if !errors.Is(err, errNoServer) || c.url != "" {
		return nil, err
	}
	dir, err := c.dataDir()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return &secretKeeper{store: secrets.New(dir)}, nil
}

func (c *command) listSecrets(ctx context.Context) error {
	keeper, err := c.secretKeeper(ctx)
	if err != nil {
		return err
	}
	var list []client.Secret
	if keeper.cl != nil {
		list, err = keeper.cl.Secrets(ctx)
	} else {
		var infos []secrets.Info
		infos, err = keeper.store.List()
		for _, info := range infos {
			list = append(list, client.Secret(info))
		}
	}
	if err != nil {
		return err
	}
	if c.json {
		out := newLines(c.stdout)
		for _, secret := range list {
			if err := out.object(secret); err != nil {
				return err
			}
		}
		return nil
	}
	if len(list) == 0 {
		fmt.Fprintln(c.stderr, "there are no secrets; claudeops secrets set NAME stores one")
		return nil
	}
	t := &table{}
	t.add("NAME", "UPDATED", "CREATED")
	for _, secret := range list {
		t.add(secret.Name, secret.UpdatedAt.Local().Format(time.DateTime), secret.CreatedAt.Local().Format(time.DateTime))
	}
	return t.print(c, c.stdout)
}

func (c *command) setSecret(ctx context.Context, name string) error {
	if !source.ValidName(name) {
		return usageError("%q can't be a secret's name: use 1 to 100 of a-z, A-Z, 0-9, _, . and -, a letter or digit first", name)
	}
	value, err := c.readSecretValue(name)
	if err != nil {
		return err
	}
	if err := secrets.Check(value); err != nil {
		return usageError("%s: %w", name, err)
	}
	keeper, err := c.secretKeeper(ctx)
	if err != nil {
		return err
	}
	if keeper.cl != nil {
		_, err = keeper.cl.SetSecret(ctx, name, value)
	} else {
		_, err = keeper.store.Set(name, value)
	}
	if err != nil {
		return err
	}
	return c.tellSecret(name, "stored")
}

// readSecretValue reads a value from standard input, unseen where that is a terminal.
func (c *command) readSecretValue(name string) (string, error) {
	if f, ok := c.stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprintf(c.stderr, "value of %s: ", name)
		b, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(c.stderr)
		return string(b), err
	}
	if c.stdin == nil {
		return "", usageError("give the value on standard input")
	}
	b, err := io.ReadAll(io.LimitReader(c.stdin, secrets.MaxBytes+3))
	if err != nil {
		return "", fmt.Errorf("read the value: %w", err)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"), nil
}

func (c *command) removeSecrets(ctx context.Context, names []string) error {
	keeper, err := c.secretKeeper(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if keeper.cl != nil {
			err = keeper.cl.RemoveSecret(ctx, name)
		} else {
			err = keeper.store.Remove(name)
		}
		if err == nil {
			err = c.tellSecret(name, "removed")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *command) rotateSecrets() error {
	dir, err := c.dataDir()
	if err != nil {
		return err
	}
	if err := secrets.New(dir).Rotate(); err != nil {
		return fmt.Errorf("rotate the key of the secrets: %w", err)
	}
	return c.tellSecret("key", "rotated")
}

func (c *command) tellSecret(name, done string) error {
	if c.json {
		return newLines(c.stdout).object(map[string]string{"name": name, "outcome": done})
	}
	_, err := fmt.Fprintf(c.stdout, "%s: %s\n", neutral(name), done)
	return err
}
