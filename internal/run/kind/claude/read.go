package claude

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/run/pricing"
	"github.com/claudeops/claudeops/internal/run/transcript"
)

// handler reads one type of message and says, for the reader of the raw stream, what it is.
type handler struct {
	read    func(a *agent, m *message)
	becomes string // for docs/claude.md
}

// handlers has the types of messages that the driver knows. A subtype is looked for first.
var handlers = map[string]handler{
	"system/init":                     {(*agent).readInit, "`session`, and `execution:session`"},
	"assistant":                       {(*agent).readAssistant, "`text`, `thinking`, `tool`, `todo` for each block; `execution:cost` once for each API message; `execution:progress` from the list of things to do"},
	"user":                            {(*agent).readUser, "`tool_result` for each result, `user` for other text"},
	"result":                          {(*agent).readResult, "`result`, and `execution:cost`; the last one decides how the execution ends"},
	"stream_event":                    {(*agent).readPartial, "nothing: whole blocks follow, and parts are not kept"},
	"rate_limit_event":                {(*agent).readLimit, "`limit`"},
	"tool_progress":                   {(*agent).readQuiet, "`raw`"},
	"keep_alive":                      {(*agent).readQuiet, "`raw`"},
	"control_request":                 {(*agent).readControl, "`execution:approval`, or an answer by rule: `execution:approved`, `execution:denied`"},
	"control_cancel_request":          {(*agent).readCancel, "`execution:denied` with `via: agent`"},
	"control_response":                {(*agent).readQuiet, "`raw`"},
	"conversation_reset":              {(*agent).readReset, "`session`; the session's cost begins again"},
	"system/api_retry":                {(*agent).readRetry, "`retry`"},
	"system/compact_boundary":         {(*agent).readCompact, "`notice`"},
	"system/task_started":             {(*agent).readTask, "`subagent`"},
	"system/task_progress":            {(*agent).readTask, "`subagent`"},
	"system/task_updated":             {(*agent).readTask, "`subagent`"},
	"system/task_notification":        {(*agent).readTask, "`subagent`"},
	"system/permission_denied":        {(*agent).readNotice, "`notice`"},
	"system/background_tasks_changed": {(*agent).readBackground, "`raw`; the end of the input waits for them"},
	"system/session_state_changed":    {(*agent).readState, "`raw`; `idle` ends a turn"},
	"system/status":                   {(*agent).readNotice, "`notice`"},
	"system/thinking_tokens":          {(*agent).readQuiet, "`raw`"},
	"system/informational":            {(*agent).readNotice, "`notice`"},
	"system/session_writes_lost":      {(*agent).readNotice, "`notice`"},
}

// name is a message's type with its subtype where types of that kind are told apart by it.
func (m *message) name() string {
	if m.Type == "system" {
		return "system/" + m.Subtype
	}
	return m.Type
}

// read turns one message into events. A type that is not known passes through as raw.
func (a *agent) read(m *message) {
	if m.SessionID != "" && m.SessionID != a.sessionID {
		a.newSession(m)
	}
	if h, ok := handlers[m.name()]; ok {
		h.read(a, m)
	}
	a.say.End(m.name())
}

// newSession tells the session's id, with the first message that has one.
func (a *agent) newSession(m *message) {
	if m.Version != "" {
		a.version = m.Version
	}
	a.sessionID = m.SessionID
	_ = a.session.Emit(&execution.Event{Type: execution.TypeSession, SessionID: m.SessionID, Agent: strings.TrimSpace("claude " + a.version)})
}

func (a *agent) readInit(m *message) {
	a.ending.turn = true
	a.stopExit()
	if m.Version != "" {
		a.version = m.Version
	}
	a.cost.started(m)
	text := "Claude Code"
	if m.Version != "" {
		text += " " + m.Version
	}
	if m.Model != "" {
		text += ", " + m.Model
	}
	if len(m.Tools) > 0 {
		text += ", " + transcript.Count(len(m.Tools), "tool")
	}
	if m.PermissionMode != "" && m.PermissionMode != "default" {
		text += ", permission mode " + m.PermissionMode
	}
	a.say.Say(execution.Info, text, transcript.Data{Kind: transcript.Session, ID: m.SessionID, Name: "Claude Code", Model: m.Model, Status: m.PermissionMode})
}

