// Package standin plays recorded kinds of sessions of coding agents: as Claude Code, as an agent that
// speaks ACP, or as Codex, by the name it is started under (claude-standin, acp-standin, codex-standin)
// or STANDIN. It does what their programs do over stdin and stdout, with their timing and exit
// behaviour, needs no account and no network, and does no work: for tests, and for trying ClaudeOps out.
//
// Which session is played is said by STANDIN_SESSION, or by the words "session NAME" in the prompt.
// STANDIN_SPEED divides every pause.
package standin

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Main is the program.
func Main() int {
	p := newPlayer()
	role := os.Getenv("STANDIN")
	if role == "" {
		role, _, _ = strings.Cut(filepath.Base(os.Args[0]), "-")
	}
	switch role {
	case "acp":
		return p.acp()
	case "codex":
		return p.codex()
	default:
		return p.claude()
	}
}

// Named reports whether this program was started under a stand-in's name.
func Named() bool { return strings.HasSuffix(filepath.Base(os.Args[0]), "-standin") }

// player writes messages and reads those that come.
type player struct {
	speed float64
	lines chan string // of stdin; closed at its end
	out   *bufio.Writer
}

func newPlayer() *player {
	p := &player{speed: 1, lines: make(chan string, 1024), out: bufio.NewWriterSize(os.Stdout, 64<<10)}
	if v, err := strconv.ParseFloat(os.Getenv("STANDIN_SPEED"), 64); err == nil && v > 0 {
		p.speed = v
	}
	return p
}

// listen reads stdin until its end.
func (p *player) listen() {
	go func() {
		defer close(p.lines)
		r := bufio.NewReaderSize(os.Stdin, 1<<20)
		for {
			line, err := r.ReadString('\n')
			if text := strings.TrimSpace(line); text != "" {
				p.lines <- text
			}
			if err != nil {
				return
			}
		}
	}()
}

// object is a message.
type object = map[string]any

func (p *player) say(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	p.raw(string(b) + "\n")
}

func (p *player) raw(text string) {
	_, _ = p.out.WriteString(text)
	_ = p.out.Flush()
}

func (p *player) pause(d time.Duration) { time.Sleep(time.Duration(float64(d) / p.speed)) }

// hang stays until it is killed.
func (p *player) hang() int {
	time.Sleep(24 * time.Hour)
	return 1
}

var named = regexp.MustCompile(`\bsession ([a-z0-9-]+)`)

// session gives the name of the session to play.
func session(prompt string, known []string, otherwise string) string {
	if name := os.Getenv("STANDIN_SESSION"); name != "" {
		return name
	}
	for _, m := range named.FindAllStringSubmatch(prompt, -1) {
		if slices.Contains(known, m[1]) {
			return m[1]
		}
	}
	return otherwise
}

func unknownSession(name string, known []string) int {
	slices.Sort(known)
	fmt.Fprintf(os.Stderr, "standin: there is no session %q; there are %s\n", name, strings.Join(known, ", "))
	return 2
}
