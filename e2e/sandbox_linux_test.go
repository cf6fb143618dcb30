package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/claudeops/claudeops/internal/run/sandbox"
)

// needsLandlock demands a kernel that can enforce a sandbox in full.
func needsLandlock(t *testing.T) {
	t.Helper()
	if s := sandbox.Supported(); s.ABI < 6 {
		t.Fatalf("these tests take Linux 6.12 with Landlock (%d here): %v", s.ABI, s.Err)
	}
}

// TestSandbox runs agents that try what a sandbox forbids, and what it allows.
func TestSandbox(t *testing.T) {
	t.Parallel()
	needsLandlock(t)
	w := newWorld(t)
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "file"), []byte("content\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	attempts := `
shell: |
  try() { what=$1; shift; if "$@" >/dev/null; then echo "allowed $what"; else echo "refused $what"; fi; }
  try token cat "$DATA/owner.token"
  try journal cat "$DATA/executions/$CLAUDEOPS_EXECUTION_ID/events.ndjson"
  try spec cat "$DATA/executions/$CLAUDEOPS_EXECUTION_ID/spec.json"
  try outside-read cat "$OUT/file"
  try outside-write touch "$OUT/new-$CLAUDEOPS_EXECUTION_ID"
  try cwd touch new
  try temp touch "$TMPDIR/new"
  try system cat /etc/hosts
  try runner kill -0 $PPID
  try environ cat "/proc/$PPID/environ"
  printf '{"done":true}' >"$CLAUDEOPS_RESULT"
env: {DATA: "` + w.dir + `", OUT: "` + outside + `"}
`
	w.define("workspace", "sandbox: {profile: workspace, required: true}\n"+attempts)
	w.define("read-only", "sandbox: read-only\n"+attempts)
	w.define("full", "sandbox: full\n"+attempts)
	w.define("named", "sandbox: {read: ['"+outside+"']}\n"+attempts)
	w.define("parameter", "sandbox: {write: ['{{dir}}']}\nparameters: {type: object, required: [dir], properties: {dir: {type: string}}}\n"+attempts)
	w.define("opens-data", "sandbox: {read: ['"+filepath.Dir(w.dir)+"']}\ncommand: [cat, '"+w.dir+"/owner.token']\n")
	w.define("unreachable", "sandbox: workspace\ncommand: ['"+testAgent+"']\nworkdir: '"+w.dir+"'\n")
	w.define("limits", "sandbox: {maxFileSize: 4KiB, openFiles: 20}\nshell: 'ulimit -n; ulimit -c; head -c 100000 /dev/zero >big; wc -c <big'\n")
	w.serve()

	inner := []string{"refused token", "refused journal", "refused spec", "allowed temp", "allowed system", "refused runner", "refused environ", "completed"}
	for name, want := range map[string][]string{
		"workspace": {"refused outside-read", "refused outside-write", "allowed cwd", "the sandbox denies", "read: [" + outside + "/file]", "write: [" + outside + "]"},
		"read-only": {"refused outside-read", "refused outside-write", "refused cwd"},
		"full":      {"allowed outside-read", "allowed outside-write", "allowed cwd"},
		"named":     {"allowed outside-read", "refused outside-write", "allowed cwd"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w.cli("run", name).check(t, 0, append(inner, want...)...)
		})
	}
	t.Run("parameter", func(t *testing.T) {
		t.Parallel()
		w.cli("run", "parameter", "-c", "dir="+outside).check(t, 0, "allowed outside-write", "refused token")
		w.cli("run", "parameter", "-c", "dir="+outside+"/../x").check(t, 2, "dir")
		w.cli("run", "parameter", "-c", "dir="+w.dir).check(t, 126, "out of reach of every sandboxed agent")
	})
	t.Run("the_data_directory_stays_closed", func(t *testing.T) {
		t.Parallel()
		w.cli("run", "opens-data").check(t, 126, "would open the data directory")
		w.cli("run", "unreachable").check(t, 126, "data directory")
	})
	t.Run("limits", func(t *testing.T) {
		t.Parallel()
		o := w.cli("run", "limits")
		o.check(t, 0, "20\n0\n", "4096")
	})
	t.Run("result", func(t *testing.T) {
		t.Parallel()
		w.cli("run", "workspace", "-q").check(t, 0)
		w.cli("show", "--json", strings.TrimSpace(w.cli("ps", "-a", "-q", "--agent", "workspace", "-n", "1").stdout)).check(t, 0, `"result":{"done":true}`)
	})
}

// TestSandbox_network connects where it may and where it may not.
func TestSandbox_network(t *testing.T) {
	t.Parallel()
	needsLandlock(t)
	w := newWorld(t)
	w.serve() // which is what is connected to
	_, port, _ := strings.Cut(w.listen, ":")
	const connect = "command: [bash, -c, 'exec 3<>/dev/tcp/127.0.0.1/PORT && echo connected']\n"
	client := strings.ReplaceAll(connect, "PORT", port)
	w.define("open", "sandbox: {connect: ["+port+"]}\n"+client)
	w.define("shut", "sandbox: {connect: [1]}\n"+client)
	w.define("none", "sandbox: workspace\n"+client)
	w.define("full", "sandbox: full\n"+client)
	await(t, "the definitions are read", func() bool { return strings.Count(w.cli("agents").stdout, "\n") >= 6 })
	w.cli("run", "open").check(t, 0, "connected")
	w.cli("run", "full").check(t, 0, "connected")
	w.cli("run", "shut").check(t, 1, "Permission denied", "connect: ["+port+"]")
	w.cli("run", "none").check(t, 1, "Permission denied", "connect: ["+port+"]")
}

// TestSandbox_tools does in a sandbox what agents do.
func TestSandbox_tools(t *testing.T) {
	t.Parallel()
	needsLandlock(t)
	w := newWorld(t)
	root := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=n", "-c", "user.email=n@example.com"}, args...)...)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git("init", "-q", "repo")
	git("-C", "repo", "commit", "-q", "--allow-empty", "-m", "one")
	git("-C", "repo", "worktree", "add", "-q", "../worktree", "-b", "side")
	w.define("git", "sandbox: {profile: workspace, required: true}\nworkdir: '"+filepath.Join(root, "worktree")+`'
shell: |
  set -e
  date >file; git add file
  git -c user.name=n -c user.email=n@example.com commit -qm two
  git log --oneline | wc -l
  if echo evil >../repo/.git/hooks/post-commit; then echo HOOKED; fi
  if echo evil >>../repo/.git/config; then echo CONFIGURED; fi
`)
	w.define("node", "sandbox: workspace\nshell: 'npm init -y >/dev/null && npm ls && node -e \"console.log(1+1)\"'\n")
	w.serve()
	o := w.cli("run", "git")
	if o.check(t, 0, "2\n", "completed"); strings.Contains(o.stdout, "HOOKED") || strings.Contains(o.stdout, "CONFIGURED") {
		t.Errorf("the repository's own settings were written:\n%s%s", o.stdout, o.stderr)
	}
	w.cli("run", "node").check(t, 0, "2\n", "completed")
}

// TestSandbox_without_Landlock simulates kernels that have less of it.
func TestSandbox_without_Landlock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.define("asks", "sandbox: {profile: workspace, connect: [443]}\nshell: 'grep NoNewPrivs /proc/self/status'\n")
	w.define("demands", "sandbox: {profile: workspace, connect: [443], required: true}\nshell: 'echo ran'\n")
	run := func(abi, agent string) output {
		cmd := w.command("run", agent)
		cmd.Env = append(cmd.Env, sandbox.AssumeVariable+"="+abi)
		var stdout, stderr strings.Builder
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		_ = cmd.Run()
		return output{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
	}
	run("0", "asks").check(t, 0, "not enforced in full", "paths and TCP ports are not restricted", "NoNewPrivs:\t1")
	run("3", "asks").check(t, 0, "TCP ports are not restricted", "6.7")
	o := run("0", "demands")
	if o.check(t, 126, "sandbox.required"); strings.Contains(o.stdout, "ran") {
		t.Errorf("it ran:\n%s", o.stdout)
	}
	run("3", "demands").check(t, 126, "TCP ports are not restricted")
}
