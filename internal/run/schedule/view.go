package schedule

import (
	"encoding/json"
	"slices"
	"time"
)

// Schedule is how a schedule stands.
type Schedule struct {
	Agent      string          `json:"agent"`
	N          int             `json:"n" doc:"Its place in the agent's definition, from 0."`
	Cron       string          `json:"cron"`
	Timezone   string          `json:"timezone"`
	Text       string          `json:"text" doc:"When it is due, in words."`
	JitterMs   int64           `json:"jitterMs,omitempty" doc:"A run begins up to so much after its due time."`
	Missed     string          `json:"missed" enum:"skip,latest,all"`
	Overlap    string          `json:"overlap" enum:"skip,queue,replace"`
	Parameters json.RawMessage `json:"parameters,omitempty" doc:"Secrets masked."`
	Enabled    bool            `json:"enabled" doc:"As its definition says."`
	Paused     bool            `json:"paused"`
	PausedBy   string          `json:"pausedBy,omitempty"`
	PausedAt   *time.Time      `json:"pausedAt,omitempty"`
	Next       []time.Time     `json:"next" nullable:"false" doc:"The next due times, with the offset of the time zone; none while it is not enabled."`
	Last       *Occurrence     `json:"last,omitempty" doc:"The newest due time that passed."`
	Waiting    int             `json:"waiting,omitempty" doc:"How many due times wait for the end of an earlier run."`
	Error      string          `json:"error,omitempty" doc:"Why a start is tried again."`
}

// Occurrence is a due time and what became of it.
type Occurrence struct {
	Agent       string     `json:"agent"`
	N           int        `json:"n"`
	Due         time.Time  `json:"due"`
	Until       *time.Time `json:"until,omitempty" doc:"The last of several that were skipped together."`
	Count       int        `json:"count,omitempty" doc:"How many they are."`
	Outcome     string     `json:"outcome" enum:"due,started,skipped,waiting"`
	ExecutionID string     `json:"executionId,omitempty"`
	Reason      string     `json:"reason,omitempty"`
}

// Due is the outcome of a due time that is to come.
const Due = "due"

func occurrence(e *entry, zone *time.Location) Occurrence {
	o := Occurrence{Agent: e.Agent, N: e.N, Due: e.Due.In(zone), Count: e.Count, Outcome: e.Outcome, ExecutionID: e.ExecutionID, Reason: e.Reason}
	if e.Until != nil {
		until := e.Until.In(zone)
		o.Until = &until
	}
	return o
}

// List gives every schedule there is, by agent and place.
func (s *Scheduler) List() []Schedule {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.options.Now()
	list := []Schedule{}
	for _, d := range s.options.Catalogue.List() {
		for n := range d.Schedules {
			schedule := &d.Schedules[n]
			key := Key{d.Name, n}
			v := Schedule{
				Agent: d.Name, N: n, Cron: schedule.Cron.String(), Timezone: ZoneName(schedule.Zone), Text: schedule.Cron.Words(),
				JitterMs: schedule.Jitter.Milliseconds(), Missed: schedule.Missed, Overlap: schedule.Overlap,
				Parameters: d.MaskConfig(schedule.Parameters), Enabled: schedule.Enabled, Next: []time.Time{}, Error: s.failed[key],
			}
			after := now
			if st := s.states[key]; st != nil && !st.gone {
				v.Paused, v.PausedBy, v.Waiting = st.paused, st.pausedBy, len(st.waiting)
				if st.paused {
					at := st.pausedAt
					v.PausedAt = &at
				}
				if st.newest != nil {
					last := occurrence(st.newest, schedule.Zone)
					v.Last = &last
				}
				if st.cursor.After(after) && st.spec == specOf(schedule) {
					after = st.cursor
				}
			}
			if schedule.Enabled {
				v.Next = append(v.Next, schedule.Cron.NextN(after, schedule.Zone, shown)...)
			}
			list = append(list, v)
		}
	}
	return list
}

// mostToCome bounds how many due times to come are listed of one schedule.
const mostToCome = 500

// Occurrences gives what was due in a span of time and what became of it, and what is due in it, by
// time. Of each schedule that is due more often, the first of what is to come are listed.
func (s *Scheduler) Occurrences(from, to time.Time) ([]Occurrence, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	type place struct {
		key Key
		due int64
	}
	zones := map[Key]*time.Location{}
	for _, d := range s.options.Catalogue.List() {
		for n := range d.Schedules {
			zones[Key{d.Name, n}] = d.Schedules[n].Zone
		}
	}
	newest := map[place]*entry{} // what was said last of a due time counts
	err := s.file.each(func(e *entry) {
		last := e.Due
		if e.Until != nil {
			last = *e.Until
		}
		if e.Type == typeDue && e.Outcome != starting && !last.Before(from) && e.Due.Before(to) {
			newest[place{Key{e.Agent, e.N}, e.Due.Unix()}] = e
		}
	})
	if err != nil {
		return nil, err
	}
	list := []Occurrence{}
	for at, e := range newest {
		zone := zones[at.key]
		if zone == nil {
			zone = time.UTC
		}
		list = append(list, occurrence(e, zone))
	}
	now := s.options.Now()
	for _, d := range s.options.Catalogue.List() {
		for n := range d.Schedules {
			schedule := &d.Schedules[n]
			st := s.states[Key{d.Name, n}]
			if !schedule.Enabled || st != nil && st.paused {
				continue
			}
			at := now
			if st != nil && st.cursor.After(at) {
				at = st.cursor
			}
			if from.After(at) {
				at = from.Add(-time.Second)
			}
			for range mostToCome {
				if at = schedule.Cron.Next(at, schedule.Zone); at.IsZero() || !at.Before(to) {
					break
				}
				list = append(list, Occurrence{Agent: d.Name, N: n, Due: at, Outcome: Due})
			}
		}
	}
	slices.SortFunc(list, func(a, b Occurrence) int {
		if c := a.Due.Compare(b.Due); c != 0 {
			return c
		}
		if a.Agent != b.Agent {
			if a.Agent < b.Agent {
				return -1
			}
			return 1
		}
		return a.N - b.N
	})
	return list, nil
}
