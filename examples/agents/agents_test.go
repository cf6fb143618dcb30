// Package agents_test runs every example for real, as ClaudeOps would start it.
package agents_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/run/agent"
	"github.com/claudeops/claudeops/internal/run/process"
)

type none struct{}

func TestExamples_are_well_described(t *testing.T) {
	t.Parallel()
	c := catalogue(t)
	files, err := filepath.Glob("*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 6 || len(c.List()) != len(files)+1 { // and the builtin
		t.Errorf("%d files, %d agents", len(files), len(c.List()))
	}
	reference := regexp.MustCompile(`^# yaml-language-server: \$schema=(\S+)\n`)
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		m := reference.FindSubmatch(text)
		if m == nil {
			t.Errorf("%s does not begin with its schema", name)
			continue
		}
		if schema, err := os.ReadFile(string(m[1])); err != nil || !bytes.Equal(schema, agent.SchemaJSON) {
			t.Errorf("%s refers to %s, which is not the published schema: %v", name, m[1], err)
		}
	}
	for _, d := range c.List() {
		if d.File != "" && filepath.Base(d.File) != d.Name+".yaml" {
			t.Errorf("%s is in %s", d.Name, d.File)
		}
		if d.Title == d.Name || len(d.Description) < 30 {
			t.Errorf("%s: title %q, description %q", d.Name, d.Title, d.Description)
		}
		if _, err := d.Resolve(nil); err != nil {
			t.Errorf("%s can't be started without parameters: %v", d.Name, err)
		}
	}
}

func TestDiskReport(t *testing.T) {
	t.Parallel()
	s := start(t, "disk-report", none{})
	if code := s.finish(t); code != 0 || !strings.Contains(s.out.String(), "Mounted on") {
		t.Errorf("exit %d:\n%s", code, s.out)
	}
	s = start(t, "disk-report", map[string]string{"path": "/no such; place"})
	if code := s.finish(t); code != 1 || !strings.Contains(s.out.String(), "/no such; place") {
		t.Errorf("exit %d:\n%s", code, s.out)
	}
}

func TestLargestFiles(t *testing.T) {
	t.Parallel()
	if s := start(t, "largest-files", none{}); s.finish(t) != 0 || !strings.Contains(s.out.String(), "::progress 100::") {
		t.Errorf("with defaults: %s", s.out)
	}
	dir := t.TempDir()
	for name, size := range map[string]int{"small": 10, "1 MiB": 1 << 20, "three\t\"MiB\"": 3 << 20, "line\nbreak \\ 2 MiB": 2 << 20} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := start(t, "largest-files", map[string]any{"path": dir, "limit": 2, "one-file-system": false})
	if code := s.finish(t); code != 0 {
		t.Fatalf("exit %d:\n%s", code, s.out)
	}
	var result struct {
		Found int
		Bytes int
		Files []struct {
			Bytes int
			Path  string
		}
	}
	s.read(t, &result)
	if result.Found != 3 || result.Bytes != 5<<20 || len(result.Files) != 2 || result.Files[0].Path != dir+"/three?\"MiB\"" || result.Files[1].Path != dir+"/line?break \\ 2 MiB" {
		t.Errorf("result %+v\n%s", result, s.out)
	}
	if !strings.Contains(s.out.String(), "5.0 MiB  in the 2 largest of 3 files") {
		t.Error(s.out)
	}
	s = start(t, "largest-files", map[string]any{"path": dir, "min-megabytes": 0})
	if s.finish(t); !strings.Contains(s.out.String(), "of 4 files") {
		t.Error(s.out)
	}
	s = start(t, "largest-files", map[string]any{"path": "/nowhere"})
	if code := s.finish(t); code != 2 || !strings.Contains(s.out.String(), "::error::/nowhere is not a directory") {
		t.Errorf("exit %d:\n%s", code, s.out)
	}
}

func TestWatchLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "-a log")
	add := func(line string) {
		t.Helper()
		f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, line+"\n"); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := start(t, "watch-log", map[string]any{"file": file})
	s.out.until(t, "No such file", 1)
	add("first")
	s.out.until(t, "first\n", 1)
	if err := os.Rename(file, file+".1"); err != nil { // rotated
		t.Fatal(err)
	}
	add("second")
	s.out.until(t, "second\n", 1)
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if <-s.ended; s.cmd.ProcessState.Success() {
		t.Error("it is to end by the signal")
	}

	s = start(t, "watch-log", none{}) // whatever there is
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-s.ended
}

func TestHTTPCheck(t *testing.T) {
	t.Parallel()
	needs(t, "curl", "curl")
	// With defaults it asks a server that may or may not be there.
	s := start(t, "http-check", none{})
	var result struct {
		Good, Bad int
		Healthy   bool
	}
	code := s.finish(t)
	if s.read(t, &result); (code == 0) != result.Healthy || result.Good+result.Bad != 1 {
		t.Errorf("exit %d, %+v:\n%s", code, result, s.out)
	}

	var mu sync.Mutex
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked++
		n := asked
		mu.Unlock()
		switch r.URL.Path {
		case "/warming-up":
			if n < 3 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		case "/private":
			if r.Header.Get("Authorization") != "Bearer s3cret'\"token" {
				w.WriteHeader(http.StatusUnauthorized)
			}
		case "/moved":
			http.Redirect(w, r, "/", http.StatusFound)
		}
		fmt.Fprintln(w, "all is $(well)")
	}))
	t.Cleanup(server.Close)
	for _, tt := range []struct {
		name, path string
		config     map[string]any
		code       int
		want       string
	}{
		{"text", "/", map[string]any{"contains": "$(well)"}, 0, "is as expected"},
		{"other text", "/", map[string]any{"contains": "ill"}, 1, "does not hold the expected text"},
		{"other status", "/", map[string]any{"status": 404}, 1, "status 200, expected 404"},
		{"redirect", "/moved", nil, 1, "status 302"},
		{"followed", "/moved", map[string]any{"follow-redirects": true}, 0, "as expected"},
		{"token", "/private", map[string]any{"token": "s3cret'\"token"}, 0, "as expected"},
		{"no token", "/private", nil, 1, "status 401"},
	} {
		config := map[string]any{"url": server.URL + tt.path}
		for key, value := range tt.config {
			config[key] = value
		}
		s := start(t, "http-check", config)
		if code := s.finish(t); code != tt.code || !strings.Contains(s.out.String(), tt.want) {
			t.Errorf("%s: exit %d:\n%s", tt.name, code, s.out)
		}
	}
	mu.Lock()
	asked = 0
	mu.Unlock()
	s = start(t, "http-check", map[string]any{"url": server.URL + "/warming-up", "attempts": 3, "pause-seconds": 0})
	if code := s.finish(t); code != 0 || !strings.Contains(s.out.String(), "::progress 100::1 good, 2 bad") {
		t.Errorf("exit %d:\n%s", code, s.out)
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	s = start(t, "http-check", map[string]any{"url": "http://" + closed.Addr().String()})
	if code := s.finish(t); code != 1 || !strings.Contains(s.out.String(), "::warning::attempt 1: curl: ") {
		t.Errorf("exit %d:\n%s", code, s.out)
	}
}

