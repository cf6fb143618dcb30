package runner

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// defaultPath is where programs are looked for when the agent's environment has no PATH.
const defaultPath = "/usr/local/bin:/usr/bin:/bin"

// findProgram gives the path to execute for argv[0] as execvp would find it with the agent's own
// environment and working directory. The error says what to do.
func findProgram(name string, env []string, workdir string) (string, error) {
	if name == "" {
		return "", errors.New("the command is empty")
	}
	if strings.ContainsRune(name, 0) {
		return "", fmt.Errorf("%q: a program's name can't hold a NUL", name)
	}
	if strings.Contains(name, "/") {
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(workdir, path)
		}
		return path, executable(path)
	}
	search := defaultPath
	for _, kv := range env {
		if v, ok := strings.CutPrefix(kv, "PATH="); ok {
			search = v
		}
	}
	var found error
	for _, dir := range filepath.SplitList(search) {
		if !filepath.IsAbs(dir) {
			continue // what is in the working directory is not meant by a bare name
		}
		path := filepath.Join(dir, name)
		err := executable(path)
		if err == nil {
			return path, nil
		}
		if found == nil && !errors.Is(err, fs.ErrNotExist) {
			found = err
		}
	}
	if found != nil {
		return "", found
	}
	return "", &notFound{fmt.Sprintf("%q is not in the agent's PATH (%s): install it, give its full path, or set PATH in the definition's env", name, search)}
}

// notFound says that a program is nowhere in PATH.
type notFound struct{ text string }

func (e *notFound) Error() string { return e.text }
func (e *notFound) Unwrap() error { return fs.ErrNotExist }

// executable says what is wrong with a file that is to be executed.
func executable(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%s does not exist: %w", path, fs.ErrNotExist)
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a directory, not a program", path)
	case info.Mode()&0o111 == 0:
		return fmt.Errorf("%s is not executable: chmod +x it, or name the interpreter first", path)
	}
	return nil
}

// checkWorkdir says what is wrong with a working directory.
func checkWorkdir(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the working directory %s does not exist: create it, or correct workdir in the definition", dir)
	case err != nil:
		return fmt.Errorf("the working directory can't be used: %w", err)
	case !info.IsDir():
		return fmt.Errorf("the working directory %s is not a directory", dir)
	}
	if err := unix.Access(dir, unix.X_OK); err != nil {
		return fmt.Errorf("the working directory %s may not be entered by this user: change its permissions, or workdir in the definition (%w)", dir, err)
	}
	return nil
}

// explainExec says more than the kernel about why a program could not be executed.
func explainExec(path string, err error) error {
	switch {
	case errors.Is(err, syscall.ETXTBSY):
		return fmt.Errorf("%s is being written by another process: start it when that is done: %w", path, err)
	case errors.Is(err, syscall.ENOENT) && strings.HasSuffix(shebang(path), "\r"):
		return fmt.Errorf("%s has lines that end with CR LF, as Windows writes them, so that its #! line names an interpreter that ends with a carriage return: convert it with dos2unix or sed -i 's/\\r$//' (%w)", path, err)
	case errors.Is(err, syscall.ENOENT):
		if interpreter := interpreterOf(path); interpreter != "" {
			return fmt.Errorf("%s asks for the interpreter %s, which does not exist: %w", path, interpreter, err)
		}
		return fmt.Errorf("%s: its loader or interpreter is missing on this machine: %w", path, err)
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Errorf("%s is neither a program for this machine nor a script with a #! line: %w", path, err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%s may not be executed by this user, or its file system is mounted noexec: %w", path, err)
	case errors.Is(err, syscall.E2BIG):
		return fmt.Errorf("%s: arguments and environment are too long for the kernel: %w", path, err)
	default:
		return fmt.Errorf("%s: %w", path, err)
	}
}

// interpreterOf gives the program that a script's #! line names.
func interpreterOf(path string) string {
	if words := strings.Fields(shebang(path)); len(words) > 0 {
		return words[0]
	}
	return ""
}

// shebang reads a script's #! line, without its #! and its newline; empty when there is none.
func shebang(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	buf := make([]byte, 256)
	n, _ := f.Read(buf)
	line, ok := bytes.CutPrefix(buf[:n], []byte("#!"))
	if !ok {
		return ""
	}
	line, _, _ = bytes.Cut(line, []byte("\n"))
	return string(line)
}
