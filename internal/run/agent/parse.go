package agent

import (
	"fmt"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/claudeops/claudeops/internal/run/kind/kinds"
	"github.com/claudeops/claudeops/internal/trust/mask"
)

// MaxFileBytes is how long a definition may be. Longer ones are refused unread.
const MaxFileBytes = 1 << 20

// maxDepth is how deep lists and mappings may nest.
const maxDepth = 64

// field is one key of a definition and how it is read.
type field struct {
	name string
	read func(p *parser, n *yaml.Node)
}

// fields lists every key a definition may have; the published JSON Schema has the same.
func fields() []field {
	list := []field{
		{"name", (*parser).readName},
		{"title", func(p *parser, n *yaml.Node) { p.def.Title, _ = p.text(n, "title") }},
		{"description", func(p *parser, n *yaml.Node) { p.def.Description, _ = p.text(n, "description") }},
	}
	for _, k := range kinds.All() {
		list = append(list, field{k.Name, func(p *parser, n *yaml.Node) { p.readKind(k, n) }})
	}
	return append(list, []field{
		{"tags", (*parser).readTags},
		{"schedule", (*parser).readSchedule},
		{"parameters", func(p *parser, n *yaml.Node) { p.parameters = n }},
		{"env", (*parser).readEnv},
		{"workdir", (*parser).readWorkdir},
		{"timeout", func(p *parser, n *yaml.Node) { p.def.Timeout, _ = p.duration(n, "timeout") }},
		{"idleTimeout", func(p *parser, n *yaml.Node) { p.def.IdleTimeout, _ = p.duration(n, "idleTimeout") }},
		{"output", (*parser).readOutput},
		{"commands", (*parser).readCommands},
		{"stdin", (*parser).readStdin},
		{"stop", (*parser).readStop},
		{"limits", (*parser).readLimits},
		{"concurrency", (*parser).readConcurrency},
		{"maxOutput", (*parser).readMaxOutput},
		{"budget", (*parser).readBudget},
		{"mask", (*parser).readMask},
		{"retention", (*parser).readRetention},
		{"approvalRules", (*parser).readApprovalRules},
		{"approvalTimeout", func(p *parser, n *yaml.Node) { p.def.Settings.ApprovalTimeout = p.moreThanZero(n, "approvalTimeout") }},
		{"exitGrace", func(p *parser, n *yaml.Node) { p.def.Settings.ExitGrace = p.moreThanZero(n, "exitGrace") }},
		{"onLimit", (*parser).readOnLimit},
		{"sandbox", (*parser).readSandbox},
	}...)
}

// habits are names that other tools use for the same thing. Those of a kind's key are the kind's.
var habits = map[string]string{
	"params": "parameters", "inputs": "parameters", "schema": "parameters", "config": "parameters",
	"cwd": "workdir", "dir": "workdir", "directory": "workdir", "workingdirectory": "workdir",
	"environment": "env", "envs": "env", "variables": "env",
	"parallel": "concurrency", "secrets": "mask", "redact": "mask", "label": "title", "help": "description",
}

// parser reads one file. It goes on after an error, so that one look shows all of them.
type parser struct {
	file       string
	def        *Definition
	problems   []Problem
	parameters *yaml.Node
	nodes      map[string]*yaml.Node // each field's value, for errors found later
}

// Parse reads one definition. It gives no definition when there is any problem that is not a warning.
// What it gives can be looked at and resolved, but only a catalogue's have the server's environment
// and executable.
func Parse(file string, source []byte) (*Definition, []Problem) {
	p := &parser{file: file, def: &Definition{File: file, Stop: DefaultStop}, nodes: map[string]*yaml.Node{}}
	if root := p.document(source); root != nil {
		p.definition(root)
	}
	if !p.failed() {
		p.checkBudget()
		p.warn()
	}
	if len(p.problems) > 0 {
		sort.SliceStable(p.problems, func(i, j int) bool {
			a, b := p.problems[i], p.problems[j]
			if a.Line != b.Line {
				return a.Line < b.Line
			}
			if a.Column != b.Column {
				return a.Column < b.Column
			}
			if a.Field != b.Field {
				return a.Field < b.Field
			}
			return a.Message < b.Message
		})
		p.problems = slices.Compact(p.problems)
	}
	if p.failed() {
		return nil, p.problems
	}
	return p.def, p.problems
}

