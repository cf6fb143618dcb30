package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// maxResult is how long a result may be.
const maxResult = 1 << 20

// readResult takes what the agent has left as its result: one JSON value, compact. nil when it has
// left nothing. The error says, for a person, what is wrong with it.
func readResult(path string) (json.RawMessage, error) {
	// The agent chose what is there: no link is followed, no pipe waited for.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err == unix.ELOOP:
		return nil, errors.New("it is a symbolic link; write the file itself")
	case err != nil:
		return nil, fmt.Errorf("it can't be opened: %w", err)
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("it is not a file but %s", info.Mode().Type())
	case info.Size() == 0:
		return nil, nil
	case info.Size() > maxResult:
		return nil, fmt.Errorf("it has %d bytes; %d are allowed. Leave a summary there, and the rest in a file of your own", info.Size(), maxResult)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxResult+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxResult {
		return nil, fmt.Errorf("it has more than the %d bytes that are allowed", maxResult)
	}
	if !utf8.Valid(b) {
		return nil, errors.New("it is not UTF-8")
	}
	var v json.RawMessage
	if err := json.Unmarshal(b, &v); err != nil {
		var at *json.SyntaxError
		if errors.As(err, &at) {
			return nil, fmt.Errorf("it is not valid JSON: %w at byte %d", err, at.Offset)
		}
		return nil, fmt.Errorf("it is not valid JSON: %w", err)
	}
	return v, nil
}
