package standin

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

func (s *claudeSession) hello() int {
	s.init()
	s.message("", text("Hello. You said: "+s.prompt))
	s.result("Hello.", nil)
	return s.exit(0)
}

// review is what a newcomer sees.
func (s *claudeSession) review() int {
	s.init()
	s.pause(600 * time.Millisecond)
	todo := func(states ...string) {
		names := []string{"Look at the layout", "Run the tests", "Write the findings"}
		doing := []string{"Looking at the layout", "Running the tests", "Writing the findings"}
		list := make([]object, len(names))
		for i := range names {
			list[i] = object{"content": names[i], "activeForm": doing[i], "status": states[i]}
		}
		id := fmt.Sprintf("toolu_todo_%d", s.messages)
		s.message("", use(id, "TodoWrite", object{"todos": list}))
		s.toolResult("", id, "Todos have been modified successfully.", false)
	}
	s.message("", thinking("The task names a repository. First its layout, then its tests."), text("I'll look at the layout first, then run the tests."))
	s.pause(400 * time.Millisecond)
	todo("in_progress", "pending", "pending")
	s.pause(700 * time.Millisecond)
	s.message("", use("toolu_ls", "Bash", object{"command": "ls -1", "description": "List the files"}))
	s.pause(500 * time.Millisecond)
	s.toolResult("", "toolu_ls", "README.md\ngo.mod\nmain.go\nmain_test.go", false)
	s.message("", use("toolu_read", "Read", object{"file_path": "/srv/shop/main.go"}))
	s.pause(300 * time.Millisecond)
	s.toolResult("", "toolu_read", "     1\tpackage main\n     2\t\n     3\tfunc total(prices []float64) (sum float64) {\n     4\t\tfor i := 1; i < len(prices); i++ {\n     5\t\t\tsum += prices[i]\n     6\t\t}\n     7\t\treturn sum\n     8\t}", false)
	todo("completed", "in_progress", "pending")
	s.pause(600 * time.Millisecond)
	s.message("", use("toolu_test", "Bash", object{"command": "go test ./...", "description": "Run the tests"}))
	s.pause(1500 * time.Millisecond)
	s.toolResult("", "toolu_test", "Exit code 1\n--- FAIL: TestTotal (0.00s)\n    main_test.go:9: total([1 2 3]) = 5, want 6\nFAIL", true)
	s.pause(400 * time.Millisecond)
	s.message("", text("The loop begins at 1, so that the first price is left out. A subagent looks for the same mistake elsewhere."))
	s.message("", use("toolu_task", "Task", object{"description": "Look for loops that begin at 1", "prompt": "Find loops that begin at 1.", "subagent_type": "Explore"}))
	s.say(object{"type": "system", "subtype": "task_started", "task_id": "task_1", "tool_use_id": "toolu_task", "description": "Look for loops that begin at 1", "task_type": "Explore", "session_id": s.id})
	s.pause(500 * time.Millisecond)
	s.message("toolu_task", use("toolu_grep", "Grep", object{"pattern": "for i := 1", "path": "."}))
	s.pause(400 * time.Millisecond)
	s.toolResult("toolu_task", "toolu_grep", "main.go:4:\tfor i := 1; i < len(prices); i++ {", false)
	s.message("toolu_task", text("Only main.go:4."))
	s.say(object{"type": "system", "subtype": "task_notification", "task_id": "task_1", "tool_use_id": "toolu_task", "status": "completed", "summary": "Only main.go:4 begins at 1", "session_id": s.id})
	s.toolResult("", "toolu_task", "Only main.go:4.", false)
	edit := object{"file_path": "/srv/shop/main.go", "old_string": "for i := 1; i < len(prices); i++ {", "new_string": "for i := 0; i < len(prices); i++ {"}
	allowed := true
	if s.asks {
		allowed, _ = s.permission("req_edit", "Edit", edit)
	}
	if allowed {
		s.message("", use("toolu_edit", "Edit", edit))
		s.pause(300 * time.Millisecond)
		s.toolResult("", "toolu_edit", "The file /srv/shop/main.go has been updated.", false)
	}
	todo("completed", "completed", "in_progress")
	s.pause(700 * time.Millisecond)
	report := "## Findings\n\n1. `main.go:4`: the loop leaves out the first price.\n2. The test of it fails, as it should.\n"
	if allowed {
		report += "\nThe loop is corrected.\n"
	}
	s.message("", text(report))
	todo("completed", "completed", "completed")
	s.result(report, nil)
	return s.exit(0)
}

