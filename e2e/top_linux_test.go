package e2e

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/claudeops/claudeops/protocol"
)

// terminal is a program on a terminal, and what that terminal would show.
type terminal struct {
	t    *testing.T
	cmd  *exec.Cmd
	f    *os.File
	tty  *os.File
	was  *unix.Termios
	read chan struct{} // closed when nothing more can come

	mu      sync.Mutex // guards what follows
	raw     strings.Builder
	pending string
	lines   []string
	row     int
}

func startOnTerminal(t *testing.T, cmd *exec.Cmd, rows, columns uint16) *terminal {
	t.Helper()
	f, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(f, &pty.Winsize{Rows: rows, Cols: columns}); err != nil {
		t.Fatal(err)
	}
	x := &terminal{t: t, cmd: cmd, f: f, tty: tty, read: make(chan struct{}), lines: make([]string, 200)}
	x.was = x.modes()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the screen:\n%s", x.text())
		}
	})
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	cmd.Env = append(cmd.Env, "TERM=xterm-256color")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(x.read)
		buf := make([]byte, 4096)
		for {
			n, err := f.Read(buf)
			x.mu.Lock()
			x.raw.Write(buf[:n])
			x.show(string(buf[:n]))
			x.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = tty.Close()
		<-x.read
		_ = f.Close()
	})
	return x
}

func (x *terminal) modes() *unix.Termios {
	x.t.Helper()
	modes, err := unix.IoctlGetTermios(int(x.tty.Fd()), unix.TCGETS)
	if err != nil {
		x.t.Fatal(err)
	}
	return modes
}

// show carries out the few sequences that top uses, and takes any other for an attack.
func (x *terminal) show(text string) {
	text = x.pending + text
	x.pending = ""
	for text != "" {
		if text[0] != 0x1b {
			n := strings.IndexByte(text, 0x1b)
			if n < 0 {
				n = len(text)
			}
			if strings.ContainsAny(text[:n], "\a\b\u009b\x7f") {
				x.t.Errorf("control characters reach the terminal: %q", text[:n])
			}
			x.lines[x.row] += text[:n]
			text = text[n:]
			continue
		}
		end := strings.IndexFunc(text, func(r rune) bool { return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' })
		if end < 0 {
			x.pending = text
			return
		}
		sequence := text[1 : end+1]
		text = text[end+1:]
		switch {
		case sequence == "[2J":
			clear(x.lines)
		case sequence == "[2K":
			x.lines[x.row] = ""
		case strings.HasSuffix(sequence, ";1H"):
			row, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(sequence, "["), ";1H"))
			if err != nil {
				x.t.Errorf("%q", sequence)
			}
			x.row = row - 1
		case strings.HasPrefix(sequence, "[?"), strings.HasSuffix(sequence, "m"):
		default:
			x.t.Errorf("the sequence %q reaches the terminal", sequence)
		}
	}
}

func (x *terminal) text() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return strings.Join(x.lines, "\n")
}

func (x *terminal) output() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.raw.String()
}

func (x *terminal) await(what string, ok func(screen string) bool) {
	x.t.Helper()
	await(x.t, what, func() bool { return ok(x.text()) })
}

func (x *terminal) press(keys string) {
	x.t.Helper()
	if _, err := io.WriteString(x.f, keys); err != nil {
		x.t.Fatal(err)
	}
}

// ended waits for the program and checks that it has left the terminal as it was.
func (x *terminal) ended(code int) {
	x.t.Helper()
	_ = x.cmd.Wait()
	if got := x.cmd.ProcessState.ExitCode(); got != code {
		x.t.Errorf("it ended with %d, want %d; the screen:\n%s", got, code, x.text())
	}
	if now := x.modes(); *now != *x.was {
		x.t.Errorf("the terminal's modes are %+v, were %+v", now, x.was)
	}
	await(x.t, "the terminal is given back", func() bool {
		return strings.Contains(x.output(), "\x1b[?25h\x1b[?1049l")
	})
}

// row is the line of the screen about an agent.
func row(screen, agent string) string {
	for line := range strings.Lines(screen) {
		if fields := strings.Fields(line); len(fields) > 3 && fields[1] == agent {
			return line
		}
	}
	return ""
}

