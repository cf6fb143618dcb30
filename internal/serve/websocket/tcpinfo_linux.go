package websocket

import (
	"time"

	"golang.org/x/sys/unix"
)

// Longest silence between the kernel's probes of a peer whose window is closed (TCP_RTO_MAX), with
// some room.
const probeSilence = 130 * time.Second

// closeWaitState is TCP_CLOSE_WAIT: the peer has closed its half, whether or not we have read up to it.
const closeWaitState = 8

// Acknowledges reports whether the peer's kernel still answers ours, though the program behind it
// neither reads nor writes. Such a client is slow, not gone. One that has closed its half of the
// connection is gone.
func (c *Conn) Acknowledges(within time.Duration) bool {
	if c.raw == nil {
		return false
	}
	alive := false
	_ = c.raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			return
		}
		if info.State == closeWaitState {
			return
		}
		silence := time.Duration(info.Last_ack_recv) * time.Millisecond
		if info.Unacked > 0 {
			alive = silence < within // sent and not acknowledged: the network or the peer is gone
			return
		}
		alive = silence < probeSilence // its window is closed and it says so when probed
	})
	return alive
}