func (a *agent) readAssistant(m *message) {
	if m.Message == nil {
		return
	}
	a.ending.turn = true
	a.stopExit()
	if a.cost.count(m.Message) {
		a.tellCost()
	}
	if u := m.Message.Usage; u != nil && m.Parent == "" {
		a.context = u.Input + u.CacheRead + u.CacheWrite
	}
	model := pricing.Normalize(m.Message.Model)
	for _, b := range blocks(m.Message.Content) {
		switch b.Type {
		case "text":
			if strings.TrimSpace(b.Text) != "" {
				a.say.Say(execution.Info, b.Text, transcript.Data{Kind: transcript.Text, Parent: m.Parent, Model: model})
			}
		case "thinking":
			if strings.TrimSpace(b.Thinking) != "" {
				a.say.Say(execution.Debug, b.Thinking, transcript.Data{Kind: transcript.Thinking, Parent: m.Parent})
			}
		case "tool_use", "server_tool_use", "mcp_tool_use":
			a.readTool(m, b)
		case "tool_result", "web_search_tool_result", "mcp_tool_result":
			a.readToolResult(m, b)
		}
	}
	if m.Aborted {
		a.say.Say(execution.Warn, "the message was broken off", transcript.Data{Kind: transcript.Notice, Parent: m.Parent, Status: "aborted"})
	}
}

func (a *agent) readTool(m *message, b block) {
	a.tools[b.ID] = b.Name
	if items, ok := todoItems(b.Name, b.Input); ok {
		a.todos[b.ID] = true
		lines := make([]string, len(items))
		marks := map[string]string{"completed": "[x] ", "in_progress": "[>] "}
		for i, item := range items {
			mark, ok := marks[item.Status]
			if !ok {
				mark = "[ ] "
			}
			lines[i] = mark + item.Text
		}
		a.say.Say(execution.Info, strings.Join(lines, "\n"), transcript.Data{Kind: transcript.Todo, Parent: m.Parent, ID: b.ID, Name: b.Name, Input: b.Input, Items: items})
		if percent, now := transcript.Done(items); m.Parent == "" && len(items) > 0 {
			a.session.Progress(percent, now, nil)
		}
		return
	}
	a.say.Say(execution.Info, transcript.ToolLine(b.Name, b.Input), transcript.Data{Kind: transcript.Tool, Parent: m.Parent, ID: b.ID, Name: b.Name, Input: b.Input})
}

// todoItems reads the list that a call of TodoWrite sets.
func todoItems(tool string, input json.RawMessage) ([]transcript.Item, bool) {
	if tool != "TodoWrite" {
		return nil, false
	}
	var list struct {
		Todos []struct {
			Content    string `json:"content"`
			ActiveForm string `json:"activeForm"`
			Status     string `json:"status"`
		} `json:"todos"`
	}
	if !readJSON(input, &list) || len(list.Todos) == 0 {
		return nil, false
	}
	items := make([]transcript.Item, len(list.Todos))
	for i, todo := range list.Todos {
		items[i] = transcript.Item{Text: todo.Content, Status: todo.Status}
		if todo.Status == "in_progress" && todo.ActiveForm != "" {
			items[i].Text = todo.ActiveForm
		}
	}
	return items, true
}

func (a *agent) readUser(m *message) {
	if m.Message == nil {
		return
	}
	for _, b := range blocks(m.Message.Content) {
		switch b.Type {
		case "tool_result":
			a.readToolResult(m, b)
		case "text":
			if strings.TrimSpace(b.Text) != "" {
				a.say.Say(execution.Debug, b.Text, transcript.Data{Kind: transcript.User, Parent: m.Parent})
			}
		}
	}
}

func (a *agent) readToolResult(m *message, b block) {
	name := a.tools[b.ToolUseID]
	delete(a.tools, b.ToolUseID)
	if a.todos[b.ToolUseID] && !b.IsError {
		delete(a.todos, b.ToolUseID) // that the list was set says nothing new
		return
	}
	level := execution.Info
	if b.IsError {
		level = execution.Warn
	}
	a.say.Say(level, plainText(b.Content), transcript.Data{Kind: transcript.ToolResult, Parent: m.Parent, ID: b.ToolUseID, Name: name,
		IsError: &b.IsError, Content: withoutBytes(b.Content)})
}

// readPartial drops a part of a block: the whole follows.
func (a *agent) readPartial(*message) { a.say.Drop() }

func (a *agent) readQuiet(*message) {}

func (a *agent) readReset(*message) {
	a.cost.reset()
	a.say.Say(execution.Info, "the conversation begins anew", transcript.Data{Kind: transcript.Session, Status: "reset"})
}

