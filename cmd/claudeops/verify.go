package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/backup"
	"github.com/claudeops/claudeops/internal/record/datadir"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/rundir"
	"github.com/claudeops/claudeops/internal/record/verify"
)

func (c *command) verifyCommand() *cobra.Command {
	var compare bool
	cmd := &cobra.Command{
		Use:   "verify [ID…]",
		Short: "Read everything against its checksums, and say what is damaged",
		Long: `Reads every event of every execution, or of those named, against its checksum, and says what is
damaged: which events of which execution, in which file, where. With --index it also compares the
index with the journals. It changes nothing, and works beside a running server.

Where --data names a backup, every file of it is compared with the backup's own checksums, too.

Exit codes: 0 everything is as it was written; 1 something is not, or could not be read.`,
		Example: `  claudeops verify --index
  claudeops verify --data /mnt/backup/claudeops
  claudeops verify 01jd3w`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return c.verify(cmd.Context(), args, compare) },
	}
	cmd.Flags().BoolVar(&compare, "index", false, "compare the index with the journals, too")
	return cmd
}

// verified is what verify ends with.
type verified struct {
	Type       string `json:"type"`
	Executions int    `json:"executions"`
	Events     uint64 `json:"events"`
	Bytes      int64  `json:"bytes"`
	Damaged    int    `json:"damaged"` // places
	DurationMs int64  `json:"durationMs"`
}

func (c *command) verify(ctx context.Context, ids []string, compare bool) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	dir, err := c.dataDir()
	if err != nil {
		return err
	}
	began := time.Now()
	result := verified{Type: "verify"}
	meter := c.newMeter("read")
	var failed error // of writing
	tell := func(d verify.Damage) {
		result.Damaged++
		if err := c.tellDamage(meter, d); err != nil && failed == nil {
			failed = err
		}
	}
	err = c.verifyAll(ctx, dir, ids, compare, meter, tell, &result)
	meter.end()
	if ctx.Err() != nil && err != nil {
		return &exitError{exitCancelled, errors.New("interrupted")}
	}
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	took := time.Since(began)
	if result.DurationMs = took.Milliseconds(); c.json {
		err = newLines(c.stdout).object(result)
	} else {
		verdict := c.paint(c.stdout, green, "everything is as it was written")
		if result.Damaged > 0 {
			verdict = c.paint(c.stdout, red, count(result.Damaged, "place is damaged", "places are damaged"))
		}
		_, err = fmt.Fprintf(c.stdout, "%s, %s, %s read in %s: %s\n", count(result.Executions, "execution", "executions"),
			count(int(result.Events), "event", "events"), bytesText(result.Bytes), durationText(took), verdict)
	}
	if err == nil && result.Damaged > 0 {
		err = &exitError{code: exitFailure}
	}
	return err
}

func (c *command) tellDamage(meter *meter, d verify.Damage) error {
	if c.json {
		return newLines(c.stdout).object(struct {
			Type string `json:"type"`
			verify.Damage
		}{"damage", d})
	}
	meter.end()
	where := d.ExecutionID
	switch {
	case d.From > 0 && d.To > d.From:
		where += fmt.Sprintf(" events %d–%d", d.From, d.To)
	case d.From > 0 && d.To == d.From:
		where += fmt.Sprintf(" event %d", d.From)
	case d.From > 0:
		where += fmt.Sprintf(" events from %d on", d.From)
	}
	file := d.File
	if d.From > 0 || d.Offset > 0 {
		file += fmt.Sprintf(" at byte %d", d.Offset)
	}
	_, err := fmt.Fprintf(c.stdout, "%s: %s (%s)\n", strings.TrimSpace(c.paint(c.stdout, red, where)), neutral(d.Problem), neutral(file))
	return err
}

