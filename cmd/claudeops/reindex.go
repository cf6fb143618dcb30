package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/claudeops/claudeops/internal/app"
	"github.com/claudeops/claudeops/internal/record/datadir"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/record/journal"
)

func (c *command) reindexCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "reindex",
		Short: "Make the index anew from the journals",
		Long: `Makes the index, which answers lists and sums, anew from the journals, which are the truth. It can
be done while no server serves from the data directory.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.reindex(cmd.Context()) },
	}
}

func (c *command) reindex(ctx context.Context) error {
	path, err := c.dataDir()
	if err != nil {
		return err
	}
	start := time.Now()
	n, err := c.rebuild(ctx, path)
	if errors.Is(err, datadir.ErrLocked) {
		return fmt.Errorf("reindex: %w", err)
	}
	if err != nil {
		return err
	}
	took := time.Since(start)
	if c.json {
		return newLines(c.stdout).object(map[string]any{"executions": n, "durationMs": took.Milliseconds()})
	}
	_, err = fmt.Fprintf(c.stdout, "%s indexed in %s\n", count(n, "execution", "executions"), durationText(took))
	return err
}

// rebuild makes the index of a data directory anew. It gives how many executions there are.
func (c *command) rebuild(ctx context.Context, path string) (n int, err error) {
	log, err := newLog(c.stderr, "text", "warn")
	if err != nil {
		return 0, err
	}
	dir, err := app.OpenData(path, log)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	store, err := journal.OpenDir(dir.Path())
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := index.Rebuild(ctx, store, dir.Index(), index.WithLog(log)); err != nil {
		return 0, err
	}
	ids, err := store.IDs(ctx)
	return len(ids), err
}