func (s *claudeSession) tools() int {
	s.init()
	s.message("", text("Two tools."), use("toolu_a", "Bash", object{"command": "git status"}), use("toolu_b", "Read", object{"file_path": "/etc/hostname"}))
	s.toolResult("", "toolu_b", []object{{"type": "text", "text": "atlas"}, {"type": "image", "source": object{"type": "base64", "media_type": "image/png", "data": strings.Repeat("QUJD", 1000)}}}, false)
	s.toolResult("", "toolu_a", "fatal: not a git repository", true)
	s.result("done", nil)
	return s.exit(0)
}

func (s *claudeSession) subagents() int {
	s.init()
	s.message("", use("toolu_t1", "Task", object{"description": "Find A", "prompt": "find A"}), use("toolu_t2", "Task", object{"description": "Find B", "prompt": "find B"}))
	for _, id := range []string{"1", "2"} {
		s.say(object{"type": "system", "subtype": "task_started", "task_id": "task_" + id, "tool_use_id": "toolu_t" + id, "description": "Find", "session_id": s.id})
	}
	s.message("toolu_t1", use("toolu_g1", "Grep", object{"pattern": "A"}))
	s.message("toolu_t2", use("toolu_g2", "Grep", object{"pattern": "B"}))
	s.toolResult("toolu_t2", "toolu_g2", "b.go", false)
	s.toolResult("toolu_t1", "toolu_g1", "a.go", false)
	for _, id := range []string{"2", "1"} {
		s.say(object{"type": "system", "subtype": "task_notification", "task_id": "task_" + id, "tool_use_id": "toolu_t" + id, "status": "completed", "summary": "found", "session_id": s.id})
		s.toolResult("", "toolu_t"+id, "found "+id, false)
	}
	s.result("found both", nil)
	return s.exit(0)
}

func (s *claudeSession) longLines() int {
	s.init()
	s.message("", use("toolu_big", "Bash", object{"command": "cat big"}))
	s.toolResult("", "toolu_big", strings.Repeat("0123456789abcde\n", 2<<20/16), false)
	s.message("", text(strings.Repeat("long ", 50_000)))
	s.result("read two megabytes", nil)
	return s.exit(0)
}

// denied ends well though what it was to do was denied.
func (s *claudeSession) denied() int {
	s.init()
	s.message("", use("toolu_rm", "Bash", object{"command": "rm -rf build"}))
	s.toolResult("", "toolu_rm", "Claude requested permissions to use Bash, but you haven't granted it yet.", true)
	s.result("I could not remove the directory.", object{"permission_denials": []object{{"tool_name": "Bash", "tool_use_id": "toolu_rm", "tool_input": object{"command": "rm -rf build"}}}})
	return s.exit(0)
}

func (s *claudeSession) apiError() int {
	s.init()
	s.result("API Error: 529 Overloaded", object{"is_error": true, "terminal_reason": "api_error", "api_error_status": 529})
	return s.exit(1)
}

func (s *claudeSession) contextExhausted() int {
	s.init()
	s.message("", text("This is a long task."))
	s.result("Prompt is too long", object{"terminal_reason": "prompt_too_long"})
	return s.exit(0)
}

