package rtpleg

import "github.com/cordboard/cordboard/media"

// Inject adds to Events what came by another way than the media path: a digit in a SIP INFO. Safe for
// concurrent use; a full channel drops it and counts.
func (l *Leg) Inject(e media.Event) { l.emit(e) }
