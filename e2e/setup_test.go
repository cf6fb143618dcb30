package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestInit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dir := filepath.Join(t.TempDir(), "deep", "agents")
	w.cli("init", dir).check(t, 0, "hello.yaml", "serve --agents")
	w.cli("validate", dir).check(t, 0, "3 definitions are good")
	hello := filepath.Join(dir, "hello.yaml")
	if err := os.WriteFile(hello, []byte("name: mine\ncommand: [true]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.cli("init", dir).check(t, 0, "kept")
	if text, err := os.ReadFile(hello); err != nil || !strings.HasPrefix(string(text), "name: mine") {
		t.Errorf("a file of the user's now holds %q, %v", text, err)
	}
	fresh := filepath.Join(t.TempDir(), "agents")
	w.cli("init", fresh).check(t, 0)
	w.cli("run", "hello", "-c", "times=1", "--agents", fresh).check(t, 0, "hello, world (1)", "completed")
	w.cli("init", "/dev/null/x").check(t, 1, "init:")
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.define("good", "command: [true]\n")
	programs := t.TempDir()
	for name, text := range map[string]string{"claude": "#!/bin/sh\necho 2.9.9 stand-in\n", "codex": "#!/bin/sh\necho broken >&2\nexit 3\n"} {
		if err := os.WriteFile(filepath.Join(programs, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	doctor := func(environ ...string) (map[string]map[string]string, int) {
		cmd := w.command("doctor", "--json")
		cmd.Env = append(append(cmd.Env, "PATH="+programs+":/usr/bin:/bin", "HOME="+t.TempDir()), environ...)
		out, _ := cmd.Output()
		found := map[string]map[string]string{}
		for line := range strings.Lines(string(out)) {
			var f map[string]string
			if err := json.Unmarshal([]byte(line), &f); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			found[f["name"]] = f
		}
		return found, cmd.ProcessState.ExitCode()
	}
	found, code := doctor()
	if f := found["claude"]; f["state"] != "note" || !strings.Contains(f["detail"], "2.9.9") || f["fix"] == "" {
		t.Errorf("claude: %v", f)
	}
	if f := found["codex"]; f["state"] != "problem" || code != 1 {
		t.Errorf("codex: %v, exit code %d", f, code)
	}
	for _, name := range []string{"data", "disk", "server", "definitions", "cgroups", "Landlock", "clock", "open files"} {
		if found[name]["state"] == "" {
			t.Errorf("nothing is said of %s: %v", name, found)
		}
	}
	if err := os.Remove(filepath.Join(programs, "codex")); err != nil {
		t.Fatal(err)
	}
	w.serve()
	found, code = doctor("ANTHROPIC_API_KEY=x", "CLAUDEOPS_ASSUME_LANDLOCK=0")
	if found["claude"]["state"] != "ok" || found["server"]["state"] != "ok" || found["data"]["state"] != "ok" {
		t.Errorf("it says %v (%d)", found, code)
	}
	if f := found["Landlock"]; f["state"] != "note" || !strings.Contains(f["detail"], "can't be enforced") {
		t.Errorf("Landlock: %v", f)
	}
	w.define("broken", "command: [df\n")
	if found, code = doctor(); found["definitions"]["state"] != "problem" || code != 1 || !strings.Contains(found["definitions"]["fix"], "validate") {
		t.Errorf("definitions: %v, exit code %d", found["definitions"], code)
	}
}

// TestService_install installs the unit with a systemctl that only writes down what it is told.
func TestService_install(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	home, programs := t.TempDir(), t.TempDir()
	calls := filepath.Join(home, "calls")
	install := func(args ...string) output {
		cmd := w.command(append([]string{"service", "install", "--user"}, args...)...)
		cmd.Env = append(cmd.Env, "PATH="+programs, "HOME="+home, "XDG_CONFIG_HOME=", "CALLS="+calls)
		var stdout, stderr strings.Builder
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		_ = cmd.Run()
		return output{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
	}
	install("--manager", "systemd").check(t, 1, "no systemctl", "--print")
	if err := os.WriteFile(filepath.Join(programs, "systemctl"), []byte("#!/bin/sh\necho \"$@\" >>\"$CALLS\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	unit := filepath.Join(home, ".config", "systemd", "user", "claudeops.service")
	install("--manager", "systemd", "--", "--max-running", "3").check(t, 0, unit, "enable-linger")
	text, err := os.ReadFile(unit)
	if err != nil || !strings.Contains(string(text), "KillMode=process") || !strings.Contains(string(text), "--data "+w.dir) || !strings.Contains(string(text), "--max-running 3") {
		t.Errorf("the unit is %s, %v", text, err)
	}
	if b, _ := os.ReadFile(calls); string(b) != "--user daemon-reload\n--user enable --now claudeops.service\n" {
		t.Errorf("systemctl was called with %q", b)
	}
	install("--manager", "systemd", "--", "--max-running", "4").check(t, 1, "differs", "--force")
	install("--manager", "systemd", "--force", "--no-start", "--", "--max-running", "4").check(t, 0, "written")
	install("--manager", "runit").check(t, 2, "neither")
	install("--system").check(t, 2, "system")
	if out, err := exec.Command(binary, "service", "install", "--print", "--manager", "launchd", "--user").Output(); err != nil || !strings.Contains(string(out), "AbandonProcessGroup") {
		t.Errorf("the property list is %q, %v", out, err)
	}
}
