package sandbox

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func newPlace(t *testing.T) Place {
	t.Helper()
	root := t.TempDir()
	place := Place{
		DataDir: filepath.Join(root, "data"), Workspace: filepath.Join(root, "data/executions/x/workspace"), Temp: filepath.Join(root, "data/executions/x/tmp"),
		Result: filepath.Join(root, "data/executions/x/result.json"), Workdir: filepath.Join(root, "work"), Home: filepath.Join(root, "home"),
		Path: "/usr/bin:" + filepath.Join(root, "data/bin") + ":relative", Program: "/usr/bin/env",
	}
	for _, dir := range []string{place.Workspace, place.Temp, place.Workdir, filepath.Join(place.Home, ".config"), filepath.Join(root, "other")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return place
}

// TestRules_data_directory holds that no profile, and nothing that a policy names, opens the data
// directory.
func TestRules_data_directory(t *testing.T) {
	t.Parallel()
	place := newPlace(t)
	link := filepath.Join(place.Workdir, "link")
	if err := os.Symlink(place.DataDir, link); err != nil {
		t.Fatal(err)
	}
	for _, profile := range Profiles {
		for _, named := range []string{"/usr", place.DataDir, filepath.Dir(place.DataDir), "/", filepath.Join(place.DataDir, "owner.token"), link} {
			p := &Policy{Profile: profile, Read: []string{named}, Write: []string{named}}
			rules := p.Rules(place)
			for _, secret := range []string{"owner.token", "executions/x/spec.json", "executions/x/events.ndjson", "executions/other", "index.sqlite", ""} {
				if path := filepath.Join(place.DataDir, secret); rules.May(path, false) || rules.May(path, true) {
					t.Errorf("%s with %s opens %s", profile, named, path)
				}
			}
			if !rules.May(filepath.Join(place.Temp, "x"), true) || !rules.May(place.Result, true) {
				t.Errorf("%s can't write its own temporary directory or result", profile)
			}
			if err := p.Check(place.DataDir, place.Home); (err == nil) != (named == "/usr") {
				t.Errorf("%s is judged with %v", named, err)
			}
		}
	}
}

func TestRules_profiles(t *testing.T) {
	t.Parallel()
	place := newPlace(t)
	beside := filepath.Join(filepath.Dir(place.DataDir), "other")
	for _, c := range []struct {
		policy      Policy
		path        string
		read, write bool
	}{
		{Policy{Profile: ReadOnly}, place.Workdir, true, false},
		{Policy{Profile: ReadOnly}, place.Workspace, true, false},
		{Policy{Profile: ReadOnly}, "/usr/bin/env", true, false},
		{Policy{Profile: ReadOnly}, beside, false, false},
		{Policy{Profile: ReadOnly, Write: []string{beside}}, beside, true, true},
		{Policy{Profile: Workspace}, place.Workdir, true, true},
		{Policy{Profile: Workspace}, place.Workspace, true, true},
		{Policy{Profile: Workspace}, "/tmp/x", false, false},
		{Policy{Profile: Workspace}, place.Home, false, false},
		{Policy{Profile: Workspace}, filepath.Join(place.Home, ".gitconfig"), true, false},
		{Policy{Profile: Workspace}, filepath.Join(place.Home, ".ssh/id_ed25519"), false, false},
		{Policy{Profile: Workspace, Read: []string{"~/notes"}}, filepath.Join(place.Home, "notes/a"), true, false},
		{Policy{Profile: Full}, beside, true, true},
		{Policy{Profile: Full}, "/etc/shadow", true, true},
	} {
		rules := c.policy.Rules(place)
		if read, write := rules.May(c.path, false), rules.May(c.path, true); read != c.read || write != c.write {
			t.Errorf("%+v: %s may be read %v and written %v, want %v and %v", c.policy, c.path, read, write, c.read, c.write)
		}
	}
	if network := (&Policy{Profile: Workspace}).Network(); network != networkNone {
		t.Errorf("without connect the network is %s", network)
	}
}

// TestWorktree lets git work in a linked worktree, and believes no .git file that git did not write.
func TestWorktree(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	work, dir := filepath.Join(root, "wt"), filepath.Join(root, "repo/.git/worktrees/wt")
	for path, text := range map[string]string{
		filepath.Join(work, ".git"): "gitdir: " + dir + "\n", filepath.Join(dir, "gitdir"): filepath.Join(work, ".git") + "\n", filepath.Join(dir, "commondir"): "../..\n",
	} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	common := filepath.Join(root, "repo/.git")
	if got := worktree(work); !slices.Equal(got, []string{dir, filepath.Join(common, "objects"), filepath.Join(common, "refs"), filepath.Join(common, "logs")}) {
		t.Errorf("git may write %v", got)
	}
	if err := os.WriteFile(filepath.Join(work, ".git"), []byte("gitdir: /root\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := worktree(work); got != nil {
		t.Errorf("a forged .git file opens %v", got)
	}
}

func TestListener(t *testing.T) {
	t.Parallel()
	place := newPlace(t)
	outside := filepath.Join(filepath.Dir(place.DataDir), "other")
	secret := filepath.Join(place.DataDir, "owner.token")
	for line, want := range map[string]string{
		"/bin/sh: 4: cannot create " + outside + "/x: Permission denied":   "write: [" + outside + "]",
		"bash: line 3: " + outside + ": Permission denied":                 "read: [" + outside + "]",
		"PermissionError: [Errno 13] Permission denied: '" + outside + "'": "read: [" + outside + "]",
		"Error: EACCES: permission denied, mkdir '" + outside + "/cache'":  "write: [" + outside + "]",
		"open " + outside + ": permission denied":                          "read: [" + outside + "]",
		"cat: " + secret + ": Permission denied":                           "out of reach of every sandboxed agent",
		"dial tcp 10.0.0.1:5432: connect: permission denied":               "connect: [5432]",
		"Error: connect EACCES 1.2.3.4:8443 - Local":                       "connect: [8443]",
		"curl: (7) Failed to connect to host port 8080 after 0 ms":         "connect: [8080]",
		"bash: line 1: /dev/tcp/127.0.0.1/22: Permission denied":           "connect: [22]",
		"curl: (6) Could not resolve host: example.com":                    "",
		"permission denied": "",
		"dial tcp 10.0.0.1:443: connect: connection refused":                                        "",
		"touch: cannot touch '" + place.Workdir + "/x': Permission denied":                          "",
		"everything is fine with " + outside:                                                        "",
		"ls: cannot open directory '" + filepath.Dir(place.DataDir) + "': Permission denied":        "can't be allowed as a whole",
		"cannot open '" + filepath.Join(place.Home, ".config") + "' for reading: Permission denied": "read: [" + place.Home + "/.config]",
	} {
		policy := &Policy{Profile: Workspace, Connect: []int{443}}
		l := NewListener(policy, policy.Rules(place), place)
		got := l.Line([]byte(line))
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("of %q it says %q, want %q", line, got, want)
		}
		if again := l.Line([]byte(line)); again != "" {
			t.Errorf("of %q it says twice: %q", line, again)
		}
	}
	policy := &Policy{Profile: ReadOnly}
	l := NewListener(policy, policy.Rules(place), place)
	if got := l.Line([]byte("curl: (6) Could not resolve host: example.com")); !strings.Contains(got, "connect: [443]") {
		t.Errorf("without a network it says %q", got)
	}
	if got := l.Line([]byte("touch: cannot touch '" + place.Workdir + "/x': Permission denied")); !strings.Contains(got, "profile: workspace}") {
		t.Errorf("of a read-only directory it says %q", got)
	}
}

// TestMissing says for each version of Landlock what it can't enforce.
func TestMissing(t *testing.T) {
	t.Parallel()
	none := errors.New("no Landlock here")
	for abi, want := range map[int]int{0: 1, 1: 3, 3: 2, 4: 1, 5: 1, 6: 0, 7: 0, 99: 0} {
		got := (&Policy{Profile: Workspace, Connect: []int{443}}).Missing(Support{abi, none})
		if len(got) != want {
			t.Errorf("of version %d it says %q", abi, got)
		}
	}
	if got := (&Policy{Profile: Full}).Missing(Support{0, none}); len(got) != 1 || !strings.Contains(got[0], "no Landlock here") {
		t.Errorf("without Landlock it says %q", got)
	}
}
