package archive

import "time"

// SetStall shortens the time a store may give nothing.
func (a *S3) SetStall(d time.Duration) { a.stall = d }
