package process

import (
	"errors"
	"os"
)

// Group is the cgroup v2 of one execution; macOS has none, so it is always nil and does nothing.
type Group struct{}

var errNoGroups = errors.New("make a cgroup: there are none on this system")

// NewGroup says that there are no cgroups here.
func NewGroup(string) (*Group, error) { return nil, errNoGroups }

// FindGroup finds none.
func FindGroup(string) *Group { return nil }

// Open says that there are no cgroups here.
func (g *Group) Open() (*os.File, error) { return nil, errNoGroups }

// OutOfMemory is never known here.
func (g *Group) OutOfMemory() (uint64, bool) { return 0, false }

func (g *Group) each(func(Info)) error { return nil }
func (g *Group) kill(func(Info)) error { return nil }

func (g *Group) freeze() func() { return func() {} }

// Remove does nothing.
func (g *Group) Remove() error { return nil }
