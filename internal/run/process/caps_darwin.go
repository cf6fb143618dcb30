package process

import "errors"

// Limits bound what a process tree may take of the machine. A zero field is no limit.
type Limits struct {
	Memory int64   // bytes
	PIDs   int64   // processes and threads at a time
	CPU    float64 // processors
}

// Caps hold the limits of one execution; there are none on this system.
type Caps struct{}

// NewCaps says that no limit can be set here.
func NewCaps(_ string, limits Limits, _ *Group) (*Caps, []string) {
	if limits == (Limits{}) {
		return nil, nil
	}
	return nil, []string{"limits: there are no cgroups on this system"}
}

// Enter does nothing.
func (c *Caps) Enter() (func(), error) { return func() {}, nil }

// OutOfMemory is never known here.
func (c *Caps) OutOfMemory() (uint64, bool) { return 0, false }

// Remove does nothing.
func (c *Caps) Remove() error { return nil }

func removeCaps(string) {}

// Renice is not there for one thread of a process.
func Renice(int) (func(), error) {
	return nil, errors.New("set the niceness: this system has none for one thread")
}