func (s *claudeSession) nearContext() int {
	s.init()
	s.use = usage{in: 10, out: 300, read: 192_000}
	s.cost = price(s.use)
	s.say(object{"type": "assistant", "session_id": s.id, "message": object{"id": "msg_big", "model": model, "content": []object{text("Nearly full.")},
		"usage": object{"input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 192_000}}})
	s.result("as far as I came", nil)
	return s.exit(0)
}

// compaction gives a dozen results in one process.
func (s *claudeSession) compaction() int {
	for i := range 12 {
		s.init()
		s.message("", text(fmt.Sprintf("Part %d.", i+1)))
		if i%4 == 3 {
			s.say(object{"type": "system", "subtype": "compact_boundary", "session_id": s.id, "compact_metadata": object{"trigger": "auto", "pre_tokens": 180_000}})
		}
		s.result(fmt.Sprintf("part %d", i+1), object{"queued_turn_count": 11 - i})
	}
	return s.exit(0)
}

func (s *claudeSession) hangBefore() int {
	s.init()
	s.message("", text("And then nothing."))
	return s.hang()
}

func (s *claudeSession) hangAfter() int {
	s.init()
	s.message("", text("Done, but I stay."))
	s.result("done", nil)
	ignoreSignals()
	stubbornChild()
	return s.hang()
}

// backgroundTask goes on after the result of the turn, and asks while it does.
func (s *claudeSession) backgroundTask() int {
	s.init()
	s.message("", text("A subagent goes on in the background."))
	tasks := []object{{"task_id": "bg_1", "status": "running"}}
	s.say(object{"type": "system", "subtype": "background_tasks_changed", "tasks": tasks, "session_id": s.id})
	s.result("started", nil)
	s.pause(400 * time.Millisecond)
	if s.asks {
		s.permission("req_bg", "Bash", object{"command": "make release"})
	}
	s.message("toolu_bg", text("The background work is done."))
	s.say(object{"type": "system", "subtype": "background_tasks_changed", "tasks": []object{}, "session_id": s.id})
	s.result("all done", nil)
	return s.exit(0)
}

func (s *claudeSession) noResult() int {
	s.init()
	s.message("", text("I end without a word."))
	fmt.Fprintln(os.Stderr, "warning: something is odd")
	fmt.Fprintln(os.Stderr, "fatal: the connection was lost")
	return 0
}

func (s *claudeSession) startupFailure() int {
	fmt.Fprintln(os.Stderr, "Error: Invalid API key. Please run /login")
	return 1
}

func (s *claudeSession) retries() int {
	s.init()
	for i := range 3 {
		s.say(object{"type": "system", "subtype": "api_retry", "session_id": s.id, "attempt": i + 1, "max_retries": 10, "retry_delay_ms": 50 * (i + 1), "error_status": 529, "error": "overloaded_error"})
		s.pause(50 * time.Millisecond)
	}
	s.say(object{"type": "rate_limit_event", "session_id": s.id, "rate_limit_info": object{"status": "allowed_warning", "resetsAt": time.Now().Add(2 * time.Hour).Unix(), "rateLimitType": "five_hour", "utilization": 0.87}})
	s.message("", text("It worked at last."))
	s.result("done", nil)
	return s.exit(0)
}

func (s *claudeSession) ask() int {
	s.init()
	allowed, answer := s.permission("req_1", "Bash", object{"command": "make release"})
	if !allowed {
		s.message("", text(fmt.Sprintf("It was denied: %v", answer["message"])))
		s.result("not released", object{"permission_denials": []object{{"tool_name": "Bash"}}})
		return s.exit(0)
	}
	s.message("", use("toolu_req_1", "Bash", answer["updatedInput"].(object)))
	s.toolResult("", "toolu_req_1", "released", false)
	s.result("released", nil)
	return s.exit(0)
}

// askTwice asks for the same tool with the same input twice, and then for another.
func (s *claudeSession) askTwice() int {
	s.init()
	var said []string
	for i, command := range []string{"make release", "make release", "git status", "rm -rf /"} {
		allowed, _ := s.permission(fmt.Sprintf("req_%d", i+1), "Bash", object{"command": command})
		said = append(said, fmt.Sprintf("%s: %v", command, allowed))
	}
	s.result(strings.Join(said, ", "), nil)
	return s.exit(0)
}

// askCancel asks, and then does not want to know any more.
func (s *claudeSession) askCancel() int {
	s.init()
	s.say(object{"type": "control_request", "request_id": "req_1", "request": object{"subtype": "can_use_tool", "tool_name": "Bash", "input": object{"command": "make"}}})
	s.say(object{"type": "control_request", "request_id": "req_2", "request": object{"subtype": "hook_callback", "callback_id": "x"}})
	s.pause(200 * time.Millisecond)
	s.say(object{"type": "control_cancel_request", "request_id": "req_1"})
	refused := ""
	for m := range s.handed {
		if response, ok := m["response"].(object); ok {
			refused = fmt.Sprintf("%v %v", response["request_id"], response["subtype"])
			break
		}
	}
	s.result(refused, nil)
	return s.exit(0)
}

func (s *claudeSession) question() int {
	s.init()
	_, answer := s.permission("req_q", "AskUserQuestion", object{"questions": []object{{"question": "Which branch?", "header": "Branch", "multiSelect": false,
		"options": []object{{"label": "main", "description": "what is deployed"}, {"label": "next"}}}}})
	updated, _ := answer["updatedInput"].(object)
	s.result(fmt.Sprintf("%v: %v", answer["behavior"], updated["answers"]), nil)
	return s.exit(0)
}

// cut breaks off in the middle of a line.
func (s *claudeSession) cut() int {
	s.init()
	s.message("", text("The end comes soon."))
	s.raw(`{"type":"result","subtype":"success","is_error":false,"result":"it was nea`)
	return 0
}

// daemon starts what the CLI's own background view is: a process outside the tree of this one that
// starts the session again when it is gone. With the view disabled it does not.
func (s *claudeSession) daemon() int {
	s.init()
	if os.Getenv("CLAUDE_CODE_DISABLE_AGENT_VIEW") == "" {
		c := exec.Command("/bin/sh", "-c", "trap '' TERM INT HUP; while :; do sleep 1; done")
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		_ = c.Start()
		s.message("", text("The agent view runs."))
	}
	s.result(os.Getenv("CLAUDE_CODE_DISABLE_AGENT_VIEW"), nil)
	return s.exit(0)
}

// stubborn ignores every signal, has children that do as well, and works on.
func (s *claudeSession) stubborn() int {
	ignoreSignals()
	s.init()
	stubbornChild()
	stubbornChild()
	for i := 0; ; i++ {
		s.message("", text(fmt.Sprintf("Still here, %d.", i)))
		s.pause(200 * time.Millisecond)
	}
}

// usageLimit ends because the account's limit is met, as in the night.
func (s *claudeSession) usageLimit() int {
	s.init()
	if s.resumed != "" {
		s.message("", text("I go on where I was."))
		s.result("finished after the limit", nil)
		return s.exit(0)
	}
	s.message("", text("Half of it is done."))
	resets := time.Now().Add(2 * time.Second)
	if v, err := time.ParseDuration(os.Getenv("STANDIN_RESETS_IN")); err == nil {
		resets = time.Now().Add(v)
	}
	s.say(object{"type": "rate_limit_event", "session_id": s.id, "rate_limit_info": object{"status": "rejected", "resetsAt": resets.Unix(), "rateLimitType": "five_hour", "utilization": 1}})
	s.result("You've hit your limit", object{"is_error": true, "terminal_reason": "rate_limit", "api_error_status": 429})
	return s.exit(1)
}

// usageLimitWait waits for the limit by itself.
func (s *claudeSession) usageLimitWait() int {
	s.init()
	s.say(object{"type": "rate_limit_event", "session_id": s.id, "rate_limit_info": object{"status": "rejected", "resetsAt": time.Now().Add(2 * time.Second).Unix(), "rateLimitType": "five_hour"}})
	s.pause(2 * time.Second)
	s.say(object{"type": "rate_limit_event", "session_id": s.id, "rate_limit_info": object{"status": "allowed", "rateLimitType": "five_hour"}})
	s.message("", text("It goes on."))
	s.result("done", nil)
	return s.exit(0)
}

func (s *claudeSession) structured() int {
	s.init()
	s.result("as an object", object{"structured_output": object{"findings": []string{"a", "b"}, "ok": s.schema}})
	return s.exit(0)
}

func (s *claudeSession) unknownTypes() int {
	s.init()
	s.say(object{"type": "moon_phase", "phase": "full"})
	s.say(object{"type": "system", "subtype": "weather", "text": "rain"})
	s.say(object{"type": "keep_alive"})
	s.say(object{"type": "assistant", "message": object{"id": "msg_x", "content": []object{{"type": "hologram", "x": 1}}}})
	s.raw("a line that is no JSON\n")
	s.raw("{not JSON\n")
	s.raw(`{"is_error":false,"result":"the type came last","total_cost_usd":0,"type":"result","subtype":"success"}` + "\n")
	return s.exit(0)
}

// chat answers each message until its input ends.
func (s *claudeSession) chat() int {
	for prompt := s.prompt; ; {
		s.init()
		s.message("", text("You said: "+prompt))
		s.result("You said: "+prompt, nil)
		if !s.streams {
			return 0
		}
		next, ok := <-s.handed
		if !ok {
			return 0
		}
		prompt = content(next)
	}
}

func (s *claudeSession) maxTurns() int {
	s.init()
	s.message("", text("One more."))
	s.result("", object{"subtype": "error_max_turns", "is_error": true, "result": nil, "errors": []string{"Reached maximum number of turns (1)"}, "terminal_reason": "max_turns"})
	return s.exit(1)
}

func (s *claudeSession) exitCode() int {
	s.init()
	s.result("well", nil)
	return s.exit(3)
}

func (s *claudeSession) subscription() int {
	s.initWith("none")
	s.message("", text("On a subscription."))
	s.result("done", nil)
	return s.exit(0)
}

// busy says nothing for long, but works: a command in the background uses the processor.
func (s *claudeSession) busy() int {
	s.init()
	c := exec.Command("/bin/sh", "-c", "end=$(($(date +%s)+4)); while [ $(date +%s) -lt $end ]; do :; done")
	if c.Run() != nil {
		return 1
	}
	s.result("worked", nil)
	return s.exit(0)
}
