package gateway

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/protocol"
)

type health struct {
	Status string             `json:"status" enum:"ok,starting" doc:"ok once the server can take requests."`
	Disk   protocol.DiskState `json:"disk,omitempty" enum:"low,critical" doc:"Absent when there is room. Else nothing is started until there is again: what is new waits."`
}

type healthAnswer struct{ Body health }

type systemAnswer struct{ Body protocol.SystemStatus }

func (g *Gateway) registerStatus() {
	operation(g, huma.Operation{
		OperationID: "health", Method: http.MethodGet, Path: "/healthz", Tags: []string{"server"},
		Summary: "Whether the server lives",
	}, func(context.Context, *struct{}) (*healthAnswer, error) {
		return &healthAnswer{health{Status: "ok"}}, nil
	})
	operation(g, huma.Operation{
		OperationID: "ready", Method: http.MethodGet, Path: "/readyz", Tags: []string{"server"},
		Summary:     "Whether the server can take requests",
		Description: "503 while it still adopts the executions of the server before it, and once it is going away. With a nearly full disk it is ready, and says so: history, cancellations and the page are needed most then.",
	}, func(context.Context, *struct{}) (*healthAnswer, error) {
		if g.ctx.Err() != nil || !g.opts.Supervisor.Ready() {
			return nil, fault.New(protocol.Unavailable, "the server is starting or going away").With(fault.Retry{AfterMs: 1000})
		}
		return &healthAnswer{health{Status: "ok", Disk: g.diskState()}}, nil
	})
	operation(g, huma.Operation{
		OperationID: "system", Method: http.MethodGet, Path: "/api/system", Tags: []string{"server"},
		Summary: "A sample of the host, as in system:status",
	}, func(ctx context.Context, _ *struct{}) (*systemAnswer, error) {
		status, err := g.opts.System.Sample(ctx)
		if err != nil {
			return nil, fault.Wrap(protocol.Unavailable, err, "the host can't be sampled now")
		}
		status.Type, status.Executions = protocol.TypeSystemStatus, g.opts.Supervisor.Counts()
		return &systemAnswer{status}, nil
	})
}
