package health

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// narrator writes what any agent may write: plain lines, and those that begin with :: and mean
// something. It remembers the first error and goes on, because the report matters more.
type narrator struct {
	w   io.Writer
	err error
}

func (n *narrator) line(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	// Whatever came from outside may not begin a line of its own, or mean something.
	text = strings.TrimRight(clean(text), " ")
	if strings.HasPrefix(text, "::") {
		text = " " + text
	}
	n.write(text)
}

func (n *narrator) write(line string) {
	if _, err := io.WriteString(n.w, line+"\n"); err != nil && n.err == nil {
		n.err = fmt.Errorf("write a line: %w", err)
	}
}

// row is a line of a table: what, how much, and anything else.
func (n *narrator) row(label, value, detail string) {
	n.line("  %s %12s  %s", pad(label, 22), value, detail)
}

func (n *narrator) progress(percent float64, message string) {
	n.write(fmt.Sprintf("::progress %g::%s", percent, clean(message)))
}

func (n *narrator) group(name string) { n.write("::group::" + clean(name)) }
func (n *narrator) endgroup()         { n.write("::endgroup::") }
func (n *narrator) warning(format string, args ...any) {
	n.write("::warning::" + clean(fmt.Sprintf(format, args...)))
}

func (n *narrator) finding(f Finding) {
	text := clean(f.Title + ": " + f.Evidence)
	switch f.Severity {
	case SeverityCritical:
		n.write("::error::" + text)
	case SeverityWarning:
		n.write("::warning::" + text)
	default:
		n.line("%s", text)
	}
}

// clean makes text from outside safe to stand in a line: names of processes, disks and containers
// may hold line breaks and terminal escapes.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || (!unicode.IsPrint(r) && r != ' ') {
			return '?'
		}
		return r
	}, text)
}

// shorten cuts long names so that tables stay tables.
func shorten(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

// size writes bytes with a binary unit and three digits or so.
func size(bytes uint64) string {
	const units = "KMGTPE"
	if bytes < 1024 {
		return fmt.Sprintf("%d B", bytes)
	}
	value, unit := float64(bytes)/1024, 0
	for value >= 1024 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", value, units[unit])
}

func percent(value float64) string { return fmt.Sprintf("%.1f %%", value) }

func span(d time.Duration) string {
	days, hours, minutes := int(d.Hours())/24, int(d.Hours())%24, int(d.Minutes())%60
	switch {
	case days > 0:
		return fmt.Sprintf("%d d %d h", days, hours)
	case hours > 0:
		return fmt.Sprintf("%d h %d min", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%d min", minutes)
	default:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	}
}

func count(n int, singular, plural string) string {
	if n == 1 {
		return "1 " + singular
	}
	return fmt.Sprintf("%d %s", n, plural)
}

// rounded keeps one decimal: more says nothing.
func rounded(value float64) float64 {
	return float64(int64(value*10+0.5)) / 10
}

// share is part of whole in percent.
func share(part, whole float64) float64 {
	if !(whole > 0) || !(part > 0) {
		return 0
	}
	return rounded(min(part/whole, 1) * 100)
}
