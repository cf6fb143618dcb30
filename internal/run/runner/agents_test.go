package runner_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// agents are programs that behave, and misbehave, in one way each.
var agents = map[string]func(args []string){
	// lines N: numbered lines, and done
	"lines": func(args []string) {
		n := number(args[0])
		out := bufio.NewWriter(os.Stdout)
		for i := range n {
			fmt.Fprintf(out, "line %d\n", i)
		}
		_ = out.Flush()
	},
	// both N: numbered lines in turn on stdout and stderr
	"both": func(args []string) {
		for i := range number(args[0]) {
			fmt.Fprintf(os.Stdout, "out %d\n", i)
			fmt.Fprintf(os.Stderr, "err %d\n", i)
		}
	},
	// flood N: as many lines of 220 bytes, newline included, as fast as the pipe takes them
	"flood": func(args []string) {
		n := number(args[0])
		block := bytes.Repeat(append(bytes.Repeat([]byte("x"), 219), '\n'), 1000)
		for ; n >= 1000; n -= 1000 {
			if _, err := os.Stdout.Write(block); err != nil {
				os.Exit(1)
			}
		}
		_, _ = os.Stdout.Write(block[:220*n])
	},
	// bytes SEED N: noise(SEED, N), in writes of all sizes
	"bytes": func(args []string) {
		b := noise(uint64(number(args[0])), number(args[1]))
		r := rand.New(rand.NewPCG(1, uint64(len(b))))
		for len(b) > 0 {
			n := min(len(b), 1+r.IntN(1<<r.IntN(18)))
			if _, err := os.Stdout.Write(b[:n]); err != nil {
				os.Exit(1)
			}
			b = b[n:]
		}
	},
	// say TEXT…: each of them as it is, with a pause where one is "-"
	"say": func(args []string) {
		for _, text := range args {
			if text == "-" {
				time.Sleep(400 * time.Millisecond)
				continue
			}
			_, _ = os.Stdout.WriteString(text)
		}
	},
	// longline N: one line of so many bytes
	"longline": func(args []string) {
		block := bytes.Repeat([]byte("0123456789abcdef"), 4096)
		for n := number(args[0]); n > 0; n -= len(block) {
			if _, err := os.Stdout.Write(block[:min(n, len(block))]); err != nil {
				os.Exit(1)
			}
		}
		_, _ = os.Stdout.Write([]byte("\n"))
	},
	// exit CODE
	"exit": func(args []string) { os.Exit(number(args[0])) },
	// signal N: ends by that signal
	"signal": func(args []string) {
		_ = syscall.Kill(os.Getpid(), syscall.Signal(number(args[0])))
		select {}
	},
	// result TEXT CODE: leaves TEXT as its result
	"result": func(args []string) {
		if err := os.WriteFile(os.Getenv("CLAUDEOPS_RESULT"), []byte(args[0]), 0o644); err != nil {
			fmt.Println(err)
		}
		os.Exit(number(args[1]))
	},
	// sleep: says ready, and sleeps
	"sleep": func([]string) {
		fmt.Println("ready")
		time.Sleep(time.Hour)
	},
	// polite: says bye when asked to end, and does
	"polite": func([]string) {
		asked := make(chan os.Signal, 1)
		signal.Notify(asked, syscall.SIGTERM, syscall.SIGINT)
		fmt.Println("ready")
		fmt.Printf("bye %v\n", <-asked)
	},
	// deaf: ignores every signal it can
	"deaf": func([]string) {
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGPIPE)
		fmt.Println("ready")
		time.Sleep(time.Hour)
	},
	// frozen: stops itself
	"frozen": func([]string) {
		fmt.Println("ready")
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		time.Sleep(time.Hour)
	},
	// daemon: leaves a deaf process behind that is nobody's child, in a session of its own and with
	// an empty environment, and goes on for a while itself
	"daemon": func(args []string) {
		start(&syscall.SysProcAttr{Setsid: true}, nil, "middle")
		fmt.Println("ready")
		if len(args) > 0 {
			return
		}
		time.Sleep(time.Hour)
	},
	"middle": func([]string) {
		start(&syscall.SysProcAttr{Setsid: true}, nil, "deafquiet")
	},
	"deafquiet": func([]string) {
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
		time.Sleep(time.Hour)
	},
	// holder: ends, and leaves a process that holds both pipes and goes on writing
	"holder": func([]string) {
		fmt.Println("before")
		start(nil, os.Environ(), "writer")
	},
	// mutechild: ends, and leaves a deaf process behind that has closed its outputs
	"mutechild": func([]string) {
		start(nil, os.Environ(), "mutedeaf")
		time.Sleep(200 * time.Millisecond)
	},
	"mutedeaf": func([]string) {
		signal.Ignore(syscall.SIGTERM)
		_ = syscall.Close(1)
		_ = syscall.Close(2)
		time.Sleep(time.Hour)
	},
	"writer": func([]string) {
		signal.Ignore(syscall.SIGTERM)
		for i := 0; ; i++ {
			fmt.Printf("held %d\n", i)
			time.Sleep(5 * time.Millisecond)
		}
	},
	// mute: closes both outputs and lives on for a while
	"mute": func([]string) {
		fmt.Println("last words")
		_ = syscall.Close(1)
		_ = syscall.Close(2)
		time.Sleep(500 * time.Millisecond)
		_ = os.WriteFile(os.Getenv("CLAUDEOPS_RESULT"), []byte(`{"mute":true}`), 0o644)
		os.Exit(7)
	},
	// env: its environment, one a line; descriptors: what it has open
	"env": func([]string) {
		for _, kv := range os.Environ() {
			fmt.Println(kv)
		}
		dir, _ := os.Getwd()
		fmt.Println("workdir", dir)
		fmt.Println("umask", strconv.FormatInt(int64(syscall.Umask(0)), 8))
		sid, _, _ := syscall.Syscall(syscall.SYS_GETSID, 0, 0, 0)
		fmt.Println("leads its session", int(sid) == os.Getpid() && syscall.Getpgrp() == os.Getpid())
		n, err := os.Stdin.Read(make([]byte, 1))
		fmt.Println("stdin", n, err)
	},
	// litter: fills its workspace with what is hard to remove
	"litter": func([]string) {
		dir := os.Getenv("CLAUDEOPS_WORKSPACE")
		fmt.Println("workspace", dir)
		_ = os.MkdirAll(dir+"/a/b/c", 0o755)
		_ = os.WriteFile(dir+"/a/b/file", nil, 0o400)
		_ = os.Symlink("/", dir+"/a/root")
		_ = os.Chmod(dir+"/a/b", 0)
		_ = os.Chmod(dir+"/a", 0)
	},
	// ticks N: numbered lines with a pause between
	"ticks": func(args []string) {
		for i := range number(args[0]) {
			fmt.Printf("tick %d\n", i)
			time.Sleep(time.Duration(number(args[1])) * time.Millisecond)
		}
	},
	"partner": partner,
	// meddler: tries to cancel itself over its runner's socket
	"meddler": func([]string) {
		conn, err := net.Dial("unix", os.Getenv("CLAUDEOPS_WORKSPACE")+"/../runner.sock")
		if err != nil {
			fmt.Println("dial:", err)
			return
		}
		_, _ = fmt.Fprintln(conn, `{"cancel":{"by":"me"}}`)
		b, _ := io.ReadAll(conn)
		fmt.Printf("told %q\n", b)
	},
	// stamps N: so many lines, a hundred a second, each with the time it is written
	"stamps": func(args []string) {
		for range number(args[0]) {
			time.Sleep(10 * time.Millisecond)
			_, _ = fmt.Fprintf(os.Stdout, "%d\n", time.Now().UnixNano())
		}
	},
	// progress N: so many progress commands as fast as it can
	"progress": func(args []string) {
		n := number(args[0])
		out := bufio.NewWriter(os.Stdout)
		for i := range n {
			fmt.Fprintf(out, "::progress %d::step %d\n", (i+1)*100/n, i+1)
		}
		_ = out.Flush()
	},
}

