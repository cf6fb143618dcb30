package agent

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/claudeops/claudeops/internal/run/sandbox"
)

// readSandbox takes a profile's name, or a mapping with profile, read, write, connect and limits.
func (p *parser) readSandbox(n *yaml.Node) {
	policy := &sandbox.Policy{Profile: sandbox.Workspace}
	profile := func(n *yaml.Node, field string) {
		name, ok := p.text(n, field)
		if ok && !slices.Contains(sandbox.Profiles, name) {
			p.fail(n, field, "%q is no profile; use one of %s", clip(name), strings.Join(sandbox.Profiles, ", "))
		} else if ok {
			policy.Profile = name
		}
	}
	p.def.Sandbox = policy
	if p.resolve(n).Kind == yaml.ScalarNode {
		profile(n, "sandbox")
		return
	}
	known := []string{"profile", "read", "write", "connect", "required", "openFiles", "maxFileSize"}
	for _, m := range p.members(n, "sandbox") {
		field := "sandbox." + m.key
		switch m.key {
		case "profile":
			profile(m.value, field)
		case "read":
			policy.Read = p.sandboxPaths(m.value, field)
		case "write":
			policy.Write = p.sandboxPaths(m.value, field)
		case "connect":
			policy.Connect = p.sandboxPorts(m.value, field)
		case "required":
			r := p.resolve(m.value)
			if r.Kind != yaml.ScalarNode || r.ShortTag() != "!!bool" || r.Load(&policy.Required) != nil {
				p.fail(m.value, field, "must be true or false, this is %s", kindName(r))
			}
		case "openFiles":
			r := p.resolve(m.value)
			if r.Kind != yaml.ScalarNode || r.ShortTag() != "!!int" || r.Load(&policy.OpenFiles) != nil || policy.OpenFiles < 16 {
				p.fail(m.value, field, "must be a whole number, 16 or more, like 1024")
			}
		case "maxFileSize":
			r := p.resolve(m.value)
			size, err := parseSize(r.Value)
			if r.Kind != yaml.ScalarNode || err != nil || size == 0 {
				p.fail(m.value, field, "must be a size, like 1GiB or 512MB")
			}
			policy.MaxFileSize = size
		default:
			p.fail(m.keyNode, field, "unknown field%s; sandbox has %s", didYouMean(m.key, known), strings.Join(known, ", "))
		}
	}
}

func (p *parser) sandboxPaths(n *yaml.Node, field string) []string {
	r := p.resolve(n)
	if r.Kind != yaml.SequenceNode {
		p.fail(n, field, "must be a list of paths, like [/srv/data], this is %s", kindName(r))
		return nil
	}
	var paths []string
	for i, item := range r.Content {
		name := field + "." + strconv.Itoa(i)
		path, ok := p.text(item, name)
		if !ok {
			continue
		}
		t := parseTemplate(path)
		if !sandboxPath(path) && (t.constant() || t.parts[0].name == "") {
			p.fail(item, name, "%q must be an absolute path, like /srv, or one below ~/", clip(path))
			continue
		}
		paths = append(paths, path)
	}
	return paths
}

func sandboxPath(path string) bool {
	return filepath.IsAbs(path) || path == "~" || strings.HasPrefix(path, "~/")
}

func (p *parser) sandboxPorts(n *yaml.Node, field string) []int {
	r := p.resolve(n)
	if r.Kind != yaml.SequenceNode {
		p.fail(n, field, "must be a list of TCP ports, like [443], this is %s", kindName(r))
		return nil
	}
	var ports []int
	for i, item := range r.Content {
		var port int
		if v := p.resolve(item); v.Kind != yaml.ScalarNode || v.ShortTag() != "!!int" || v.Load(&port) != nil || port < 1 || port > 65535 {
			p.fail(item, field+"."+strconv.Itoa(i), "must be a TCP port from 1 to 65535")
			continue
		}
		ports = append(ports, port)
	}
	return ports
}

// resolveSandbox puts the parameters of one run in place.
func (d *Definition) resolveSandbox(lookup func(string) (string, bool)) (*sandbox.Policy, error) {
	if d.Sandbox == nil {
		return nil, nil
	}
	policy := *d.Sandbox
	fill := func(list []string) ([]string, error) {
		var out []string
		for _, text := range list {
			t := parseTemplate(text)
			path, absent := t.fill(lookup)
			if absent || path == "" {
				continue
			}
			if !sandboxPath(path) || !t.constant() && slices.Contains(strings.Split(path, "/"), "..") {
				return nil, d.configError(t.names()[0], "gives the sandbox the path %q, which must be absolute and without ..", clip(path))
			}
			out = append(out, path)
		}
		return out, nil
	}
	var err error
	if policy.Read, err = fill(d.Sandbox.Read); err != nil {
		return nil, err
	}
	policy.Write, err = fill(d.Sandbox.Write)
	return &policy, err
}
