package main

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
)

type serviceFlags struct {
	system, user, print, noStart, force bool
	manager, agents, listen, runAs      string
}

// service is what a unit or property list is made of.
type service struct {
	system     bool
	executable string
	dataDir    string
	arguments  []string // after the executable
	runAs      string   // the user of a system service; "" for root
	logFile    string   // launchd's
}

const launchdLabel = "com.github.claudeops.server"

func (c *command) serviceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "service",
		Short: "Have the server started with the machine",
	}
	f := &serviceFlags{}
	install := &cobra.Command{
		Use:   "install [-- SERVE-FLAGS…]",
		Short: "Install the server as a systemd or launchd service, and start it",
		Long: `Writes a systemd unit (on macOS a launchd property list) that runs claudeops serve, and starts it: for
this user, or with --system, which root has by default, for the machine. What follows -- is given to
serve as it is.

Agents run on while the service is stopped or restarted (KillMode=process); the next server finds them.
--print writes the file to standard output and does nothing else.`,
		Example: `  claudeops service install --agents ~/agents
  sudo claudeops service install --run-as claudeops --agents /etc/claudeops/agents -- --max-running 20
  claudeops service install --print`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return c.installService(cmd.Context(), f, args) },
	}
	flags := install.Flags()
	flags.BoolVar(&f.system, "system", false, "for the machine; the default for root")
	flags.BoolVar(&f.user, "user", false, "for this user; the default for others")
	flags.BoolVar(&f.print, "print", false, "print the file instead of installing it")
	flags.BoolVar(&f.noStart, "no-start", false, "write the file and do not start the service")
	flags.BoolVar(&f.force, "force", false, "replace a file that is there and differs")
	flags.StringVar(&f.manager, "manager", "", "`program` that starts services: systemd or launchd (default: this system's)")
	flags.StringVar(&f.agents, "agents", "", "`directory` with agent definitions")
	flags.StringVar(&f.listen, "listen", "", "`address` to listen on")
	flags.StringVar(&f.runAs, "run-as", "", "`user` as whom a service of the machine runs (default: root)")
	install.MarkFlagsMutuallyExclusive("system", "user")
	_ = install.RegisterFlagCompletionFunc("manager", completeWords("systemd", "launchd"))
	for _, name := range []string{"system", "user", "print", "no-start", "force", "manager", "run-as"} {
		_ = flags.SetAnnotation(name, noTwin, []string{"true"})
	}
	cmd.AddCommand(install)
	return cmd
}

func (c *command) installService(ctx context.Context, f *serviceFlags, serveArgs []string) error {
	manager := f.manager
	if manager == "" {
		if manager = "systemd"; runtime.GOOS == "darwin" {
			manager = "launchd"
		}
	}
	s := service{system: f.system || !f.user && os.Geteuid() == 0, runAs: f.runAs}
	if s.runAs != "" && !s.system {
		return usageError("--run-as is for a service of the machine; add --system")
	}
	if s.runAs != "" && !f.print {
		if _, err := user.Lookup(s.runAs); err != nil {
			return usageError("--run-as %s: %w; make the user first, such as with: useradd --system --create-home %s", s.runAs, err, s.runAs)
		}
	}
	if s.system && !f.print && os.Geteuid() != 0 {
		return usageError("--system needs root: run it with sudo, or leave it out to install a service for this user")
	}
	executable, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program's own file: %w", err)
	}
	if s.executable, err = filepath.EvalSymlinks(executable); err != nil {
		return err
	}
	dir, err := c.serviceData(s)
	if err != nil {
		return err
	}
	s.dataDir, s.arguments = dir, []string{"serve", "--data", dir}
	if f.agents != "" {
		agents, err := filepath.Abs(f.agents)
		if err != nil {
			return err
		}
		s.arguments = append(s.arguments, "--agents", agents)
	}
	if f.listen != "" {
		s.arguments = append(s.arguments, "--listen", f.listen)
	}
	s.arguments = append(s.arguments, serveArgs...)
	s.logFile = filepath.Join(dir, "server.log")
	if err := checkUnitText(append(s.arguments, s.executable, s.runAs)); err != nil {
		return err
	}
	switch manager {
	case "systemd":
		return c.installSystemd(ctx, f, s)
	case "launchd":
		return c.installLaunchd(ctx, f, s)
	}
	return usageError("--manager %s is neither systemd nor launchd", manager)
}

// serviceData is the data directory of a service: that of this command, but for a service of the machine
// that runs as somebody else.
func (c *command) serviceData(s service) (string, error) {
	if c.data == "" && s.system {
		return "/var/lib/claudeops", nil
	}
	return c.dataDir()
}

// checkUnitText refuses what no unit can hold.
func checkUnitText(words []string) error {
	for _, word := range words {
		if strings.ContainsAny(word, "\n\r\x00") {
			return usageError("%q: a line break has no place in a service", word)
		}
	}
	return nil
}

// unit is the systemd unit.
func (s service) unit() string {
	words := []string{unitWord(s.executable)}
	for _, word := range s.arguments {
		words = append(words, unitWord(word))
	}
	after, target, runAs := "network.target", "default.target", ""
	if s.system {
		after, target = "network-online.target", "multi-user.target"
		if s.runAs != "" {
			runAs = "User=" + s.runAs + "\n"
		}
		if s.dataDir == "/var/lib/claudeops" {
			runAs += "StateDirectory=claudeops\nStateDirectoryMode=0700\n"
		}
	}
	return `[Unit]
Description=ClaudeOps: runs agents, shows every line they write, and stops them for certain
Documentation=https://github.com/claudeops/claudeops
Wants=` + after + `
After=` + after + `

[Service]
Type=exec
ExecStart=` + strings.Join(words, " ") + `
` + runAs + `UMask=0077
Restart=on-failure
RestartSec=2
TimeoutStopSec=30
LimitNOFILE=65536
# Agents run on while the server is stopped or restarted; the next server finds them.
KillMode=process
# An agent that the kernel ends for its memory does not end the server and the other agents.
OOMPolicy=continue
# Each execution gets a cgroup of its own, with the limits its definition sets.
Delegate=yes

[Install]
WantedBy=` + target + `
`
}