func TestBackupCheck(t *testing.T) {
	t.Parallel()
	for program, pkg := range map[string]string{"xz": "xz-utils", "bzip2": "bzip2", "zstd": "zstd", "zip": "zip", "unzip": "unzip", "gzip": "gzip"} {
		needs(t, program, pkg)
	}
	var result struct {
		Checked            int
		Damaged, Unchecked []string
	}
	s := start(t, "backup-check", none{}) // whatever this machine has
	code := s.finish(t)
	if s.read(t, &result); (code == 0) != (len(result.Damaged) == 0 && result.Checked > 0) {
		t.Errorf("exit %d, %+v:\n%s", code, result, s.out)
	}

	dir := t.TempDir()
	shell := func(script string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "sh", "-euc", script)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	shell(`
		mkdir src; head -c 300000 /dev/urandom >src/random; echo text >src/text
		tar --force-local -cf 12:00.tar src; tar czf a.tar.gz src; tar cJf a.tar.xz src; tar cjf a.tar.bz2 src; tar --zstd -cf a.tar.zst src; cp a.tar.gz 'a "b" \.TGZ'
		gzip -c src/random >r.gz; xz -c src/random >r.xz; bzip2 -c src/random >r.bz2; zstd -q -c src/random >r.zst; zip -q r.zip src/random
		mkdir -p deep/er; cp r.gz deep/er/; rm -r src; echo no >notes.txt`)
	s = start(t, "backup-check", map[string]any{"directory": dir})
	code = s.finish(t)
	if s.read(t, &result); code != 0 || result.Checked != 12 || len(result.Damaged)+len(result.Unchecked) > 0 {
		t.Fatalf("exit %d, %+v:\n%s", code, result, s.out)
	}
	if !strings.Contains(s.out.String(), "12 archives, 0 damaged") || !strings.Contains(s.out.String(), "::progress 91::") {
		t.Error(s.out)
	}

	// Each kind damaged once: cut short, but for the plain tar, whose end is optional.
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.IsDir() || entry.Name() == "notes.txt" {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, whole[:len(whole)/2], 0o600); err != nil {
			t.Fatal(err)
		}
		s := start(t, "backup-check", map[string]any{"directory": dir})
		code := s.finish(t)
		if s.read(t, &result); code != 1 || len(result.Damaged) != 1 || result.Damaged[0] != path || !strings.Contains(s.out.String(), "::error::"+path+" is damaged: ") {
			t.Errorf("%s cut short: exit %d, %+v:\n%s", entry.Name(), code, result, s.out)
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	old := time.Now().Add(-50 * time.Hour)
	for _, name := range append([]os.DirEntry{}, entries...) {
		if err := os.Chtimes(filepath.Join(dir, name.Name()), old, old); err != nil {
			t.Fatal(err)
		}
	}
	s = start(t, "backup-check", map[string]any{"directory": dir, "max-age-hours": 48, "depth": 1})
	if code := s.finish(t); code != 1 || !strings.Contains(s.out.String(), "::error::the newest archive is 50 hours old, allowed are 48") {
		t.Errorf("exit %d:\n%s", code, s.out)
	}
	s = start(t, "backup-check", map[string]any{"directory": t.TempDir()})
	if code := s.finish(t); code != 1 || !strings.Contains(s.out.String(), "::error::there is no archive in ") {
		t.Errorf("exit %d:\n%s", code, s.out)
	}
}

func TestGitActivity(t *testing.T) {
	t.Parallel()
	needs(t, "git", "git")
	if s := start(t, "git-activity", none{}); s.finish(t) != 0 || !strings.Contains(s.out.String(), "repositories below") {
		t.Errorf("with defaults: %s", s.out)
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "sh", "-euc", `
		export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=Ann GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=Ann GIT_COMMITTER_EMAIL=a@example.org
		git init -q -b trunk 'one $(two)'; cd 'one $(two)'
		git commit -q --allow-empty -m 'First ::error:: step'; git commit -q --allow-empty -m 'Second'; echo x >new; cd ..
		git init -q -b main deep/er/empty`)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s := start(t, "git-activity", map[string]any{"path": dir, "commits": 1})
	if code := s.finish(t); code != 0 {
		t.Fatalf("exit %d:\n%s", code, s.out)
	}
	var result struct{ Repositories, Active, Uncommitted int }
	if s.read(t, &result); result.Repositories != 2 || result.Active != 1 || result.Uncommitted != 1 {
		t.Errorf("%+v\n%s", result, s.out)
	}
	for _, want := range []string{"::group::" + dir + "/one $(two)\n  branch trunk: 2 commits in 14 days, 1 files changed, - not pushed\n", "  Ann: Second\n", "empty\n  branch main: 0 commits"} {
		if !strings.Contains(s.out.String(), want) {
			t.Errorf("no %q in\n%s", want, s.out)
		}
	}
	if strings.Contains(s.out.String(), "First") {
		t.Errorf("more commits than asked for:\n%s", s.out)
	}
}

func TestPortCheck(t *testing.T) {
	t.Parallel()
	if s := start(t, "port-check", none{}); s.finish(t) != 0 || !strings.Contains(s.out.String(), "127.0.0.1: ") {
		t.Errorf("with defaults: %s", s.out)
	}
	open, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	port := func(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }
	for _, tt := range []struct {
		expect string
		code   int
	}{{"report", 0}, {"open", 1}, {"closed", 1}} {
		s := start(t, "port-check", map[string]any{"ports": []int{port(open), port(gone)}, "expect": tt.expect})
		code := s.finish(t)
		var result struct{ Open, Closed []int }
		s.read(t, &result)
		if code != tt.code || len(result.Open) != 1 || result.Open[0] != port(open) || len(result.Closed) != 1 || result.Closed[0] != port(gone) {
			t.Errorf("expecting %s: exit %d, %+v:\n%s", tt.expect, code, result, s.out)
		}
	}
}

func TestDemoStream(t *testing.T) {
	t.Parallel()
	s := start(t, "demo-stream", none{})
	if code := s.finish(t); code != 0 {
		t.Fatalf("exit %d:\n%s", code, s.out)
	}
	numbered := regexp.MustCompile(`(?m)^(::[a-z]+::|\x1b\[3[1-6]m)?0000(\d\d\d)  [a-z]+ block [0-9a-f]{8}`).FindAllStringSubmatch(s.out.String(), -1)
	if len(numbered) != 100 || numbered[0][2] != "001" || numbered[99][2] != "100" {
		t.Errorf("%d lines:\n%s", len(numbered), s.out)
	}
	if strings.Count(s.out.String(), "::group::") != 2 || strings.Count(s.out.String(), "::endgroup::") != 2 || !strings.Contains(s.out.String(), "::progress 100::line 100 of 100") {
		t.Error(s.out)
	}
	var result struct{ Lines int }
	if s.read(t, &result); result.Lines != 100 {
		t.Errorf("%+v", result)
	}
	s = start(t, "demo-stream", map[string]any{"lines": 250_000, "per-second": 100_000, "colour": false, "fail": true})
	if code := s.finish(t); code != 1 || !strings.Contains(s.out.String(), "0250000  ") || strings.Contains(s.out.String(), "\x1b") {
		t.Errorf("exit %d, %d bytes", code, len(s.out.String()))
	}
}

func TestStubborn(t *testing.T) {
	t.Parallel()
	s := start(t, "stubborn", none{})
	s.out.until(t, "still here after 1 s", 1)
	for i, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		if err := syscall.Kill(-s.cmd.Process.Pid, signal); err != nil {
			t.Fatal(err)
		}
		s.out.until(t, "::warning::asked to end; not listening", i+1)
	}
	s.out.until(t, "still here after 3 s", 1)
	marked, err := process.Marked(s.id)
	if err != nil {
		t.Fatal(err)
	}
	// Besides the script there is the daemon, in a session of its own.
	escaped := 0
	for _, p := range marked {
		if group, err := syscall.Getpgid(p.PID); err == nil && group != s.cmd.Process.Pid {
			escaped++
		}
	}
	if escaped != 1 {
		t.Errorf("%d of %d processes left the group", escaped, len(marked))
	}
	if killed, err := process.KillMarked(t.Context(), s.id); err != nil || killed < 2 {
		t.Errorf("killed %d: %v", killed, err)
	}
	<-s.ended
	s = start(t, "stubborn", map[string]any{"seconds": 1, "escape": false})
	if code := s.finish(t); code != 0 || !strings.Contains(s.out.String(), "ended by itself") {
		t.Errorf("exit %d:\n%s", code, s.out)
	}
}