// failed reports whether something keeps the definition from being run.
func (p *parser) failed() bool {
	return slices.ContainsFunc(p.problems, func(problem Problem) bool { return !problem.Warning })
}

// warn tells of what is allowed and most likely not meant.
func (p *parser) warn() {
	warning := func(n *yaml.Node, field, format string, args ...any) {
		p.fail(n, field, format, args...)
		p.problems[len(p.problems)-1].Warning = true
	}
	if env := p.nodes["env"]; env != nil {
		for _, m := range p.members(env, "env") {
			if value := p.def.Env[m.key]; secretName.MatchString(m.key) && value != "" && len(value) < mask.Shortest {
				warning(m.value, "env."+m.key, "has a secret's name and is shorter than %d bytes, so it is not masked in the output: use a longer one", mask.Shortest)
			}
		}
	}
	if list := p.nodes["mask"]; list != nil {
		for i, item := range p.resolve(list).Content {
			if r := p.resolve(item); r.Kind == yaml.ScalarNode && len(r.Value) < mask.Shortest {
				warning(item, "mask."+strconv.Itoa(i), "is shorter than %d bytes: it is masked wherever it stands, also within words, but not where it is encoded", mask.Shortest)
			}
		}
	}
}

func (p *parser) fail(n *yaml.Node, field, format string, args ...any) {
	problem := Problem{File: p.file, Field: field, Message: fmt.Sprintf(format, args...)}
	if n != nil {
		problem.Line, problem.Column = max(n.Line, 1), max(n.Column, 1)
	}
	p.problems = append(p.problems, problem)
}

func (p *parser) definition(root *yaml.Node) {
	known := fields()
	names := make([]string, len(known))
	readers := make(map[string]func(*parser, *yaml.Node), len(known))
	for i, f := range known {
		names[i], readers[f.name] = f.name, f.read
	}
	for _, m := range p.members(root, "") {
		read, ok := readers[m.key]
		if !ok {
			p.fail(m.keyNode, m.key, "unknown field%s; the fields are %s", didYouMean(m.key, names), strings.Join(names, ", "))
			continue
		}
		p.nodes[m.key] = m.value
		read(p, m.value)
	}
	p.oneKind(root)
	if p.nodes["name"] == nil {
		p.fail(root, "name", "missing: give the agent a name of a-z, 0-9 and -, like disk-report")
	}
	if p.def.Title == "" {
		p.def.Title = p.def.Name
	}
	p.readParameters()
	p.checkPlaces()
	p.checkSchedules()
}

func didYouMean(wrong string, known []string) string {
	meant := nearest(wrong, known)
	if meant == "" {
		meant = habits[fold(wrong)]
	}
	if meant == "" && slices.Contains(known, "name") {
		meant = kindAlias(wrong)
	}
	if meant == "" || meant == wrong {
		return ""
	}
	return ": did you mean " + meant + "?"
}

func (p *parser) readName(n *yaml.Node) {
	name, ok := p.text(n, "name")
	if !ok {
		return
	}
	if !ValidName(name) {
		p.fail(n, "name", "%q can't be a name: use 1 to 63 of a-z, 0-9 and -, like disk-report", clip(name))
		return
	}
	p.def.Name, p.def.line, p.def.column = name, n.Line, n.Column
}

func (p *parser) readEnv(n *yaml.Node) {
	p.def.Env = map[string]string{}
	for _, m := range p.members(n, "env") {
		name := "env." + m.key
		switch {
		case !validVariable(m.key):
			p.fail(m.keyNode, name, "%q can't be the name of a variable: use letters, digits and _, not a digit first", clip(m.key))
			continue
		case strings.HasPrefix(m.key, "CLAUDEOPS_"):
			p.fail(m.keyNode, name, "names that begin with CLAUDEOPS_ are set by ClaudeOps itself; use another")
			continue
		}
		if p.resolve(m.value).Kind == yaml.MappingNode {
			p.readSource(m, name)
			continue
		}
		value, ok := p.literal(m.value, name)
		if !ok {
			continue
		}
		p.def.Env[m.key] = value
		p.def.env = append(p.def.env, envEntry{name: m.key, value: parseTemplate(value)})
	}
}

