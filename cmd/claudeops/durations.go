package main

import (
	"fmt"
	"time"

	"github.com/claudeops/claudeops/internal/record/sealer"
)

// duration is a flag's value: what time.ParseDuration reads, and days and weeks, such as 30s, 24h, 1d.
type duration time.Duration

func (d *duration) Type() string { return "duration" }

func (d *duration) String() string { return time.Duration(*d).String() }

func (d *duration) Set(text string) error {
	value, err := parseDuration(text)
	*d = duration(value)
	return err
}

func parseDuration(text string) (time.Duration, error) {
	if d, ok := howLong(text); ok {
		return d, nil
	}
	return 0, fmt.Errorf("%q is no duration such as 30s, 5m, 24h, 1d or 2w", text)
}

// sealAfter is the flag of that name. An app.Config wants more than 0, and less for never.
type sealAfter time.Duration

func (s *sealAfter) Type() string { return "duration" }

func (s *sealAfter) String() string {
	switch {
	case *s < 0:
		return "never"
	case *s == 0:
		return sealer.DefaultAfter.String()
	}
	return time.Duration(*s).String()
}

func (s *sealAfter) Set(text string) error {
	if text == "never" {
		*s = -1
		return nil
	}
	d, err := parseDuration(text)
	if err != nil {
		return fmt.Errorf("%q is neither a duration such as 30s, 24h or 1d, nor 0, nor never", text)
	}
	*s = sealAfter(max(d, 1))
	return nil
}
