package runner

import (
	"fmt"

	"github.com/claudeops/claudeops/internal/run/control"
	"github.com/claudeops/claudeops/internal/run/process"
)

// caps are what the definition lets the agent take of the machine.
type caps struct {
	groups *process.Caps
	nice   int
	unmet  []string // limits that are not enforced, and why
}

func newCaps(spec *control.Spec, group *process.Group) *caps {
	c := &caps{nice: spec.Limits.Nice}
	limits := process.Limits{Memory: spec.Limits.Memory, PIDs: spec.Limits.PIDs, CPU: spec.Limits.CPU}
	if limits != (process.Limits{}) {
		c.groups, c.unmet = process.NewCaps(spec.ExecutionID, limits, group)
	}
	return c
}

// warnings tell which limits are not enforced.
func (c *caps) warnings() []string {
	list := make([]string, len(c.unmet))
	for i, why := range c.unmet {
		list[i] = "a limit of the definition is not enforced: " + why
	}
	return list
}

// enter puts the calling thread, and what it starts, under the limits; leave takes it out again.
func (c *caps) enter() (leave func(), err error) {
	out, err := c.groups.Enter()
	if err != nil {
		return nil, fmt.Errorf("apply the limits: %w", err)
	}
	if c.nice == 0 {
		return out, nil
	}
	back, err := process.Renice(c.nice)
	if err != nil {
		c.unmet = append(c.unmet, "limits.nice: "+err.Error())
		return out, nil
	}
	return func() { back(); out() }, nil
}
