package standin

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const model = "claude-sonnet-5"

// claudeSession is one run of Claude Code.
type claudeSession struct {
	*player
	id       string
	prompt   string
	resumed  string
	streams  bool // stdin carries messages
	asks     bool // permissions are asked over stdin
	schema   bool
	messages int
	turns    int
	cost     float64 // of this process
	use      usage
	handed   chan object // user messages and answers
	ended    chan struct{}
}

type usage struct{ in, out, read, write int }

func (u usage) plus(o usage) usage {
	return usage{u.in + o.in, u.out + o.out, u.read + o.read, u.write + o.write}
}

var claudeSessions = map[string]func(*claudeSession) int{
	"review":            (*claudeSession).review,
	"hello":             (*claudeSession).hello,
	"tools":             (*claudeSession).tools,
	"subagents":         (*claudeSession).subagents,
	"long-lines":        (*claudeSession).longLines,
	"denied":            (*claudeSession).denied,
	"api-error":         (*claudeSession).apiError,
	"context-exhausted": (*claudeSession).contextExhausted,
	"near-context":      (*claudeSession).nearContext,
	"compaction":        (*claudeSession).compaction,
	"hang-before":       (*claudeSession).hangBefore,
	"hang-after":        (*claudeSession).hangAfter,
	"background":        (*claudeSession).backgroundTask,
	"no-result":         (*claudeSession).noResult,
	"startup-failure":   (*claudeSession).startupFailure,
	"retries":           (*claudeSession).retries,
	"ask":               (*claudeSession).ask,
	"ask-twice":         (*claudeSession).askTwice,
	"ask-cancel":        (*claudeSession).askCancel,
	"question":          (*claudeSession).question,
	"cut":               (*claudeSession).cut,
	"daemon":            (*claudeSession).daemon,
	"stubborn":          (*claudeSession).stubborn,
	"usage-limit":       (*claudeSession).usageLimit,
	"usage-limit-wait":  (*claudeSession).usageLimitWait,
	"structured":        (*claudeSession).structured,
	"unknown-types":     (*claudeSession).unknownTypes,
	"chat":              (*claudeSession).chat,
	"max-turns":         (*claudeSession).maxTurns,
	"exit-code":         (*claudeSession).exitCode,
	"subscription":      (*claudeSession).subscription,
	"busy":              (*claudeSession).busy,
}

// claude plays Claude Code.
func (p *player) claude() int {
	s := &claudeSession{player: p, handed: make(chan object, 64), ended: make(chan struct{})}
	args := os.Args[1:]
	verbose, format := false, ""
	for i := 0; i < len(args); i++ {
		value := func() string {
			if i+1 < len(args) {
				i++
				return args[i]
			}
			return ""
		}
		switch arg := args[i]; {
		case arg == "--version":
			fmt.Println("2.1.296 (Claude Code)")
			return 0
		case arg == "--verbose":
			verbose = true
		case arg == "--output-format":
			format = value()
		case arg == "--input-format":
			s.streams = value() == "stream-json"
		case arg == "--permission-prompt-tool":
			s.asks = value() == "stdio"
		case arg == "--json-schema":
			s.schema = value() != ""
		case arg == "-p":
		case strings.HasPrefix(arg, "--resume="):
			s.resumed = strings.TrimPrefix(arg, "--resume=")
		case strings.HasPrefix(arg, "--") && !strings.Contains(arg, "="):
			value()
		case !strings.HasPrefix(arg, "-"):
			s.prompt = arg
		}
	}
	if format != "stream-json" || !verbose {
		fmt.Fprintln(os.Stderr, "Error: When using --print, --output-format=stream-json requires --verbose")
		return 1
	}
	if os.Getenv("CLAUDECODE") != "" {
		fmt.Fprintln(os.Stderr, "Error: Claude Code cannot be launched inside another Claude Code session.")
		return 1
	}
	p.listen()
	if s.streams {
		go s.hear()
		if first, ok := <-s.handed; ok {
			s.prompt = content(first)
		}
	} else {
		// A CLI whose stdin is held open waits for its end before it starts.
		for line := range p.lines {
			s.prompt += line
		}
	}
	if s.prompt == "" {
		fmt.Fprintln(os.Stderr, "Error: Input must be provided either through stdin or as a prompt argument when using --print")
		return 1
	}
	s.id = s.resumed
	if s.id == "" {
		s.id = fmt.Sprintf("%08x-1111-4222-8333-%012x", os.Getpid(), time.Now().UnixNano()&0xffffffffffff)
	}
	known := make([]string, 0, len(claudeSessions))
	for name := range claudeSessions {
		known = append(known, name)
	}
	name := session(s.prompt, known, "review")
	play, ok := claudeSessions[name]
	if !ok {
		return unknownSession(name, known)
	}
	return play(s)
}

// hear sorts what comes on stdin: control requests are answered, an interrupt ends the turn.
func (s *claudeSession) hear() {
	defer close(s.handed)
	for line := range s.lines {
		var m object
		if json.Unmarshal([]byte(line), &m) != nil {
			continue
		}
		if m["type"] != "control_request" {
			s.handed <- m
			continue
		}
		request, _ := m["request"].(object)
		s.say(object{"type": "control_response", "response": object{"subtype": "success", "request_id": m["request_id"], "response": object{}}})
		if request["subtype"] == "interrupt" {
			close(s.ended)
			s.say(object{"type": "result", "subtype": "error_during_execution", "is_error": true, "session_id": s.id, "terminal_reason": "aborted",
				"total_cost_usd": s.cost, "modelUsage": s.modelUsage()})
			os.Exit(0)
		}
	}
}

