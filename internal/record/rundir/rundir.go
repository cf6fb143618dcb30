// Package rundir owns the directory of one execution, DATA/executions/<id>: the paths and names of
// all files in it, whose each is, which of them are the truth, which belong to a backup, and what
// stays when log lines are removed. It reads and writes the small files that say what no event does:
// claims, pins and notes of removal. It knows nothing of what the others hold.
package rundir

import (
	"path/filepath"

	"github.com/claudeops/claudeops/internal/record/datadir"
	"github.com/claudeops/claudeops/protocol"
)

// ExecutionsDir and ActiveDir are directories of a data directory: the first holds one directory for
// each execution, the second an empty file for each that has not ended.
const (
	ExecutionsDir = datadir.ExecutionsDir
	ActiveDir     = datadir.ActiveDir
)

// The names in an execution's directory.
const (
	JournalFile     = "events.ndjson"
	SealedFile      = "events.zst"
	SealingFile     = "events.zst.tmp"
	BlockIndexFile  = "events.idx"
	LockFile        = "lock"
	ClaimFile       = "claim.json"
	PinFile         = "pin.json"
	LogsRemovedFile = "logs-removed.json"
	SpecFile        = "spec.json"
	SpawnedFile     = "spawned.json"
	CancelFile      = "cancel.json"
	CallerFile      = "caller.json"
	SocketFile      = "runner.sock"
	RunnerLogFile   = "runner.log"
	TraceFile       = "processes.ndjson"
	ResultFile      = "result.json"
	Workspace       = "workspace"
)

// Backup says when a file belongs to a backup of its execution.
type Backup int

// When a file is backed up. The zero Backup is never: what a copy has no part in.
const (
	Never      Backup = iota
	Ended             // once the execution has ended
	Unfinished        // until then
	Always
)

// File is what there is to know of one name.
type File struct {
	Name    string
	Owner   string // the package that reads and writes it
	Holds   string
	Truth   bool // it can't be made anew from anything else
	Backup  Backup
	Trimmed bool // removing log lines changes it
	Passing bool // it goes when the execution has ended and the index knows
}

// Files lists all names, but for what the agent itself leaves in the workspace.
var Files = []File{
	{Name: JournalFile, Owner: "journal", Holds: "every event, one a line", Truth: true, Backup: Always, Trimmed: true},
	{Name: SealedFile, Owner: "journal", Holds: "the same, compressed, once the execution has ended", Truth: true, Backup: Ended, Trimmed: true},
	{Name: SealingFile, Owner: "journal", Holds: "a sealed journal that is being made"},
	{Name: BlockIndexFile, Owner: "journal", Holds: "where blocks of events begin, with checksums", Backup: Ended, Trimmed: true},
	{Name: LockFile, Owner: "journal", Holds: "the writer's lock"},
	{Name: ClaimFile, Owner: "rundir", Holds: "the idempotency key under which it was started", Truth: true, Backup: Always},
	{Name: PinFile, Owner: "rundir", Holds: "who wants it to be kept", Truth: true, Backup: Always},
	{Name: LogsRemovedFile, Owner: "rundir", Holds: "when its log lines were removed", Truth: true, Backup: Ended},
	{Name: SpecFile, Owner: "control", Holds: "what its runner is to do, secrets included", Truth: true, Passing: true},
	{Name: SpawnedFile, Owner: "supervisor", Holds: "which runner was started, under which boot of the machine", Truth: true, Passing: true},
	{Name: CancelFile, Owner: "supervisor", Holds: "who asked for an end that is not there yet", Truth: true, Backup: Unfinished, Passing: true},
	{Name: CallerFile, Owner: "supervisor", Holds: "with whose absence it ends", Truth: true, Passing: true},
	{Name: SocketFile, Owner: "control", Holds: "where its runner can be reached", Passing: true},
	{Name: RunnerLogFile, Owner: "control", Holds: "what its runner says of itself", Backup: Ended},
	{Name: TraceFile, Owner: "process", Holds: "the agent's processes that its runner has seen", Passing: true},
	{Name: ResultFile, Owner: "runner", Holds: "the result that the agent writes", Passing: true},
	{Name: Workspace, Owner: "runner", Holds: "the agent's scratch directory", Passing: true},
}

// Find gives what there is to know of a name; false for one that is nobody's.
func Find(name string) (File, bool) {
	for _, f := range Files {
		if f.Name == name {
			return f, true
		}
	}
	return File{}, false
}

// BackedUp lists the names that belong to a backup of an execution that has not ended.
func BackedUp() (names []string) {
	for _, f := range Files {
		if f.Backup == Always || f.Backup == Unfinished {
			names = append(names, f.Name)
		}
	}
	return names
}

// Path is the directory of an execution in a data directory. The error says why it can't be an id.
func Path(dataDir, id string) (string, error) {
	if err := protocol.ValidateID(id); err != nil {
		return "", err
	}
	return filepath.Join(dataDir, ExecutionsDir, id), nil
}

// ActivePath is the mark of an execution that has not ended.
func ActivePath(dataDir, id string) string { return filepath.Join(dataDir, ActiveDir, id) }
