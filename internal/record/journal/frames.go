package journal

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// maxFrame is the most plain bytes a frame of a sealed journal holds. It bounds what one look into a
// journal costs in time and memory, and what damaged sizes could make a reader allocate.
const maxFrame = 1 << 20

// maxStored is the most a frame can take up on the disk: zstd stores what it can't compress, with a
// few bytes for each 128 KiB.
const maxStored = maxFrame + maxFrame>>7 + 1<<10

// errFrame tells that a frame can't be decoded: it is damaged, or not there.
var errFrame = errors.New("frame is damaged")

// decoders take frames apart, for any number of goroutines at once. They are made when the first
// sealed journal is read: a runner never reads one.
type decoders struct {
	once sync.Once
	err  error
	// checked compares a frame with the checksum in it; quick leaves that to whoever has a better one.
	checked, quick *zstd.Decoder
	// stored holds *[]byte: frames as they are on the disk, while they are decoded.
	stored sync.Pool
}

func (d *decoders) open() error {
	d.once.Do(func() {
		d.stored.New = func() any { return new([]byte) }
		options := []zstd.DOption{
			zstd.WithDecoderConcurrency(max(2, runtime.GOMAXPROCS(0))), zstd.WithDecoderMaxMemory(maxFrame),
			zstd.WithDecoderMaxWindow(maxFrame), zstd.WithDecodeAllCapLimit(true),
		}
		if d.checked, d.err = zstd.NewReader(nil, options...); d.err == nil {
			d.quick, d.err = zstd.NewReader(nil, append(options, zstd.IgnoreChecksum(true))...)
		}
		if d.err != nil {
			d.err = fmt.Errorf("make a decoder for sealed journals: %w", d.err)
		}
	})
	return d.err
}

// maxCached is how many frames are kept decoded, of all journals together; each takes up maxFrame
// bytes. What readers are in the middle of is worth keeping; what is read in whole frames never
// comes here.
const maxCached = 48

// frameKey names a frame: the same file may be open twice, and its frames are then two.
type frameKey struct {
	file  *sealed
	frame int
}

// cachedFrame is a frame that is decoded, or is being decoded by the one who asked first.
type cachedFrame struct {
	key   frameKey
	ready chan struct{} // closed when plain and err are known
	plain []byte
	err   error

	users      int          // who must not have it taken away; guarded by frameCache.mu, as what follows
	newer, old *cachedFrame // in the order of use
	dropped    bool
}

// frameCache keeps decoded frames, the ones used last. It is safe for concurrent use.
type frameCache struct {
	mu     sync.Mutex
	frames map[frameKey]*cachedFrame
	newest *cachedFrame
	oldest *cachedFrame
	free   sync.Pool // *[]byte of maxFrame and slack
}

// slack lets the decoder copy in long words at the end of a frame.
const slack = 64

// use gives a frame, decoding it with make if it isn't there; whoever else wants it waits for that.
// done must be called when its bytes are no longer looked at.
func (c *frameCache) use(key frameKey, size int, decode func(into []byte) error) (f *cachedFrame, err error) {
	c.mu.Lock()
	if f = c.frames[key]; f != nil {
		f.users++
		c.moveLocked(f)
		c.mu.Unlock()
		<-f.ready // decoding waits for nothing but the disk
		if f.err != nil {
			c.done(f)
			return nil, f.err
		}
		return f, nil
	}
	f = &cachedFrame{key: key, ready: make(chan struct{}), users: 1}
	if c.frames == nil {
		c.frames = make(map[frameKey]*cachedFrame)
	}
	c.frames[key] = f
	c.pushLocked(f)
	c.trimLocked()
	c.mu.Unlock()

	buf, ok := c.free.Get().(*[]byte)
	if !ok {
		b := make([]byte, maxFrame+slack)
		buf = &b
	}
	f.err = decode(*buf)
	f.plain = (*buf)[:size]
	close(f.ready)
	if f.err != nil {
		c.mu.Lock()
		c.dropLocked(f)
		c.mu.Unlock()
		c.done(f)
		return nil, f.err
	}
	return f, nil
}

// have gives a frame that is there already, or nil. done must be called after.
func (c *frameCache) have(key frameKey) *cachedFrame {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.frames[key]
	if f == nil {
		return nil
	}
	select {
	case <-f.ready:
	default:
		return nil // it would be there no sooner
	}
	if f.err != nil {
		return nil
	}
	f.users++
	c.moveLocked(f)
	return f
}

// done undoes use.
func (c *frameCache) done(f *cachedFrame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.users--
	c.recycleLocked(f)
}

// forget drops what is kept of a file that is closed.
func (c *frameCache) forget(file *sealed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for f := c.newest; f != nil; {
		older := f.old
		if f.key.file == file {
			c.dropLocked(f)
		}
		f = older
	}
}

func (c *frameCache) trimLocked() {
	for f := c.oldest; f != nil && len(c.frames) > maxCached; {
		newer := f.newer
		if f.users == 0 {
			c.dropLocked(f)
		}
		f = newer
	}
}

func (c *frameCache) dropLocked(f *cachedFrame) {
	if f.dropped {
		return
	}
	f.dropped = true
	delete(c.frames, f.key)
	c.unlinkLocked(f)
	c.recycleLocked(f)
}

// recycleLocked hands the memory of a frame on that nobody uses and nobody can find any more.
func (c *frameCache) recycleLocked(f *cachedFrame) {
	if f.users == 0 && f.dropped && f.plain != nil {
		b := f.plain[:cap(f.plain)]
		f.plain = nil
		c.free.Put(&b)
	}
}

func (c *frameCache) moveLocked(f *cachedFrame) {
	if c.newest != f && !f.dropped {
		c.unlinkLocked(f)
		c.pushLocked(f)
	}
}

func (c *frameCache) pushLocked(f *cachedFrame) {
	f.newer, f.old = nil, c.newest
	if c.newest != nil {
		c.newest.newer = f
	} else {
		c.oldest = f
	}
	c.newest = f
}

func (c *frameCache) unlinkLocked(f *cachedFrame) {
	if f.newer != nil {
		f.newer.old = f.old
	} else {
		c.newest = f.old
	}
	if f.old != nil {
		f.old.newer = f.newer
	} else {
		c.oldest = f.newer
	}
	f.newer, f.old = nil, nil
}
