package gateway

import (
	"encoding/json"

	"github.com/claudeops/claudeops/internal/execution"
)

// What a list or a snapshot holds of parameters and results. A record by itself is always whole.
const (
	maxListedField  = 8 << 10   // bytes of one field
	maxListedFields = 512 << 10 // bytes of all fields of all records together
)

// brief leaves parameters and results out of records where they would make a list or a snapshot large,
// and says so in each record: thousands that wait with large parameters take no more than their number.
type brief struct{ listed int }

func (b *brief) records(all []execution.Record) {
	for i := range all {
		rec := &all[i]
		rec.Config = b.field(rec, "config", rec.Config)
		rec.Result = b.field(rec, "result", rec.Result)
	}
}

func (b *brief) field(rec *execution.Record, name string, value json.RawMessage) json.RawMessage {
	if b.listed += len(value); len(value) <= maxListedField && b.listed <= maxListedFields || len(value) <= len("{}") {
		return value
	}
	b.listed -= len(value)
	rec.Omitted = append(rec.Omitted, name)
	return nil
}
