package agent

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4" // of the two candidates the one that refuses bad UTF-8, control characters and unknown aliases, and gives both marks of a syntax error
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

// document parses the YAML itself and gives the mapping at its top. Empty documents (a file that
// ends with ---) are left out.
func (p *parser) document(source []byte) *yaml.Node {
	if len(source) > MaxFileBytes {
		p.fail(nil, "", "the file has %d bytes; a definition may have at most %d", len(source), MaxFileBytes)
		return nil
	}
	loader, err := yaml.NewLoader(bytes.NewReader(source), yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth))))
	if err != nil {
		p.fail(nil, "", "can't be read: %v", err)
		return nil
	}
	var root *yaml.Node
	for {
		var document yaml.Node
		if err := loader.Load(&document); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			p.syntax(source, err)
			return nil
		}
		content := &document
		if content.Kind == yaml.DocumentNode {
			if len(content.Content) == 0 {
				continue
			}
			content = content.Content[0]
		}
		switch {
		case content.Kind == yaml.ScalarNode && content.ShortTag() == "!!null" && content.Value == "":
		case root != nil:
			p.fail(&document, "", "a second document begins here: one file holds one agent; put the other in a file of its own")
			return nil
		default:
			root = content
		}
	}
	if root == nil || root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null" {
		p.fail(nil, "", "the file is empty: give at least name and command")
		return nil
	}
	if root.Kind != yaml.MappingNode {
		p.fail(root, "", "a definition is a mapping of fields (name: …, command: …), this is %s", kindName(root))
		return nil
	}
	return root
}

// syntax reports what the YAML parser refused, where it could tell, and what the cause most likely is.
func (p *parser) syntax(source []byte, err error) {
	problem := Problem{File: p.file, Message: "not valid YAML: " + err.Error()}
	var load *yaml.LoadError
	if errors.As(err, &load) {
		message := load.Message
		if load.ContextMsg != "" {
			message = load.ContextMsg + " that began on line " + strconv.Itoa(load.ContextMark.Line) + ": " + message
		}
		problem.Message = "not valid YAML: " + message
		problem.Line, problem.Column = load.Mark.Line, load.Mark.Column
		if problem.Line == 0 {
			problem.Line, problem.Column = badByte(source)
		}
		if cause := yamlCause(source, load, problem.Line, problem.Column); cause != "" {
			problem.Message += "; " + cause
		}
	}
	p.problems = append(p.problems, problem)
}

// noSpaceAfterColon is a key whose value follows without the space that YAML wants between them.
var noSpaceAfterColon = regexp.MustCompile(`^[ ]*([A-Za-z_][A-Za-z0-9_-]*):[^\s/:]`)

// yamlCause says in terms of the text what a syntax error most likely comes from, because the YAML
// parser says only in its own terms what it met.
func yamlCause(source []byte, load *yaml.LoadError, line, column int) string {
	lines := strings.Split(strings.ReplaceAll(string(source), "\r\n", "\n"), "\n")
	at := func(line int) string {
		if line < 1 || line > len(lines) {
			return ""
		}
		return lines[line-1]
	}
	text := []rune(at(line))
	var rest string
	if column >= 1 && column <= len(text) {
		rest = string(text[column-1:])
	}
	if strings.HasPrefix(rest, "\t") {
		return fmt.Sprintf("line %d is indented with a tab, which YAML does not allow: indent with spaces", line)
	}
	first := line
	if load.ContextMark.Line > 0 && strings.Contains(load.ContextMsg, "scanning") {
		first = min(first, load.ContextMark.Line)
	}
	for n := first; n <= line; n++ {
		indent := at(n)[:len(at(n))-len(strings.TrimLeftFunc(at(n), unicode.IsSpace))]
		switch strange := strings.TrimLeft(indent, " "); {
		case strange == "":
		case strange[0] == '\t':
			return fmt.Sprintf("line %d is indented with a tab, which YAML does not allow: indent with spaces", n)
		default:
			return fmt.Sprintf("line %d is indented with the invisible character %U: use plain spaces", n, []rune(strange)[0])
		}
	}
	before := strings.TrimSpace(strings.TrimSuffix(string(text), rest))
	word := firstWord(rest)
	switch {
	case strings.Contains(load.Message, "unknown anchor"), strings.Contains(load.ContextMsg, "scanning an alias"):
		if star := strings.LastIndexByte(string(text[:min(column, len(text))]), '*'); star >= 0 {
			word = firstWord(at(line)[star:])
		}
		return fmt.Sprintf("%s begins with *, which stands for an alias in YAML: put it in quotes, like %q", clip(word), clip(word))
	case strings.Contains(load.ContextMsg, "scanning an anchor"):
		return "& begins the name of an anchor in YAML: put the text in quotes"
	case strings.Contains(load.ContextMsg, "scanning a tag"), strings.Contains(load.ContextMsg, "parsing a tag"):
		return "! begins a tag in YAML: put the text in quotes"
	case strings.Contains(load.Message, "cannot start any token") && word != "":
		return fmt.Sprintf("unquoted text can't begin with %s: put it in quotes, like %q", string([]rune(word)[0]), clip(word))
	case strings.Contains(load.Message, "unknown escape character"):
		return `in double quotes \ begins an escape: write \\ for one backslash, or use single quotes`
	case strings.Contains(load.ContextMsg, "quoted scalar") && strings.Contains(load.Message, "end of stream"):
		return fmt.Sprintf("the quotation mark on line %d is never closed", load.ContextMark.Line)
	case strings.Contains(load.Message, "block sequence entries are not allowed"):
		return "a list begins on a line of its own, or stands in brackets: [a, b]"
	}
	for n := line; n >= max(1, line-1); n-- {
		if m := noSpaceAfterColon.FindStringSubmatch(at(n)); m != nil {
			return fmt.Sprintf("on line %d a space is missing after %s:", n, m[1])
		}
	}
	switch {
	case strings.Contains(load.Message, "mapping values are not allowed"):
		return `text that holds ": " must stand in quotes, and fields of one mapping must be indented alike`
	case strings.Contains(load.Message, "did not find expected key") && before != "":
		return `the value on this line ends before its text does: text that begins with a quotation mark, [ or { must be quoted as a whole, or stand below the key after |`
	case strings.Contains(load.Message, "did not find expected key"):
		return fmt.Sprintf("line %d is indented like no line above it: fields of one mapping must be indented alike", line)
	case strings.Contains(load.ContextMsg, "flow"):
		opened := load.ContextMark.Line
		for n := max(1, opened-1); n <= line; n++ {
			if strings.Contains(at(n), " #") || strings.Contains(at(n), ",#") {
				return fmt.Sprintf("on line %d # begins a comment, which hides the rest of the line: put text with # in quotes", n)
			}
		}
		return fmt.Sprintf("a [ or { of line %d is not closed, or a comma is missing", opened)
	default:
		return ""
	}
}

// firstWord is the unquoted text that text begins with.
func firstWord(text string) string {
	if end := strings.IndexAny(text, " \t,]}"); end > 0 {
		return text[:end]
	}
	return text
}

// badByte finds the first byte that no YAML file may hold. Line 0 when there is none.
func badByte(source []byte) (line, column int) {
	line, column = 1, 1
	for len(source) > 0 {
		r, size := decodeRune(source)
		if size == 0 || (r < ' ' && r != '\n' && r != '\r' && r != '\t') || r == 0x7f {
			return line, column
		}
		source = source[size:]
		if column++; r == '\n' {
			line, column = line+1, 1
		}
	}
	return 0, 0
}