func (p *parser) readWorkdir(n *yaml.Node) {
	dir, ok := p.text(n, "workdir")
	if !ok {
		return
	}
	t := parseTemplate(dir)
	if !filepath.IsAbs(dir) && (t.constant() || t.parts[0].name == "") {
		p.fail(n, "workdir", "%q must be an absolute path, like /srv; leave it out for a fresh scratch directory", clip(dir))
		return
	}
	p.def.Workdir, p.def.workdir = dir, t
}

func (p *parser) readConcurrency(n *yaml.Node) {
	r := p.resolve(n)
	var count int
	if r.Kind != yaml.ScalarNode || r.ShortTag() != "!!int" || r.Load(&count) != nil {
		p.fail(n, "concurrency", "must be a whole number, like 1, this is %s", kindName(r))
		return
	}
	if count < 1 {
		p.fail(n, "concurrency", "must be at least 1; leave it out for as many as the server allows")
		return
	}
	p.def.Concurrency = count
}

func (p *parser) readMaxOutput(n *yaml.Node) {
	if size, ok := p.size(n, "maxOutput", "1GiB, 512MB"); ok {
		p.def.MaxOutput = size
	}
}

// readMask takes texts, and expressions as {pattern: …}.
func (p *parser) readMask(n *yaml.Node) {
	n = p.resolve(n)
	if n.Kind != yaml.SequenceNode {
		p.fail(n, "mask", "must be a list of texts and of {pattern: expression}, this is %s", kindName(n))
		return
	}
	for i, item := range n.Content {
		name := "mask." + strconv.Itoa(i)
		if p.resolve(item).Kind == yaml.MappingNode {
			p.readPattern(p.resolve(item), name)
			continue
		}
		text, ok := p.literal(item, name)
		if ok && text == "" {
			p.fail(item, name, "is empty: give the text to mask")
		} else if ok {
			p.def.literals = append(p.def.literals, text)
			p.def.Mask = append(p.def.Mask, text)
		}
	}
}

func (p *parser) readPattern(n *yaml.Node, name string) {
	if len(n.Content) != 2 || n.Content[0].Value != "pattern" {
		p.fail(n, name, "must be a text, or pattern: and an expression, like {pattern: 'sk-[A-Za-z0-9]{20,}'}")
		return
	}
	expression, ok := p.literal(n.Content[1], name+".pattern")
	if !ok {
		return
	}
	if err := mask.CheckPattern(expression); err != nil {
		p.fail(n.Content[1], name+".pattern", "%s", err)
		return
	}
	p.def.MaskPatterns = append(p.def.MaskPatterns, expression)
}

// checkPlaces looks whether every {{place}} names a parameter.
func (p *parser) checkPlaces() {
	if p.def.schema == nil {
		return
	}
	look := func(n *yaml.Node, field string, t template) {
		for _, name := range t.names() {
			if found, known := p.def.declares(name); !found {
				p.fail(n, field, "{{%s}} is not in parameters%s; for the literal text write \\{{%s}}", name, didYouMean(name, known), name)
			}
		}
	}
	p.checkKindPlaces(look)
	if p.nodes["env"] != nil {
		for _, m := range p.members(p.nodes["env"], "env") {
			for _, entry := range p.def.env {
				if entry.name == m.key {
					look(m.value, "env."+m.key, entry.value)
				}
			}
		}
	}
	if n := p.nodes["workdir"]; n != nil {
		look(n, "workdir", p.def.workdir)
	}
	if n := p.nodes["sandbox"]; n != nil && p.def.Sandbox != nil {
		for _, text := range append(append([]string{}, p.def.Sandbox.Read...), p.def.Sandbox.Write...) {
			look(n, "sandbox", parseTemplate(text))
		}
	}
}
