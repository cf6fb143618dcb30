package index_test

import (
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/protocol"
)

// ids lists all pages of a filter.
func ids(t testing.TB, x *index.Index, filter index.Filter) []string {
	t.Helper()
	all := []string{}
	for {
		page, err := x.List(t.Context(), filter)
		if err != nil {
			t.Fatal(err)
		}
		if filter.Limit > 0 && len(page.Executions) > filter.Limit {
			t.Fatalf("a page of %d, limit %d", len(page.Executions), filter.Limit)
		}
		for _, rec := range page.Executions {
			all = append(all, rec.ExecutionID)
		}
		if page.Next == "" {
			return all
		}
		if len(page.Executions) == 0 {
			t.Fatal("an empty page has a next one")
		}
		filter.Cursor = page.Next
	}
}

func TestList(t *testing.T) {
	t.Parallel()

	t.Run("newest_first_and_empty_at_first", func(t *testing.T) {
		t.Parallel()
		x := newIndex(t)
		page, err := x.List(t.Context(), index.Filter{Count: true})
		if err != nil || page.Executions == nil || len(page.Executions) != 0 || page.Next != "" || page.Total != 0 {
			t.Errorf("an empty index lists %+v, %v", page, err)
		}
		put(t, x, record(2, "a", execution.Completed), record(1, "a", execution.Running), record(3, "a", execution.Queued))
		if got := ids(t, x, index.Filter{}); !slices.Equal(got, []string{id(3), id(2), id(1)}) {
			t.Errorf("listed %v", got)
		}
	})

	t.Run("by_tags", func(t *testing.T) {
		t.Parallel()
		x := newIndex(t)
		tagged := func(n int, tags ...string) execution.Record {
			rec := record(n, "a", execution.Completed)
			rec.Tags = tags
			return rec
		}
		put(t, x, tagged(1), tagged(2, "nightly"), tagged(3, "nightly", "repo"), tagged(4, "night"))
		for _, tt := range []struct {
			tags []string
			want []string
		}{
			{[]string{"nightly"}, []string{id(3), id(2)}}, {[]string{"repo", "nightly"}, []string{id(3)}},
			{[]string{"night"}, []string{id(4)}}, {[]string{"Nightly"}, []string{}}, {[]string{"rep"}, []string{}},
		} {
			if got := ids(t, x, index.Filter{Tags: tt.tags}); !slices.Equal(got, tt.want) {
				t.Errorf("%v lists %v, want %v", tt.tags, got, tt.want)
			}
		}
		if got := ids(t, x, index.Filter{Query: "#NIGHTLY"}); !slices.Equal(got, []string{id(3), id(2)}) {
			t.Errorf("the text #NIGHTLY finds %v", got)
		}
	})

	t.Run("a_page_is_fifty_unless_said", func(t *testing.T) {
		t.Parallel()
		x := newIndex(t)
		var records []execution.Record
		for n := range 51 {
			records = append(records, record(n, "a", execution.Completed))
		}
		put(t, x, records...)
		page, err := x.List(t.Context(), index.Filter{})
		if err != nil || len(page.Executions) != 50 || page.Next == "" {
			t.Errorf("%d, next %q, %v", len(page.Executions), page.Next, err)
		}
		page, err = x.List(t.Context(), index.Filter{Limit: 51})
		if err != nil || len(page.Executions) != 51 || page.Next != "" {
			t.Errorf("%d, next %q, %v", len(page.Executions), page.Next, err)
		}
	})

	t.Run("text_is_found_in_all_that_it_should", func(t *testing.T) {
		t.Parallel()
		x := newIndex(t)
		rec := record(1, "disk-report", execution.Failed)
		rec.Error = `Exit code 3: can't read "/ÄÖ/x"`
		rec.Reason = "exit_code"
		rec.ProgressMessage = "Half of 100% done_"
		rec.Config = json.RawMessage(`{"path":"/srv/data","nested":{"deep":["one","Two"]},"count":12,"all":true,"none":null,"back":"C:\\dir"}`)
		put(t, x, rec, record(2, "other", execution.Completed))
		for query, want := range map[string]bool{
			"disk": true, "DISK-REPORT": true, "exit code": true, "äö": true, `"/äÖ/X"`: true, "exit_code": true,
			"100%": true, "100x": false, "done_": true, "donex": false, "/srv/data": true, "nested.deep=two": true,
			"count=12": true, "all=true": true, "none=null": true, `c:\dir`: true, id(1)[20:]: true,
			"completed": false, "me": false, "nothing like it": false, "report\nexit": false, "%": true, "'": true, "\x00": false,
		} {
			got := slices.Contains(ids(t, x, index.Filter{Query: query}), id(1))
			if got != want {
				t.Errorf("%q found: %v, want %v", query, got, want)
			}
		}
	})

	t.Run("wrong_filters_are_named", func(t *testing.T) {
		t.Parallel()
		x := newIndex(t)
		good := func(bytes string) string { return base64.RawURLEncoding.EncodeToString([]byte(bytes)) }
		for name, c := range map[string]struct {
			filter index.Filter
			field  string
		}{
			"status":         {index.Filter{Status: []execution.Status{"done"}}, "status"},
			"limit too high": {index.Filter{Limit: 1001}, "limit"},
			"limit negative": {index.Filter{Limit: -1}, "limit"},
			"cursor text":    {index.Filter{Cursor: "abc"}, "cursor"},
			"cursor an id":   {index.Filter{Cursor: id(1)}, "cursor"},
			"cursor version": {index.Filter{Cursor: good("\x02" + id(1))}, "cursor"},
			"cursor short":   {index.Filter{Cursor: good("\x01" + id(1)[:25])}, "cursor"},
			"cursor long":    {index.Filter{Cursor: good("\x01" + id(1) + "0")}, "cursor"},
			"cursor chars":   {index.Filter{Cursor: good("\x01" + strings.ToUpper(id(1)))}, "cursor"},
			"cursor padded":  {index.Filter{Cursor: good("\x01"+id(1)) + "="}, "cursor"},
			"cursor huge":    {index.Filter{Cursor: strings.Repeat("A", 1<<20)}, "cursor"},
		} {
			_, err := x.List(t.Context(), c.filter)
			details, _ := json.Marshal(fault.Details(err))
			if fault.CodeOf(err) != protocol.BadRequest || !strings.Contains(string(details), `"field":"`+c.field+`"`) || len(fault.Message(err)) > 400 {
				t.Errorf("%s: %v, details %s", name, err, details)
			}
		}
	})

	t.Run("agents_by_pattern", func(t *testing.T) {
		t.Parallel()
		x := newIndex(t)
		put(t, x, record(1, "deploy-a", execution.Completed), record(2, "deploy-b", execution.Running), record(3, "report", execution.Completed))
		for patterns, want := range map[string]int64{"deploy-*": 2, "deploy-?": 2, "report": 1, "deploy-a report": 2, "none-*": 0, "*": 3} {
			page, err := x.List(t.Context(), index.Filter{Agents: strings.Fields(patterns), Count: true})
			if err != nil || int64(len(page.Executions)) != want || page.Total != want {
				t.Errorf("%s: %d executions, %d in all, %v, want %d", patterns, len(page.Executions), page.Total, err, want)
			}
		}
	})

	t.Run("pages_hold_still_while_new_ones_come", func(t *testing.T) {
		t.Parallel()
		x := newIndex(t)
		for n := range 10 {
			put(t, x, record(n, "a", execution.Completed))
		}
		first, err := x.List(t.Context(), index.Filter{Limit: 4})
		if err != nil {
			t.Fatal(err)
		}
		put(t, x, record(10, "a", execution.Queued), record(11, "a", execution.Queued))
		second, err := x.List(t.Context(), index.Filter{Limit: 4, Cursor: first.Next})
		if err != nil || second.Executions[0].ExecutionID != id(5) {
			t.Errorf("the second page begins with %+v, %v", second.Executions[0], err)
		}
	})
}

