package gateway

import (
	"context"

	"github.com/claudeops/claudeops/protocol"
)

// spaceSampler adds to a sample of the host whether there is room for what is to be recorded.
type spaceSampler struct {
	SystemSampler
	space Space
}

func (s spaceSampler) Sample(ctx context.Context) (protocol.SystemStatus, error) {
	status, err := s.SystemSampler.Sample(ctx)
	if state, ok := s.space.State(); ok {
		status.Disk.State, status.Disk.Free = state.DiskState, state.Free
		status.Disk.LowMark, status.Disk.Condition = state.LowMark, state.Condition
	}
	return status, err
}

// diskState is how it stands, empty when all is well or nobody watches.
func (g *Gateway) diskState() protocol.DiskState {
	if g.opts.Space == nil {
		return ""
	}
	if state, ok := g.opts.Space.State(); ok && state.DiskState != protocol.DiskOK {
		return state.DiskState
	}
	return ""
}
