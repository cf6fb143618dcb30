// Package source says where a secret value comes from. It is apart from the store so that runners, which
// only pass it on, do without the store's cryptography.
package source

import "strings"

// Value is where a value comes from: exactly one of its fields is set.
type Value struct {
	Secret  string   `json:"secret,omitempty"`  // the name of one in the store
	File    string   `json:"file,omitempty"`    // its content
	Command []string `json:"command,omitempty"` // what it prints, such as a password manager
}

// ValidName reports whether name can be a secret's name.
func ValidName(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
	return name != "" && len(name) <= 100 && strings.Trim(name, letters) == "" && !strings.HasPrefix(name, ".") && !strings.HasPrefix(name, "-")
}
