package notify

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/claudeops/claudeops/internal/execution"
)

// Message is what is sent. Its JSON is the body of a webhook.
type Message struct {
	// ID is the same however often a message is sent: a receiver drops what it has had.
	ID          string    `json:"id"`
	Kind        string    `json:"type"`
	ExecutionID string    `json:"executionId,omitempty"`
	AgentType   string    `json:"agentType,omitempty"`
	RequestID   string    `json:"requestId,omitempty"` // of an approval
	Title       string    `json:"title"`
	Body        string    `json:"body"`
	Link        string    `json:"link,omitempty"`
	CostUSD     float64   `json:"costUsd,omitempty"`
	CreatedAt   time.Time `json:"createdAt"`
}

// lastLines is how many log lines a message about a failure holds.
const lastLines = 5

// idOf is the id of the message about one fact over one channel: the same fact gives the same id,
// also after a restart.
func idOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return "msg_" + hex.EncodeToString(sum[:12])
}

func newID() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails
	return "msg_" + hex.EncodeToString(b[:])
}

// describe makes the message about a run. lines are its last log lines, if they are wanted.
func describe(kind Kind, rec execution.Record, lines []string) (title, body string) {
	var b strings.Builder
	switch kind {
	case Failure:
		title = rec.AgentType + " failed"
		if rec.Reason != "" {
			title += ": " + strings.ReplaceAll(rec.Reason, "_", " ")
		}
		if rec.ExitCode != nil && *rec.ExitCode != 0 {
			fmt.Fprintf(&b, "Exit code %d. ", *rec.ExitCode)
		}
	case Recovery:
		title = rec.AgentType + " succeeded again"
	case Success:
		title = rec.AgentType + " succeeded"
	case RunningLonger:
		title = rec.AgentType + " is still running"
		if rec.StartedAt != nil {
			fmt.Fprintf(&b, "Since %s. ", rec.StartedAt.UTC().Format("2006-01-02 15:04 UTC"))
		}
	case CostOver:
		title = fmt.Sprintf("%s has cost $%.2f", rec.AgentType, rec.Cost)
	}
	if rec.Error != "" {
		b.WriteString(rec.Error + " ")
	}
	if rec.EndedAt != nil && rec.DurationMs > 0 {
		fmt.Fprintf(&b, "It took %s. ", time.Duration(rec.DurationMs)*time.Millisecond)
	}
	if rec.Cost > 0 && kind != CostOver {
		fmt.Fprintf(&b, "Cost: $%.2f. ", rec.Cost)
	}
	body = strings.TrimSpace(b.String())
	if len(lines) > 0 {
		body = strings.TrimSpace(body + "\n\n" + strings.Join(lines, "\n"))
	}
	return plain(title, 200), plain(body, 2000)
}

// plain gives text without control and bidi characters but newlines, and at most so many bytes.
func plain(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case unicode.IsControl(r), r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069, r == 0x200E, r == 0x200F:
			return -1
		}
		return r
	}, s)
	if len(s) <= most {
		return s
	}
	for most > 0 && s[most]&0xC0 == 0x80 {
		most--
	}
	return s[:most] + "…"
}
