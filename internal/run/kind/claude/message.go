package claude

import (
	"encoding/json"
	"errors"
	"strings"
)

// message is one line of the stream. Of each type only some fields are used; the rest stays in the
// line, which is kept as it is.
type message struct {
	Type      string `json:"type"`
	Subtype   string `json:"subtype"`
	SessionID string `json:"session_id"`
	Parent    string `json:"parent_tool_use_id"`

	// assistant, user
	Message *apiMessage `json:"message"`
	Aborted bool        `json:"aborted"`

	// system/init
	Model          string            `json:"model"`
	CWD            string            `json:"cwd"`
	Tools          []json.RawMessage `json:"tools"`
	PermissionMode string            `json:"permissionMode"`
	APIKeySource   string            `json:"apiKeySource"`
	Version        string            `json:"claude_code_version"`

	// system/api_retry
	Attempt     int             `json:"attempt"`
	MaxRetries  int             `json:"max_retries"`
	RetryDelay  float64         `json:"retry_delay_ms"`
	ErrorStatus json.RawMessage `json:"error_status"`
	Error       json.RawMessage `json:"error"`

	// system/task_…, background_tasks_changed
	TaskID      string            `json:"task_id"`
	ToolUseID   string            `json:"tool_use_id"`
	Description string            `json:"description"`
	TaskType    string            `json:"task_type"`
	Status      string            `json:"status"`
	Summary     string            `json:"summary"`
	TaskTools   string            `json:"last_tool_name"`
	Tasks       []json.RawMessage `json:"tasks"`
	Patch       *struct {
		Status string `json:"status"`
	} `json:"patch"`

	// tool_progress
	ToolName string  `json:"tool_name"`
	Elapsed  float64 `json:"elapsed_time_seconds"`

	// system/status, session_state_changed, informational, permission_denied …
	State           string          `json:"state"`
	Content         json.RawMessage `json:"content"`
	Text            string          `json:"text"`
	Reason          string          `json:"reason"`
	CompactMetadata *struct {
		Trigger   string `json:"trigger"`
		PreTokens int64  `json:"pre_tokens"`
	} `json:"compact_metadata"`

	RateLimit *rateLimit `json:"rate_limit_info"`

	// control_request, control_response, control_cancel_request
	RequestID string          `json:"request_id"`
	Request   *controlRequest `json:"request"`

	result
}

type apiMessage struct {
	ID         string          `json:"id"`
	Model      string          `json:"model"`
	Content    json.RawMessage `json:"content"` // a text or blocks
	Usage      *usage          `json:"usage"`
	StopReason string          `json:"stop_reason"`
}

type block struct {
	Type      string          `json:"type"`
	Text      string          `json:"text"`
	Thinking  string          `json:"thinking"`
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Input     json.RawMessage `json:"input"`
	ToolUseID string          `json:"tool_use_id"`
	IsError   bool            `json:"is_error"`
	Content   json.RawMessage `json:"content"`
}

// blocks reads the content of a message.
func blocks(content json.RawMessage) []block {
	var text string
	if json.Unmarshal(content, &text) == nil {
		return []block{{Type: "text", Text: text}}
	}
	var raw []json.RawMessage
	if json.Unmarshal(content, &raw) != nil {
		return nil
	}
	list := make([]block, 0, len(raw))
	for _, one := range raw {
		var b block
		if readJSON(one, &b) {
			list = append(list, b)
		}
	}
	return list
}

type controlRequest struct {
	Subtype   string          `json:"subtype"`
	ToolName  string          `json:"tool_name"`
	Input     json.RawMessage `json:"input"`
	ToolUseID string          `json:"tool_use_id"`
	Title     string          `json:"title"`
}

// result is what a turn ends with.
type result struct {
	IsError           bool                  `json:"is_error"`
	TerminalReason    string                `json:"terminal_reason"`
	APIErrorStatus    json.RawMessage       `json:"api_error_status"`
	Result            json.RawMessage       `json:"result"` // a text, or null
	StructuredOutput  json.RawMessage       `json:"structured_output"`
	Errors            []json.RawMessage     `json:"errors"`
	TotalCostUSD      *float64              `json:"total_cost_usd"`
	ModelUsage        map[string]modelUsage `json:"modelUsage"`
	NumTurns          int                   `json:"num_turns"`
	QueuedTurns       int                   `json:"queued_turn_count"`
	ResultIndex       *int                  `json:"result_index"`
	StopReason        string                `json:"stop_reason"`
	StartupFailure    string                `json:"startup_failure_reason"`
	PermissionDenials []struct {
		ToolName string `json:"tool_name"`
	} `json:"permission_denials"`
}

type usage struct {
	Input      int64 `json:"input_tokens"`
	Output     int64 `json:"output_tokens"`
	CacheRead  int64 `json:"cache_read_input_tokens"`
	CacheWrite int64 `json:"cache_creation_input_tokens"`
	Creation   struct {
		Hour int64 `json:"ephemeral_1h_input_tokens"`
	} `json:"cache_creation"`
	Server struct {
		Searches int64 `json:"web_search_requests"`
	} `json:"server_tool_use"`
}

type modelUsage struct {
	Input         int64   `json:"inputTokens"`
	Output        int64   `json:"outputTokens"`
	CacheRead     int64   `json:"cacheReadInputTokens"`
	CacheWrite    int64   `json:"cacheCreationInputTokens"`
	CostUSD       float64 `json:"costUSD"`
	ContextWindow int64   `json:"contextWindow"`
	CostBasis     string  `json:"costBasis"`
}

// readJSON reads into v what it can: a field of an unexpected type is left out, the others are read. It
// is false for what is no JSON object at all.
func readJSON(raw []byte, v any) bool {
	err := json.Unmarshal(raw, v)
	var wrong *json.UnmarshalTypeError
	return err == nil || errors.As(err, &wrong) && wrong.Field != ""
}

// plainText gives a text, or the texts of a list of blocks.
func plainText(content json.RawMessage) string {
	var parts []string
	for _, b := range blocks(content) {
		switch {
		case b.Text != "":
			parts = append(parts, b.Text)
		case b.Type == "image":
			parts = append(parts, "(an image)")
		}
	}
	return strings.Join(parts, "\n")
}

// withoutBytes gives a tool's result without the bytes of images, which are kept in the line itself.
func withoutBytes(content json.RawMessage) json.RawMessage {
	var list []map[string]any
	if json.Unmarshal(content, &list) != nil {
		return content
	}
	changed := false
	for _, one := range list {
		source, ok := one["source"].(map[string]any)
		if !ok {
			continue
		}
		if data, ok := source["data"].(string); ok {
			delete(source, "data")
			source["bytes"] = len(data) / 4 * 3
			changed = true
		}
	}
	if !changed {
		return content
	}
	b, err := json.Marshal(list)
	if err != nil {
		return content
	}
	return b
}
