package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
)

// plan is what an execution is to do, decided before it starts.
type plan struct {
	at     time.Duration // when it is asked for, from the round's beginning
	agent  string
	config map[string]string
	lines  bool   // it writes numbered, checksummed lines with this seed
	seed   uint64 //
	// cancelAt is when it is cancelled; 0: never, endless: when the round ends.
	cancelAt time.Duration
	endless  bool
	// ends are the ends it may come to when nothing is done to it: completed, cancelled, or a reason.
	ends    []string
	readers []manner
}

// What a plan's ends can be beside an execution.Reason.
const (
	completed = "completed"
	cancelled = "cancelled"
)

// writer is the definition of agents whose every line is accounted for.
const writer = `command: [TESTAGENT, -rate, "{{rate}}", -count, "{{count}}", -size, "{{size}}", -seed, "{{seed}}", -exit, "{{exit}}", -tally, "{{tally}}"]
parameters:
  type: object
  properties:
    rate: {type: string}
    count: {type: string}
    size: {type: string}
    seed: {type: string}
    exit: {type: string, default: "0"}
    tally: {type: string}
`

// child is an agent that behaves badly, and the end it comes to.
type child struct {
	name, shell, end string
	hard             bool // to stop: it is cancelled
}

var children = []child{
	{"ignores-signals", `trap '' TERM INT HUP QUIT; echo up; while :; do sleep 0.2; done`, cancelled, true},
	{"double-fork", `trap '' TERM; setsid sh -c 'trap "" TERM HUP; (while :; do sleep 0.2; done) </dev/null >/dev/null 2>&1 &'; echo up; while :; do sleep 0.2; done`, cancelled, true},
	{"forks-while-killed", `trap 'for i in 1 2 3 4 5; do sh -c "trap \"\" TERM; sleep 1000" & done' TERM; echo up; while :; do sleep 0.05; done`, cancelled, true},
	{"holds-the-pipe", `(trap '' TERM; exec sleep 1000) & echo up; exit 0`, completed, false},
	{"stopped-itself", `echo up; kill -STOP $$; sleep 1000`, cancelled, true},
	{"fork-bomb", `trap '' TERM; i=0; while [ $i -lt 60 ]; do i=$((i+1)); (trap '' TERM; sleep 1000) & done; echo up; wait`, cancelled, true},
	{"kills-itself", `echo up; kill -KILL $$`, string(execution.ReasonSignal), false},
	{"fails", `echo up; echo down >&2; exit 3`, string(execution.ReasonExitCode), false},
	{"closes-stdout", `echo up; exec >&- 2>&-; sleep 0.5`, completed, false},
	{"one-long-line", `head -c 4000000 /dev/zero | tr '\0' x; echo; echo end`, completed, false},
	{"every-byte", `head -c 200000 /dev/urandom; printf '\n\000\377\n'`, completed, false},
	{"no-newline", `printf 'one\ntwo'`, completed, false},
	{"at-once", `:`, completed, false},
	{"flood", `yes 'the quick brown fox jumps over the lazy dog' | head -n 60000`, completed, false},
}

// define writes the definitions of all that can be planned.
func (h *house) defineAll() error {
	definitions := map[string]string{
		"writer":      writer + "stop: {grace: 20s}\n",
		"writer-one":  writer + "concurrency: 1\nstop: {grace: 20s}\n",
		"writer-late": writer + "timeout: 3s\nstop: {grace: 20s}\n",
		"writer-idle": writer + "idleTimeout: 4s\nstop: {grace: 20s}\n",
		"idle":        "shell: 'echo up; sleep 1000'\nidleTimeout: 1500ms\n",
	}
	for _, c := range children {
		definitions["child-"+c.name] = fmt.Sprintf("stop: {signal: SIGTERM, grace: 300ms}\nshell: |\n  %s\n", c.shell)
	}
	for name, text := range definitions {
		if err := h.define(name, text); err != nil {
			return err
		}
	}
	return nil
}

// pick takes one of several at random.
func pick[T any](random *rand.Rand, from ...T) T { return from[random.IntN(len(from))] }

// between is a random time.
func between(random *rand.Rand, from, to time.Duration) time.Duration {
	if to <= from {
		return from
	}
	return from + time.Duration(random.Int64N(int64(to-from)))
}

// planExecution decides what one execution of a round of this length does.
func planExecution(random *rand.Rand, length time.Duration) *plan {
	p := &plan{at: between(random, 0, length*2/3), seed: random.Uint64()}
	rate, count := 0, 0
	switch n := random.IntN(100); {
	case n < 25: // some lines at some rate, to its end
		p.agent, p.lines, p.ends = "writer", true, []string{completed}
		rate = pick(random, 1, 20, 200, 1000)
		count = random.IntN(rate*int(max(1, length/(2*time.Second)))) + 1
	case n < 32:
		p.agent, p.lines, p.ends = "writer", true, []string{string(execution.ReasonExitCode)}
		rate, count = 100, random.IntN(500)+1
	case n < 36: // as fast as it can
		p.agent, p.lines, p.ends = "writer", true, []string{completed}
		count = 5000 + random.IntN(45_000)
	case n < 56:
		p.agent, p.lines, p.ends, p.endless = "writer", true, []string{cancelled}, true
		rate = pick(random, 5, 50, 400)
		if random.IntN(2) == 0 {
			p.cancelAt = p.at + between(random, 0, length-p.at)
		}
	case n < 62: // writes all the time, so that it must never be taken for silent
		p.agent, p.lines, p.ends, p.endless = "writer-idle", true, []string{cancelled}, true
		rate = 20
	case n < 68:
		p.agent, p.lines, p.ends = "writer-late", true, []string{string(execution.ReasonTimeout)}
		rate = 100
	case n < 78: // one at a time: they queue, and some are cancelled while they do
		p.agent, p.lines, p.ends = "writer-one", true, []string{completed}
		rate, count = 100, random.IntN(200)+1
		if random.IntN(3) == 0 {
			p.cancelAt = p.at + between(random, 0, length/4)
			p.ends = []string{completed, cancelled}
		}
	case n < 82:
		p.agent, p.ends = "idle", []string{string(execution.ReasonIdleTimeout)}
	default:
		c := pick(random, children...)
		p.agent, p.ends = "child-"+c.name, []string{c.end}
		if c.hard {
			p.cancelAt = p.at + between(random, 0, length/3)
		}
	}
	if p.lines {
		exit := "0"
		if p.ends[0] == string(execution.ReasonExitCode) {
			exit = "3"
		}
		p.config = map[string]string{
			"rate": strconv.Itoa(rate), "count": strconv.Itoa(count), "seed": strconv.FormatUint(p.seed, 10), "exit": exit,
			"size": strconv.Itoa(pick(random, 40, 100, 220, 2000)),
		}
	}
	p.readers = []manner{steady} // one always sees it through without being disturbed by anything but the server
	for range random.IntN(4) {
		p.readers = append(p.readers, planReader(random, length))
	}
	return p
}
