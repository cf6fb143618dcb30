package runner

import (
	"errors"
	"io"
	"sync"
)

// maxInput is how much may wait for an agent that does not read its stdin.
const maxInput = 64 << 20

// inputPipe writes to the agent's stdin in the background, so that an agent that does not read
// holds up nobody.
type inputPipe struct {
	pipe io.WriteCloser
	wake chan struct{}
	wg   sync.WaitGroup

	mu     sync.Mutex
	queue  []byte
	held   int  // bytes of queue and of what is being written
	shut   bool // nothing more comes after queue
	broken error
}

func newInputPipe(w io.WriteCloser) *inputPipe {
	p := &inputPipe{pipe: w, wake: make(chan struct{}, 1)}
	p.wg.Go(p.write)
	return p
}

// send queues b. It does not wait for the agent.
func (p *inputPipe) send(b []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.broken != nil:
		return p.broken
	case p.shut:
		return errors.New("send to the agent: its stdin has been closed")
	case p.held+len(b) > maxInput:
		return errors.New("send to the agent: it has not read what it was sent before")
	}
	p.queue = append(p.queue, b...)
	p.held += len(b)
	p.poke()
	return nil
}

// close closes stdin after what is queued.
func (p *inputPipe) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut = true
	p.poke()
}

func (p *inputPipe) poke() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *inputPipe) write() {
	defer p.pipe.Close()
	for range p.wake {
		for {
			p.mu.Lock()
			b, shut := p.queue, p.shut
			p.queue = nil
			p.mu.Unlock()
			if len(b) == 0 {
				if shut {
					return
				}
				break
			}
			_, err := p.pipe.Write(b)
			p.mu.Lock()
			p.held -= len(b)
			p.broken = err
			p.mu.Unlock()
			if err != nil {
				return
			}
		}
	}
}

// stop ends the writing, whether or not the agent has read all. Nothing of the agent runs any more.
func (p *inputPipe) stop() {
	p.close()
	_ = p.pipe.Close()
	p.wg.Wait()
}