func (c *command) verifyAll(ctx context.Context, dir string, ids []string, compare bool, meter *meter, tell func(verify.Damage), result *verified) (err error) {
	open := func(id string) bool { return exists(filepath.Join(dir, rundir.ActiveDir, id)) }
	if backup.Is(dir) {
		if compare {
			return usageError("--index: a backup holds no index; a restore makes it from the journals")
		}
		manifest, err := backup.Check(ctx, dir, meter.show, func(f backup.Failure) {
			tell(verify.Damage{ExecutionID: f.ExecutionID, File: f.File, Problem: f.Error})
		})
		if err != nil {
			return err
		}
		// Journals under other names have been compared with their checksums, and that must do.
		if ids, err = named(ids, manifest); err != nil {
			return err
		}
		if len(ids) == 0 {
			return nil
		}
		unfinished := map[string]bool{}
		for _, e := range manifest.Executions {
			unfinished[e.ID] = !e.Ended
		}
		open = func(id string) bool { return unfinished[id] }
	} else if _, err := datadir.Format(dir); err != nil {
		return err
	}
	store, err := journal.OpenDir(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if ids, err = expand(ctx, store, ids); err != nil {
		return err
	}
	report, err := verify.Journals(ctx, verify.Options{
		Store: store, IDs: ids, Open: open, Damaged: tell,
		Progress: func(done, all int, bytes int64) {
			meter.show(backup.Progress{Done: done, Executions: all, Bytes: bytes})
		},
	})
	if err != nil {
		return err
	}
	result.Executions, result.Events, result.Bytes = report.Executions, report.Events, report.Bytes
	if !compare {
		return nil
	}
	path := filepath.Join(dir, datadir.IndexName)
	err = index.Compare(ctx, store, path, func(d index.Difference) {
		tell(verify.Damage{ExecutionID: d.ExecutionID, File: path, Problem: d.Problem})
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		tell(verify.Damage{File: path, Problem: "there is no index; claudeops reindex makes it, or the next server"})
	case errors.Is(err, index.ErrDamaged):
		tell(verify.Damage{File: path, Problem: err.Error() + "; claudeops reindex makes it anew"})
	case errors.Is(err, index.ErrVersion):
		// No damage: the next server, or claudeops reindex, makes it anew from the journals.
	case err != nil:
		return err
	}
	return nil
}

// named are the executions of a backup that are where journals are looked for, all of them or those
// that are asked for.
func named(ids []string, m *backup.Manifest) ([]string, error) {
	var found []string
	for i, id := range ids {
		if strings.ToLower(id) == newest && len(m.Executions) > 0 {
			ids[i] = m.Executions[len(m.Executions)-1].ID
		}
	}
	for _, e := range m.Executions {
		if e.Dir == "" && (len(ids) == 0 || slices.ContainsFunc(ids, func(id string) bool { return strings.HasPrefix(e.ID, strings.ToLower(id)) })) {
			found = append(found, e.ID)
		}
	}
	if len(ids) > 0 && len(found) == 0 {
		return nil, fmt.Errorf("the backup has no execution %s", strings.Join(ids, " "))
	}
	return found, nil
}

// expand gives the executions that ids, or their beginnings, name. None: nothing was asked for.
func expand(ctx context.Context, store *journal.Files, texts []string) ([]string, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	all, err := store.IDs(ctx)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, text := range texts {
		prefix := strings.ToLower(text)
		if prefix == newest {
			if len(all) == 0 {
				return nil, errors.New("there is no execution yet, so none is the last")
			}
			ids = append(ids, all[len(all)-1])
			continue
		}
		if prefix == "" || len(prefix) > execution.IDLength || strings.Trim(prefix, crockford) != "" {
			return nil, usageError("%q is neither an execution's id, the beginning of one, nor last; claudeops ps -a lists them", text)
		}
		i, _ := slices.BinarySearch(all, prefix)
		switch {
		case i == len(all) || !strings.HasPrefix(all[i], prefix):
			return nil, fmt.Errorf("no execution's id begins with %s", text)
		case i+1 < len(all) && strings.HasPrefix(all[i+1], prefix):
			return nil, fmt.Errorf("more than one execution's id begins with %s; give more of it", text)
		}
		ids = append(ids, all[i])
	}
	return ids, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
