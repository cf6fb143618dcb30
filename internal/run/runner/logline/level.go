package logline

import "bytes"

// What a guess looks at: levels stand at the start of a line, if anywhere.
const (
	guessBytes = 160 // how far a logfmt level= may be from the start
	timeTokens = 5   // how many dates, times, [threads] may come before the level
)

// Guess says what level a plain line claims for itself: by logfmt (level=warn), by the usual
// prefixes after dates and bracketed words (ERROR, [warn], error:, E0123 of glog, <3> of syslog),
// as npm, Go and Python say it. It is conservative: a word somewhere in a sentence is not a level,
// nor does standard error make an error.
func Guess(line []byte) Level {
	if len(line) == 0 {
		return Info
	}
	if class[line[0]] == startsNothing {
		if level, ok := placed(line); ok {
			return level
		}
		return logfmt(line)
	}
	s := line
	if len(s) > guessBytes {
		s = s[:guessBytes]
	}
	s = skipSpaceAndColour(s)
	if len(s) == 0 {
		return Info
	}
	switch c := s[0]; {
	case c == '<':
		if level, ok := syslog(s); ok {
			return level
		}
	case (c == 'E' || c == 'W' || c == 'I' || c == 'F' || c == 'D') && glog(s):
		return glogLevel(c)
	}
	if level, ok := prefix(s); ok {
		return level
	}
	return logfmt(line)
}

// class says what a line that starts with this byte can be.
var class = func() (t [256]uint8) {
	for _, c := range []byte("eEwWiIdDfFcCtTnNpPsSaAvV0123456789[(<{ \t\x1b*|-") {
		t[c] = 1
	}
	return t
}()

const startsNothing = 0

// skipSpaceAndColour drops blanks and ANSI colour sequences from the start.
func skipSpaceAndColour(s []byte) []byte {
	for len(s) > 0 {
		switch {
		case s[0] == ' ' || s[0] == '\t':
			s = s[1:]
		case s[0] == 0x1b && len(s) > 1 && s[1] == '[':
			i := 2
			for i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == ';') {
				i++
			}
			if i == len(s) || s[i] != 'm' {
				return s
			}
			s = s[i+1:]
		default:
			return s
		}
	}
	return s
}

// syslog reads <PRI>: sd-daemon's <0> to <7>, or facility and severity.
func syslog(s []byte) (Level, bool) {
	pri, i := 0, 1
	for ; i < len(s) && i < 4 && s[i] >= '0' && s[i] <= '9'; i++ {
		pri = pri*10 + int(s[i]-'0')
	}
	if i == 1 || i == len(s) || s[i] != '>' || pri > 191 {
		return Info, false
	}
	switch severity := pri & 7; {
	case severity <= 3:
		return Error, true
	case severity == 4:
		return Warn, true
	case severity == 7:
		return Debug, true
	default:
		return Info, true
	}
}

// glog reads the letter, month and day, and time of glog and klog: "E0123 12:34:56".
func glog(s []byte) bool {
	if len(s) < 9 || s[5] != ' ' {
		return false
	}
	for _, c := range s[1:5] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return bytes.IndexByte(s[6:min(len(s), 12)], ':') > 0
}

func glogLevel(c byte) Level {
	switch c {
	case 'E', 'F':
		return Error
	case 'W':
		return Warn
	case 'D':
		return Debug
	default:
		return Info
	}
}

// prefix looks for a level's name at the start, after what dates, times and brackets come first.
func prefix(s []byte) (Level, bool) {
	for range timeTokens {
		switch c := s[0]; {
		case c == '[' || c == '(':
			shut := byte(']')
			if c == '(' {
				shut = ')'
			}
			i := bytes.IndexByte(s, shut)
			if i < 0 || i > 64 {
				return Info, false
			}
			if level, ok := named(bytes.TrimSpace(skipSpaceAndColour(s[1:i])), shut, true); ok {
				return level, true
			}
			s = s[i+1:]
		case c >= '0' && c <= '9':
			n := timeLike(s)
			if n == 0 {
				return afterProgram(s)
			}
			s = s[n:]
		default:
			word, end := firstWord(s)
			if level, ok := named(word, end, false); ok {
				return level, true
			}
			return afterProgram(s)
		}
		s = skipSpaceAndColour(s)
		for len(s) > 0 && (s[0] == '-' || s[0] == '|' || s[0] == ':') {
			s = skipSpaceAndColour(s[1:])
		}
		if len(s) == 0 {
			return Info, false
		}
	}
	return Info, false
}

// firstWord is all up to a blank or bracket, a closing ':' left out, and what follows it, 0 at the
// end of the line.
func firstWord(s []byte) (word []byte, end byte) {
	i := 0
	for i < len(s) && !ends[s[i]] {
		i++
	}
	if i > 1 && s[i-1] == ':' {
		return s[:i-1], ':'
	}
	if i < len(s) {
		end = s[i]
	}
	return s[:i], end
}

