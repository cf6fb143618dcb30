package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/claudeops/claudeops/internal/trust/auth"
)

func (c *command) tokenCommand() *cobra.Command {
	var ticket, rotate bool
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Print the owner's token",
		Long: `Prints the owner's token of the data directory. Whoever has it may do everything; it never belongs
into an address. For a browser there is claudeops open.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case ticket:
				return c.open(cmd.Context())
			case rotate:
				return c.rotateToken()
			}
			return c.printToken()
		},
	}
	cmd.Flags().BoolVar(&ticket, "ticket", false, "print a link that signs one browser in, once (as claudeops open)")
	cmd.Flags().BoolVar(&rotate, "rotate", false, "make a new token; the old one, and whatever rests on it, ends within a second")
	cmd.MarkFlagsMutuallyExclusive("ticket", "rotate")
	return cmd
}

func (c *command) openCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "open",
		Short: "Print a link that signs one browser in, once",
		RunE:  func(cmd *cobra.Command, _ []string) error { return c.open(cmd.Context()) },
	}
}

func (c *command) printToken() error {
	dir := ""
	if c.url == "" {
		var err error
		if dir, err = c.dataDir(); err != nil {
			return err
		}
	}
	token, err := c.token(dir)
	if err != nil {
		return err
	}
	return c.printSecret("token", token)
}

func (c *command) rotateToken() error {
	dir, err := c.dataDir()
	if err != nil {
		return err
	}
	if _, err := auth.OwnerToken(dir); err != nil {
		return errors.Join(err, fmt.Errorf("there is nothing to rotate in %s", dir))
	}
	token, err := auth.RotateOwnerToken(dir)
	if err != nil {
		return err
	}
	return c.printSecret("token", token)
}

func (c *command) printSecret(name, secret string) error {
	if c.json {
		return newLines(c.stdout).object(map[string]string{name: secret})
	}
	_, err := fmt.Fprintln(c.stdout, secret)
	return err
}

func (c *command) open(ctx context.Context) error {
	cl, err := c.connect(ctx)
	if err != nil {
		return err
	}
	ticket, err := cl.IssueTicket(ctx)
	if err != nil {
		return err
	}
	if c.json {
		return newLines(c.stdout).object(map[string]any{"url": cl.LoginURL(ticket.Ticket), "expiresAt": ticket.ExpiresAt})
	}
	if _, err := fmt.Fprintln(c.stdout, cl.LoginURL(ticket.Ticket)); err != nil {
		return err
	}
	if isTerminal(c.stderr) {
		fmt.Fprintf(c.stderr, "signs one browser in, once, within %d s\n", int(time.Until(ticket.ExpiresAt).Round(time.Second).Seconds()))
	}
	return nil
}
