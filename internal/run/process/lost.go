package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// cleanLooks is how many looks in a row must find nothing before nothing is believed to be left: a
// process can be born behind the place a look has reached, or be between two programs (execve),
// when its environment shows empty for a moment.
const cleanLooks = 3

// refusedWait is how long processes that this user may not kill get to end by themselves, now that
// everything around them is gone, before they are reported as survivors.
const refusedWait = 2 * time.Second

// Lost is an execution whose runner is dead, as far as it is known.
type Lost struct {
	ID     string // of the execution
	Runner ID     // the dead runner; zero: not known
	Seen   []ID   // the processes it had seen, see ReadTrace
}

// Remains is what became of the processes of a lost execution.
type Remains struct {
	Ended     int    // processes that were found alive and ended
	Survivors []Info // processes that live on, or that may belong to the execution and were left alone
}

// KillMarked is EndLost for an execution of which nothing but its id is known. It fails when
// something is left.
func KillMarked(ctx context.Context, id string) (killed int, err error) {
	remains, err := EndLost(ctx, Lost{ID: id})
	if err == nil && len(remains.Survivors) > 0 {
		err = fmt.Errorf("kill the processes of execution %s: %d are left", id, len(remains.Survivors))
	}
	return remains.Ended, err
}

// EndLost kills what is left of an execution whose runner is dead, until nothing is: the processes
// that carry its id in their environment, those that the runner had seen, all in the sessions and
// process groups of these, all that descends from any of them, and what is in the execution's cgroup.
// It does not need to be called by an ancestor, and spares the calling process.
//
// Survivors are the processes that this user may not kill, and the orphans that have come to this
// process (see Adopt) since the runner was started and that nothing attributes to another execution.
func EndLost(ctx context.Context, lost Lost) (Remains, error) {
	if lost.ID == "" {
		return Remains{}, errors.New("kill the processes of an execution: no id given")
	}
	fail := func(err error) error {
		return fmt.Errorf("kill the processes of execution %s: %w", lost.ID, err)
	}
	r := reach{mark: lost.ID, group: FindGroup(lost.ID), seen: lost.Seen}
	ended := make(map[ID]struct{})
	var survivors []Info
	var refusedSince time.Time
	pause := time.Millisecond
	for clean := 0; clean < cleanLooks; {
		found, err := r.kill(ended)
		if found.alive == 0 && err != nil {
			return Remains{Ended: len(ended)}, fail(err)
		}
		switch {
		case found.alive == 0:
			clean++
			pause = time.Millisecond
		case found.alive == len(found.refused):
			clean = 0
			if refusedSince.IsZero() {
				refusedSince = time.Now()
			}
			pause = min(2*pause, 50*time.Millisecond)
			if time.Since(refusedSince) > refusedWait {
				survivors, clean = found.refused, cleanLooks
				continue
			}
		default:
			clean, refusedSince = 0, time.Time{}
			pause = min(2*pause, 50*time.Millisecond)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return Remains{Ended: len(ended)}, fail(fmt.Errorf("at least %d are left: %w", found.alive, errors.Join(context.Cause(ctx), err)))
		}
	}
	if len(survivors) == 0 {
		removeCaps(lost.ID)
		if err := r.group.Remove(); err != nil {
			return Remains{Ended: len(ended)}, fail(err)
		}
	}
	survivors = append(survivors, strayOrphans(lost)...)
	slices.SortFunc(survivors, func(a, b Info) int { return a.PID - b.PID })
	return Remains{Ended: len(ended), Survivors: survivors}, nil
}

// maxCommand is how much of a command line is shown, in bytes.
const maxCommand = 200

// Command shows a process for people: its command line, or its name where it has none.
func (i *Info) Command() string {
	words := i.arguments()
	if len(words) == 0 {
		return i.Name
	}
	text := strings.ToValidUTF8(strings.Join(words, " "), "\uFFFD")
	if len(text) > maxCommand {
		text = text[:maxCommand]
		for !utf8.ValidString(text) {
			text = text[:len(text)-1]
		}
		text += "…"
	}
	return text
}

// ownSession is the calling process's session, 0 where it can't be read.
func ownSession() int {
	self, err := Read(os.Getpid())
	if err != nil {
		return 0
	}
	return self.SID
}