func TestTop_on_a_terminal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.define("hostile", "shell: |\n"+
		"  echo '::progress 40::Inde\\033[7mxing'\n"+
		"  printf '\\033]0;owned\\007\\033[2Jred \\033[31mtext \\342\\200\\256gnp.exe\\ta tab\\n'\n"+
		"  exec sleep 600\n")
	w.define("writer", "command: [TESTAGENT, -rate, '200', -count, '100000']\n")
	w.serve()
	hostile := strings.TrimSpace(w.cli("run", "-d", "hostile").stdout)
	w.cli("run", "-d", "writer")
	top := startOnTerminal(t, w.command("top", "-d", "1s"), 30, 110)
	top.await("both run, with the host above and a rate", func(s string) bool {
		return strings.Contains(s, "connected (websocket)") && strings.Contains(s, "CPU") && strings.Contains(row(s, "hostile"), "running") &&
			strings.Contains(row(s, "writer"), "running") && !strings.Contains(s, " 0 lines/s") && strings.Contains(s, "2 running, 0 queued") &&
			strings.Contains(row(s, "hostile"), "40 %")
	})

	top.press("g\r")
	top.await("the tail shows what it wrote, made harmless", func(s string) bool {
		return strings.Contains(s, hostile+" ──") && strings.Contains(s, "red text ‹U+202E›gnp.exe    a tab") && !strings.Contains(s, "owned")
	})
	top.press("\x1b[B") // the tail goes with the selection
	top.await("the tail of the other", func(s string) bool {
		return !strings.Contains(s, hostile+" ──") && strings.Contains(s, "writer 01")
	})
	top.press("\x1b") // a lone escape is the key
	top.await("the tail is closed", func(s string) bool { return !strings.Contains(s, "──") })

	if err := pty.Setsize(top.f, &pty.Winsize{Rows: 12, Cols: 60}); err != nil {
		t.Fatal(err)
	}
	top.await("it fits the smaller terminal", func(s string) bool {
		lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
		for _, line := range lines {
			if len([]rune(line)) > 60 {
				return false
			}
		}
		return len(lines) == 12 && strings.Contains(lines[11], "q quit") && strings.Contains(row(s, "hostile"), "running")
	})
	cleared := strings.Count(top.output(), "\x1b[2J")

	w.kill()
	top.await("it says that there is no connection", func(s string) bool { return strings.Contains(s, "no connection") || strings.Contains(s, "connecting") })
	w.serve()
	top.await("it is connected again, and both still run", func(s string) bool {
		return strings.Contains(s, "connected (websocket)") && strings.Contains(row(s, "hostile"), "running") && strings.Contains(row(s, "writer"), "running")
	})

	top.press("gx")
	top.await("it asks", func(s string) bool { return strings.Contains(s, "Cancel hostile") })
	top.press("n")
	top.await("it asks no more", func(s string) bool { return !strings.Contains(s, "Cancel hostile") })
	if record := w.cli("ps", "--json").stdout; !strings.Contains(record, hostile) {
		t.Errorf("n has stopped it: %s", record)
	}
	top.press("xy")
	top.await("it is stopped, and below", func(s string) bool {
		return strings.Contains(row(s, "hostile"), "cancelled") && strings.Index(s, "hostile") > strings.Index(s, "writer")
	})
	if now := strings.Count(top.output(), "\x1b[2J"); now != cleared {
		t.Errorf("the screen was cleared %d times without need: that flickers", now-cleared)
	}
	top.press("q")
	top.ended(0)
}

func TestTop_gives_the_terminal_back_when_it_is_ended(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serve()
	for name, test := range map[string]struct {
		end  func(*terminal)
		code int
	}{
		"SIGTERM": {func(x *terminal) { _ = x.cmd.Process.Signal(syscall.SIGTERM) }, 128 + 15},
		"SIGHUP":  {func(x *terminal) { _ = x.cmd.Process.Signal(syscall.SIGHUP) }, 128 + 1},
		"ctrl_c":  {func(x *terminal) { x.press("\x03") }, 0},
	} {
		top := startOnTerminal(t, w.command("top"), 24, 80)
		top.await(name+": it is there", func(s string) bool { return strings.Contains(s, "nothing runs") })
		if *top.modes() == *top.was {
			t.Errorf("%s: the terminal is not raw", name)
		}
		test.end(top)
		top.ended(test.code)
	}
}

func TestTop_prints_samples_where_there_is_no_terminal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.define("writer", "command: [TESTAGENT, -rate, '200', -count, '100000']\n")
	w.define("one", "shell: exec sleep 600\nconcurrency: 1\n")
	w.serve()
	id := strings.TrimSpace(w.cli("run", "-d", "writer").stdout)
	w.cli("run", "-d", "one")
	w.cli("run", "-d", "one")
	out := w.cli("top").stdout
	for _, want := range []string{"2 running, 1 queued", "CPU ", "LINES/S", id, "number 1 in the queue"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing:\n%s", want, out)
		}
	}
	if strings.Contains(out, "\x1b") {
		t.Errorf("there are escape sequences: %q", out)
	}
	type sample struct {
		System     *protocol.SystemStatus
		Executions []struct {
			protocol.Record
			LinesPerSecond float64
		}
	}
	var samples []sample
	for decoder := json.NewDecoder(strings.NewReader(w.cli("top", "-n", "2", "-d", "1s", "--json").stdout)); decoder.More(); {
		var s sample
		if err := decoder.Decode(&s); err != nil {
			t.Fatal(err)
		}
		samples = append(samples, s)
	}
	if len(samples) != 2 || samples[1].System == nil || len(samples[1].Executions) != 3 {
		t.Fatalf("the samples are %+v", samples)
	}
	first, second := samples[0].Executions[0], samples[1].Executions[0]
	if first.ExecutionID != id || first.LinesPerSecond <= 0 || second.Head <= first.Head {
		t.Errorf("%+v, then %+v", first, second)
	}
}
