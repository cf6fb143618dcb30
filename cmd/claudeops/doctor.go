package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/claudeops/claudeops/internal/record/datadir"
	"github.com/claudeops/claudeops/internal/run/agent"
	"github.com/claudeops/claudeops/internal/run/process"
	"github.com/claudeops/claudeops/internal/run/sandbox"
)

// finding is one thing that was looked at.
type finding struct {
	Name   string `json:"name"`
	State  string `json:"state"` // ok, note, problem
	Detail string `json:"detail"`
	Fix    string `json:"fix,omitempty"` // a command, or what to do
}

const (
	fine    = "ok"
	notable = "note"    // works, but less than it could
	broken  = "problem" // something that is promised does not work
)

func (c *command) doctorCommand() *cobra.Command {
	var agents string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what works on this machine, and how to mend what does not",
		Long: `Looks at what ClaudeOps needs or can use on this machine: the data directory and its disk, the server,
definitions, the command lines of coding agents with their versions and sign-in, cgroups, Landlock, the
clock and limits. It changes nothing.

Exit codes: 0 everything that is promised works; 1 something does not.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.doctor(cmd.Context(), agents) },
	}
	cmd.Flags().StringVar(&agents, "agents", "", "`directory` with agent definitions")
	return cmd
}

func (c *command) doctor(ctx context.Context, agents string) error {
	b := buildInfo()
	findings := []finding{{"program", fine, fmt.Sprintf("claudeops %s, %s/%s", b.Version, b.OS, b.Arch), ""}}
	dir, err := c.dataDir()
	if err != nil {
		return err
	}
	findings = append(findings, c.lookAtData(dir)...)
	findings = append(findings, c.lookAtServer(ctx, dir), lookAtDefinitions(agents))
	findings = append(findings, lookAtPrograms(ctx)...)
	findings = append(findings, lookAtGroups(), lookAtLandlock(), lookAtClock())
	findings = append(findings, lookAtLimits()...)

	out, problems := newLines(c.stdout), 0
	for _, f := range findings {
		if f.State == broken {
			problems++
		}
		if c.json {
			err = out.object(f)
		} else {
			err = c.tellFinding(f)
		}
		if err != nil {
			return err
		}
	}
	if problems > 0 {
		return &exitError{code: exitFailure}
	}
	return nil
}

func (c *command) tellFinding(f finding) error {
	sign, color := "✓", green
	switch f.State {
	case notable:
		sign, color = "!", yellow
	case broken:
		sign, color = "✕", red
	}
	text := fmt.Sprintf("%s %-12s %s\n", c.paint(c.stdout, color, sign), f.Name, neutral(f.Detail))
	if f.Fix != "" {
		text += strings.Repeat(" ", 15) + c.paint(c.stdout, dim, "→ "+neutral(f.Fix)) + "\n"
	}
	_, err := fmt.Fprint(c.stdout, text)
	return err
}

// lookAtData looks at the data directory, or where it would be made, and at its disk.
func (c *command) lookAtData(dir string) []finding {
	info, err := os.Stat(dir)
	var f finding
	place := dir
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f = finding{"data", fine, dir + " does not exist yet; the first server makes it", ""}
		for place = filepath.Dir(place); place != "/"; place = filepath.Dir(place) {
			if _, err := os.Stat(place); err == nil {
				break
			}
		}
		if unix.Access(place, unix.W_OK) != nil {
			f = finding{"data", broken, dir + " does not exist, and this user may not make it", "name another directory with --data, or: sudo install -d -m 700 -o " + userName() + " " + shellWord(dir)}
		}
	case err != nil:
		f = finding{"data", broken, err.Error(), "name another directory with --data"}
	case !info.IsDir():
		f = finding{"data", broken, dir + " is no directory", "name another directory with --data"}
	case unix.Access(dir, unix.R_OK|unix.W_OK|unix.X_OK) != nil:
		f = finding{"data", broken, dir + " may not be written by this user", "sudo chown -R " + userName() + " " + shellWord(dir)}
	case info.Mode().Perm()&0o077 != 0:
		f = finding{"data", broken, fmt.Sprintf("%s can be entered by others (mode %04o)", dir, info.Mode().Perm()), "chmod 700 " + shellWord(dir)}
	default:
		f = finding{"data", fine, dir, ""}
	}
	disk := finding{Name: "disk", State: fine}
	var st unix.Statfs_t
	if err := unix.Statfs(place, &st); err != nil {
		disk.State, disk.Detail = notable, err.Error()
		return []finding{f, disk}
	}
	free, total := uint64(st.Bavail)*uint64(st.Bsize), uint64(st.Blocks)*uint64(st.Bsize)
	disk.Detail = fmt.Sprintf("%s free of %s for %s", bytesText(int64(free)), bytesText(int64(total)), place)
	if free < min(max(1<<30, total/50), total/10) {
		disk.State, disk.Detail, disk.Fix = broken, disk.Detail+", so little that nothing is started", "free some space, see claudeops prune, or set serve --low-disk"
	}
	return []finding{f, disk}
}

func userName() string {
	if name := os.Getenv("USER"); name != "" {
		return shellWord(name)
	}
	return fmt.Sprint(os.Getuid())
}

func (c *command) lookAtServer(ctx context.Context, dir string) finding {
	server, err := datadir.FindServer(dir)
	if err == nil && servesFrom(dir, server) {
		if err := answers(ctx, server.URL); err != nil {
			return finding{"server", broken, fmt.Sprintf("process %d serves from %s but does not answer on %s: %v", server.PID, dir, server.Listen, err), fmt.Sprintf("kill -QUIT %d, and send its log with a report; the next server finds the agents", server.PID)}
		}
		return finding{"server", fine, fmt.Sprintf("runs as process %d on %s", server.PID, server.URL), ""}
	}
	return finding{"server", notable, "none serves from " + dir, calledAs() + " serve" + c.dataFlag()}
}

func lookAtDefinitions(dir string) finding {
	if dir == "" {
		return finding{"definitions", notable, "no directory is named, so they were not looked at", calledAs() + " doctor --agents DIR"}
	}
	if _, err := os.Stat(dir); err != nil {
		return finding{"definitions", broken, err.Error(), calledAs() + " init " + shellWord(dir)}
	}
	catalogue, err := agent.OpenCatalogue(agent.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return finding{"definitions", broken, err.Error(), ""}
	}
	if problems := catalogue.Problems(); len(problems) > 0 {
		return finding{"definitions", broken, fmt.Sprintf("%s in %s", count(len(problems), "problem", "problems"), dir), calledAs() + " validate " + shellWord(dir)}
	}
	return finding{"definitions", fine, fmt.Sprintf("%s in %s", count(len(catalogue.List())-1, "definition", "definitions"), dir), ""}
}

// lookAtGroups makes a cgroup as a runner would, and removes it.
func lookAtGroups() finding {
	const without = "agents are stopped by signals, without limits of memory, processes and CPU"
	if runtime.GOOS != "linux" {
		return finding{"cgroups", notable, "only Linux has them; " + without, ""}
	}
	group, err := process.NewGroup(fmt.Sprintf("doctor-%d", os.Getpid()))
	if err != nil {
		return finding{"cgroups", notable, fmt.Sprintf("%v; %s", err, without), calledAs() + " service install (its unit delegates a cgroup), or: systemd-run --user --scope -p Delegate=yes " + calledAs() + " serve"}
	}
	if err := group.Remove(); err != nil {
		return finding{"cgroups", notable, err.Error(), ""}
	}
	return finding{"cgroups", fine, "version 2, and each execution can have its own", ""}
}

func lookAtLandlock() finding {
	s := sandbox.Supported()
	switch {
	case s.ABI == 0:
		return finding{"Landlock", notable, "a sandbox can't be enforced: " + s.Err.Error(), "sandbox.required: true in a definition refuses to run without"}
	case s.ABI < 4:
		return finding{"Landlock", notable, fmt.Sprintf("version %d: a sandbox holds paths, but no TCP ports", s.ABI), "Linux 6.7 or later holds ports, too"}
	}
	return finding{"Landlock", fine, fmt.Sprintf("version %d: a sandbox holds paths and TCP ports", s.ABI), ""}
}
