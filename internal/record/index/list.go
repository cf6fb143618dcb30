package index

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/protocol"
)

// How many executions a page holds.
const (
	DefaultLimit = 50
	MaxLimit     = 1000
)

// Filter chooses executions. The zero Filter chooses all.
type Filter struct {
	Status    []execution.Status // any of these; empty: any
	AgentType string
	Tags      []string  // all of these
	Agents    []string  // agents whose name matches any of these patterns, with * and ?; empty: any agent
	Since     time.Time // queued then or later; zero: open
	Until     time.Time // queued before; zero: open
	Pinned    *bool     // only those that are pinned, or that are not; nil: either
	Query     string    // without regard to case, in id, agent, reason, error, progress message or parameters
	Limit     int       // 1 to MaxLimit; 0: DefaultLimit
	Cursor    string    // a page's Next
	Count     bool      // whether Page.Total is wanted
}

// Page is a run of executions, newest first.
type Page struct {
	Executions []execution.Record
	Next       string // cursor of the page that follows; empty when this is the last
	Total      int64  // matches on all pages together; only when Count was asked for
}

// List gives a page of the executions that pass the filter, newest first. The code of its error is
// bad_request when the filter is wrong.
func (x *Index) List(ctx context.Context, filter Filter) (page Page, err error) {
	after, err := filter.check()
	if err != nil {
		return Page{}, err
	}
	err = x.use("list executions", func(f *file) error {
		page = Page{Executions: []execution.Record{}}
		if filter.Count {
			query, args := filter.count()
			if err := f.read.QueryRowContext(ctx, query, args...).Scan(&page.Total); err != nil {
				return err
			}
		}
		query, args := filter.query(after)
		rows, err := f.read.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if len(page.Executions) == filter.Limit { // one more than fits: there is a next page
				page.Next = encodeCursor(page.Executions[filter.Limit-1].ExecutionID)
				return nil
			}
			var text []byte
			var rec execution.Record
			if err := rows.Scan(&text); err != nil {
				return err
			}
			if err := decodeRecord(text, &rec); err != nil {
				return err
			}
			page.Executions = append(page.Executions, rec)
		}
		return rows.Err()
	})
	return page, err
}

// check validates the filter, sets its defaults and gives the id its cursor stands for.
func (f *Filter) check() (after string, err error) {
	for _, status := range f.Status {
		if !status.Valid() {
			return "", fault.New(protocol.BadRequest, "there is no status %.40q; the statuses are %s", status, statusNames()).
				With(badField("status", "must be one of "+statusNames()))
		}
	}
	if f.Limit == 0 {
		f.Limit = DefaultLimit
	}
	if f.Limit < 1 || f.Limit > MaxLimit {
		message := fmt.Sprintf("must be from 1 to %d", MaxLimit)
		return "", fault.New(protocol.BadRequest, "limit %s, got %d", message, f.Limit).With(badField("limit", message))
	}
	if f.Cursor == "" {
		return "", nil
	}
	return decodeCursor(f.Cursor)
}

func statusNames() string {
	names := make([]string, len(execution.Statuses))
	for i, status := range execution.Statuses {
		names[i] = string(status)
	}
	return strings.Join(names, ", ")
}

// where gives the conditions all statuses have in common.
func (f *Filter) where(after string) (conditions []string, args []any) {
	add := func(condition string, arg any) {
		conditions, args = append(conditions, condition), append(args, arg)
	}
	if f.AgentType != "" {
		add("agent = ?", f.AgentType)
	}
	for _, tag := range f.Tags {
		add("instr(tags, ?) > 0", tagText([]string{tag}))
	}
	if len(f.Agents) > 0 {
		any := make([]string, len(f.Agents))
		for i, pattern := range f.Agents {
			any[i] = "agent GLOB ?"
			args = append(args, pattern)
		}
		conditions = append(conditions, "("+strings.Join(any, " OR ")+")")
	}
	if after != "" {
		add("id < ?", after)
	}
	if !f.Since.IsZero() {
		add("queued_at >= ?", ceilMilli(f.Since))
	}
	if !f.Until.IsZero() {
		add("queued_at < ?", ceilMilli(f.Until))
	}
	if f.Pinned != nil && *f.Pinned {
		conditions = append(conditions, "pinned = 1") // in these words: the index of the pinned is for them
	} else if f.Pinned != nil {
		conditions = append(conditions, "pinned = 0")
	}
	if f.Query != "" {
		add("instr(search, ?) > 0", strings.ToLower(f.Query))
	}
	return conditions, args
}

// ceilMilli makes a finer instant comparable with stored milliseconds.
func ceilMilli(t time.Time) int64 {
	ms := t.UnixMilli()
	if time.UnixMilli(ms).Before(t) {
		ms++
	}
	return ms
}

// query reads one row more than fits the page. Each status is read along its own index, newest
// first, and only then are they merged: a filter on several never sorts the whole history.
func (f *Filter) query(after string) (string, []any) {
	statuses := f.distinctStatuses()
	common, commonArgs := f.where(after)
	if len(statuses) == 0 {
		return "SELECT record FROM executions" + whereClause(common) + " ORDER BY id DESC LIMIT ?", append(commonArgs, f.Limit+1)
	}
	var branches []string
	var args []any
	for _, status := range statuses {
		conditions := append([]string{"status = ?"}, common...)
		branches = append(branches, "SELECT * FROM (SELECT id, record FROM executions"+whereClause(conditions)+" ORDER BY id DESC LIMIT ?)")
		args = append(args, string(status))
		args = append(args, commonArgs...)
		args = append(args, f.Limit+1)
	}
	return "SELECT record FROM (" + strings.Join(branches, " UNION ALL ") + ") ORDER BY id DESC LIMIT ?", append(args, f.Limit+1)
}

// count counts on all pages: the cursor does not matter.
func (f *Filter) count() (string, []any) {
	conditions, args := f.where("")
	if statuses := f.distinctStatuses(); len(statuses) > 0 {
		conditions = append(conditions, "status IN (?"+strings.Repeat(", ?", len(statuses)-1)+")")
		for _, status := range statuses {
			args = append(args, string(status))
		}
	}
	return "SELECT count(*) FROM executions" + whereClause(conditions), args
}

func (f *Filter) distinctStatuses() []execution.Status {
	var distinct []execution.Status
	for _, known := range execution.Statuses {
		for _, status := range f.Status {
			if status == known {
				distinct = append(distinct, known)
				break
			}
		}
	}
	return distinct
}

func whereClause(conditions []string) string {
	if len(conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(conditions, " AND ")
}
