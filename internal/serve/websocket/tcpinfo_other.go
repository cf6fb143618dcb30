//go:build !linux

package websocket

import "time"

// Acknowledges can't be known here: a client that gives no sign of life counts as gone, and comes
// back with its cursor.
func (c *Conn) Acknowledges(time.Duration) bool { return false }
