// Command claudeops runs agents, shows every line they write, and stops them for certain. See
// claudeops help.
package main

import "os"

func main() { os.Exit(start(os.Args[1:])) }
