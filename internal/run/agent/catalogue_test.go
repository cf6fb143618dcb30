package agent

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/claudeops/claudeops/internal/run/kind/builtin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func definition(name, title string) string {
	return fmt.Sprintf("name: %s\ntitle: %s\ncommand: ['true']\n", name, title)
}

func names(c *Catalogue) []string {
	var list []string
	for _, d := range c.List() {
		list = append(list, d.Name)
	}
	return list
}

func problems(c *Catalogue) string {
	var list []string
	for _, p := range c.Problems() {
		list = append(list, p.Error())
	}
	return strings.Join(list, "\n")
}

func TestOpenCatalogue(t *testing.T) {
	t.Parallel()
	c, err := OpenCatalogue(Options{})
	if err != nil || len(c.Problems()) > 0 {
		t.Errorf("no directory: %v, %v", err, c.Problems())
	}
	missing := filepath.Join(t.TempDir(), "not", "there")
	c, err = OpenCatalogue(Options{Dir: missing})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{builtin.SystemHealth}, names(c)); diff != "" || problems(c) != missing+": the directory of agent definitions does not exist: create it, or name another directory with --agents" {
		t.Errorf("missing directory: %s %v", diff, c.Problems())
	}
	file := filepath.Join(t.TempDir(), "file")
	write(t, filepath.Dir(file), "file", "x")
	if _, err := OpenCatalogue(Options{Dir: file}); err == nil || !strings.Contains(err.Error(), file+": is not a directory") {
		t.Errorf("a file as the directory: %v", err)
	}
	loop := filepath.Join(t.TempDir(), "loop")
	if err := os.Symlink("loop", loop); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCatalogue(Options{Dir: loop}); err == nil || !strings.Contains(err.Error(), "too many levels of symbolic links") {
		t.Errorf("a link to itself as the directory: %v", err)
	}
	if err := directoryError(&fs.PathError{Op: "open", Path: "x", Err: syscall.EACCES}); !strings.Contains(err.Error(), "may not be read by the server's user") {
		t.Errorf("a directory without permission: %v", err)
	}
}

func TestCatalogue_a_wrong_file_takes_no_other_down(t *testing.T) {
	t.Parallel()
	c := newCatalogue(t, map[string]string{
		"good.yaml": definition("good", "Good"), "also.yml": definition("also", "Also"),
		"bad.yaml": "name: bad\ncomand: [a]\n", "worse.yaml": "\x00\x01", "empty.yml": "",
		".hidden.yaml": definition("hidden", "x"), "notes.txt": "x", "backup.yaml~": "x", "upper.YAML": "x",
	})
	if diff := cmp.Diff([]string{"also", "good", builtin.SystemHealth}, names(c)); diff != "" {
		t.Error(diff)
	}
	for _, want := range []string{"bad.yaml:1:1: command: missing", "bad.yaml:2:1: comand: unknown field: did you mean command?", "worse.yaml:1:1: not valid YAML", "empty.yml: the file is empty"} {
		if !strings.Contains(problems(c), want) {
			t.Errorf("no %q in\n%s", want, problems(c))
		}
	}
	if len(c.Problems()) != 4 {
		t.Errorf("got\n%s", problems(c))
	}
	if d := get(t, c, "good"); !filepath.IsAbs(d.File) || filepath.Base(d.File) != "good.yaml" {
		t.Errorf("file %q", d.File)
	}
}

func TestCatalogue_same_name_twice(t *testing.T) {
	t.Parallel()
	c := newCatalogue(t, map[string]string{"a.yaml": definition("same", "First"), "b.yaml": definition("same", "Second")})
	if got := get(t, c, "same").Title; got != "First" {
		t.Errorf("got %s, want the first file's", got)
	}
	want := "b.yaml:1:7: name: same is the name of the agent in " + get(t, c, "same").File + " already"
	if !strings.Contains(problems(c), want) {
		t.Errorf("no %q in %s", want, problems(c))
	}
}