func (a *agent) readRetry(m *message) {
	text := fmt.Sprintf("the request to the model failed%s; try %d", because(m), m.Attempt)
	if m.MaxRetries > 0 {
		text += fmt.Sprintf(" of %d", m.MaxRetries)
	}
	delay := time.Duration(m.RetryDelay) * time.Millisecond
	if delay >= time.Minute {
		text += ", waiting until " + clock(time.Now().Add(delay))
	} else if delay > 0 {
		text += " in " + delay.Round(100*time.Millisecond).String()
	}
	a.say.Say(execution.Warn, text, transcript.Data{Kind: transcript.Retry, Attempt: m.Attempt, MaxAttempts: m.MaxRetries, DelayMs: int64(m.RetryDelay)})
	a.silence.Excuse(delay)
}

func because(m *message) string {
	status, text := strings.Trim(string(m.ErrorStatus), `"`), errorText(m.Error)
	if status == "null" {
		status = ""
	}
	if text == "null" {
		text = ""
	}
	switch {
	case status != "" && text != "":
		return " (" + status + ", " + transcript.Line(text) + ")"
	case status+text != "":
		return " (" + transcript.Line(status+text) + ")"
	}
	return ""
}

func (a *agent) readLimit(m *message) {
	if m.RateLimit == nil {
		return
	}
	w := m.RateLimit.window()
	a.limit.set(w)
	level, text := w.words()
	a.say.Say(level, text, transcript.Data{Kind: transcript.Limit, Status: w.status, Window: w.kind, ResetsAt: w.resets(), Utilization: w.used})
	if w.status == "rejected" && !w.resetsAt.IsZero() {
		a.silence.Excuse(time.Until(w.resetsAt))
	}
}

func (a *agent) readCompact(m *message) {
	text := "the conversation was compacted"
	if c := m.CompactMetadata; c != nil {
		if c.PreTokens > 0 {
			text += fmt.Sprintf(" from %d tokens", c.PreTokens)
		}
		if c.Trigger == "auto" {
			text += ", because its context was full"
		}
	}
	a.say.Say(execution.Info, text, transcript.Data{Kind: transcript.Notice, Status: "compacted"})
}

func (a *agent) readTask(m *message) {
	status := m.Status
	if m.Patch != nil && m.Patch.Status != "" {
		status = m.Patch.Status
	}
	switch m.Subtype {
	case "task_started":
		status = "started"
		a.background[m.TaskID] = true
	case "task_notification":
		if status == "" {
			status = "completed"
		}
	}
	switch status {
	case "completed", "failed", "stopped", "killed", "cancelled", "canceled":
		delete(a.background, m.TaskID)
	}
	text := firstOf(m.Summary, m.Description, m.TaskType, "task "+m.TaskID)
	switch {
	case status == "started":
		text = "began: " + text
	case m.Subtype == "task_progress":
		if m.TaskTools != "" {
			text += " (" + m.TaskTools + ")"
		}
	case status != "":
		text = status + ": " + text
	}
	level := execution.Info
	if status == "failed" {
		level = execution.Warn
	} else if m.Subtype == "task_progress" || m.Subtype == "task_updated" {
		level = execution.Debug
	}
	a.say.Say(level, "subagent "+text, transcript.Data{Kind: transcript.Subagent, Parent: firstOf(m.ToolUseID, m.Parent), ID: m.TaskID, Name: m.TaskType, Status: status})
	a.settleInput()
}

// readBackground replaces the set of tasks that go on after the turn.
func (a *agent) readBackground(m *message) {
	a.background = map[string]bool{}
	for i, raw := range m.Tasks {
		var task struct {
			ID     string `json:"task_id"`
			Other  string `json:"id"`
			Status string `json:"status"`
		}
		readJSON(raw, &task)
		switch task.Status {
		case "completed", "failed", "stopped", "killed":
			continue
		}
		a.background[firstOf(task.ID, task.Other, fmt.Sprintf("task %d", i))] = true
	}
	a.settleInput()
}

func (a *agent) readState(m *message) {
	switch m.State {
	case "idle":
		a.ending.turn = false
		a.settleInput()
	case "":
	default:
		a.ending.turn = true
		a.stopExit()
	}
}

func (a *agent) readNotice(m *message) {
	text := firstOf(m.Text, plainText(m.Content), m.Reason, m.Status, m.State)
	level := execution.Info
	switch m.Subtype {
	case "permission_denied":
		level = execution.Warn
		text = strings.TrimSpace("permission denied: " + firstOf(m.ToolName, "a tool") + " " + text)
	case "session_writes_lost":
		level = execution.Warn
		text = firstOf(text, "the CLI could not save parts of the session: it may not be possible to continue it")
	}
	if text == "" {
		return // kept as raw
	}
	a.say.Say(level, text, transcript.Data{Kind: transcript.Notice, Status: m.Subtype})
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
