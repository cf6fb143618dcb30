// Command gen writes what is derived from package protocol: the TypeScript types and field tables
// of web/packages/client, the AsyncAPI document and the tables in docs/protocol.md. It reads the
// specs, the structs (by reflection) and their comments (from source); it invents nothing, and never
// writes a file whose content would be the same.
//
// Run it with `go generate ./protocol`. A test fails while any of its files is stale.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run() error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	files, err := generate(root)
	if err != nil {
		return err
	}
	for _, f := range files {
		path := filepath.Join(root, f.path)
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, f.content) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, f.content, 0o644); err != nil {
			return err
		}
		fmt.Println("wrote", f.path)
	}
	return nil
}

// file is one generated file; path is relative to the module's root.
type file struct {
	path    string
	content []byte
}

func generate(root string) ([]file, error) {
	m, err := newModel(root)
	if err != nil {
		return nil, err
	}
	reference, err := referenceDocument(root, m)
	if err != nil {
		return nil, err
	}
	return []file{
		{typescriptPath, typescript(m)},
		{asyncapiPath, asyncapi(m)},
		{referencePath, reference},
	}, nil
}

// moduleRoot is the nearest directory upwards that holds a go.mod.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod here or above: run it inside the repository")
		}
		dir = parent
	}
}
