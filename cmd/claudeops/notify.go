package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/claudeops/claudeops/client"
)

func (c *command) notifyCommand() *cobra.Command {
	notify := &cobra.Command{
		Use:   "notify",
		Short: "Channels, and what became of the last notifications",
		Long: `Shows the channels of notifications.yaml and what became of the last messages. The file is in the data
directory; docs/notifications.md says what it may hold.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.notifications(cmd.Context()) },
	}
	notify.AddCommand(&cobra.Command{
		Use:   "test [CHANNEL…]",
		Short: "Send a test message over channels; over all when none is named",
		Args:  cobra.ArbitraryArgs,
		RunE:  func(cmd *cobra.Command, args []string) error { return c.testChannels(cmd.Context(), args) },
	})
	return notify
}

func (c *command) notifications(ctx context.Context) error {
	cl, err := c.connect(ctx)
	if err != nil {
		return err
	}
	state, err := cl.Notifications(ctx)
	if err != nil {
		return err
	}
	if c.json {
		return newLines(c.stdout).object(state)
	}
	if state.Problem != "" {
		c.complain(errors.New("notifications.yaml is wrong, so the last good rules hold: " + state.Problem))
	}
	channels := &table{}
	channels.add("CHANNEL", "KIND", "SIGNED")
	for _, channel := range state.Channels {
		channels.add(channel.Name, channel.Kind, strconv.FormatBool(channel.Signed))
	}
	if err := channels.print(c, c.stdout); err != nil {
		return err
	}
	if len(state.Deliveries) == 0 {
		return nil
	}
	fmt.Fprintln(c.stdout)
	sent := &table{optional: []int{4}}
	sent.add("WHEN", "CHANNEL", "STATE", "MESSAGE", "ERROR")
	for _, d := range state.Deliveries[:min(len(state.Deliveries), 20)] {
		sent.add(d.Message.CreatedAt.Local().Format("2006-01-02 15:04"), d.Channel, d.State, d.Message.Title, d.Error)
	}
	return sent.print(c, c.stdout)
}

func (c *command) testChannels(ctx context.Context, names []string) error {
	cl, err := c.connect(ctx)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		state, err := cl.Notifications(ctx)
		if err != nil {
			return err
		}
		for _, channel := range state.Channels {
			names = append(names, channel.Name)
		}
		if len(names) == 0 {
			return errors.New("there are no channels: docs/notifications.md says how to write notifications.yaml")
		}
	}
	return c.testEach(ctx, cl, names)
}

func (c *command) testEach(ctx context.Context, cl *client.Client, names []string) error {
	failed, code := 0, exitFailure
	for _, name := range names {
		if err := cl.TestNotification(ctx, name); err != nil {
			failed++
			code = max(code, codeOf(err))
			c.complain(fmt.Errorf("%s: %w", name, err))
			continue
		}
		if _, err := fmt.Fprintf(c.stdout, "%s: sent\n", neutral(name)); err != nil {
			return err
		}
	}
	if failed > 0 {
		return &exitError{code: code}
	}
	return nil
}
