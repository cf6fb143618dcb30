package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/claudeops/claudeops/internal/trust/secrets/source"
)

// EnvFrom says where values of variables come from. The values themselves are in no file: the server
// fetches them when it starts the runner, and hands them over on its standard input.
type EnvFrom map[string]source.Value

// maxFetched bounds what a runner reads of them.
const maxFetched = 8 << 20

// ReadEnvFrom gives that part of the spec in an execution's directory alone; most have none.
func ReadEnvFrom(dir string) (EnvFrom, error) {
	b, err := os.ReadFile(filepath.Join(dir, SpecFile))
	if err != nil || !bytes.Contains(b, []byte(`"envFrom"`)) {
		return nil, err
	}
	var spec struct {
		EnvFrom EnvFrom `json:"envFrom"`
	}
	if err := json.Unmarshal(b, &spec); err != nil {
		return nil, fmt.Errorf("read %s: %w", SpecFile, err)
	}
	return spec.EnvFrom, nil
}

// TakeFetched reads the values of a spec's EnvFrom that Spawn was given, from the runner's standard input.
func TakeFetched(from EnvFrom, stdin io.Reader) (map[string]string, error) {
	if len(from) == 0 {
		return nil, nil
	}
	b, err := io.ReadAll(io.LimitReader(stdin, maxFetched))
	if err != nil {
		return nil, fmt.Errorf("read the values of secrets: %w", err)
	}
	var values map[string]string
	if json.Unmarshal(b, &values) != nil { // its error could hold a value
		return nil, errors.New("read the values of secrets: what was given is no JSON object")
	}
	for name := range from {
		if _, ok := values[name]; !ok {
			return nil, fmt.Errorf("the value of %s was not given", name)
		}
	}
	return values, nil
}
