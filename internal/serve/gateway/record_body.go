package gateway

import (
	"encoding/json"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/claudeops/claudeops/internal/execution"
)

// recordBody is a record as an answer, whole or in brief.
type recordBody struct {
	execution.Record
	brief bool // only id and status: the caller may not read the execution
}

// MarshalJSON writes the record, or what there is to know in brief.
func (b recordBody) MarshalJSON() ([]byte, error) {
	if !b.brief {
		return json.Marshal(b.Record)
	}
	return json.Marshal(struct {
		ExecutionID string           `json:"executionId"`
		Status      execution.Status `json:"status"`
		Terminal    bool             `json:"terminal"`
	}{b.ExecutionID, b.Status, b.Terminal})
}

// Schema is that of a record.
func (recordBody) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[execution.Record](), true, "Execution")
}
