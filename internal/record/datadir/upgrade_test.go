package datadir_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/claudeops/claudeops/internal/record/datadir"
)

const upgradeID = "01jd3w0000000000000000000a"

// before is a directory of format 1, as the migrations below take it.
func before(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(memory(t), "data")
	for name, text := range map[string]string{
		"format": `{"version":1}` + "\n", "owner.token": "token\n", "notes/a.txt": "a", "notes/deep/b.txt": "b", "plain.txt": "old",
		"executions/" + upgradeID + "/events.ndjson": "the journal\n", "executions/" + upgradeID + "/spec.json": "{}",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "active"), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// memory is a directory in memory where there is one: hundreds of upgrades, each synced many times over,
// take a disk minutes when others use it too.
func memory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "claudeops-upgrade-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// contents are all files but the lock.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == "lock" {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		files[rel] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// twoSteps are migrations of every kind of change: replace, make, rename, remove, in files and directories.
func twoSteps(fail error) datadir.Formats {
	return datadir.Formats{Version: 3, Migrations: []datadir.Migration{{
		From: 1, Name: "gather the notes",
		Touches: func(context.Context, fs.FS) ([]string, error) {
			return []string{"notes", "notes.txt", "plain.txt", "new/made", "executions/" + upgradeID}, nil
		},
		Run: func(_ context.Context, s *datadir.Step) error {
			var text []byte
			err := fs.WalkDir(s.FS(), "notes", func(name string, entry fs.DirEntry, err error) error {
				if errors.Is(err, fs.ErrNotExist) || err == nil && entry.IsDir() {
					return nil
				}
				b, err := fs.ReadFile(s.FS(), name)
				text = append(text, b...)
				return err
			})
			if err != nil {
				return err
			}
			if len(text) > 0 { // not done before
				if err := s.WriteFile("notes.txt", text); err != nil {
					return err
				}
			}
			for _, step := range []func() error{
				func() error { return s.Remove("notes") },
				func() error { return s.WriteFile("plain.txt", []byte("new")) },
				func() error { return s.WriteFile("new/made/file", []byte("made")) },
				func() error { return s.WriteFile("executions/"+upgradeID+"/extra.json", []byte("{}")) },
				func() error {
					if _, err := fs.Stat(s.FS(), "executions/"+upgradeID+"/spec.json"); err != nil {
						return nil // renamed before
					}
					return s.Rename("executions/"+upgradeID+"/spec.json", "executions/"+upgradeID+"/specification.json")
				},
				func() error { return fail },
			} {
				if err := step(); err != nil {
					return err
				}
			}
			return nil
		},
	}, {
		From: 2, Name: "say so",
		Touches: func(context.Context, fs.FS) ([]string, error) { return []string{"said"}, nil },
		Run:     func(_ context.Context, s *datadir.Step) error { return s.WriteFile("said", []byte("so")) },
	}}}
}

var upgraded = map[string]string{
	"format": `{"version":3}` + "\n", "owner.token": "token\n", "notes.txt": "ab", "plain.txt": "new", "new/made/file": "made", "said": "so",
	"executions/" + upgradeID + "/events.ndjson": "the journal\n", "executions/" + upgradeID + "/extra.json": "{}", "executions/" + upgradeID + "/specification.json": "{}",
}

func atRest(string, string) (bool, error) { return false, nil }

func openWith(dir string, options ...datadir.Option) error {
	d, err := datadir.Open(dir, append([]datadir.Option{datadir.WithWritten(atRest)}, options...)...)
	if err != nil {
		return err
	}
	return d.Close()
}

func TestUpgrade(t *testing.T) {
	t.Parallel()
	dir := before(t)
	var told []string
	err := openWith(dir, datadir.WithFormats(twoSteps(nil)), datadir.WithUpgraded(func(u datadir.Upgraded) {
		told = append(told, fmt.Sprint(u.From, "-", u.To, " ", u.Name, " ", u.Done))
	}))
	if err != nil {
		t.Fatal(err)
	}
	if got := contents(t, dir); !maps.Equal(got, upgraded) {
		t.Errorf("%v, want %v", got, upgraded)
	}
	if want := []string{"1-2 gather the notes false", "1-2 gather the notes true", "2-3 say so false", "2-3 say so true"}; !slices.Equal(told, want) {
		t.Errorf("told are %v", told)
	}
	// The program before refuses what is now there, and says what to do.
	if err := openWith(dir); err == nil || !strings.Contains(err.Error(), "format 3") || !strings.Contains(err.Error(), "formats up to 1") || !strings.Contains(err.Error(), "newer claudeops; run that one") {
		t.Errorf("%v", err)
	}
	// A new directory has the newest format at once.
	fresh := filepath.Join(t.TempDir(), "data")
	if err := openWith(fresh, datadir.WithFormats(twoSteps(errors.New("not for this one")))); err != nil || contents(t, fresh)["format"] != `{"version":3}`+"\n" {
		t.Errorf("%v, %v", contents(t, fresh), err)
	}
}

// Killed at every point at which that makes a difference, again in the middle of going on, the upgrade
// is finished by the next start, or undone when it fails.
func TestUpgrade_killed_anywhere(t *testing.T) {
	t.Parallel()
	points := 0
	if err := openWith(before(t), datadir.WithFormats(twoSteps(nil)), datadir.WithCrash(0, &points)); err != nil {
		t.Fatal(err)
	}
	if points < 20 {
		t.Fatalf("only %d points", points)
	}
	failing := errors.New("the migration has a bug")
	for n := 1; n <= points; n++ {
		crashed := func(dir string) {
			t.Helper()
			count := 0
			if err := openWith(dir, datadir.WithFormats(twoSteps(nil)), datadir.WithCrash(n, &count)); !datadir.IsCrash(err) {
				t.Fatalf("point %d: %v", n, err)
			}
		}
		dir := before(t)
		crashed(dir)
		if err := openWith(dir, datadir.WithFormats(twoSteps(nil))); err != nil {
			t.Fatalf("point %d: %v", n, err)
		}
		if got := contents(t, dir); !maps.Equal(got, upgraded) {
			t.Errorf("point %d: %v, want %v", n, got, upgraded)
		}

		// What goes on fails: then all is as it was, unless the first format was done.
		dir = before(t)
		want := contents(t, dir)
		crashed(dir)
		err := openWith(dir, datadir.WithFormats(twoSteps(failing)))
		if err != nil { // else the first migration was over
			if !errors.Is(err, failing) || !strings.Contains(err.Error(), "as it was before") {
				t.Fatalf("point %d: %v", n, err)
			}
			if got := contents(t, dir); !maps.Equal(got, want) {
				t.Errorf("point %d and a failure: %v, want %v", n, got, want)
			}
		}

		if n%6 != 0 {
			continue
		}
		// Again and again, each time a little further.
		dir = before(t)
		crashed(dir)
		for m := 1; ; m += 4 {
			count := 0
			err := openWith(dir, datadir.WithFormats(twoSteps(nil)), datadir.WithCrash(m, &count))
			if err == nil {
				break
			}
			if !datadir.IsCrash(err) {
				t.Fatalf("points %d and %d: %v", n, m, err)
			}
		}
		if got := contents(t, dir); !maps.Equal(got, upgraded) {
			t.Errorf("again from point %d: %v, want %v", n, got, upgraded)
		}
	}
}

// A migration that fails leaves everything as it was, whatever kills the undoing.
func TestUpgrade_that_fails_is_undone(t *testing.T) {
	t.Parallel()
	failing := errors.New("the migration has a bug")
	dir := before(t)
	want := contents(t, dir)
	points := 0
	err := openWith(dir, datadir.WithFormats(twoSteps(failing)), datadir.WithCrash(0, &points))
	for _, text := range []string{"the migration has a bug", "from format 1 to 2", "gather the notes", "the program before can be used on"} {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%q is missing: %v", text, err)
		}
	}
	if got := contents(t, dir); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if err := openWith(dir); err != nil { // the program before
		t.Error(err)
	}
	for n := 1; n <= points; n++ {
		dir := before(t)
		count := 0
		if err := openWith(dir, datadir.WithFormats(twoSteps(failing)), datadir.WithCrash(n, &count)); !datadir.IsCrash(err) {
			t.Fatalf("point %d: %v", n, err)
		}
		if err := openWith(dir, datadir.WithFormats(twoSteps(failing))); !errors.Is(err, failing) {
			t.Fatalf("point %d: %v", n, err)
		}
		if got := contents(t, dir); !maps.Equal(got, want) {
			t.Errorf("point %d: %v, want %v", n, got, want)
		}
	}
}