// unitWord quotes a word for ExecStart, in which % and $ stand for something else.
func unitWord(word string) string {
	word = strings.NewReplacer("%", "%%", "$", "$$").Replace(word)
	if word != "" && !strings.ContainsAny(word, " \t\"'\\;") {
		return word
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(word) + `"`
}

func (c *command) installSystemd(ctx context.Context, f *serviceFlags, s service) error {
	text := s.unit()
	if f.print {
		_, err := fmt.Fprint(c.stdout, text)
		return err
	}
	path, scope := "/etc/systemd/system/claudeops.service", []string{}
	if !s.system {
		config, err := os.UserConfigDir()
		if err != nil {
			return err
		}
		path, scope = filepath.Join(config, "systemd", "user", "claudeops.service"), []string{"--user"}
	}
	systemctl, err := exec.LookPath("systemctl")
	if err != nil {
		return errors.New("there is no systemctl, so systemd does not run here; claudeops service install --print gives the unit for another machine")
	}
	if err := c.writeService(path, text, f.force); err != nil {
		return err
	}
	commands := [][]string{{"daemon-reload"}, {"enable", "--now", "claudeops.service"}}
	if f.noStart {
		commands = commands[:1]
	}
	for _, arguments := range commands {
		if err := c.call(ctx, systemctl, append(append([]string{}, scope...), arguments...)...); err != nil {
			return err
		}
	}
	if !s.system {
		fmt.Fprintf(c.stderr, "the service ends when you sign out, unless: loginctl enable-linger\n")
	}
	fmt.Fprintf(c.stderr, "its log: journalctl %s-u claudeops; a link to the page: %s open%s\n", strings.Join(append(scope, ""), " "), calledAs(), c.dataFlag())
	return nil
}

// plist is the launchd property list.
func (s service) plist() string {
	var words strings.Builder
	for _, word := range append([]string{s.executable}, s.arguments...) {
		words.WriteString("\t\t<string>" + xmlText(word) + "</string>\n")
	}
	runAs := ""
	if s.runAs != "" {
		runAs = "\t<key>UserName</key>\n\t<string>" + xmlText(s.runAs) + "</string>\n"
	}
	return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>` + launchdLabel + `</string>
	<key>ProgramArguments</key>
	<array>
` + words.String() + `	</array>
` + runAs + `	<key>RunAtLoad</key>
	<true/>
	<key>KeepAlive</key>
	<dict>
		<key>SuccessfulExit</key>
		<false/>
	</dict>
	<!-- Agents run on while the server is stopped or restarted; the next server finds them. -->
	<key>AbandonProcessGroup</key>
	<true/>
	<key>StandardErrorPath</key>
	<string>` + xmlText(s.logFile) + `</string>
</dict>
</plist>
`
}

func xmlText(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}

func (c *command) installLaunchd(ctx context.Context, f *serviceFlags, s service) error {
	text := s.plist()
	if f.print {
		_, err := fmt.Fprint(c.stdout, text)
		return err
	}
	path, domain := "/Library/LaunchDaemons/"+launchdLabel+".plist", "system"
	if !s.system {
		home, err := os.UserHomeDir()
		if err != nil {
			return err
		}
		path, domain = filepath.Join(home, "Library", "LaunchAgents", launchdLabel+".plist"), fmt.Sprintf("gui/%d", os.Getuid())
	}
	launchctl, err := exec.LookPath("launchctl")
	if err != nil {
		return errors.New("there is no launchctl, so launchd does not run here; claudeops service install --print --manager launchd gives the property list for another machine")
	}
	if err := os.MkdirAll(filepath.Dir(s.logFile), 0o700); err != nil {
		return err
	}
	if err := c.writeService(path, text, f.force); err != nil {
		return err
	}
	if f.noStart {
		return nil
	}
	return c.call(ctx, launchctl, "bootstrap", domain, path)
}

// writeService writes the file of a service, unless one is there that differs.
func (c *command) writeService(path, text string, force bool) error {
	there, err := os.ReadFile(path)
	switch {
	case err == nil && string(there) == text:
		fmt.Fprintln(c.stdout, "unchanged", neutral(path))
		return nil
	case err == nil && !force:
		return fmt.Errorf("%s is there and differs; --force replaces it, --print shows what it would be", path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	next := path + ".next"
	if err := os.WriteFile(next, []byte(text), 0o644); err != nil {
		return err
	}
	if err := os.Rename(next, path); err != nil {
		return errors.Join(err, os.Remove(next))
	}
	_, err = fmt.Fprintln(c.stdout, "written", neutral(path))
	return err
}

// call runs a program of the service manager, and shows what it is and says.
func (c *command) call(ctx context.Context, program string, arguments ...string) error {
	name := filepath.Base(program) + " " + strings.Join(arguments, " ")
	out, err := exec.CommandContext(ctx, program, arguments...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(string(out)))
	}
	fmt.Fprintln(c.stdout, "done", neutral(name))
	return nil
}
