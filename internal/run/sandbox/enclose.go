package sandbox

import (
	"encoding/json"
	"fmt"
	"os"
)

// Command is the first argument with which this program confines itself and becomes an agent.
const Command = "enclose"

// exitNotEnclosed is the exit code when that fails; the file that the rules name says why.
const exitNotEnclosed = 126

// Argv is how this program is called to become the agent under rules.
func Argv(executable string, r *Rules, program string, argv []string) ([]string, error) {
	encoded, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	return append([]string{executable, Command, string(encoded), program}, argv...), nil
}

// Main is `claudeops enclose RULES PROGRAM ARGV…`, which a runner starts. It becomes the program, or
// writes why it can't and gives an exit code.
func Main(args []string) int {
	if len(args) < 3 {
		fmt.Fprintln(os.Stderr, "claudeops enclose is started by a runner, with the rules of a sandbox and a program")
		return 2
	}
	var r Rules
	if err := json.Unmarshal([]byte(args[0]), &r); err != nil {
		fmt.Fprintln(os.Stderr, "claudeops enclose:", err)
		return exitNotEnclosed
	}
	failure, err := os.OpenFile(r.Failure, os.O_WRONLY, 0) // once confined it can't be opened
	if err != nil {
		fmt.Fprintln(os.Stderr, "claudeops enclose:", err)
		return exitNotEnclosed
	}
	if err := become(&r, args[1], args[2:]); err != nil {
		_, _ = fmt.Fprint(failure, err)
	}
	return exitNotEnclosed
}
