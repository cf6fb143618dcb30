package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"claudeops/internal/datadir"
	"claudeops/internal/index"
	"claudeops/internal/journal"
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

func (c *command) reindex(ctx context.Context) (err error) {
	path, err := c.dataDir()
	if err != nil {
		return err
	}
	dir, err := datadir.Open(path)
	if errors.Is(err, datadir.ErrLocked) {
		return fmt.Errorf("reindex: %w", err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	log, err := newLog(c.stderr, "text", "warn")
	if err != nil {
		return err
	}
	store, err := journal.OpenDir(dir.Path())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	start := time.Now()
	if err := index.Rebuild(ctx, store, dir.Index(), index.WithLog(log)); err != nil {
		return err
	}
	ids, err := store.IDs(ctx)
	if err != nil {
		return err
	}
	took := time.Since(start)
	if c.json {
		return (&lines{w: c.stdout}).object(map[string]any{"executions": len(ids), "durationMs": took.Milliseconds()})
	}
	_, err = fmt.Fprintf(c.stdout, "%s indexed in %s\n", count(len(ids), "execution", "executions"), durationText(took))
	return err
}
