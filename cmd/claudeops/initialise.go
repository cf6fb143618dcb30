package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

//go:embed starter/*.yaml
var starterFiles embed.FS

func (c *command) initCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init [DIR]",
		Short: "Write a first directory of agent definitions",
		Long: `Writes a few definitions with comments to DIR (default ./agents), to begin with and to change. A file
that is there already is left as it is.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := defaultAgentsDir
			if len(args) > 0 {
				dir = args[0]
			}
			return c.initialise(dir)
		},
	}
}

func (c *command) initialise(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("init: %w", err)
	}
	entries, err := starterFiles.ReadDir("starter")
	if err != nil {
		return err
	}
	out := newLines(c.stdout)
	for _, entry := range entries {
		text, err := starterFiles.ReadFile("starter/" + entry.Name())
		if err != nil {
			return err
		}
		path := filepath.Join(dir, entry.Name())
		done := "written"
		err = writeNew(path, text)
		if errors.Is(err, fs.ErrExist) {
			done, err = "kept", nil
		}
		if err != nil {
			return fmt.Errorf("init: %w", err)
		}
		if c.json {
			err = out.object(map[string]string{"file": path, "outcome": done})
		} else {
			_, err = fmt.Fprintf(c.stdout, "%-8s %s\n", done, neutral(path))
		}
		if err != nil {
			return err
		}
	}
	if !c.json {
		fmt.Fprintf(c.stderr, "\nnext:\n  %s serve --agents %s%s\n  %s run hello\n", calledAs(), shellWord(dir), c.dataFlag(), calledAs())
	}
	return nil
}

// writeNew writes a file that does not exist yet, and leaves nothing of it when that fails.
func writeNew(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
