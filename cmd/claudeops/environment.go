package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// noTwin marks a flag that the environment can't set: agents find other things under that name.
const noTwin = "claudeops-no-environment"

// fromEnvironment sets every flag that was not given from its twin in the environment.
func fromEnvironment(cmd *cobra.Command) error {
	var errs []error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed || f.Name == "help" || f.Annotations[noTwin] != nil {
			return
		}
		name := twin(f.Name)
		value, ok := os.LookupEnv(name)
		if !ok || value == "" {
			return
		}
		if err := cmd.Flags().Set(f.Name, value); err != nil {
			errs = append(errs, usageError("%s=%s in the environment: %w", name, value, err))
		}
	})
	if len(errs) > 0 {
		return errs[0]
	}
	return nil
}

func twin(flag string) string {
	return "CLAUDEOPS_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

const dataDirHelp = "$XDG_DATA_HOME/claudeops, else /var/lib/claudeops for root and ~/.local/share/claudeops for others"

// dataDir is the data directory in use.
func (c *command) dataDir() (string, error) {
	if c.data != "" {
		return filepath.Abs(c.data)
	}
	if xdg := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(xdg) {
		return filepath.Join(xdg, "claudeops"), nil
	}
	if os.Geteuid() == 0 {
		return "/var/lib/claudeops", nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", errors.New("there is no home directory to keep data in; name one with --data")
	}
	return filepath.Join(home, ".local", "share", "claudeops"), nil
}
