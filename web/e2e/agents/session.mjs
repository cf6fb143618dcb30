#!/usr/bin/env node
// Plays a session of Claude Code: what its program writes with --output-format stream-json.
if (process.argv.includes("--version")) {
  process.stdout.write("2.1.300 (Claude Code)\n");
  process.exit(0);
}
const session_id = "5f0c7a52-0000-4000-8000-000000000001";
const say = (message) => process.stdout.write(`${JSON.stringify({ session_id, ...message })}\n`);
let turn = 0;
const assistant = (...content) =>
  say({
    type: "assistant",
    message: { id: `m${++turn}`, role: "assistant", model: "claude-sonnet-5", content },
  });
const result = (tool_use_id, content, is_error = false) =>
  say({
    type: "user",
    message: { role: "user", content: [{ type: "tool_result", tool_use_id, content, is_error }] },
  });
say({
  type: "system",
  subtype: "init",
  model: "claude-sonnet-5",
  tools: ["Bash", "Edit"],
  permissionMode: "default",
});
assistant(
  { type: "thinking", thinking: "First the tests." },
  { type: "text", text: "I run the **tests** first." },
);
assistant({ type: "tool_use", id: "t1", name: "Bash", input: { command: "go test ./..." } });
result("t1", "Exit code 1\nFAIL total_test.go", true);
const edit = { file_path: "/srv/total.go", old_string: "i := 1", new_string: "i := 0" };
assistant({ type: "tool_use", id: "t2", name: "Edit", input: edit });
result("t2", "The file has been updated.");
assistant({ type: "text", text: "The loop is corrected." });
say({
  type: "result",
  subtype: "success",
  is_error: false,
  result: "The loop is corrected.",
  num_turns: 4,
  total_cost_usd: 0.01,
  usage: { input_tokens: 10, output_tokens: 5 },
});
