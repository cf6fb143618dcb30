package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/claudeops/claudeops/protocol"
)

func (c *command) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID…",
		Short: "Show everything that is known of an execution",
		Long: `Shows the record of executions: state, times, parameters, result. The beginning of an id is enough
where it names one execution alone; last is the newest. What they wrote is shown by claudeops logs.`,
		Example: `  claudeops show last
  claudeops show --json 01jd3w`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: c.completeID(-1),
		RunE:              func(cmd *cobra.Command, args []string) error { return c.show(cmd.Context(), args) },
	}
}

func (c *command) show(ctx context.Context, args []string) error {
	cl, err := c.connect(ctx)
	if err != nil {
		return err
	}
	for i, arg := range args {
		id, err := resolveID(ctx, cl, arg)
		if err != nil {
			return err
		}
		record, err := cl.Get(ctx, id)
		if err != nil {
			return err
		}
		if c.json {
			err = newLines(c.stdout).object(status(record))
		} else {
			if i > 0 {
				fmt.Fprintln(c.stdout)
			}
			err = c.showRecord(record)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// showRecord prints a record as names and values.
func (c *command) showRecord(r protocol.Record) error {
	var out strings.Builder
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&out, "%s %s\n", c.paint(c.stdout, dim, fmt.Sprintf("%-12s", name)), value)
		}
	}
	at := func(t *time.Time) string {
		if t == nil {
			return ""
		}
		return t.Local().Format("2006-01-02 15:04:05.000 -07:00")
	}
	state := statusSign(r.Status) + " " + string(r.Status)
	row("execution", r.ExecutionID)
	row("agent", neutral(r.AgentType))
	row("status", c.paint(c.stdout, statusColor(state), state))
	row("detail", neutral(detail(r)))
	row("reason", neutral(r.Reason))
	if r.ExitCode != nil {
		row("exit code", strconv.Itoa(*r.ExitCode))
	}
	row("signal", neutral(r.Signal))
	row("queued", at(&r.QueuedAt))
	row("started", at(r.StartedAt))
	row("ended", at(r.EndedAt))
	if r.StartedAt != nil {
		row("duration", recordDuration(r, time.Now()))
	}
	row("started by", neutral(strings.TrimSpace(r.Trigger.User+" ("+r.Trigger.Kind+")")))
	if len(r.Command) > 0 {
		quoted := make([]string, len(r.Command))
		for i, word := range r.Command {
			quoted[i] = shellWord(word)
		}
		row("command", neutral(strings.Join(quoted, " ")))
	}
	row("directory", neutral(r.Workdir))
	row("host", neutral(r.Host))
	if r.PID > 0 && !r.Terminal {
		row("process", strconv.Itoa(r.PID))
	}
	row("model", neutral(r.Model))
	if r.Cost > 0 {
		row("cost", fmt.Sprintf("$%.4f", r.Cost))
	}
	if r.ProcessesReaped > 0 {
		row("reaped", count(r.ProcessesReaped, "process", "processes"))
	}
	if r.DroppedLines > 0 || r.DroppedBytes > 0 {
		row("dropped", fmt.Sprintf("%s, %s, past the output limit", count(int(r.DroppedLines), "line", "lines"), bytesText(r.DroppedBytes)))
	}
	if r.Pinned {
		row("pinned", "yes")
	}
	row("log removed", at(r.LogsRemovedAt))
	row("parameters", indented(r.Config))
	row("result", indented(r.Result))
	_, err := fmt.Fprint(c.stdout, out.String())
	return err
}

// indented lays JSON out under its name, harmless for a terminal.
func indented(text json.RawMessage) string {
	if len(text) == 0 || string(text) == "null" || string(text) == "{}" {
		return ""
	}
	var b bytes.Buffer
	if json.Indent(&b, text, strings.Repeat(" ", 13), "  ") != nil {
		return neutral(string(text))
	}
	return string(escapeHostile(b.Bytes()))
}

// shellWord quotes an argument so that a shell reads it as one word.
func shellWord(word string) string {
	if word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=@%+,") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
