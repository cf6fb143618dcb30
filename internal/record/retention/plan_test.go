package retention

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/quick"
	"time"
)

var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// record is a record in memory.
type record map[string]*kept

type kept struct {
	Ended
	all, logs int64
}

func (r record) ended() iter.Seq2[Ended, error] {
	return func(yield func(Ended, error) bool) {
		var all []Ended
		for _, e := range r {
			all = append(all, e.Ended)
		}
		slices.SortFunc(all, func(a, b Ended) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.ID, a.ID)) })
		for _, e := range all {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (r record) sizes(id string) (all, logs int64, err error) {
	e := r[id]
	if e.LogsRemoved {
		return e.all - e.logs, 0, nil
	}
	return e.all, e.logs, nil
}

// put adds an execution that ended so long ago, with 10 bytes beside its log.
func (r record) put(id, agent string, ago time.Duration, logs int64) record {
	r[id] = &kept{Ended{ID: id, Agent: agent, At: now.Add(-ago)}, logs + 10, logs}
	return r
}

func TestPlan(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	some := func() record {
		return record{}.put("a1", "a", 40*day, 100).put("b1", "b", 30*day, 100).put("a2", "a", 20*day, 100).put("b2", "b", 10*day, 100).put("a3", "a", 0, 100)
	}
	unlimited := At(time.Duration(Unlimited))
	for name, test := range map[string]struct {
		policy Policy
		record record
		want   []string // id rule bytes
	}{
		"no_rules":              {Policy{}, some(), nil},
		"unlimited":             {Policy{Server: Rules{ExecutionsAge: unlimited, LogsSize: At[int64](Unlimited)}}, some(), nil},
		"age":                   {Policy{Server: Rules{ExecutionsAge: At(25 * day)}}, some(), []string{"a1 executions.age 110", "b1 executions.age 110"}},
		"as_old_as_the_age":     {Policy{Server: Rules{ExecutionsAge: At(30 * day)}}, some(), []string{"a1 executions.age 110"}},
		"count":                 {Policy{Server: Rules{ExecutionsCount: At(int64(2))}}, some(), []string{"a1 executions.count 110", "b1 executions.count 110", "a2 executions.count 110"}},
		"logs_by_age":           {Policy{Server: Rules{LogsAge: At(15 * day)}}, some(), []string{"a1 logs.age 100", "b1 logs.age 100", "a2 logs.age 100"}},
		"logs_by_size":          {Policy{Server: Rules{LogsSize: At(int64(399))}}, some(), []string{"a1 logs.size 100", "b1 logs.size 100"}},
		"logs_of_just_the_size": {Policy{Server: Rules{LogsSize: At(int64(400))}}, some(), []string{"a1 logs.size 100"}},
		"logs_larger_than_all":  {Policy{Server: Rules{LogsSize: At(int64(150))}}, some().put("c", "c", time.Hour, 100), []string{"a1 logs.size 100", "b1 logs.size 100", "a2 logs.size 100", "b2 logs.size 100", "c logs.size 100"}},
		"no_holes_in_time":      {Policy{Server: Rules{LogsSize: At(int64(150))}}, record{}.put("x", "a", day, 1000).put("y", "a", 2*day, 1), []string{"y logs.size 1", "x logs.size 1000"}},
		"whole_before_logs": {Policy{Server: Rules{ExecutionsAge: At(25 * day), LogsAge: At(15 * day)}}, some(),
			[]string{"a1 executions.age 110", "b1 executions.age 110", "a2 logs.age 100"}},
		"what_goes_whole_takes_no_room": {Policy{Server: Rules{ExecutionsCount: At(int64(2)), LogsSize: At(int64(200))}}, some(),
			[]string{"a1 executions.count 110", "b1 executions.count 110", "a2 executions.count 110"}},
		"an_agents_own_age": {Policy{Server: Rules{ExecutionsAge: At(25 * day)}, Agents: map[string]Rules{"a": {ExecutionsAge: At(15 * day)}}}, some(),
			[]string{"a1 executions.age 110 own", "b1 executions.age 110", "a2 executions.age 110 own"}},
		"an_agent_kept_forever": {Policy{Server: Rules{ExecutionsAge: At(5 * day)}, Agents: map[string]Rules{"a": {ExecutionsAge: unlimited}}}, some(),
			[]string{"b1 executions.age 110", "b2 executions.age 110"}},
		"an_agents_own_count_leaves_the_others_theirs": {Policy{Server: Rules{ExecutionsCount: At(int64(1))}, Agents: map[string]Rules{"a": {ExecutionsCount: At(int64(2))}}}, some(),
			[]string{"a1 executions.count 110 own", "b1 executions.count 110"}},
		"what_an_agent_leaves_out_is_the_servers": {Policy{Server: Rules{ExecutionsAge: At(35 * day), LogsAge: At(15 * day)}, Agents: map[string]Rules{"a": {LogsAge: unlimited}}}, some(),
			[]string{"a1 executions.age 110", "b1 logs.age 100"}},
		"an_end_in_the_future": {Policy{Server: Rules{ExecutionsAge: At(time.Minute)}}, record{}.put("x", "a", -time.Hour, 1), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan, err := Plan(test.policy, now, test.record.ended(), test.record.sizes)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range plan {
				text := fmt.Sprintf("%s %s %d", r.ID, r.Rule, r.Bytes)
				if r.Own {
					text += " own"
				}
				got = append(got, text)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}

	t.Run("logs_removed_once_are_not_removed_again", func(t *testing.T) {
		t.Parallel()
		r := some()
		for _, e := range r {
			e.LogsRemoved = true
		}
		plan, err := Plan(Policy{Server: Rules{LogsAge: At(time.Minute), LogsSize: At(int64(1))}}, now, r.ended(), r.sizes)
		if err != nil || len(plan) != 0 {
			t.Errorf("%v, %v", plan, err)
		}
	})

	t.Run("an_error_is_told", func(t *testing.T) {
		t.Parallel()
		broken := errors.New("broken")
		failing := func(yield func(Ended, error) bool) { yield(Ended{}, broken) }
		policy := Policy{Server: Rules{ExecutionsAge: At(time.Minute)}}
		if _, err := Plan(policy, now, failing, nil); !errors.Is(err, broken) {
			t.Errorf("%v", err)
		}
		if _, err := Plan(policy, now, some().ended(), func(string) (int64, int64, error) { return 0, 0, broken }); !errors.Is(err, broken) {
			t.Errorf("%v", err)
		}
	})
}

// situation is a record and rules, at random.
type situation struct {
	record record
	policy Policy
}

func randomSituation(random *rand.Rand) situation {
	s := situation{record: record{}, policy: Policy{Server: randomRules(random), Agents: map[string]Rules{}}}
	agents := []string{"a", "b", "c", "gone"}
	for _, agent := range agents[:2] {
		if random.IntN(2) == 0 {
			s.policy.Agents[agent] = randomRules(random)
		}
	}
	for i := range random.IntN(60) {
		id := fmt.Sprintf("%03d", i)
		// Few different times, so that several end in the same moment.
		s.record.put(id, agents[random.IntN(len(agents))], time.Duration(random.IntN(20)-1)*time.Hour, random.Int64N(50))
		s.record[id].LogsRemoved = random.IntN(4) == 0
	}
	return s
}

func randomRules(random *rand.Rand) (r Rules) {
	age := func() Bound[time.Duration] {
		switch random.IntN(4) {
		case 0:
			return At(time.Duration(Unlimited))
		case 1:
			return At(time.Duration(1+random.IntN(20)) * time.Hour)
		}
		return Bound[time.Duration]{}
	}
	number := func(most int64) Bound[int64] {
		switch random.IntN(4) {
		case 0:
			return At(int64(Unlimited))
		case 1:
			return At(1 + random.Int64N(most))
		}
		return Bound[int64]{}
	}
	return Rules{LogsAge: age(), LogsSize: number(500), ExecutionsAge: age(), ExecutionsCount: number(20)}
}

// Whatever the rules and the record: what is left holds to every rule, nothing else goes, the same
// question has the same answer, and after the answer was carried out there is nothing left to do.
func TestPlan_bounds_every_record(t *testing.T) {
	t.Parallel()
	property := func(seed uint64) bool {
		s := randomSituation(rand.New(rand.NewPCG(seed, 1)))
		plan, err := Plan(s.policy, now, s.record.ended(), s.record.sizes)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := Plan(s.policy, now, s.record.ended(), s.record.sizes)
		if !slices.Equal(plan, again) {
			t.Errorf("seed %d: asked twice, it answers differently", seed)
			return false
		}
		if !slices.IsSortedFunc(plan, func(a, b Removal) int { return a.Ended.Compare(b.Ended) }) {
			t.Errorf("seed %d: not the oldest first", seed)
			return false
		}
		left := record{}
		for id, e := range s.record {
			copied := *e
			left[id] = &copied
		}
		for _, r := range plan {
			if left[r.ID] == nil || left[r.ID].LogsRemoved && !r.Rule.Whole() {
				t.Errorf("seed %d: %+v takes what is not there", seed, r)
				return false
			}
			if r.Rule.Whole() {
				delete(left, r.ID)
			} else {
				left[r.ID].LogsRemoved = true
			}
		}
		if more, _ := Plan(s.policy, now, left.ended(), left.sizes); len(more) > 0 {
			t.Errorf("seed %d: after it was carried out there is more: %+v", seed, more)
			return false
		}
		return s.holds(t, seed, left) && s.needed(t, seed, plan)
	}
	if err := quick.Check(property, &quick.Config{MaxCount: 2000}); err != nil {
		t.Error(err)
	}
}

// holds checks each rule on what is left.
func (s situation) holds(t *testing.T, seed uint64, left record) bool {
	counts, bytes := map[string]int64{}, map[string]int64{}
	for _, e := range left {
		rules, own := s.policy.For(e.Agent), s.policy.Agents[e.Agent]
		age := now.Sub(e.At)
		if rules.ExecutionsAge.Bounds() && age > rules.ExecutionsAge.Limit || !e.LogsRemoved && rules.LogsAge.Bounds() && age > rules.LogsAge.Limit {
			t.Errorf("seed %d: %s is %v old and still there", seed, e.ID, age)
			return false
		}
		if rules.ExecutionsCount.Bounds() {
			counts[pool(e.Agent, own.ExecutionsCount.Set)]++
		}
		if rules.LogsSize.Bounds() && !e.LogsRemoved {
			bytes[pool(e.Agent, own.LogsSize.Set)] += e.logs
		}
	}
	limit := func(agent string, of func(Rules) Bound[int64]) int64 {
		if agent == "" {
			return of(s.policy.Server).Limit
		}
		return of(s.policy.Agents[agent]).Limit
	}
	for agent, n := range counts {
		if most := limit(agent, func(r Rules) Bound[int64] { return r.ExecutionsCount }); n > most {
			t.Errorf("seed %d: %d executions of %q are left, %d may be", seed, n, agent, most)
			return false
		}
	}
	for agent, n := range bytes {
		if most := limit(agent, func(r Rules) Bound[int64] { return r.LogsSize }); n > most {
			t.Errorf("seed %d: %d bytes of %q are left, %d may be", seed, n, agent, most)
			return false
		}
	}
	return true
}

// needed checks that nothing goes which could stay: put back alone, it breaks the rule that took it.
func (s situation) needed(t *testing.T, seed uint64, plan []Removal) bool {
	for _, r := range plan {
		rules, own := s.policy.For(r.Agent), s.policy.Agents[r.Agent]
		newer, bytes := int64(0), int64(0)
		for _, e := range s.record {
			if e.At.Before(r.Ended) || e.At.Equal(r.Ended) && e.ID < r.ID {
				continue
			}
			its := s.policy.For(e.Agent)
			ended := its.ExecutionsAge.Bounds() && now.Sub(e.At) > its.ExecutionsAge.Limit
			theirs := s.policy.Agents[e.Agent]
			if !ended && pool(e.Agent, theirs.ExecutionsCount.Set) == pool(r.Agent, own.ExecutionsCount.Set) && its.ExecutionsCount.Bounds() {
				newer++
			}
			if !e.LogsRemoved && pool(e.Agent, theirs.LogsSize.Set) == pool(r.Agent, own.LogsSize.Set) {
				bytes += e.logs
			}
		}
		age := now.Sub(r.Ended)
		why := map[Rule]bool{
			ExecutionsAge: age > rules.ExecutionsAge.Limit, ExecutionsCount: newer > rules.ExecutionsCount.Limit,
			LogsAge: age > rules.LogsAge.Limit, LogsSize: bytes > rules.LogsSize.Limit,
		}
		if !why[r.Rule] {
			t.Errorf("seed %d: %+v goes for nothing", seed, r)
			return false
		}
	}
	return true
}
