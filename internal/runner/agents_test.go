package runner_test

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
)

// agents are programs that behave, and misbehave, in one way each.
var agents = map[string]func(args []string){
	// lines N: numbered lines, and done
	"lines": func(args []string) {
		n, _ := strconv.Atoi(args[0])
		out := bufio.NewWriter(os.Stdout)
		for i := range n {
			fmt.Fprintf(out, "line %d\n", i)
		}
		_ = out.Flush()
	},
}
