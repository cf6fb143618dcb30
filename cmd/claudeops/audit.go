package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/claudeops/claudeops/internal/trust/audit"
)

func (c *command) auditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "The record of who did what",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "verify",
		Short: "Find the first entry of the audit log that was altered or removed",
		Long: `Follows the audit log's chain of hashes through the data directory's audit.ndjson and the files that
rotation has made of it, and names the file and line of the first entry that was altered or removed. It
changes nothing, and works beside a running server and on a backup (--data).

Exit codes: 0 the record is as it was written; 1 it is not, or could not be read.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return c.verifyAudit() },
	})
	return cmd
}

func (c *command) verifyAudit() error {
	data, err := c.dataDir()
	if err != nil {
		return err
	}
	dir := auditDir(data)
	report, err := audit.Verify(dir)
	if err != nil {
		return err
	}
	if len(report.Files) == 0 {
		return fmt.Errorf("there is no audit log in %s; --data names the data directory", data)
	}
	switch {
	case c.json:
		if err := newLines(c.stdout).object(report); err != nil {
			return err
		}
	case report.Fault == nil:
		fmt.Fprintf(c.stdout, "audit log: %d entries in %s, %d to %d, as they were written\n", report.Entries, count(len(report.Files), "file", "files"), report.First, report.Last)
		if report.First > 1 {
			fmt.Fprintf(c.stdout, "entries before %d are not here: they were rotated away\n", report.First)
		}
		if report.Unchained > 0 {
			fmt.Fprintf(c.stdout, "%d lines before them are from a version that did not chain them\n", report.Unchained)
		}
	}
	if report.Fault != nil {
		report.Fault.File = filepath.Join(dir, report.Fault.File)
		c.complain(report.Fault)
		return &exitError{code: exitFailure}
	}
	return nil
}

// auditDir is where the audit log of a data directory is, or of a backup, which keeps it one level down.
func auditDir(data string) string {
	if _, err := os.Stat(filepath.Join(data, audit.File)); err == nil {
		return data
	}
	found, err := filepath.Glob(filepath.Join(data, "files-*", audit.File))
	if err != nil || len(found) == 0 {
		return data
	}
	return filepath.Dir(found[len(found)-1])
}
