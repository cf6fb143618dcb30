package datadir

// WithCrash ends everything at the n-th point at which a crash leaves another state, as kill -9 would.
// It gives how many points there were.
func WithCrash(n int, points *int) Option {
	return func(o *opening) {
		o.at = func(point string) error {
			*points++
			if *points == n {
				return &crash{point}
			}
			return nil
		}
	}
}

// IsCrash tells the end that WithCrash makes from others.
func IsCrash(err error) bool { return isCrash(err) }
