package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/protocol"
)

func (c *command) keysCommand() *cobra.Command {
	keys := &cobra.Command{
		Use:   "keys",
		Short: "API keys: credentials for programs",
		Long: `Lists the API keys of the server. A key has permissions, each for every agent or narrowed to some, as in
agents:execute@deploy-*; a program sends it as a bearer token. The server keeps no more than its digest.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.listKeys(cmd) },
	}
	keys.AddCommand(c.createKeyCommand(), c.revokeKeyCommand(), &cobra.Command{
		Use: "list", Short: "List the API keys", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.listKeys(cmd) },
	})
	return keys
}

func (c *command) createKeyCommand() *cobra.Command {
	var permissions []string
	var expires duration
	create := &cobra.Command{
		Use:   "create NAME",
		Short: "Make an API key and print it, once",
		Long: `Makes an API key and prints it: it can't be shown again. The permissions are
` + strings.Join(protocol.Permissions, ", ") + `.
Those about agents can be narrowed: --permission 'agents:execute@deploy-*'.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, permission := range permissions {
				if _, err := protocol.ParseGrant(permission); err != nil {
					return usageError("--permission: %w", err)
				}
			}
			if len(permissions) == 0 {
				return usageError("give the key at least one --permission, like %s", protocol.PermRead)
			}
			cl, err := c.connect(cmd.Context())
			if err != nil {
				return err
			}
			var until time.Time
			if expires > 0 {
				until = time.Now().Add(time.Duration(expires))
			}
			key, err := cl.CreateKey(cmd.Context(), args[0], permissions, until)
			if err != nil {
				return err
			}
			if c.json {
				return newLines(c.stdout).object(key)
			}
			_, err = fmt.Fprintln(c.stdout, key.Key)
			return err
		},
	}
	create.Flags().StringArrayVar(&permissions, "permission", nil, "`permission` of the key, repeatable")
	create.Flags().Var(&expires, "expires", "how long the key is good for, such as 90d (default: until it is revoked)")
	_ = create.RegisterFlagCompletionFunc("permission", completeWords(protocol.Permissions...))
	return create
}

func (c *command) revokeKeyCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "revoke ID|NAME…",
		Aliases: []string{"delete", "rm"},
		Short:   "Revoke API keys; their open connections end within 5 s",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cl, err := c.connect(cmd.Context())
			if err != nil {
				return err
			}
			keys, err := cl.Keys(cmd.Context())
			if err != nil {
				return err
			}
			for _, arg := range args {
				id := arg
				for _, key := range keys {
					if key.Name == arg {
						id = key.ID
					}
				}
				if err := cl.RevokeKey(cmd.Context(), id); err != nil {
					return err
				}
				if c.json {
					err = newLines(c.stdout).object(map[string]string{"id": id, "status": "revoked"})
				} else {
					_, err = fmt.Fprintf(c.stdout, "%s: revoked\n", neutral(arg))
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func (c *command) listKeys(cmd *cobra.Command) error {
	cl, err := c.connect(cmd.Context())
	if err != nil {
		return err
	}
	keys, err := cl.Keys(cmd.Context())
	if err != nil {
		return err
	}
	if c.json {
		out := newLines(c.stdout)
		for _, key := range keys {
			if err := out.object(key); err != nil {
				return err
			}
		}
		return nil
	}
	t := &table{}
	t.add("ID", "NAME", "KEY", "PERMISSIONS", "LAST USED", "EXPIRES")
	for _, key := range keys {
		t.add(key.ID, key.Name, key.Hint, strings.Join(key.Permissions, " "), keyTime(key.LastUsedAt, "never"), keyExpiry(key))
	}
	return t.print(c, c.stdout)
}

func keyTime(at *time.Time, none string) string {
	if at == nil {
		return none
	}
	return at.Local().Format("2006-01-02 15:04")
}

func keyExpiry(key client.Key) string {
	if key.ExpiresAt != nil && time.Now().After(*key.ExpiresAt) {
		return "expired"
	}
	return keyTime(key.ExpiresAt, "never")
}