func TestUpgrade_refuses(t *testing.T) {
	t.Parallel()

	t.Run("while_agents_run", func(t *testing.T) {
		t.Parallel()
		dir := before(t)
		want := contents(t, dir)
		err := openWith(dir, datadir.WithFormats(twoSteps(nil)), datadir.WithWritten(func(in, id string) (bool, error) { return in == dir && id == upgradeID, nil }))
		var running *datadir.RunningError
		if !errors.As(err, &running) || !slices.Equal(running.IDs, []string{upgradeID}) || !strings.Contains(err.Error(), upgradeID) || !strings.Contains(err.Error(), "when they have ended") {
			t.Errorf("%v", err)
		}
		if got := contents(t, dir); !maps.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		// The program before goes on, and what does not touch executions does not wait.
		if err := openWith(dir); err != nil {
			t.Error(err)
		}
		formats := twoSteps(nil)
		formats.Version, formats.Migrations = 2, []datadir.Migration{{
			From: 1, Name: "say so", Touches: formats.Migrations[1].Touches, Run: formats.Migrations[1].Run,
		}}
		if err := openWith(dir, datadir.WithFormats(formats), datadir.WithWritten(func(string, string) (bool, error) { return true, nil })); err != nil {
			t.Error(err)
		}
	})

	t.Run("a_change_that_was_not_announced", func(t *testing.T) {
		t.Parallel()
		for name, run := range map[string]func(s *datadir.Step) error{
			"write":  func(s *datadir.Step) error { return s.WriteFile("owner.token", nil) },
			"remove": func(s *datadir.Step) error { return s.Remove("executions") },
			"rename": func(s *datadir.Step) error { return s.Rename("said", "owner.token") },
			"escape": func(s *datadir.Step) error { return s.WriteFile("said/../../x", nil) },
		} {
			dir := before(t)
			want := contents(t, dir)
			formats := datadir.Formats{Version: 2, Migrations: []datadir.Migration{{
				From: 1, Touches: func(context.Context, fs.FS) ([]string, error) { return []string{"said"}, nil },
				Run: func(_ context.Context, s *datadir.Step) error { return run(s) },
			}}}
			if err := openWith(dir, datadir.WithFormats(formats)); err == nil || !strings.Contains(err.Error(), "did not say") {
				t.Errorf("%s: %v", name, err)
			}
			if got := contents(t, dir); !maps.Equal(got, want) {
				t.Errorf("%s: %v, want %v", name, got, want)
			}
		}
	})

	t.Run("a_format_without_a_way", func(t *testing.T) {
		t.Parallel()
		formats := twoSteps(nil)
		formats.Migrations = formats.Migrations[1:]
		if err := openWith(before(t), datadir.WithFormats(formats)); err == nil || !strings.Contains(err.Error(), "has format 1") || !strings.Contains(err.Error(), "in between") {
			t.Errorf("%v", err)
		}
	})

	t.Run("what_a_newer_program_has_begun", func(t *testing.T) {
		t.Parallel()
		dir := before(t)
		stopped, cancel := context.WithCancel(t.Context())
		formats := twoSteps(nil)
		run := formats.Migrations[0].Run
		formats.Migrations[0].Run = func(ctx context.Context, s *datadir.Step) error {
			cancel()
			return errors.Join(run(ctx, s), ctx.Err())
		}
		if err := openWith(dir, datadir.WithFormats(formats), datadir.WithContext(stopped)); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "the next start goes on") {
			t.Fatal(err)
		}
		if err := openWith(dir); err == nil || !strings.Contains(err.Error(), "begun by a newer claudeops") || !strings.Contains(err.Error(), "from format 1 to 2") {
			t.Errorf("%v", err)
		}
		if _, err := datadir.Format(dir); err == nil || !strings.Contains(err.Error(), "is being upgraded to format 2") {
			t.Errorf("%v", err)
		}
		if err := openWith(dir, datadir.WithFormats(twoSteps(nil))); err != nil {
			t.Fatal(err)
		}
		if got := contents(t, dir); !maps.Equal(got, upgraded) {
			t.Errorf("%v, want %v", got, upgraded)
		}
	})

	t.Run("a_note_that_is_damaged", func(t *testing.T) {
		t.Parallel()
		dir := before(t)
		if err := os.WriteFile(filepath.Join(dir, "upgrade.json"), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := openWith(dir); err == nil || !strings.Contains(err.Error(), "upgrade.json") {
			t.Errorf("%v", err)
		}
	})
}

