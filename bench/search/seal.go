package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/claudeops/claudeops/internal/record/journal"
)

// seal seals the journal, says what that costs and saves, and how fast one reader reads it from its
// beginning to its end before and after, in pieces of the size that readers who lag are given.
func seal(store *journal.Files, id string) error {
	plain, err := replay(store, id)
	if err != nil {
		return err
	}
	runtime.GC()
	began, used := time.Now(), cpuTime()
	s, err := store.Seal(context.Background(), id)
	if err != nil {
		return err
	}
	took, cpu := time.Since(began), cpuTime()-used
	fmt.Printf("sealed: %d MB became %d MB, %.1f times smaller, in %.1f s with %.1f s of CPU: %.0f MB/s\n",
		s.Plain/1e6, s.Stored/1e6, float64(s.Plain)/float64(s.Stored), took.Seconds(), cpu.Seconds(), float64(s.Plain)/1e6/took.Seconds())
	sealed, err := replay(store, id)
	if err != nil {
		return err
	}
	fmt.Printf("one reader, MB/s of CPU time (of the clock): plain %s, sealed %s\n\n", plain, sealed)
	return nil
}

// replay reads a journal with several sizes of buffer.
func replay(store *journal.Files, id string) (string, error) {
	text := ""
	for _, size := range []int{64 << 10, 256 << 10, 1 << 20} {
		r, err := store.Open(id)
		if err != nil {
			return "", err
		}
		began, used := time.Now(), cpuTime()
		buf := make([]byte, size)
		at, bytes := journal.Position{}, 0
		for {
			n, next, gap, err := r.Read(at, journal.Position{}, buf)
			if err == nil && gap != nil {
				err = fmt.Errorf("gap %+v", *gap)
			}
			if err != nil {
				return "", errors.Join(err, r.Close())
			}
			if n == 0 {
				break
			}
			at, bytes = next, bytes+n
		}
		took, cpu := time.Since(began), cpuTime()-used
		if err := r.Close(); err != nil {
			return "", err
		}
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("%.0f (%.0f) by %d KiB", float64(bytes)/1e6/cpu.Seconds(), float64(bytes)/1e6/took.Seconds(), size>>10)
	}
	return text, nil
}
