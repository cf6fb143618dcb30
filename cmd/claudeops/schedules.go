package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/claudeops/claudeops/client"
)

func (c *command) schedulesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schedules",
		Short: "List when agents are started without a hand",
		Long: `Lists the schedules in agents' definitions: when they are due, when next, and what came of the last
due time. A schedule is named AGENT/N, N its place in the definition, from 0; without /N it is the first.`,
		Example: `  claudeops schedules
  claudeops schedules log --since 7d
  claudeops schedules pause nightly/0
  claudeops schedules preview "30 2 * * 1-5" --timezone Europe/Berlin`,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.schedules(cmd.Context()) },
	}
	cmd.AddCommand(
		c.scheduleAction("pause", "Keep a schedule from starting anything", "paused", (*client.Client).PauseSchedule),
		c.scheduleAction("resume", "Let a paused schedule go on from now", "resumed", (*client.Client).ResumeSchedule),
		c.scheduleRun(), c.scheduleLog(), c.schedulePreview(),
	)
	for _, sub := range cmd.Commands() {
		wrapArgs(sub)
	}
	return cmd
}

func (c *command) schedules(ctx context.Context) error {
	cl, err := c.connect(ctx)
	if err != nil {
		return err
	}
	list, err := cl.Schedules(ctx)
	if err != nil {
		return err
	}
	if c.json {
		out := newLines(c.stdout)
		for _, s := range list {
			if err := out.object(s.Raw); err != nil {
				return err
			}
		}
		return nil
	}
	if len(list) == 0 {
		fmt.Fprintln(c.stderr, "no agent has a schedule; add one to its definition, like schedule: [{cron: \"30 2 * * 1-5\"}]")
		return nil
	}
	t := &table{optional: []int{2, 4}}
	t.add("SCHEDULE", "DUE", "TIMEZONE", "NEXT", "LAST")
	for _, s := range list {
		next := "–"
		switch {
		case !s.Enabled:
			next = "not enabled"
		case s.Paused:
			next = "paused by " + s.PausedBy
		case len(s.Next) > 0:
			next = s.Next[0].Format("Mon 2006-01-02 15:04")
		}
		if s.Error != "" {
			next = "tried again: " + s.Error
		}
		t.add(scheduleName(s.Agent, s.N), s.Text, s.Timezone, next, occurrenceWords(s.Last))
	}
	return t.print(c, c.stdout)
}

func scheduleName(agent string, n int) string { return agent + "/" + strconv.Itoa(n) }

func occurrenceWords(o *client.Occurrence) string {
	if o == nil {
		return "–"
	}
	words := o.Due.Format("Mon 2006-01-02 15:04") + " " + o.Outcome
	if o.Count > 1 {
		words += fmt.Sprintf(" (%d times)", o.Count)
	}
	if o.ExecutionID != "" {
		words += " " + o.ExecutionID
	}
	if o.Reason != "" {
		words += ": " + o.Reason
	}
	return words
}

// parseSchedule reads AGENT/N.
func parseSchedule(text string) (agent string, n int, err error) {
	agent, place, given := strings.Cut(text, "/")
	if !given {
		return agent, 0, nil
	}
	n, err = strconv.Atoi(place)
	if err != nil || n < 0 || agent == "" {
		return "", 0, usageError("%s names no schedule; claudeops schedules lists them, like nightly/0", text)
	}
	return agent, n, nil
}

func (c *command) scheduleAction(name, short, done string, do func(*client.Client, context.Context, string, int) error) *cobra.Command {
	return &cobra.Command{
		Use: name + " AGENT[/N]", Short: short, Args: cobra.ExactArgs(1), ValidArgsFunction: c.completeAgent,
		RunE: func(cmd *cobra.Command, args []string) error {
			agent, n, err := parseSchedule(args[0])
			if err != nil {
				return err
			}
			cl, err := c.connect(cmd.Context())
			if err != nil {
				return err
			}
			if err := do(cl, cmd.Context(), agent, n); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.stdout, "%s: %s\n", neutral(scheduleName(agent, n)), done)
			return err
		},
	}
}

func (c *command) scheduleRun() *cobra.Command {
	return &cobra.Command{
		Use: "run AGENT[/N]", Short: "Start a schedule's run now, with its parameters", Args: cobra.ExactArgs(1), ValidArgsFunction: c.completeAgent,
		RunE: func(cmd *cobra.Command, args []string) error {
			agent, n, err := parseSchedule(args[0])
			if err != nil {
				return err
			}
			cl, err := c.connect(cmd.Context())
			if err != nil {
				return err
			}
			record, err := cl.RunSchedule(cmd.Context(), agent, n)
			if err != nil {
				return err
			}
			if c.json {
				return newLines(c.stdout).object(status(record))
			}
			_, err = fmt.Fprintln(c.stdout, record.ExecutionID)
			return err
		},
	}
}

func (c *command) scheduleLog() *cobra.Command {
	var since, until string
	cmd := &cobra.Command{
		Use: "log", Short: "List what was due, and what came of it", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			now := time.Now()
			from, err := moment("--since", since, now)
			if err != nil {
				return err
			}
			to := now
			if until != "" {
				if to, err = moment("--until", until, now); err != nil {
					return err
				}
			}
			cl, err := c.connect(cmd.Context())
			if err != nil {
				return err
			}
			list, err := cl.Occurrences(cmd.Context(), from, to)
			if err != nil {
				return err
			}
			if c.json {
				out := newLines(c.stdout)
				for _, o := range list {
					if err := out.object(o); err != nil {
						return err
					}
				}
				return nil
			}
			t := &table{}
			t.add("SCHEDULE", "DUE AND WHAT CAME OF IT")
			for _, o := range list {
				t.add(scheduleName(o.Agent, o.N), occurrenceWords(&o))
			}
			return t.print(c, c.stdout)
		},
	}
	cmd.Flags().StringVar(&since, "since", "7d", "what was due at this `time` or later: 2h, 3d, 2026-01-31, 14:00, 2026-01-31T14:00:00Z")
	cmd.Flags().StringVar(&until, "until", "", "what was due before this `time` (default: now)")
	return cmd
}

func (c *command) schedulePreview() *cobra.Command {
	var timezone string
	cmd := &cobra.Command{
		Use: "preview CRON", Short: "Say when a cron expression would be due", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cl, err := c.connect(cmd.Context())
			if err != nil {
				return err
			}
			preview, err := cl.PreviewSchedule(cmd.Context(), args[0], timezone)
			if err != nil {
				return err
			}
			if c.json {
				return newLines(c.stdout).object(preview)
			}
			fmt.Fprintf(c.stdout, "%s, %s\n", preview.Text, neutral(preview.Timezone))
			for _, at := range preview.Next {
				if _, err := fmt.Fprintln(c.stdout, "  "+at.Format("Mon 2006-01-02 15:04:05 -07:00")); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&timezone, "timezone", "", "`name` of a time zone, like Europe/Berlin (default: the server's)")
	return cmd
}
