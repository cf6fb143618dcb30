package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
)

// constant is a named value with its trailing comment.
type constant struct {
	name  string // in Go
	value string
	doc   string
}

type structDoc struct {
	doc    string
	fields map[string]string // by Go name
}

type enumDoc struct {
	doc    string
	values []constant
}

// source is what only the Go source tells: comments, and constants by type.
type source struct {
	structs     map[string]structDoc
	enums       map[string]enumDoc // by Go type
	permissions enum
	closings    []constant
}

// readSource parses package protocol.
func readSource(root string) (*source, error) {
	s := &source{structs: map[string]structDoc{}, enums: map[string]enumDoc{}}
	s.permissions = enum{name: "Permission", doc: "What a credential may do; admin implies the others."}
	paths, err := filepath.Glob(filepath.Join(root, "protocol", "*.go"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		for _, d := range parsed.Decls {
			if g, ok := d.(*ast.GenDecl); ok {
				if err := s.read(g); err != nil {
					return nil, fmt.Errorf("%s: %w", path, err)
				}
			}
		}
	}
	return s, nil
}

func (s *source) read(decl *ast.GenDecl) error {
	for _, spec := range decl.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			doc := sentence(decl.Doc.Text(), spec.Name.Name)
			switch t := spec.Type.(type) {
			case *ast.StructType:
				fields := map[string]string{}
				for _, f := range t.Fields.List {
					for _, name := range f.Names {
						fields[name.Name] = oneLine(f.Comment.Text())
					}
				}
				s.structs[spec.Name.Name] = structDoc{doc, fields}
			case *ast.Ident:
				e := s.enums[spec.Name.Name]
				e.doc = doc
				s.enums[spec.Name.Name] = e
			}
		case *ast.ValueSpec:
			if decl.Tok != token.CONST || len(spec.Names) != 1 || len(spec.Values) != 1 {
				continue
			}
			literal, ok := spec.Values[0].(*ast.BasicLit)
			if !ok {
				continue
			}
			c := constant{name: spec.Names[0].Name, value: literal.Value, doc: oneLine(spec.Comment.Text())}
			if literal.Kind == token.STRING {
				text, err := strconv.Unquote(literal.Value)
				if err != nil {
					return err
				}
				c.value = text
			}
			of, _ := spec.Type.(*ast.Ident)
			switch {
			case of != nil:
				e := s.enums[of.Name]
				e.values = append(e.values, c)
				s.enums[of.Name] = e
			case strings.HasPrefix(c.name, "Perm"):
				s.permissions.values = append(s.permissions.values, c)
			case strings.HasPrefix(c.name, "Close"):
				s.closings = append(s.closings, c)
			}
		}
	}
	return nil
}

// sentence makes a Go doc comment read well elsewhere: "Limits tells a client" becomes "Tells a
// client", "Record is the state" becomes "The state".
func sentence(doc, name string) string {
	text := oneLine(doc)
	rest, ok := strings.CutPrefix(text, name+" ")
	if !ok {
		return text
	}
	rest = strings.TrimPrefix(rest, "is ")
	return strings.ToUpper(rest[:1]) + rest[1:]
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
