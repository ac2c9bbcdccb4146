package ogg

import (
	"errors"
	"io"
)

// Writer makes one Ogg Opus stream. Packets are gathered until a page holds its share or Flush is
// called; each page goes out in one Write. Not safe for concurrent use.
type Writer struct {
	w        io.Writer
	serial   uint32
	sequence uint32
	granule  uint64 // position after the last packet given
	perPage  int    // samples after which a page is full
	pending  int    // samples gathered
	lacing   []byte
	body     []byte
	page     []byte // scratch of the page being written
	closed   bool
}

// NewWriter writes the two header pages and returns the writer of the rest. pageSamples is how much
// audio a page gathers, in samples at 48 kHz; RFC 7845 section 6 wants at most one second.
func NewWriter(w io.Writer, serial uint32, head Head, comments []string, pageSamples int) (*Writer, error) {
	x := &Writer{w: w, serial: serial, perPage: min(max(pageSamples, PacketDuration), 48000)}
	if err := x.header(flagFirst, head.append(nil)); err != nil {
		return nil, err
	}
	tags := appendTags(nil, comments)
	if len(tags) > maxTags {
		return nil, errors.New("ogg: comments are too long")
	}
	return x, x.header(0, tags)
}

func (x *Writer) header(flags byte, packet []byte) error {
	x.append(packet)
	return x.write(flags, 0)
}

func (x *Writer) append(p []byte) {
	n := len(p)
	for ; n >= 255; n -= 255 {
		x.lacing = append(x.lacing, 255)
	}
	x.lacing = append(x.lacing, byte(n))
	x.body = append(x.body, p...)
}

// Packet adds one Opus packet of the given duration in samples at 48 kHz. The bytes are copied.
func (x *Writer) Packet(p []byte, samples int) error {
	if x.closed {
		return errors.New("ogg: write after close")
	}
	if len(p) == 0 || len(p) > 61440 {
		return ErrPacket
	}
	if len(x.lacing)+len(p)/255+1 > 255 {
		if err := x.Flush(); err != nil {
			return err
		}
	}
	x.append(p)
	x.granule += uint64(samples)
	x.pending += samples
	if x.pending >= x.perPage {
		return x.Flush()
	}
	return nil
}

// Position is the samples at 48 kHz given so far, pre-skip included.
func (x *Writer) Position() uint64 { return x.granule }

// Flush writes what has been gathered as a page, if anything.
func (x *Writer) Flush() error {
	if len(x.lacing) == 0 {
		return nil
	}
	return x.write(0, x.granule)
}

// Close adds one packet of silence and ends the stream so that all samples given before it are played,
// the last PreSkip of them out of that packet (RFC 7845 section 4.4, end trimming).
func (x *Writer) Close() error {
	if x.closed {
		return nil
	}
	if err := x.Flush(); err != nil {
		return err
	}
	x.closed = true
	x.append(Silence[:])
	x.granule += PreSkip
	return x.write(flagLast, x.granule)
}

// Wipe overwrites the writer's buffers, so that no audio stays in them. Gathered packets are lost;
// call Flush first.
func (x *Writer) Wipe() {
	clear(x.body[:cap(x.body)])
	clear(x.page[:cap(x.page)])
	x.lacing, x.body, x.pending = x.lacing[:0], x.body[:0], 0
}

func (x *Writer) write(flags byte, granule uint64) error {
	x.page = append(x.page[:0], make([]byte, headerSize)...)
	x.page = append(x.page, x.lacing...)
	x.page = append(x.page, x.body...)
	sealPage(x.page, flags, granule, x.serial, x.sequence, len(x.lacing))
	x.sequence++
	x.lacing, x.body, x.pending = x.lacing[:0], x.body[:0], 0
	_, err := x.w.Write(x.page)
	return err
}

// EndPage is the page that ends a stream which a crash has cut behind the given page: one packet of
// silence, trimmed so that all that is there gets played.
func EndPage(serial, sequence uint32, granule uint64) []byte {
	b := make([]byte, headerSize, headerSize+1+len(Silence))
	b = append(b, byte(len(Silence)))
	b = append(b, Silence[:]...)
	sealPage(b, flagLast, granule+PreSkip, serial, sequence, 1)
	return b
}
