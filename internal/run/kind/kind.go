// Package kind is the seam between a definition and the way its agent is run. A kind is one key of a
// definition (command, shell, claude …): what the key may hold, how its value becomes a process, and
// the driver that reads what the process writes. The kinds themselves live in packages below this
// one, each registered by one line in package kinds; nothing else in the program lists them.
package kind

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/claudeops/claudeops/internal/run/runner/driver"
)

// Kind is one way to run an agent. A value of a kind's key is a JSON value (string, json.Number, bool,
// nil, []any, map[string]any); its texts may hold {{parameter}}, but for what Script and Verbatim say.
type Kind struct {
	// Name is the key of a definition, and what Spec.Driver says.
	Name string
	// Title is what people read.
	Title string
	// Aliases are what other tools call the key, in lower case without separators.
	Aliases []string
	// Schema is the JSON Schema of the key's value, with a description.
	Schema string
	// Read reads the value and reports what is wrong with it. nil: the value is read as JSON and
	// checked against Schema.
	Read func(n Node) (value any, ok bool)
	// Check says what Schema can't of a value that fits it. nil: nothing.
	Check func(value any) []Problem
	// Free says that running it costs no money by the token, so that no budget stops it.
	Free bool
	// Script says that the value is text in which no parameter is put: it reads them from the environment.
	Script bool
	// Verbatim lists dotted paths in the value at and below which {{…}} is no parameter.
	Verbatim []string
	// Needs lists dotted paths whose text may not be empty once the parameters are in place, each
	// with what the parameter is to the agent: "is the program to run".
	Needs map[string]string
	// Base gives the definition whose parameters a definition with this value changes, as YAML. nil:
	// a definition's parameters are its own.
	Base func(value any) []byte
	// Agents are definitions, as YAML, that are there without a file.
	Agents [][]byte
	// Start says what to run for a value with the parameters in place.
	Start func(value any, c Context) (Start, error)
	// NextTurn gives the value that goes on with a session by a prompt. nil: the kind has no sessions.
	NextTurn func(value any, session, prompt string) any
	// Account lists the variables of the environment that say whose account an agent uses. nil: the
	// kind has no accounts whose use is limited.
	Account []string
	// Runs says for people what a value runs.
	Runs func(value any) []Row
	// Driver runs it.
	Driver driver.Driver
}

// Context is what Start may need beside the value.
type Context struct {
	Executable string // this program
}

// Start is what a runner is given.
type Start struct {
	Argv    []string
	Options json.RawMessage // for the driver
}

// Row is one line of what an agent runs.
type Row struct {
	Label string `json:"label"`
	Text  string `json:"text"`
}

// Problem is one thing wrong with a value, at a dotted path in it.
type Problem struct {
	Path    string
	Message string
}

// Shape is what a Node is.
type Shape int

// The shapes. Other is what no definition may hold at that place, such as nothing at all.
const (
	Other Shape = iota
	Text
	Scalar // a number, or true or false
	List
	Mapping
)

// Node is a value of a definition's file, with its place for what is wrong with it.
type Node interface {
	Shape() Shape
	// Describe names what it is, for a message: "a list", "a number (5)".
	Describe() string
	// Text reads a text; anything else is reported.
	Text() (string, bool)
	// Literal reads a text, or a number, true or false as it is written; anything else is reported.
	Literal() (string, bool)
	// Items lists the items of a list.
	Items() []Node
	// Fail reports a problem.
	Fail(format string, args ...any)
}

// Options encodes what a driver is given.
func Options(v any) (json.RawMessage, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode the agent's options: %w", err)
	}
	return b, nil
}

// Decode reads a value into a struct, as encoding/json would.
func Decode(value, into any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("read the agent's options: %w", err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return fmt.Errorf("%s can't be %s", wrong.Field, wrong.Value)
		}
		return fmt.Errorf("read the agent's options: %w", err)
	}
	return nil
}

// Resume is NextTurn for a kind with the fields prompt and resume.
func Resume(value any, session, prompt string) any {
	fields, _ := value.(map[string]any)
	next := maps.Clone(fields)
	if next == nil {
		next = map[string]any{}
	}
	next["prompt"], next["resume"] = prompt, session
	return next
}

// Words lists the texts of a list.
func Words(value any) []string {
	items, _ := value.([]any)
	words := make([]string, 0, len(items))
	for _, item := range items {
		if text, ok := item.(string); ok {
			words = append(words, text)
		}
	}
	return words
}

// Quote writes a command line as a shell would read it.
func Quote(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		if word == "" || strings.ContainsFunc(word, func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_./:,@%+", r)
		}) {
			word = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
		quoted[i] = word
	}
	return strings.Join(quoted, " ")
}

// Names lists the kinds' names.
func Names(kinds []Kind) []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.Name
	}
	return names
}

// Find gives the kind of that name.
func Find(kinds []Kind, name string) (Kind, bool) {
	i := slices.IndexFunc(kinds, func(k Kind) bool { return k.Name == name })
	if i < 0 {
		return Kind{}, false
	}
	return kinds[i], true
}

// Either joins names for a sentence: "command, shell or builtin".
func Either(names []string, word string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " " + word + " " + names[last]
}
