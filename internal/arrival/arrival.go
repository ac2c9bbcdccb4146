// Package arrival tells when a datagram reached this machine, which may be long before a program reads it: one that
// was stopped, or had no time, finds the datagrams of seconds in its sockets. What was said in a paused recording
// must then not pass for what was said after it.
//
// The kernel notes the wall clock's time, and a time of the monotonic clock is wanted. Both are known at the moment
// of reading, so what counts is how long ago by the wall clock the datagram came. A wall clock that is set between
// the two is believed for up to longest: what was waiting then passes for older than it is, or for as new as now.
package arrival

import "time"

// longest is how long a datagram is believed to have waited: a stall of the program, not a wall clock that was set.
const longest = 30 * time.Second

// early is how much later than now a datagram may have come: now was read before the datagrams were.
const early = time.Second

// at is when a datagram came that the kernel noted at wall, in nanoseconds of Unix time, by the clock of now.
func at(wall int64, now time.Time) time.Time {
	if waited := time.Duration(now.UnixNano() - wall); waited > -early && waited < longest {
		return now.Add(-waited)
	}
	return now
}