func TestCatalogue_builtin(t *testing.T) {
	t.Parallel()
	c := newCatalogue(t, map[string]string{
		"health.yaml": "name: system-health\ntitle: Check this box\nbuiltin: system-health\nparameters: {properties: {diskWarnPercent: {default: 70, title: Disks}}}\n",
		"strict.yaml": "name: health-strict\nbuiltin: system-health\nparameters: {properties: {cpuWarnPercent: {default: 10}}}\n",
	})
	if len(c.Problems()) > 0 {
		t.Fatal(problems(c))
	}
	d := get(t, c, builtin.SystemHealth)
	inv, err := d.Resolve([]byte(`{"topProcesses":3}`))
	if err != nil {
		t.Fatal(err)
	}
	if d.Title != "Check this box" || !strings.Contains(string(inv.Config), `"diskWarnPercent":70`) || !strings.Contains(string(inv.Config), `"cpuWarnPercent":85`) {
		t.Errorf("title %q, config %s", d.Title, inv.Config)
	}
	if !strings.Contains(string(d.Parameters), `"diskWarnPercent":{"type":"number","title":"Disks","minimum":0,"maximum":100,"default":70}`) {
		t.Errorf("parameters %s", d.Parameters)
	}
	strict, err := get(t, c, "health-strict").Resolve(nil)
	if err != nil || !strings.Contains(string(strict.Config), `"cpuWarnPercent":10`) || !strings.Contains(string(strict.Config), `"diskWarnPercent":85`) {
		t.Errorf("config %s, %v", strict.Config, err)
	}

	c = newCatalogue(t, map[string]string{"health.yaml": definition(builtin.SystemHealth, "Mine")})
	if !strings.Contains(problems(c), "system-health is built in") || get(t, c, builtin.SystemHealth).Runs != builtin.SystemHealth {
		t.Errorf("a command took the builtin's name: %s", problems(c))
	}
}

func TestCatalogue_never_leaves_its_directory(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	write(t, outside, "secret.yaml", definition("outside", "x"))
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Symlink(filepath.Join(outside, "secret.yaml"), filepath.Join(dir, "absolute.yaml")))
	must(os.Symlink(filepath.Join("..", filepath.Base(outside), "secret.yaml"), filepath.Join(dir, "relative.yaml")))
	must(os.Symlink("/etc/passwd", filepath.Join(dir, "passwd.yaml")))
	must(os.Symlink("nowhere", filepath.Join(dir, "dangling.yaml")))
	must(os.Symlink("loop.yaml", filepath.Join(dir, "loop.yaml")))
	must(os.Symlink("/dev/zero", filepath.Join(dir, "zero.yaml")))
	must(syscall.Mkfifo(filepath.Join(dir, "fifo.yaml"), 0o600))
	must(os.Mkdir(filepath.Join(dir, "dir.yaml"), 0o700))
	must(os.Mkdir(filepath.Join(dir, "..data"), 0o700))
	must(os.Symlink("dir.yaml", filepath.Join(dir, "todir.yaml")))
	write(t, filepath.Join(dir, "..data"), "inside.yaml", definition("inside", "x"))
	must(os.Symlink("..data/inside.yaml", filepath.Join(dir, "inside.yaml")))
	socket, err := net.Listen("unix", filepath.Join(dir, "sock.yaml"))
	must(err)
	defer socket.Close()

	c, err := OpenCatalogue(Options{Dir: dir})
	must(err)
	if diff := cmp.Diff([]string{"inside", builtin.SystemHealth}, names(c)); diff != "" {
		t.Error(diff)
	}
	text := problems(c)
	for name, why := range map[string]string{
		"absolute": "leads out of the directory", "relative": "leads out of the directory", "passwd": "leads out of the directory", "zero": "leads out of the directory",
		"dangling": "link to nothing", "loop": "can't be read", "fifo": "is a named pipe", "todir": "is a directory", "sock": "can't be read",
	} {
		found := false
		for line := range strings.Lines(text) {
			found = found || (strings.Contains(line, "/"+name+".yaml: ") && strings.Contains(line, why))
		}
		if !found {
			t.Errorf("%s.yaml: no problem with %q in\n%s", name, why, text)
		}
	}
}

// watched is a running catalogue whose changes a test can wait for.
type watched struct {
	*Catalogue
	dir     string
	changed chan struct{}
}

