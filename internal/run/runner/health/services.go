package health

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func (c *check) services(ctx context.Context) error {
	s, err := c.from.services(ctx)
	if err != nil {
		return err
	}
	if s.Failed == nil {
		s.Failed = []Unit{}
	}
	c.report.Metrics.Services = s
	if !s.Systemd {
		c.out.line("  systemd does not run here: nothing to look at")
		return nil
	}
	c.out.row("failed units", fmt.Sprint(len(s.Failed)), "")
	for _, u := range s.Failed {
		c.out.row("  "+shorten(u.Name, 60), "failed", u.Description)
		evidence := "systemd says: failed"
		if u.Description != "" {
			evidence += " (" + u.Description + ")"
		}
		c.report.find(SeverityWarning, "systemd.failed:"+u.Name, u.Name+" failed", evidence,
			fmt.Sprintf("See why (systemctl status %s; journalctl -u %s -e), mend it, and start it again; or clear it (systemctl reset-failed %s).", u.Name, u.Name, u.Name))
	}
	return nil
}

// services asks systemd, where it is the init system, for units that failed.
func services(ctx context.Context, environ []string) (Services, error) {
	if _, err := os.Stat("/run/systemd/system"); errors.Is(err, fs.ErrNotExist) {
		return Services{Failed: []Unit{}}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	return failedUnits(ctx, systemctl(environ), environ)
}

// systemctl finds the program, also where PATH leaves it out.
func systemctl(environ []string) string {
	for _, dir := range append(filepath.SplitList(lookup(environ, "PATH")), "/usr/bin", "/bin") {
		path := filepath.Join(dir, "systemctl")
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path
		}
	}
	return "systemctl"
}

func failedUnits(ctx context.Context, program string, environ []string) (Services, error) {
	cmd := exec.CommandContext(ctx, program, "list-units", "--state=failed", "--all", "--plain", "--full", "--no-legend", "--no-pager")
	cmd.Env = append(append([]string(nil), environ...), "LC_ALL=C", "SYSTEMD_COLORS=0")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) && len(exit.Stderr) > 0 {
			err = errors.New(strings.TrimSpace(string(exit.Stderr)))
		}
		return Services{}, fmt.Errorf("ask systemd for failed units: %w", err)
	}
	return Services{Systemd: true, Failed: parseUnits(string(out))}, nil
}

// parseUnits reads lines of UNIT LOAD ACTIVE SUB DESCRIPTION, with a mark before them in older
// versions of systemctl.
func parseUnits(out string) []Unit {
	units := []Unit{}
	for line := range strings.Lines(out) {
		fields := strings.Fields(strings.TrimLeft(line, " ●*×"))
		if len(fields) >= 4 {
			units = append(units, Unit{Name: clean(fields[0]), Description: clean(strings.Join(fields[4:], " "))})
		}
	}
	return units
}
