package retention

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/claudeops/claudeops/internal/record/datadir"
)

// File is the name, in the data directory, of the rules that its last server had: whoever carries
// retention out without a server carries out these, not what it happens to be told.
const File = "retention.json"

type policyJSON struct {
	Server Rules            `json:"server"`
	Agents map[string]Rules `json:"agents,omitempty"`
}

// MarshalJSON writes the server's rules, and those of the agents that have any.
func (p Policy) MarshalJSON() ([]byte, error) { return json.Marshal(policyJSON(p)) }

// UnmarshalJSON reads what MarshalJSON writes.
func (p *Policy) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, (*policyJSON)(p)) }

// WritePolicy puts a policy into a data directory, durably, unless it is there already.
func WritePolicy(dataDir string, p Policy) error {
	text, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode the rules of retention: %w", err)
	}
	text = append(text, '\n')
	path := filepath.Join(dataDir, File)
	if there, err := os.ReadFile(path); err == nil && string(there) == string(text) {
		return nil
	}
	return datadir.WriteFile(path, text)
}

// ReadPolicy gives the policy of a data directory. known is false when no server has left any.
func ReadPolicy(dataDir string) (p Policy, known bool, err error) {
	path := filepath.Join(dataDir, File)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return p, false, nil
	}
	if err != nil {
		return p, false, fmt.Errorf("read the rules of retention: %w", err)
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return p, false, fmt.Errorf("read the rules of retention in %s: %w; start a server to have them written anew", path, err)
	}
	if err := p.Check(); err != nil {
		return p, false, fmt.Errorf("read the rules of retention in %s: %w; start a server to have them written anew", path, err)
	}
	return p, true, nil
}

// Check says which bound makes no sense, and whose it is.
func (p Policy) Check() error {
	if err := p.Server.Check(); err != nil {
		return err
	}
	for name, rules := range p.Agents {
		if err := rules.Check(); err != nil {
			return fmt.Errorf("of agent %s: %w", name, err)
		}
	}
	return nil
}
