// Command play is a stand-in for coding agents' programs: see package standin.
package main

import (
	"os"

	"github.com/claudeops/claudeops/internal/testagent/standin"
)

func main() { os.Exit(standin.Main()) }
