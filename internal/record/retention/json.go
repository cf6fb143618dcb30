package retention

import (
	"encoding/json"
	"time"
)

// rulesJSON is Rules on the wire and in files: ages in milliseconds, sizes in bytes; -1 is no bound,
// what is absent is not set.
type rulesJSON struct {
	Logs       *boundsJSON `json:"logs,omitempty"`
	Executions *boundsJSON `json:"executions,omitempty"`
}

type boundsJSON struct {
	AgeMs *int64 `json:"ageMs,omitempty"`
	Size  *int64 `json:"size,omitempty"`
	Count *int64 `json:"count,omitempty"`
}

// MarshalJSON writes the bounds that are set.
func (r Rules) MarshalJSON() ([]byte, error) {
	var v rulesJSON
	if r.LogsAge.Set || r.LogsSize.Set {
		v.Logs = &boundsJSON{AgeMs: ms(r.LogsAge), Size: plain(r.LogsSize)}
	}
	if r.ExecutionsAge.Set || r.ExecutionsCount.Set {
		v.Executions = &boundsJSON{AgeMs: ms(r.ExecutionsAge), Count: plain(r.ExecutionsCount)}
	}
	return json.Marshal(v)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (r *Rules) UnmarshalJSON(b []byte) error {
	var v rulesJSON
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	*r = Rules{}
	if v.Logs != nil {
		r.LogsAge, r.LogsSize = age(v.Logs.AgeMs), limit(v.Logs.Size)
	}
	if v.Executions != nil {
		r.ExecutionsAge, r.ExecutionsCount = age(v.Executions.AgeMs), limit(v.Executions.Count)
	}
	return nil
}

func ms(b Bound[time.Duration]) *int64 {
	switch {
	case !b.Set:
		return nil
	case b.Limit < 0:
		return new(int64(Unlimited))
	}
	return new(b.Limit.Milliseconds())
}

func plain(b Bound[int64]) *int64 {
	if !b.Set {
		return nil
	}
	return new(max(b.Limit, Unlimited))
}

func age(ms *int64) Bound[time.Duration] {
	switch {
	case ms == nil:
		return Bound[time.Duration]{}
	case *ms < 0:
		return At(time.Duration(Unlimited))
	}
	return At(time.Duration(*ms) * time.Millisecond)
}

func limit(n *int64) Bound[int64] {
	if n == nil {
		return Bound[int64]{}
	}
	return At(max(*n, Unlimited))
}
