// Command claudeops runs agents, shows every line they write, and stops them for certain. See
// claudeops help.
package main

import (
	"os"
	_ "time/tzdata" // days of every time zone, also where the system knows none
)

func main() { os.Exit(start(os.Args[1:])) }
