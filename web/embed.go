// Package web holds the built dashboard inside the program. It compiles without it, so that nothing
// but Go is needed to build and test the server.
package web

import (
	"embed"
	"io/fs"
)

// The pattern names the directory that the build makes and a file that is always there, because a
// pattern that matches nothing does not compile.
//
//go:embed all:dashboard/dist*
var files embed.FS

// Dashboard gives the built dashboard, index.html at its top. Nil when it was not built.
func Dashboard() fs.FS {
	dist, err := fs.Sub(files, "dashboard/dist")
	if err != nil {
		return nil
	}
	if _, err := fs.Stat(dist, "index.html"); err != nil {
		return nil
	}
	return dist
}
