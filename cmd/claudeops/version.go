package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Set by the build: -ldflags "-X main.version=… -X main.commit=… -X main.date=…".
var version, commit, date string

type build struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Date    string `json:"date,omitempty"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

func buildInfo() build {
	b := build{Version: version, Commit: commit, Date: date, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok && b.Version == "" {
		b.Version = info.Main.Version
	}
	if b.Version == "" || b.Version == "(devel)" {
		b.Version = "dev"
	}
	return b
}

func (c *command) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		RunE:  func(*cobra.Command, []string) error { return c.printVersion() },
	}
}

func (c *command) printVersion() error {
	b := buildInfo()
	if c.json {
		return newLines(c.stdout).object(b)
	}
	text := "claudeops " + b.Version
	if b.Commit != "" {
		text += " (" + b.Commit
		if b.Date != "" {
			text += ", " + b.Date
		}
		text += ")"
	}
	_, err := fmt.Fprintf(c.stdout, "%s %s %s/%s\n", text, b.Go, b.OS, b.Arch)
	return err
}
