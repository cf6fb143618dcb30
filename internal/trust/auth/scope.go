package auth

import (
	"slices"

	"github.com/claudeops/claudeops/protocol"
)

// Can reports whether p holds perm, by itself or through admin, for one agent at least. PermNone is
// held by everyone who is somebody; an execution's own permissions by its agent, for some executions; a name that is no permission is held by nobody.
func (p Principal) Can(perm string) bool {
	if p.ID == "" {
		return false
	}
	if perm == protocol.PermNone || p.Kind == KindExecution && slices.Contains(ofExecution, perm) {
		return true
	}
	return !p.Scope(perm).Empty()
}

// CanFor reports whether p holds perm for an agent of that name.
func (p Principal) CanFor(perm, agent string) bool { return p.Scope(perm).Allows(agent) }

// Scope is the agents that p holds any of the permissions for.
func (p Principal) Scope(perms ...string) Scope {
	var s Scope
	if p.ID == "" {
		return s
	}
	for _, text := range p.Permissions {
		grant, err := protocol.ParseGrant(text)
		switch {
		case err != nil:
		case grant.Permission == protocol.PermAdmin:
			for _, perm := range perms {
				s.all = s.all || slices.Contains(protocol.Permissions, perm)
			}
		case !slices.Contains(perms, grant.Permission):
		case grant.Agents == "":
			s.all = true
		default:
			s.grants = append(s.grants, grant)
		}
	}
	if s.all {
		s.grants = nil
	}
	return s
}

// Scope is a set of agents. The zero Scope holds none.
type Scope struct {
	all    bool
	grants []protocol.Grant
}

// All reports whether the scope holds every agent, those of later too.
func (s Scope) All() bool { return s.all }

// Empty reports whether the scope holds no agent.
func (s Scope) Empty() bool { return !s.all && len(s.grants) == 0 }

// Allows reports whether the scope holds an agent of that name.
func (s Scope) Allows(agent string) bool {
	return s.all || slices.ContainsFunc(s.grants, func(g protocol.Grant) bool { return g.Covers(agent) })
}

// Patterns are the names and patterns that make up a scope that does not hold every agent. An empty
// scope gives one that matches no agent: to those who filter by patterns, none at all may mean any.
func (s Scope) Patterns() []string {
	if len(s.grants) == 0 {
		return []string{""}
	}
	patterns := make([]string, len(s.grants))
	for i, grant := range s.grants {
		patterns[i] = grant.Agents
	}
	return patterns
}
