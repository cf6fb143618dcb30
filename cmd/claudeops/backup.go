package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/claudeops/claudeops/internal/record/backup"
	"github.com/claudeops/claudeops/internal/run/supervisor"
)

type backupFlags struct {
	agents      string
	full, force bool
}

func (c *command) backupCommand() *cobra.Command {
	f := &backupFlags{}
	cmd := &cobra.Command{
		Use:   "backup DIR",
		Short: "Copy the record to another place, while the server runs",
		Long: `Copies what the data directory holds to DIR, beside a running server or without one: the journals of
all executions, each up to an event that was whole, the owner's token and the audit log; with --agents
the definitions, too. Not sessions, and not what agents that run are to do, which holds secrets. The
index is left out: it is made from the journals.

Where DIR holds an earlier backup, that is brought up to date: what has ended and is in it already is
not copied again, and definitions stay in it when --agents is not given. Until the new backup is whole, the earlier one stays usable; interrupted, it is
begun again with the same command, and what was copied is not copied twice.

Exit codes: 0 everything is in the backup; 1 something is not, or the backup failed.`,
		Example: `  claudeops backup /mnt/backup/claudeops
  claudeops verify --data /mnt/backup/claudeops
  claudeops restore /mnt/backup/claudeops --data /var/lib/claudeops-new`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.backup(cmd.Context(), args[0], f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.agents, "agents", "", "`directory` with agent definitions, to copy too")
	flags.BoolVar(&f.full, "full", false, "copy everything again, whatever an earlier backup has")
	flags.BoolVar(&f.force, "force", false, "replace a backup that has no execution in common with the data directory")
	return cmd
}

func (c *command) backup(ctx context.Context, to string, f *backupFlags) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	from, err := c.dataDir()
	if err != nil {
		return err
	}
	began := time.Now()
	meter := c.newMeter("copied")
	taken, err := backup.Take(ctx, backup.Options{
		Source: from, Target: to, Agents: f.agents, Full: f.full, Force: f.force, Program: buildInfo().Version, Progress: meter.show,
	})
	meter.end()
	if ctx.Err() != nil && err != nil {
		return &exitError{exitCancelled, errors.New("interrupted; the same command goes on where this one ended")}
	}
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	took := time.Since(began)
	if c.json {
		err = newLines(c.stdout).object(struct {
			Type string `json:"type"`
			backup.Taken
			DurationMs int64 `json:"durationMs"`
		}{"backup", taken, took.Milliseconds()})
	} else {
		text := fmt.Sprintf("%s in the backup, %s: %d copied, %d unchanged", count(taken.Executions, "execution", "executions"),
			bytesText(taken.TotalBytes), taken.Copied, taken.Unchanged)
		if taken.Unfinished > 0 {
			text += fmt.Sprintf(", %d not ended yet", taken.Unfinished)
		}
		if taken.Removed > 0 {
			text += fmt.Sprintf(", %d no longer there", taken.Removed)
		}
		switch {
		case taken.DefinitionsKept:
			text += fmt.Sprintf("; %s kept from the earlier backup", count(taken.Definitions, "definition", "definitions"))
		case taken.Definitions > 0:
			text += "; " + count(taken.Definitions, "definition", "definitions")
		default:
			text += "; no definitions (--agents DIR copies them)"
		}
		_, err = fmt.Fprintf(c.stdout, "%s; %s written in %s\n", text, bytesText(taken.Bytes), durationText(took))
	}
	if err != nil {
		return err
	}
	return c.tellFailures(taken.Failed, "could not be copied")
}

// tellFailures ends with exit code 1 when there are any.
func (c *command) tellFailures(failures []backup.Failure, what string) error {
	if len(failures) == 0 {
		return nil
	}
	if !c.json {
		for _, f := range failures {
			name := f.ExecutionID
			if f.File != "" {
				name += " " + f.File
			}
			fmt.Fprintf(c.stderr, "%s %s %s: %s\n", c.paint(c.stderr, red, "claudeops:"), name, what, neutral(f.Error))
		}
	}
	return &exitError{code: exitFailure}
}

func (c *command) restoreCommand() *cobra.Command {
	var agents string
	cmd := &cobra.Command{
		Use:   "restore DIR",
		Short: "Make a data directory from a backup",
		Long: `Makes a data directory from the backup in DIR, where --data says: it must be empty, or not exist.
Every file is compared with its checksum; one that differs is restored as it is, and told.

Executions that had not ended when the backup was taken are ended by the next server, which says so:
nothing of them is started again. Definitions in the backup go where --agents says.

Exit codes: 0 everything is as it was; 1 something was damaged in the backup, or the restore failed.`,
		Example: "  claudeops restore /mnt/backup/claudeops --data /var/lib/claudeops",
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return c.restore(cmd.Context(), args[0], agents) },
	}
	cmd.Flags().StringVar(&agents, "agents", "", "`directory` for the definitions in the backup (default: they are left out)")
	_ = cmd.Flags().SetAnnotation("agents", noTwin, []string{"true"}) // that is where the server's are now
	return cmd
}

func (c *command) restore(ctx context.Context, from, agents string) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	to, err := c.dataDir()
	if err != nil {
		return err
	}
	began := time.Now()
	meter := c.newMeter("restored")
	restored, err := backup.Restore(ctx, backup.RestoreOptions{
		Source: from, Target: to, Agents: agents, Unfinished: supervisor.MarkRestored, Index: c.makeIndex, Progress: meter.show,
	})
	meter.end()
	if ctx.Err() != nil && err != nil {
		return &exitError{exitCancelled, errors.New("interrupted; the same command begins again")}
	}
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	took := time.Since(began)
	if c.json {
		err = newLines(c.stdout).object(struct {
			Type string `json:"type"`
			backup.Restored
			DurationMs int64 `json:"durationMs"`
		}{"restore", restored, took.Milliseconds()})
	} else {
		text := fmt.Sprintf("%s restored to %s, as of %s", count(restored.Executions, "execution", "executions"), to, restored.Taken.Local().Format(time.DateTime))
		if restored.Unfinished > 0 {
			text += fmt.Sprintf("; %d had not ended and will be ended by the server", restored.Unfinished)
		}
		_, err = fmt.Fprintf(c.stdout, "%s, in %s\n", text, durationText(took))
	}
	if err != nil {
		return err
	}
	return c.tellFailures(restored.Damaged, "is damaged in the backup, and was restored as it is")
}

// makeIndex makes the index of a data directory from its journals.
func (c *command) makeIndex(ctx context.Context, path string) error {
	_, err := c.rebuild(ctx, path)
	return err
}
