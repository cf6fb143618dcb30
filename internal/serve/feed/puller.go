package feed

// Puller is a Sink for readers that have a goroutine of their own: it takes no frame but tells that
// there is something to Fill. One Puller may serve many subscriptions.
type Puller struct{ more chan struct{} }

// NewPuller makes a Puller.
func NewPuller() *Puller { return &Puller{more: make(chan struct{}, 1)} }

// More receives after a joined subscription has something again.
func (p *Puller) More() <-chan struct{} { return p.more }

// Offer takes the reader off the edge and wakes its goroutine.
func (p *Puller) Offer(*Sub, *Frame) Verdict {
	p.wake()
	return Lags
}

// Lagging wakes the reader's goroutine.
func (p *Puller) Lagging(*Sub) { p.wake() }

func (p *Puller) wake() {
	select {
	case p.more <- struct{}{}:
	default:
	}
}
