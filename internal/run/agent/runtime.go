package agent

import (
	"math"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Runtime is how the process of an agent is run, whatever its kind.
type Runtime struct {
	MergeOutput bool // stdout and stderr are one pipe: their lines keep the order in which they were written
	PlainLines  bool // lines like ::progress 40:: are text, not commands
	OpenStdin   bool // stdin stays open for what people send
	Limits      Limits
}

// Limits bound what one run may take of the machine. A zero field is no limit.
type Limits struct {
	Memory int64   // bytes, of the whole process tree
	PIDs   int64   // processes and threads at a time
	CPU    float64 // processors
	Nice   int     // added to the server's own
}

// Any reports whether there is a limit.
func (l Limits) Any() bool { return l != Limits{} }

// runtimeView is Runtime as clients see it.
type runtimeView struct {
	Output   string      `json:"output,omitempty"`   // "merged"
	Commands *bool       `json:"commands,omitempty"` // false
	Stdin    string      `json:"stdin,omitempty"`    // "open"
	Limits   *limitsView `json:"limits,omitempty"`
}

type limitsView struct {
	Memory int64   `json:"memory,omitempty"`
	PIDs   int64   `json:"pids,omitempty"`
	CPU    float64 `json:"cpu,omitempty"`
	Nice   int     `json:"nice,omitempty"`
}

// view shows what differs from the usual.
func (r Runtime) view() runtimeView {
	var v runtimeView
	if r.MergeOutput {
		v.Output = "merged"
	}
	if r.PlainLines {
		v.Commands = new(bool)
	}
	if r.OpenStdin {
		v.Stdin = "open"
	}
	if r.Limits.Any() {
		l := limitsView(r.Limits)
		v.Limits = &l
	}
	return v
}

// signals are those that a definition may name to end an agent.
var signals = []string{"SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGKILL"}

func (p *parser) readStop(n *yaml.Node) {
	for _, m := range p.members(n, "stop") {
		switch m.key {
		case "signal":
			text, ok := p.text(m.value, "stop.signal")
			if !ok {
				continue
			}
			name := strings.ToUpper(text)
			if !strings.HasPrefix(name, "SIG") {
				name = "SIG" + name
			}
			if !slices.Contains(signals, name) {
				p.fail(m.value, "stop.signal", "%q is not a signal to stop with; use one of %s", clip(text), strings.Join(signals, ", "))
				continue
			}
			p.def.Stop.Signal = name
		case "grace":
			if grace, ok := p.duration(m.value, "stop.grace"); ok {
				p.def.Stop.Grace = grace
			}
		case "to":
			p.oneWord(m.value, "stop.to", map[string]func(){
				"tree": func() { p.def.Stop.ToMain = false },
				"main": func() { p.def.Stop.ToMain = true },
			})
		default:
			p.fail(m.keyNode, "stop."+m.key, "unknown field%s; stop has signal, grace and to", didYouMean(m.key, []string{"signal", "grace", "to"}))
		}
	}
}

func (p *parser) readOutput(n *yaml.Node) {
	p.oneWord(n, "output", map[string]func(){
		"separate": func() { p.def.MergeOutput = false },
		"merged":   func() { p.def.MergeOutput = true },
	})
}

func (p *parser) readStdin(n *yaml.Node) {
	p.oneWord(n, "stdin", map[string]func(){
		"closed": func() { p.def.OpenStdin = false },
		"open":   func() { p.def.OpenStdin = true },
	})
}

// oneWord reads one of a few words.
func (p *parser) oneWord(n *yaml.Node, field string, set map[string]func()) {
	words := make([]string, 0, len(set))
	for word := range set {
		words = append(words, word)
	}
	slices.Sort(words)
	r := p.resolve(n)
	if r.Kind != yaml.ScalarNode {
		p.fail(n, field, "must be %s, this is %s", strings.Join(words, " or "), kindName(r))
		return
	}
	choose, ok := set[r.Value]
	if !ok {
		p.fail(n, field, "can't be %q%s; it is %s", clip(r.Value), didYouMean(r.Value, words), strings.Join(words, " or "))
		return
	}
	choose()
}

func (p *parser) readCommands(n *yaml.Node) {
	r := p.resolve(n)
	var on bool
	if r.Kind != yaml.ScalarNode || r.ShortTag() != "!!bool" || r.Load(&on) != nil {
		p.fail(n, "commands", "must be true, so that lines like ::progress 40:: are commands, or false, this is %s", kindName(r))
		return
	}
	p.def.PlainLines = !on
}

func (p *parser) readLimits(n *yaml.Node) {
	for _, m := range p.members(n, "limits") {
		field := "limits." + m.key
		switch m.key {
		case "memory":
			if size, ok := p.size(m.value, field, "2GiB, 512MB"); ok {
				p.def.Limits.Memory = size
			}
		case "pids":
			if count, ok := p.whole(m.value, field, 1, math.MaxInt32); ok {
				p.def.Limits.PIDs = int64(count)
			}
		case "cpu":
			p.readCPU(m.value, field)
		case "nice":
			if nice, ok := p.whole(m.value, field, -39, 39); ok {
				p.def.Limits.Nice = nice
			}
		default:
			known := []string{"memory", "pids", "cpu", "nice"}
			p.fail(m.keyNode, field, "unknown field%s; limits has memory, pids, cpu and nice", didYouMean(m.key, known))
		}
	}
}

// leastCPU is the smallest share of a processor: the kernel accounts for a millisecond in each tenth
// of a second.
const leastCPU = 0.01

func (p *parser) readCPU(n *yaml.Node, field string) {
	r := p.resolve(n)
	var cpu float64
	if tag := r.ShortTag(); r.Kind != yaml.ScalarNode || (tag != "!!int" && tag != "!!float") || r.Load(&cpu) != nil {
		p.fail(n, field, "must be a number of processors, like 1.5, this is %s", kindName(r))
		return
	}
	if !(cpu >= leastCPU) || cpu > 1<<20 {
		p.fail(n, field, "must be %v processors or more; leave it out for no limit", leastCPU)
		return
	}
	p.def.Limits.CPU = cpu
}

// whole reads a whole number.
func (p *parser) whole(n *yaml.Node, field string, least, most int) (int, bool) {
	r := p.resolve(n)
	var count int
	if r.Kind != yaml.ScalarNode || r.ShortTag() != "!!int" || r.Load(&count) != nil {
		p.fail(n, field, "must be a whole number from %d to %d, this is %s", least, most, kindName(r))
		return 0, false
	}
	if count < least || count > most {
		p.fail(n, field, "must be from %d to %d, this is %d", least, most, count)
		return 0, false
	}
	return count, true
}

// size reads a number of bytes above 0.
func (p *parser) size(n *yaml.Node, field, examples string) (int64, bool) {
	r := p.resolve(n)
	if r.Kind != yaml.ScalarNode || (r.ShortTag() != "!!int" && r.ShortTag() != "!!str") {
		p.fail(n, field, "must be a size, like %s or a number of bytes, this is %s", examples, kindName(r))
		return 0, false
	}
	size, err := parseSize(r.Value)
	switch {
	case err != nil:
		p.fail(n, field, "%v", err)
		return 0, false
	case size == 0:
		p.fail(n, field, "must be more than 0; leave it out for no limit")
		return 0, false
	}
	return size, true
}
