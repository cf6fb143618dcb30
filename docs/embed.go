// Package docs holds the project's documentation, for the server to show.
package docs

import "embed"

// Files are the pages, in Markdown, under their paths in this directory.
//
//go:embed *.md decisions/*.md observability/*.md
var Files embed.FS