// TestList_model compares every filter with a plain loop over the records.
func TestList_model(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 2))
	x := newIndex(t)
	agents := []string{"a", "b", "c"}
	words := []string{"alpha", "BETA", "gamma"}
	var records []execution.Record
	for n := range 400 {
		rec := record(n, agents[random.IntN(3)], execution.Statuses[random.IntN(6)])
		rec.QueuedAt = base.Add(time.Duration(random.IntN(1000)) * time.Millisecond) // clocks jump
		rec.ProgressMessage = words[random.IntN(3)]
		records = append(records, rec)
	}
	put(t, x, records...)
	slices.Reverse(records)
	for range 300 {
		var filter index.Filter
		for _, status := range execution.Statuses {
			if random.IntN(4) == 0 {
				filter.Status = append(filter.Status, status, status)
			}
		}
		if random.IntN(2) == 0 {
			filter.AgentType = agents[random.IntN(3)]
		}
		if random.IntN(2) == 0 {
			filter.Since = base.Add(time.Duration(random.IntN(1_000_000)) * time.Microsecond)
		}
		if random.IntN(2) == 0 {
			filter.Until = base.Add(time.Duration(random.IntN(1_000_000)) * time.Microsecond)
		}
		if random.IntN(2) == 0 {
			filter.Query = []string{"ALPHA", "eta", "mm", "none"}[random.IntN(4)]
		}
		filter.Limit = 1 + random.IntN(60)
		want := []string{}
		for _, rec := range records {
			if (len(filter.Status) == 0 || slices.Contains(filter.Status, rec.Status)) &&
				(filter.AgentType == "" || rec.AgentType == filter.AgentType) &&
				(filter.Since.IsZero() || !rec.QueuedAt.Before(filter.Since)) &&
				(filter.Until.IsZero() || rec.QueuedAt.Before(filter.Until)) &&
				strings.Contains(strings.ToLower(rec.ProgressMessage), strings.ToLower(filter.Query)) {
				want = append(want, rec.ExecutionID)
			}
		}
		if got := ids(t, x, filter); !slices.Equal(got, want) {
			t.Fatalf("%+v lists %d: %v\nwant %d: %v", filter, len(got), got, len(want), want)
		}
		filter.Count = true
		page, err := x.List(t.Context(), filter)
		if err != nil || page.Total != int64(len(want)) {
			t.Fatalf("%+v counts %d, %v, want %d", filter, page.Total, err, len(want))
		}
	}
}

func want0(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func FuzzList_cursor(f *testing.F) {
	x := newIndex(f)
	put(f, x, record(1, "a", execution.Completed), record(2, "a", execution.Completed))
	page, err := x.List(f.Context(), index.Filter{Limit: 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(page.Next)
	f.Add("")
	f.Add("AQ")
	f.Add("' OR 1=1 --")
	f.Fuzz(func(t *testing.T, cursor string) {
		page, err := x.List(t.Context(), index.Filter{Cursor: cursor})
		if err != nil {
			if fault.CodeOf(err) != protocol.BadRequest {
				t.Errorf("%q: %v", cursor, err)
			}
			return
		}
		if cursor == "" {
			return
		}
		// What is taken is what a page could have given: the same cursor again.
		bytes, err := base64.RawURLEncoding.DecodeString(cursor)
		if err != nil || base64.RawURLEncoding.EncodeToString(bytes) != cursor || execution.ValidateID(string(bytes[1:])) != nil {
			t.Errorf("%q was taken", cursor)
		}
		for _, rec := range page.Executions {
			if rec.ExecutionID >= string(bytes[1:]) {
				t.Errorf("%s is not after the cursor", rec.ExecutionID)
			}
		}
	})
}
