package backup

import (
	"context"
	"path/filepath"
)

// Check compares every file of a backup with its checksum, and tells each that differs. It gives the
// manifest, and how many bytes it has read.
func Check(ctx context.Context, dir string, progress func(Progress), damaged func(Failure)) (*Manifest, error) {
	m, err := Read(dir)
	if err != nil {
		return nil, err
	}
	c := newCopier()
	at := Progress{Executions: len(m.Executions)}
	c.tick = func() error {
		if progress != nil {
			progress(at)
		}
		return context.Cause(ctx)
	}
	look := func(id string, files []File, in string) error {
		for _, f := range files {
			err := c.check(filepath.Join(in, f.Name), f)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				damaged(Failure{id, filepath.Join(in, f.Name), err.Error()})
			}
			at.Bytes += f.Bytes
		}
		return c.tick()
	}
	for i := range m.Executions {
		at.Done = i
		e := &m.Executions[i]
		if err := look(e.ID, e.Files, filepath.Join(dir, executionsName, e.dir())); err != nil {
			return m, err
		}
	}
	at.Done = len(m.Executions)
	if err := look("", m.Files, filepath.Join(dir, m.filesDir())); err != nil {
		return m, err
	}
	return m, look("", m.Agents, filepath.Join(dir, m.agentsDir()))
}

// Dir is the directory below executions that an execution of the backup is in.
func (m *Manifest) Dir(id string) string {
	for i := range m.Executions {
		if m.Executions[i].ID == id {
			return m.Executions[i].dir()
		}
	}
	return id
}