// A real process is killed in the middle of a migration.
func TestUpgrade_kill_9(t *testing.T) {
	t.Parallel()
	dir := before(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), upgradeEnv+"="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "in the middle\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if err := openWith(dir, datadir.WithFormats(twoSteps(nil))); !errors.Is(err, datadir.ErrLocked) {
		t.Errorf("while it is upgraded: %v", err)
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if contents(t, dir)["plain.txt"] != "new" {
		t.Error("it was not in the middle")
	}
	if err := openWith(dir, datadir.WithFormats(twoSteps(nil))); err != nil {
		t.Fatal(err)
	}
	if got := contents(t, dir); !maps.Equal(got, upgraded) {
		t.Errorf("%v, want %v", got, upgraded)
	}
}

// When this is set the test binary is a process that upgrades the directory named by it, and stops in
// the middle until its standard input ends.
const upgradeEnv = "CLAUDEOPS_TEST_DATADIR_UPGRADE"

func upgradeHalf(dir string) int {
	formats := twoSteps(nil)
	run := formats.Migrations[0].Run
	formats.Migrations[0].Run = func(ctx context.Context, s *datadir.Step) error {
		if err := run(ctx, s); err != nil {
			return err
		}
		fmt.Println("in the middle")
		_, err := bufio.NewReader(os.Stdin).ReadString('\n')
		return err
	}
	if err := openWith(dir, datadir.WithFormats(formats)); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}