func newWatched(t *testing.T, dir string) *watched {
	t.Helper()
	c, err := OpenCatalogue(Options{Dir: dir, Debounce: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{Catalogue: c, dir: dir, changed: make(chan struct{}, 1)}
	t.Cleanup(c.Subscribe(func() {
		select {
		case w.changed <- struct{}{}:
		default:
		}
	}))
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	return w
}

// until waits for changes until the catalogue is as wanted.
func (w *watched) until(t *testing.T, what string, wanted func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for !wanted() {
		select {
		case <-w.changed:
		case <-deadline:
			t.Fatalf("not seen: %s; agents %v, problems %s", what, names(w.Catalogue), problems(w.Catalogue))
		}
	}
}

func (w *watched) title(name string) string {
	if d, ok := w.Get(name); ok {
		return d.Title
	}
	return ""
}

func TestCatalogue_reloads(t *testing.T) {
	t.Parallel()
	w := newWatched(t, t.TempDir())

	write(t, w.dir, "a.yaml", definition("a", "One"))
	w.until(t, "a new file", func() bool { return w.title("a") == "One" })
	before := get(t, w.Catalogue, "a")

	write(t, w.dir, "a.yaml", definition("a", "Two"))
	w.until(t, "a changed file", func() bool { return w.title("a") == "Two" })
	if before.Title != "One" {
		t.Error("a definition in use was changed")
	}

	write(t, w.dir, "a.yaml", "name: a\ncommand: nonsense\n")
	// A file may be seen while it is half written, so the problem at first may be another.
	w.until(t, "a problem", func() bool { return strings.Contains(problems(w.Catalogue), "a.yaml:2:10: command: must be a list") })
	if w.title("a") != "Two" || len(w.Problems()) != 1 || !strings.Contains(problems(w.Catalogue), "a stays as it was") {
		t.Errorf("the last good one must stay: %q, %s", w.title("a"), problems(w.Catalogue))
	}

	// As editors and deployments write: a new file moved over the old one.
	write(t, w.dir, ".a.yaml.tmp", definition("a", "Three"))
	if err := os.Rename(filepath.Join(w.dir, ".a.yaml.tmp"), filepath.Join(w.dir, "a.yaml")); err != nil {
		t.Fatal(err)
	}
	w.until(t, "a replaced file", func() bool { return w.title("a") == "Three" && len(w.Problems()) == 0 })

	if err := os.Rename(filepath.Join(w.dir, "a.yaml"), filepath.Join(w.dir, "b.yaml")); err != nil {
		t.Fatal(err)
	}
	w.until(t, "a renamed file", func() bool { d, ok := w.Get("a"); return ok && filepath.Base(d.File) == "b.yaml" })

	if err := os.Remove(filepath.Join(w.dir, "b.yaml")); err != nil {
		t.Fatal(err)
	}
	w.until(t, "a removed file", func() bool { return w.title("a") == "" })
	w.Stop()
	w.Stop()
}

func TestCatalogue_follows_its_directory(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	dir := filepath.Join(top, "etc", "agents")
	w := newWatched(t, dir)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(dir, 0o700))
	write(t, dir, "a.yaml", definition("a", "One"))
	w.until(t, "the directory made", func() bool { return w.title("a") == "One" })

	must(os.Rename(dir, dir+".old"))
	w.until(t, "the directory gone", func() bool { return w.title("a") == "" })

	must(os.Mkdir(dir, 0o700))
	write(t, dir, "a.yaml", definition("a", "Two"))
	w.until(t, "another directory in its place", func() bool { return w.title("a") == "Two" })
	write(t, dir, "a.yaml", definition("a", "Three"))
	w.until(t, "a change in it", func() bool { return w.title("a") == "Three" })
}

func TestCatalogue_follows_links_that_are_swapped(t *testing.T) {
	t.Parallel()
	// A directory as Kubernetes mounts one: files are links through a link that is replaced.
	w := newWatched(t, t.TempDir())
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, title := range []string{"One", "Two"} {
		version := fmt.Sprintf("..version%d", i)
		must(os.Mkdir(filepath.Join(w.dir, version), 0o700))
		write(t, filepath.Join(w.dir, version), "a.yaml", definition("a", title))
		must(os.Symlink(version, filepath.Join(w.dir, "..data_tmp")))
		must(os.Rename(filepath.Join(w.dir, "..data_tmp"), filepath.Join(w.dir, "..data")))
		if i == 0 {
			must(os.Symlink("..data/a.yaml", filepath.Join(w.dir, "a.yaml")))
		}
		w.until(t, title, func() bool { return w.title("a") == title })
	}
}

func TestCatalogue_Start_and_Stop(t *testing.T) {
	t.Parallel()
	c, err := OpenCatalogue(Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	c.Stop()
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Stop()

	c, err = OpenCatalogue(Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	for range 2 {
		if err := c.Start(ctx); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	c.Stop()
	c.Stop()
}

func TestCatalogue_is_safe_while_it_changes(t *testing.T) {
	t.Parallel()
	w := newWatched(t, t.TempDir())
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				for _, d := range w.List() {
					if _, err := d.Resolve(nil); err != nil {
						t.Errorf("%s: %v", d.Name, err)
						return
					}
				}
				w.Problems()
				w.Subscribe(func() { w.List() })()
			}
		})
	}
	for i := range 50 {
		write(t, w.dir, fmt.Sprintf("a%d.yaml", i%5), definition(fmt.Sprintf("a%d", i%5), fmt.Sprintf("run %d", i)))
	}
	w.until(t, "the last change", func() bool { return w.title("a4") == "run 49" })
	close(stop)
	readers.Wait()
}