// ends are the bytes that end a word.
var ends = func() (t [256]bool) {
	for _, c := range []byte(" \t])|\x1b[(") {
		t[c] = true
	}
	return t
}()

// timeLike measures a word at the start of s, which begins with a digit, that can be part of a date
// or time; 0 when it can't.
func timeLike(s []byte) int {
	mark := false
	i := 0
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9' || c == 'T' || c == 'Z' || c == 's':
		case c == ':' || c == '-' || c == '/' || c == '.' || c == ',' || c == '+':
			mark = true
		case ends[c]:
			if mark {
				return i
			}
			return 0
		default:
			return 0
		}
	}
	return 0 // nothing follows it
}

// named reads a level's name as it stands in a log: in capitals or brackets, or with a colon.
func named(word []byte, end byte, wrapped bool) (Level, bool) {
	level, ok := levelName(word)
	if !ok {
		if !wrapped && end == ':' {
			switch string(word) {
			case "panic", "fatal", "Fatal", "FATAL":
				return Error, true
			}
		}
		return Info, false
	}
	if wrapped || end == ':' {
		return level, true
	}
	for _, c := range word {
		if c >= 'a' && c <= 'z' {
			// rustc writes error[E0308]:
			return level, end == '[' && level == Error
		}
	}
	return level, end != '(' && end != '['
}

// afterProgram reads a level after the name of a program or a place in a file: "ld: error: …",
// "main.c:3:1: warning: …", "npm ERR! …".
func afterProgram(s []byte) (Level, bool) {
	word, end := firstWord(s)
	rest := s[len(word):]
	if string(word) == "npm" && end == ' ' {
		switch next, _ := firstWord(skipSpaceAndColour(rest)); string(next) {
		case "ERR!", "error":
			return Error, true
		case "WARN", "warn":
			return Warn, true
		}
		return Info, false
	}
	if string(word) == "Traceback" && bytes.HasPrefix(rest, []byte(" (most recent call last)")) {
		return Error, true
	}
	return placed(s)
}

// placed reads a level after one word that ends in ':', the name of a program or a place in a file.
func placed(s []byte) (Level, bool) {
	sp := bytes.IndexByte(s[:min(len(s), 100)], ' ')
	if sp < 2 || s[sp-1] != ':' {
		return Info, false
	}
	rest := s[sp+1:]
	for _, name := range levelWords {
		if bytes.HasPrefix(rest, name.text) {
			return name.level, true
		}
	}
	return Info, false
}

// levelWords are what compilers and their like write after a place.
var levelWords = []struct {
	text  []byte
	level Level
}{{[]byte("error:"), Error}, {[]byte("warning:"), Warn}, {[]byte("fatal error:"), Error}, {[]byte("fatal:"), Error}, {[]byte("Error:"), Error}, {[]byte("Warning:"), Warn}}

// levelName reads the names levels go by, in capitals, small letters or with a capital first.
func levelName(word []byte) (Level, bool) {
	if len(word) < 3 || len(word) > 11 || class[word[0]] == startsNothing {
		return Info, false
	}
	var lower [11]byte
	for i, c := range word {
		if c >= 'A' && c <= 'Z' {
			if i > 0 && word[i-1] >= 'a' && word[i-1] <= 'z' {
				return Info, false // camelCase is no level
			}
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	switch string(lower[:len(word)]) {
	case "info", "information", "notice", "inf":
		return Info, true
	case "trace", "debug", "verbose", "dbg", "dbug", "fine", "finest", "finer":
		return Debug, true
	case "warn", "warning", "wrn":
		return Warn, true
	case "err", "error", "fatal", "critical", "crit", "panic", "alert", "emerg", "emergency", "severe", "ftl", "dpanic":
		return Error, true
	}
	return Info, false
}

// logfmt looks for level=, lvl= or severity= as a key near the start of a line.
func logfmt(line []byte) Level {
	s := line
	if len(s) > guessBytes {
		s = s[:guessBytes]
	}
	for at := 0; ; {
		i := bytes.IndexByte(s[at:], '=')
		if i < 0 {
			return Info
		}
		eq := at + i
		at = eq + 1
		key := s[:eq]
		var k int
		switch {
		case bytes.HasSuffix(key, []byte("level")):
			k = 5
		case bytes.HasSuffix(key, []byte("lvl")):
			k = 3
		case bytes.HasSuffix(key, []byte("severity")):
			k = 8
		default:
			continue
		}
		if b := eq - k; b > 0 && s[b-1] != ' ' && s[b-1] != '\t' && s[b-1] != ',' {
			continue
		}
		value := s[at:]
		if len(value) > 0 && value[0] == '"' {
			value = value[1:]
		}
		n := 0
		for n < len(value) && (value[n] >= 'a' && value[n] <= 'z' || value[n] >= 'A' && value[n] <= 'Z') {
			n++
		}
		if level, ok := levelName(value[:n]); ok {
			return level
		}
	}
}
