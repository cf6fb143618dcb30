package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	const rest = " S 10 20 30 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 123 456 18446744073709551615\n"
	for _, name := range []string{"sh", "a b", "(sd-pam)", "a) R 1 1 1", "", ")", "x\ny"} {
		info, err := parseStat([]byte(fmt.Sprintf("42 (%s)%s", name, rest)))
		if err != nil || info != (Info{ID: ID{PID: 42, Start: 98765}, PPID: 10, PGID: 20, SID: 30, State: 'S', Name: name, threads: 1}) {
			t.Errorf("%q: %+v, %v", name, info, err)
		}
	}
	if _, err := parseStat(nil); !errors.Is(err, ErrGone) {
		t.Errorf("an empty stat: %v", err)
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("42 (a) b) S 10 20 30 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 123"))
	f.Add([]byte("1 () R"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if info, err := parseStat(b); err == nil && (info.PID < 0 || !bytes.Contains(b, []byte(info.Name))) {
			t.Fatalf("%q gives %+v", b, info)
		}
	})
}

func TestHasMark(t *testing.T) {
	t.Parallel()
	const m = Marker + "=abc"
	for env, want := range map[string]bool{
		m: true, m + "\x00": true, "A=1\x00" + m + "\x00B=2\x00": true, "A=" + m + "\x00": false, m + "d\x00": false,
		m + "d\x00" + m + "\x00": true, "X" + m + "\x00": false, "": false, Marker + "=\x00": false, "A=1\n" + m + "\x00": false,
	} {
		if got := hasMark([]byte(env), "abc"); got != want {
			t.Errorf("%q: %v", env, got)
		}
	}
}

func TestCounter(t *testing.T) {
	t.Parallel()
	list := []byte("oom 1\noom_kill 7\noom_kill_group 9\n")
	if n, ok := Counter(list, "oom_kill"); n != 7 || !ok {
		t.Errorf("%d %v", n, ok)
	}
	if n, ok := Counter(list, "oom_killed"); n != 0 || ok {
		t.Errorf("%d %v", n, ok)
	}
}

// TestGroup: made, found, listed, killed and removed, with one made inside it. It needs a cgroup v2
// that this user may write, as root on any recent Linux has.
func TestGroup(t *testing.T) {
	t.Parallel()
	const id = "01hzy3v8k9q2w4e6r8t0y2u4i6"
	g, err := NewGroup(id)
	if err != nil {
		t.Logf("no cgroup v2 to write on this machine: %v", err)
		if g != nil {
			t.Error("but there is one")
		}
		if err := errors.Join(g.each(nil), g.kill(nil), g.Remove()); err != nil {
			t.Errorf("the missing group is in the way: %v", err)
		}
		return
	}
	if found := FindGroup(id); found == nil || found.dir != g.dir {
		t.Errorf("found %+v, want %+v", found, g)
	}
	if FindGroup("01hzy3v8k9q2w4e6r8t0y2u4i7") != nil {
		t.Error("found a group that is not there")
	}
	if err := os.Mkdir(g.dir+"/inner", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := g.each(func(info Info) { t.Errorf("nobody is in it, but %+v", info) }); err != nil {
		t.Error(err)
	}
	if err := g.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(g.dir); !os.IsNotExist(err) {
		t.Errorf("still there: %v", err)
	}
	if err := g.Remove(); err != nil {
		t.Errorf("removed twice: %v", err)
	}
	if !strings.HasSuffix(g.dir, groupPrefix+id) {
		t.Error(g.dir)
	}
}
