package backup

import (
	"context"
	"io"
	"syscall"
)

// TakeWithRoom is Take on a disk that has room for so many bytes.
func TakeWithRoom(ctx context.Context, options Options, room int64) (Taken, error) {
	t := &taker{Options: options, copier: newCopier()}
	open := t.open
	t.open = func(path string) (output, error) {
		f, err := open(path)
		if err != nil {
			return nil, err
		}
		return &full{f, &room}, nil
	}
	return t.run(ctx)
}

// TakeWatched is Take that calls look with the number of each piece that it has copied.
func TakeWatched(ctx context.Context, options Options, look func(n int)) (Taken, error) {
	t := &taker{Options: options, copier: newCopier()}
	open, n := t.open, 0
	t.open = func(path string) (output, error) {
		look(n)
		n++
		return open(path)
	}
	return t.run(ctx)
}

type full struct {
	output
	room *int64
}

func (f *full) WriteAt(b []byte, at int64) (int, error) {
	if *f.room < int64(len(b)) {
		n := *f.room
		*f.room = 0
		got, err := f.output.WriteAt(b[:n], at)
		if err == nil {
			err = syscall.ENOSPC
		}
		return got, err
	}
	*f.room -= int64(len(b))
	return f.output.WriteAt(b, at)
}

// Decode is for the fuzz test.
func Decode(r io.Reader) (*Manifest, error) { return decode(r) }
