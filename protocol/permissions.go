package protocol

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Permissions a credential can hold. Admin implies the others.
const (
	PermExecute = "agents:execute"
	PermRead    = "executions:read"
	PermCancel  = "executions:cancel"
	PermInput   = "executions:input"   // sends text to a running agent
	PermApprove = "executions:approve" // decides what an agent asks for
	PermCosts   = "costs:read"
	PermSystem  = "system:read"
	PermWorkers = "workers:join"
	PermAdmin   = "admin"
)

// Permissions lists every permission.
var Permissions = []string{PermExecute, PermRead, PermCancel, PermInput, PermApprove, PermCosts, PermSystem, PermWorkers, PermAdmin}

// NarrowPermissions lists those that can be narrowed to agents, as in agents:execute@deploy-*.
var NarrowPermissions = []string{PermExecute, PermRead, PermCancel, PermInput, PermApprove, PermCosts}

// PermNone marks a message that any authenticated caller may send.
const PermNone = "-"

// MessagePermission says what each client message needs: any one of those listed, for the agent that
// the message is about. A type that is missing here is refused.
var MessagePermission = map[string][]string{
	TypeAuth:                  {PermNone},
	TypePing:                  {PermNone},
	TypeExecute:               {PermExecute},
	TypeCancel:                {PermCancel},
	TypeInput:                 {PermInput, PermApprove}, // a decision needs the latter, text the former
	TypeStatus:                {PermRead},
	TypeLogsSubscribe:         {PermRead},
	TypeLogsUnsubscribe:       {PermRead},
	TypeLogsSearch:            {PermRead},
	TypeExecutionsSubscribe:   {PermRead},
	TypeExecutionsUnsubscribe: {PermRead},
	TypeSystemSubscribe:       {PermSystem},
	TypeSystemUnsubscribe:     {PermSystem},
}

// Grant is a permission as a credential holds it: for every agent, or for those whose name matches.
type Grant struct {
	Permission string
	Agents     string // a pattern with * and ?; empty: every agent
}

// maxPattern bounds a grant's pattern, in bytes.
const maxPattern = 128

// ParseGrant reads a permission, or a permission and a pattern of agents' names with @ in between. The
// error says what is wrong with it.
func ParseGrant(text string) (Grant, error) {
	permission, agents, narrow := strings.Cut(text, "@")
	switch {
	case !slices.Contains(Permissions, permission):
		return Grant{}, fmt.Errorf("%.60q is no permission; the permissions are %s", permission, strings.Join(Permissions, ", "))
	case !narrow:
		return Grant{Permission: permission}, nil
	case !slices.Contains(NarrowPermissions, permission):
		return Grant{}, fmt.Errorf("%s is not about agents, so it can't be narrowed to some", permission)
	case agents == "" || len(agents) > maxPattern || strings.ContainsFunc(agents, notInPattern):
		return Grant{}, fmt.Errorf("%.60q names no agents: after @ there must be a name like deploy-site, or a pattern like deploy-*", text)
	}
	return Grant{Permission: permission, Agents: agents}, nil
}

func notInPattern(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.' && r != '*' && r != '?'
}

// String is the grant as ParseGrant reads it.
func (g Grant) String() string {
	if g.Agents == "" {
		return g.Permission
	}
	return g.Permission + "@" + g.Agents
}

// Covers reports whether the grant is for an agent of that name.
func (g Grant) Covers(agent string) bool {
	if g.Agents == "" {
		return true
	}
	matched, err := path.Match(g.Agents, agent)
	return err == nil && matched
}
