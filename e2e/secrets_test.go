package e2e

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSecrets gives agents secrets of every kind, and looks for their values wherever they could be kept.
func TestSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const stored, filed, printed = "stored-Zx81-value", "filed-Qr55-value", "printed-Kt29-value"
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(filed+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "manager")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho printed-Kt29-value\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	w.define("user", `env: {STORED: {secret: my.secret}, FILED: {file: '`+file+`'}, PRINTED: {command: ['`+script+`']}, PLAIN: visible}
shell: |
  for name in STORED FILED PRINTED PLAIN; do eval "printf '%s is %s\n' $name \"\$$name\""; done
  [ "${#STORED} ${#FILED} ${#PRINTED}" = "17 16 18" ] || exit 9
  [ -z "$HOLD" ] || sleep 1000
`)
	set := func(name, value string) output {
		cmd := w.command("secrets", "set", name)
		cmd.Stdin = strings.NewReader(value)
		out, _ := cmd.CombinedOutput()
		return output{stdout: string(out), code: cmd.ProcessState.ExitCode()}
	}
	// Without a server they go into the data directory, with one through it.
	set("early", "early-value").check(t, 0, "stored")
	w.serve()
	w.cli("run", "user").check(t, 125+1, "my.secret", "secrets set my.secret") // spawn_failed
	set("my.secret", stored+"\n").check(t, 0, "stored")
	set("bad name", "x").check(t, 2, "name")
	set("empty", "").check(t, 2, "empty")
	w.cli("secrets", "list").check(t, 0, "early", "my.secret", "NAME")
	o := w.cli("run", "user")
	o.check(t, 0, "STORED is ••••••", "FILED is ••••••", "PRINTED is ••••••", "PLAIN is visible")
	w.cli("secrets", "rotate").check(t, 0, "rotated")
	w.cli("run", "user").check(t, 0, "PLAIN is visible")

	// Seen from outside while it runs, and after.
	w.define("holder", "env: {STORED: {secret: my.secret}}\nshell: 'echo up; sleep 1000'\n")
	await(t, "the definition is read", func() bool { return strings.Contains(w.cli("agents").stdout, "holder") })
	id := strings.TrimSpace(w.cli("run", "-d", "holder").stdout)
	await(t, "it runs", func() bool { return strings.Contains(w.cli("logs", id).stdout, "up") })
	backup := filepath.Join(t.TempDir(), "backup")
	w.cli("backup", backup).check(t, 0)
	if _, err := os.Stat(filepath.Join(backup, "files-1", "secrets.key")); err == nil {
		t.Error("the backup holds the key")
	}
	shown := w.cli("show", "--json", id).stdout + w.cli("agents", "--json").stdout + w.cli("secrets", "list", "--json").stdout + w.current().log.String()
	for _, args := range [][]string{{"logs", "--json", id}, {"ps", "-a", "--json"}} {
		shown += w.cli(args...).stdout
	}
	for _, runner := range w.runners() {
		b, _ := os.ReadFile(filepath.Join("/proc", itoa(runner), "cmdline"))
		e, _ := os.ReadFile(filepath.Join("/proc", itoa(runner), "environ"))
		shown += string(b) + string(e)
	}
	for _, secret := range []string{stored, filed, printed} {
		if strings.Contains(shown, secret) {
			t.Errorf("%s is shown", secret)
		}
		for _, dir := range []string{w.dir, backup} {
			err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
				if err != nil || !entry.Type().IsRegular() {
					return nil // gone meanwhile
				}
				if b, _ := os.ReadFile(path); bytes.Contains(b, []byte(secret)) {
					t.Errorf("%s is in %s", secret, path)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
	}
	w.cli("cancel", id).check(t, 0)
	w.cli("secrets", "rm", "my.secret").check(t, 0, "removed")
	w.cli("secrets", "rm", "my.secret").check(t, 1, "no secret")
}