// Programs for a shell and perl, where a Go program would fork too slowly.
const (
	// bomb: a tree of 511 processes, each deaf, each replacing every child that dies.
	bomb = `use strict; $SIG{TERM} = "IGNORE"; $| = 1;
sub grow { my $depth = shift; return if $depth > 7; for (1 .. 2) { if (!fork) { grow($depth + 1); keep($depth) } } }
sub keep { my $depth = shift; while (1) { if (wait > 0) { if (!fork) { keep($depth) } } else { sleep 1 } } }
grow(0); print "ready\n"; keep(0);`
	// hydra: a process that forks and exits as fast as it can, so that every pid is gone at once.
	hydra = `use strict; use POSIX; $SIG{TERM} = "IGNORE"; $SIG{CHLD} = "IGNORE"; $| = 1;
if (!fork) { while (1) { my $p = fork; if ($p) { POSIX::_exit(0) } setpgrp } }
print "ready\n"; sleep 1000 while 1;`
	// phoenix: on SIGTERM each of five processes starts another in a new session, and dies.
	phoenix = `use strict; use POSIX; $| = 1;
sub burn { $SIG{TERM} = sub { if (!fork) { POSIX::setsid(); burn() } POSIX::_exit(0) }; sleep 1000 while 1 }
for (1 .. 4) { if (!fork) { burn() } } print "ready\n"; burn();`
)

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}

// start starts this program as another agent and does not wait for it.
func start(attr *syscall.SysProcAttr, env []string, agent ...string) {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(exe, append([]string{"agent"}, agent...)...)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr, cmd.Env = os.Stdout, os.Stderr, attr, env
	if env == nil {
		cmd.Env = []string{"NOTHING=1"}
	}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
}

// noise is n bytes of everything: every byte value, broken and whole UTF-8, NULs, carriage returns,
// empty and very long lines, JSON, commands well and badly formed, and no newline at the end.
func noise(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 42))
	pieces := []string{"\n", "\n\n\n", "\r\n", "\x00", "\xff\xfe", "\xed\xa0\x80", "\xf0\x9f\x98", "😀", "é", "\u2028", "\t", "\x1b[31mred\x1b[0m",
		`{"level":"error","msg":"x"}` + "\n", `{"a":1} ` + "\r\n", "{not json}\n", "::progress 40::Indexing\n", "::progress 40.5::\n", "::progress 400::no\n", "::progress x::\n",
		"::group::G\n", "::endgroup::\n", "::endgroup::x\n", "::error::broken\r\n", "::warning::\n", "::debug::d\n", "::error::{\"command\":\"error\"}\n", "{\"command\":\"error\"}\n",
		"::error::\xff\n", "::", "::nothing::x\n", "ERROR plain\n", "level=warn x\n", `"quoted\"` + "\n", strings.Repeat("long ", 40_000), strings.Repeat("é", 33_000), strings.Repeat("\x80", 70_000)}
	var b []byte
	for i := range 256 {
		b = append(b, byte(i))
	}
	for len(b) < n {
		switch r.IntN(4) {
		case 0:
			for range r.IntN(200) {
				b = append(b, byte(r.Uint32()))
			}
		case 1:
			for range r.IntN(300) {
				b = append(b, byte(' '+r.IntN(95)))
			}
		default:
			b = append(b, pieces[r.IntN(len(pieces))]...)
		}
	}
	return append(b[:n], "the end"...)
}
