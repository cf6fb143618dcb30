package claude

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
)

// rateLimit is what the CLI says of one window of an account's usage limit.
type rateLimit struct {
	Status      string          `json:"status"`
	ResetsAt    json.RawMessage `json:"resetsAt"` // seconds since 1970, or RFC 3339
	Type        string          `json:"rateLimitType"`
	Utilization *float64        `json:"utilization"` // 0–1, or percent
}

// window is how much of a usage limit is used, and until when.
type window struct {
	kind     string
	status   string // "allowed", "allowed_warning", "rejected"
	resetsAt time.Time
	used     *float64 // percent
}

func (l *rateLimit) window() window {
	w := window{kind: l.Type, status: l.Status, used: l.Utilization}
	if w.used != nil && *w.used <= 1 {
		percent := *w.used * 100
		w.used = &percent
	}
	text := strings.Trim(string(l.ResetsAt), `"`)
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds > 0 && seconds < 1e14 {
		if seconds > 1e11 { // milliseconds
			seconds /= 1000
		}
		w.resetsAt = time.Unix(int64(seconds), 0)
	} else if t, err := time.Parse(time.RFC3339, text); err == nil {
		w.resetsAt = t
	}
	return w
}

func (w *window) name() string {
	switch w.kind {
	case "five_hour":
		return "5 hours"
	case "seven_day":
		return "7 days"
	case "":
		return "of the account"
	}
	return strings.ReplaceAll(w.kind, "_", " ")
}

func (w *window) resets() string {
	if w.resetsAt.IsZero() {
		return ""
	}
	return w.resetsAt.UTC().Format(time.RFC3339)
}

// words says it for people.
func (w *window) words() (execution.Level, string) {
	used := ""
	if w.used != nil {
		used = fmt.Sprintf("%.0f %% of ", *w.used)
	}
	until := ""
	if !w.resetsAt.IsZero() {
		until = clock(w.resetsAt)
	}
	switch {
	case w.status == "rejected" && until != "":
		return execution.Warn, "the usage limit (" + w.name() + ") is reached: waiting until " + until
	case w.status == "rejected":
		return execution.Warn, "the usage limit (" + w.name() + ") is reached"
	case w.status == "allowed_warning" && until != "":
		return execution.Warn, used + "the usage limit (" + w.name() + ") is used; it resets at " + until
	case w.status == "allowed_warning":
		return execution.Warn, used + "the usage limit (" + w.name() + ") is used"
	}
	return execution.Debug, used + "the usage limit (" + w.name() + ") is used: " + w.status
}

// limits are the windows of the account, by kind.
type limits struct{ windows map[string]window }

func (l *limits) set(w window) {
	if l.windows == nil {
		l.windows = map[string]window{}
	}
	l.windows[w.kind] = w
}

// reached gives the window that is used up for longest, or nil.
func (l *limits) reached() *window {
	var last *window
	for _, w := range l.windows {
		if w.status == "rejected" && (last == nil || w.resetsAt.After(last.resetsAt)) {
			last = &w
		}
	}
	return last
}
