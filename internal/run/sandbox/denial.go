package sandbox

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Listener finds in what a confined agent writes that the sandbox has denied something. The kernel tells
// nobody without privileges, but programs tell people: "open /x: permission denied".
type Listener struct {
	policy *Policy
	rules  Rules
	place  Place
	told   map[string]bool
}

// maxDenials bounds how many different denials of one run are told.
const maxDenials = 100

// NewListener makes the listener of one run.
func NewListener(policy *Policy, rules Rules, place Place) *Listener {
	return &Listener{policy: policy, rules: rules, place: place, told: map[string]bool{}}
}

var (
	denied     = regexp.MustCompile(`(?i)permission denied|\bEACCES\b|operation not permitted|\bEPERM\b`)
	unresolved = regexp.MustCompile(`(?i)could not resolve|name resolution|name or service not known|\bEAI_AGAIN\b|\bENOTFOUND\b|no such host|lookup .* on .*: dial`)
	connection = regexp.MustCompile(`(?i)(?:(?:connect|dial|connection)\b.*?(?::|\bport )|/dev/tcp/[^/\s]+/)(\d{1,5})\b`)
	failing    = regexp.MustCompile(`(?i)fail|refus|denied|eacces|could ?n.t|unable|error`)
	prefix     = regexp.MustCompile(`^\S+: (?:line )?\d+: `) // of a shell's messages
	quotedPath = regexp.MustCompile("['\"`‘](/?[^'\"`’]+)['\"`’]")
	plainPath  = regexp.MustCompile(`(?:^|[\s:=(])(/[^\s:;,'"()]+)`)
	namedFile  = regexp.MustCompile(`(?:^|[\s:])([^\s:'"]+): [Pp]ermission denied`)
	writing    = regexp.MustCompile(`(?i)\b(?:create|creat|touch|mkdir|make|write|writing|unlink|remove|rm|rename|mv|copy|chmod|chown|lock|append|redirect|symlink|link|truncate|touching)\w*\b`)
)

// Line gives what to say of a line, "" when nothing was denied or it was told before.
func (l *Listener) Line(line []byte) string {
	if l == nil || len(line) > 8<<10 || len(l.told) >= maxDenials {
		return ""
	}
	text := string(bytes.ToValidUTF8(line, []byte("\uFFFD")))
	if l.rules.Network == networkNone && unresolved.MatchString(text) {
		return l.once("network", "the sandbox allows no network; to allow TCP ports: sandbox: {profile: %s, connect: [443]}", l.policy.Profile)
	}
	if m := connection.FindStringSubmatch(text); m != nil && l.rules.Network != networkAll && failing.MatchString(text) && !l.mayConnect(m[1]) {
		return l.once("port "+m[1], "the sandbox denies a connection to TCP port %s; to allow it: sandbox: {profile: %s, connect: [%s]}", m[1], l.policy.Profile, m[1])
	}
	if !denied.MatchString(text) {
		return ""
	}
	text = prefix.ReplaceAllString(text, "")
	for _, path := range l.paths(text) {
		if said := l.path(path, text); said != "" {
			return said
		}
	}
	return ""
}

func (l *Listener) mayConnect(port string) bool {
	n, err := strconv.Atoi(port)
	return err != nil || n < 1 || n > 65535 || slices.Contains(l.rules.Connect, n)
}

// paths are the files that a line names.
func (l *Listener) paths(text string) []string {
	var found []string
	for _, pattern := range []*regexp.Regexp{quotedPath, plainPath, namedFile} {
		for _, m := range pattern.FindAllStringSubmatch(text, 8) {
			path := m[1]
			if !filepath.IsAbs(path) {
				path = filepath.Join(l.place.Workdir, path)
			}
			found = append(found, filepath.Clean(path))
		}
	}
	return found
}

// path says what the sandbox has to do with a path that was denied, "" when it lets it through and the
// file's own permissions must be the reason.
func (l *Listener) path(path, text string) string {
	read, write := l.rules.May(path, false), l.rules.May(path, true)
	if write || within(path, "/proc") || within(path, "/sys") { // what is denied there no rule allows
		return ""
	}
	info, err := os.Lstat(path)
	wants := "write"
	if !read && err == nil && !writing.MatchString(text) {
		wants = "read"
	}
	if wants == "write" && read && !writing.MatchString(text) && err == nil && info.Mode().Perm()&0o444 == 0 {
		return ""
	}
	if l.policy.Profile == ReadOnly && (within(path, l.place.Workdir) || within(path, l.place.Workspace)) {
		return l.once("write "+path, "the sandbox denies writing %s: with the profile read-only the working directory is not written; to allow it: sandbox: {profile: workspace}", path)
	}
	if Touches(path, l.place.DataDir) && within(resolved(path), resolved(l.place.DataDir)) {
		return l.once(path, "the sandbox denies %s: the data directory is out of reach of every sandboxed agent", path)
	}
	allow := path
	if wants == "write" && err != nil {
		allow = filepath.Dir(path) // what is to be created there is named by its directory
	}
	if Touches(allow, l.place.DataDir) {
		return l.once(path, "the sandbox denies %s, which can't be allowed as a whole, because the data directory is in it; what stands beside that can", path)
	}
	verb := map[string]string{"read": "reading", "write": "writing"}[wants]
	return l.once(wants+" "+path, "the sandbox denies %s %s; to allow it: sandbox: {profile: %s, %s: [%s]}", verb, path, l.policy.Profile, wants, yamlText(allow))
}

func (l *Listener) once(key, format string, args ...any) string {
	if l.told[key] {
		return ""
	}
	l.told[key] = true
	return fmt.Sprintf(format, args...)
}

// yamlText is a path as it can stand in a list within brackets.
func yamlText(path string) string {
	if strings.ContainsAny(path, " ,[]{}#:&*!|>'\"%@`") {
		return "'" + strings.ReplaceAll(path, "'", "''") + "'"
	}
	return path
}
