package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The profiles.
const (
	// ReadOnly reads system programs and libraries, the working directory and what Read names, and writes
	// nothing but its temporary directory and what Write names.
	ReadOnly = "read-only"
	// Workspace is ReadOnly, and writes the working directory and the run's scratch directory.
	Workspace = "workspace"
	// Full reads and writes everything but the data directory.
	Full = "full"
)

// Profiles lists them, the strictest first.
var Profiles = []string{ReadOnly, Workspace, Full}

// Policy is the confinement that a definition asks for.
type Policy struct {
	Profile string   `json:"profile"`
	Read    []string `json:"read,omitempty"`    // absolute paths, beside what the profile allows
	Write   []string `json:"write,omitempty"`   // these may be read, too
	Connect []int    `json:"connect,omitempty"` // TCP ports that may be connected to
	// Required refuses to run where the kernel can't enforce all of it.
	Required    bool  `json:"required,omitempty"`
	OpenFiles   int   `json:"openFiles,omitempty"`   // at a time; 0: as the server's
	MaxFileSize int64 `json:"maxFileSize,omitempty"` // bytes of one file; 0: no limit
}

// Network says what of the network the policy leaves: everything, the TCP ports in Connect, or nothing.
func (p *Policy) Network() string {
	switch {
	case len(p.Connect) > 0:
		return networkPorts
	case p.Profile == Full:
		return networkAll
	}
	return networkNone
}

const (
	networkAll   = "all"
	networkPorts = "ports"
	networkNone  = "none"
)

// Place is where one run takes place.
type Place struct {
	DataDir   string // out of reach but for the run's own directories
	Workspace string // the run's scratch directory
	Temp      string // the run's own TMPDIR
	Result    string // files that the run writes for the server
	Workdir   string
	Home      string
	Path      string // PATH
	Program   string // the file that is executed
}

// Rules are a policy made definite for one run: what the kernel is told.
type Rules struct {
	Read        []string `json:"read"`  // files and directories
	Write       []string `json:"write"` // the same, readable too
	List        []string `json:"list,omitempty"`
	Network     string   `json:"network"`
	Connect     []int    `json:"connect,omitempty"`
	OpenFiles   int      `json:"openFiles,omitempty"`
	MaxFileSize int64    `json:"maxFileSize,omitempty"`
	ABI         int      `json:"abi"`     // of Landlock, as far as it is to be used
	Failure     string   `json:"failure"` // the file in which is written why the agent could not be started
}

// system is what every profile may read and execute.
var system = []string{
	"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/run/current-system", "/gnu/store",
	"/proc", "/sys/devices/system", "/sys/fs/cgroup", "/sys/kernel/mm",
	"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/ptmx", "/dev/pts",
	"/System", "/Library",
}

// systemSettings are files of /etc that programs need and that hold no secrets.
var systemSettings = []string{
	"ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ld.so.preload", "passwd", "group", "nsswitch.conf", "hosts", "host.conf", "hostname", "resolv.conf", "gai.conf",
	"services", "protocols", "networks", "localtime", "timezone", "locale.conf", "locale.alias", "default/locale", "alternatives", "os-release", "debian_version", "lsb-release",
	"gitconfig", "npmrc", "profile", "profile.d", "bash.bashrc", "inputrc", "terminfo", "mime.types", "magic", "python3", "python3.11", "python3.12", "python3.13", "perl", "java", "machine-id",
	"ssl/certs", "ssl/openssl.cnf", "ssl/cert.pem", "pki/tls/certs", "pki/ca-trust", "ca-certificates", "crypto-policies",
}

// devices are what every profile may write.
var devices = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/ptmx", "/dev/pts"}

// settings are files below the home directory that git needs; they may name credential helpers, but
// hold no credentials.
var settings = []string{".gitconfig", ".config/git/config", ".config/git/ignore", ".config/git/attributes"}