func TestCatalogue_Reload_tells_only_of_changes(t *testing.T) {
	t.Parallel()
	c := newCatalogue(t, map[string]string{"a.yaml": definition("a", "One"), "b.yaml": "nonsense"})
	calls := 0
	cancel := c.Subscribe(func() { calls++ })
	for range 3 {
		if err := c.Reload(); err != nil {
			t.Fatal(err)
		}
	}
	if calls != 0 {
		t.Errorf("told %d times of nothing", calls)
	}
	before := get(t, c, "a")
	write(t, c.options.Dir, "b.yaml", definition("b", "Two"))
	if err := c.Reload(); err != nil || calls != 1 {
		t.Errorf("told %d times, %v", calls, err)
	}
	if get(t, c, "a") != before {
		t.Error("a file that did not change was read anew")
	}
	cancel()
	write(t, c.options.Dir, "b.yaml", definition("b", "Three"))
	if err := c.Reload(); err != nil || calls != 1 {
		t.Errorf("told %d times after cancel, %v", calls, err)
	}
}

// TestCatalogue_polls: a file system that takes a watch and sends no events, as networks' do.
func TestCatalogue_polls(t *testing.T) {
	t.Parallel()
	c := newCatalogue(t, map[string]string{"old.yaml": definition("old", "One")})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			c.watch(ctx, &watcher{dir: c.options.Dir})
		}()
		synctest.Wait()
		write(t, c.options.Dir, "a.yaml", definition("a", "One"))
		time.Sleep(pollEvery + time.Second)
		synctest.Wait()
		if _, ok := c.Get("a"); !ok {
			t.Error("a new file was not seen")
		}
		write(t, c.options.Dir, "a.yaml", definition("a", "Three"))
		if err := os.Remove(filepath.Join(c.options.Dir, "old.yaml")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(pollEvery + time.Second)
		synctest.Wait()
		if _, still := c.Get("old"); still || get(t, c, "a").Title != "Three" {
			t.Errorf("a changed and a removed file were not seen: %v", names(c))
		}
		// As many bytes and the same times: only the content tells.
		path := filepath.Join(c.options.Dir, "a.yaml")
		before, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		write(t, c.options.Dir, "a.yaml", definition("a", "Eight"))
		if err := os.Chtimes(path, before.ModTime(), before.ModTime()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(readEvery*pollEvery + time.Second)
		synctest.Wait()
		if get(t, c, "a").Title != "Eight" {
			t.Error("a file rewritten within its times was not seen")
		}
		cancel()
		<-ended
	})
}
