package process

import "time"

// cpuTime is not to be had here without cgo: processes count as waiting.
func cpuTime(int) time.Duration { return 0 }