// own is what well-known programs keep below the home directory, and can't work without.
var own = map[string]struct{ read, write []string }{
	"claude":   {write: []string{".claude", ".claude.json"}},
	"codex":    {write: []string{".codex"}},
	"opencode": {write: []string{".local/share/opencode", ".local/state/opencode", ".config/opencode", ".cache/opencode"}},
	"gh":       {read: []string{".config/gh"}},
}

// Rules makes the policy definite.
func (p *Policy) Rules(place Place) Rules {
	r := Rules{ABI: Supported().ABI, Network: p.Network(), Connect: p.Connect, OpenFiles: p.OpenFiles, MaxFileSize: p.MaxFileSize}
	if p.Profile == Full {
		r.Write, r.List = around(place.DataDir)
	} else {
		r.Read = append(r.Read, system...)
		for _, name := range systemSettings {
			r.Read = append(r.Read, filepath.Join("/etc", name))
		}
		r.Write = append(r.Write, devices...)
	}
	r.addPrograms(place)
	if place.Home != "" && p.Profile != Full {
		for _, name := range settings {
			r.Read = append(r.Read, filepath.Join(place.Home, name))
		}
		needs := own[filepath.Base(place.Program)]
		for _, name := range needs.read {
			r.Read = append(r.Read, filepath.Join(place.Home, name))
		}
		for _, name := range needs.write {
			r.Write = append(r.Write, filepath.Join(place.Home, name))
		}
	}
	r.Write = append(r.Write, place.Temp, place.Result)
	if p.Profile == ReadOnly {
		r.Read = append(r.Read, place.Workspace, place.Workdir)
	} else {
		r.Write = append(append(r.Write, place.Workspace, place.Workdir), worktree(place.Workdir)...)
	}
	r.Read = append(append(r.Read, repository(place.Workdir)...), expand(p.Read, place.Home)...)
	r.Write = append(r.Write, expand(p.Write, place.Home)...)
	r.Read, r.Write = tidy(r.Read, place), tidy(r.Write, place)
	return r
}

// addPrograms lets the agent execute what is in its PATH. A directory there that is not the system's is
// readable, and so is what the links in it lead to, such as a program's package.
func (r *Rules) addPrograms(place Place) {
	r.Read = append(r.Read, place.Program)
	if real, err := filepath.EvalSymlinks(place.Program); err == nil {
		r.Read = append(r.Read, real)
	}
	for _, dir := range filepath.SplitList(place.Path) {
		if filepath.IsAbs(dir) && filepath.Clean(dir) != place.Home && filepath.Clean(dir) != "/" {
			r.Read = append(r.Read, dir)
		}
	}
}

// repository is what must be readable of the repository that a linked worktree belongs to.
func repository(workdir string) []string {
	if dir := gitDir(workdir); dir != "" {
		return []string{dir, commonDir(dir)}
	}
	return nil
}

// worktree is what git writes outside a linked worktree: its index and lock, objects and refs. Hooks and
// configuration of the repository are not part of it, because others execute them later.
func worktree(workdir string) []string {
	dir := gitDir(workdir)
	if dir == "" {
		return nil
	}
	places := []string{dir}
	for _, name := range []string{"objects", "refs", "logs"} {
		places = append(places, filepath.Join(commonDir(dir), name))
	}
	return places
}

// gitDir is the directory that the .git file of a linked worktree names, "" when there is none.
func gitDir(workdir string) string {
	b, err := os.ReadFile(filepath.Join(workdir, ".git"))
	if err != nil {
		return ""
	}
	dir, ok := strings.CutPrefix(strings.TrimSpace(string(b)), "gitdir: ")
	if !ok {
		return ""
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(workdir, dir)
	}
	// The file is the agent's to write; only what git itself lays out like that is believed.
	back, err := os.ReadFile(filepath.Join(dir, "gitdir"))
	if err != nil || filepath.Clean(strings.TrimSpace(string(back))) != filepath.Join(workdir, ".git") {
		return ""
	}
	return filepath.Clean(dir)
}