func content(m object) string {
	message, _ := m["message"].(object)
	text, _ := message["content"].(string)
	return text
}

func (s *claudeSession) init() {
	source := "ANTHROPIC_API_KEY"
	s.initWith(source)
}

func (s *claudeSession) initWith(source string) {
	mode := "default"
	dir, _ := os.Getwd()
	s.say(object{"type": "system", "subtype": "init", "session_id": s.id, "model": model, "cwd": dir, "tools": []string{"Bash", "Read", "Grep", "Edit", "TodoWrite", "Task"},
		"permissionMode": mode, "apiKeySource": source, "claude_code_version": "2.1.296", "capabilities": []string{"interrupt_cancel_queued_v1"}})
}

// message says one API message, each block on a line of its own with the same usage, as the CLI does.
func (s *claudeSession) message(parent string, blocks ...object) {
	s.messages++
	use := usage{in: 12, out: 40 + 10*len(blocks), read: 8000 + 500*s.messages, write: 600}
	s.use = s.use.plus(use)
	s.cost += price(use)
	for _, b := range blocks {
		var from any
		if parent != "" {
			from = parent
		}
		// Only a placeholder of the output stands here; the result has the truth.
		s.say(object{"type": "assistant", "session_id": s.id, "parent_tool_use_id": from, "message": object{"id": fmt.Sprintf("msg_%d", s.messages), "role": "assistant", "model": model,
			"content": []object{b}, "usage": object{"input_tokens": use.in, "output_tokens": 1, "cache_read_input_tokens": use.read, "cache_creation_input_tokens": use.write}}})
	}
}

// price is that of claude-sonnet-5.
func price(u usage) float64 {
	return (float64(u.in)*2 + float64(u.out)*10 + float64(u.read)*0.2 + float64(u.write)*2.5) / 1e6
}

func text(t string) object     { return object{"type": "text", "text": t} }
func thinking(t string) object { return object{"type": "thinking", "thinking": t} }
func use(id, name string, input object) object {
	return object{"type": "tool_use", "id": id, "name": name, "input": input}
}

func (s *claudeSession) toolResult(parent, id string, content any, failed bool) {
	block := object{"type": "tool_result", "tool_use_id": id, "content": content}
	if failed {
		block["is_error"] = true
	}
	var from any
	if parent != "" {
		from = parent
	}
	s.say(object{"type": "user", "session_id": s.id, "parent_tool_use_id": from, "message": object{"role": "user", "content": []object{block}}})
}

// The totals that a resumed session carries: what it had cost before.
const (
	carriedCost = 0.25
	carriedRead = 500000
)

func (s *claudeSession) modelUsage() object {
	u, cost := s.use, s.cost
	if s.carries() {
		u.read += carriedRead
		cost += carriedCost
	}
	return object{model: object{"inputTokens": u.in, "outputTokens": u.out, "cacheReadInputTokens": u.read, "cacheCreationInputTokens": u.write, "costUSD": cost, "contextWindow": 200000}}
}

// carries reports whether this process's totals begin with those of a session that has cost much, as
// since 2.1.277.
func (s *claudeSession) carries() bool { return s.resumed != "" && os.Getenv("STANDIN_CARRIES") == "1" }

func (s *claudeSession) total() float64 {
	if s.carries() {
		return s.cost + carriedCost
	}
	return s.cost
}

// result ends a turn. over replaces fields.
func (s *claudeSession) result(words string, over object) {
	s.turns++
	m := object{"type": "result", "subtype": "success", "is_error": false, "session_id": s.id, "result": words, "num_turns": s.messages, "terminal_reason": "completed",
		"stop_reason": "end_turn", "total_cost_usd": s.total(), "modelUsage": s.modelUsage(), "permission_denials": []any{}, "result_index": s.turns - 1, "queued_turn_count": 0}
	for k, v := range over {
		if v == nil {
			delete(m, k)
			continue
		}
		m[k] = v
	}
	s.say(m)
	s.say(object{"type": "system", "subtype": "session_state_changed", "state": "idle", "session_id": s.id})
}

// exit waits for the end of the input, as the CLI does in a streaming session.
func (s *claudeSession) exit(code int) int {
	if s.streams {
		for range s.handed {
		}
	}
	return code
}

// permission asks before a tool is used, as the CLI does where it was told to.
func (s *claudeSession) permission(id, tool string, input object) (allowed bool, answer object) {
	if !s.asks {
		return false, nil
	}
	s.say(object{"type": "control_request", "request_id": id, "request": object{"subtype": "can_use_tool", "tool_name": tool, "input": input, "tool_use_id": "toolu_" + id, "permission_suggestions": []any{}}})
	for m := range s.handed {
		response, _ := m["response"].(object)
		if m["type"] != "control_response" || response["request_id"] != id {
			continue
		}
		answer, _ = response["response"].(object)
		return answer["behavior"] == "allow", answer
	}
	return false, nil
}

// stubbornChild starts a process that ignores every polite signal.
func stubbornChild() {
	c := exec.Command("/bin/sh", "-c", "trap '' TERM INT HUP; while :; do sleep 1; done")
	_ = c.Start()
}

func ignoreSignals() { signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP) }