func commonDir(gitDir string) string {
	b, err := os.ReadFile(filepath.Join(gitDir, "commondir"))
	if err != nil {
		return gitDir
	}
	dir := strings.TrimSpace(string(b))
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(gitDir, dir)
	}
	return filepath.Clean(dir)
}

// around is everything but one directory: what stands beside it and beside each directory above it, as
// it is now. The directories above can be listed, which shows names and nothing else.
func around(dir string) (all, list []string) {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	for at := filepath.Clean(dir); at != "/"; at = filepath.Dir(at) {
		parent := filepath.Dir(at)
		list = append(list, parent)
		entries, err := os.ReadDir(parent)
		if err != nil {
			continue
		}
		for _, entry := range entries {
			// A link leads to what is allowed or not by itself.
			if path := filepath.Join(parent, entry.Name()); path != at && entry.Type()&os.ModeSymlink == 0 {
				all = append(all, path)
			}
		}
	}
	return all, list
}

// expand puts the home directory in place of ~.
func expand(paths []string, home string) []string {
	out := make([]string, 0, len(paths))
	for _, path := range paths {
		switch rest, ok := strings.CutPrefix(path, "~/"); {
		case path == "~":
			path = home
		case ok:
			path = filepath.Join(home, rest)
		}
		out = append(out, path)
	}
	return out
}

// tidy sorts paths, and leaves out what would open the data directory: it, what is above it, and what is
// in it but for the run's own.
func tidy(paths []string, place Place) []string {
	var out []string
	for _, path := range paths {
		if !filepath.IsAbs(path) {
			continue
		}
		path = filepath.Clean(path)
		if !slices.Contains([]string{place.Workspace, place.Temp, place.Result}, path) && Touches(path, place.DataDir) {
			continue
		}
		out = append(out, path)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Touches reports whether a path is the data directory, lies in it or above it, by whatever name.
func Touches(path, dataDir string) bool {
	if dataDir == "" {
		return false
	}
	for _, path := range []string{path, resolved(path)} {
		for _, dir := range []string{dataDir, resolved(dataDir)} {
			if within(path, dir) || within(dir, path) {
				return true
			}
		}
	}
	return false
}

func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return filepath.Clean(path)
}

// within reports whether path is dir or below it.
func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// Check says what is wrong with a path or port of a policy, or nil.
func (p *Policy) Check(dataDir, home string) error {
	for _, path := range expand(append(append([]string{}, p.Read...), p.Write...), home) {
		if !filepath.IsAbs(path) {
			return fmt.Errorf("sandbox: %s is no absolute path, like /srv, nor one below ~/", path)
		}
		if Touches(path, dataDir) {
			return fmt.Errorf("sandbox: %s would open the data directory %s, which is out of reach of every sandboxed agent: name something narrower", path, dataDir)
		}
	}
	return nil
}

// Missing lists what of a policy this kernel can't enforce, for people.
func (p *Policy) Missing(s Support) []string {
	var missing []string
	if s.ABI < abiPaths {
		return append(missing, "paths and TCP ports are not restricted: "+s.Err.Error())
	}
	if s.ABI < abiTruncate {
		missing = append(missing, fmt.Sprintf("files that may be read can be truncated (Landlock %d; 3 is needed, Linux 6.2)", s.ABI))
	}
	if p.Network() == networkPorts {
		if s.ABI < abiTCP {
			missing = append(missing, fmt.Sprintf("TCP ports are not restricted (Landlock %d; 4 is needed, Linux 6.7)", s.ABI))
		}
	}
	if s.ABI < abiScope {
		missing = append(missing, fmt.Sprintf("signals to other processes of this user are not restricted (Landlock %d; 6 is needed, Linux 6.12)", s.ABI))
	}
	return missing
}

// May reports whether the rules let a path be read, or written.
func (r *Rules) May(path string, write bool) bool {
	lists := [][]string{r.Write}
	if !write {
		lists = append(lists, r.Read)
	}
	for _, list := range lists {
		for _, allowed := range list {
			if within(path, allowed) || within(resolved(path), resolved(allowed)) {
				return true
			}
		}
	}
	return false
}
