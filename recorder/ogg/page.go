// Package ogg reads and writes Ogg Opus (RFC 3533, RFC 7845), as much of it as a recording needs: one
// mono stream, whole packets per page, a page written with a single Write so that a crash tears at most
// the last one. The reader trusts nothing: it finds pages by their capture pattern and checksum, tells
// where the last good one ends, and bounds what it allocates, so that it serves recovery after a crash
// as well as playback.
//
// Positions are in samples at 48 kHz, the clock of every Opus stream whatever its audio rate.
package ogg

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/bits"
)

// Header type flags of a page (RFC 3533 section 6).
const (
	flagContinued = 1
	flagFirst     = 2
	flagLast      = 4
)

const (
	headerSize = 27
	// MaxPage is the size of the longest page there can be.
	MaxPage = headerSize + 255 + 255*255
)

// noGranule is the position of a page on which no packet ends.
const noGranule = ^uint64(0)

// checksum is the CRC of RFC 3533: polynomial 0x04c11db7, not reflected, from 0. That is the one of Ethernet of
// bytes read from the other end, which processors have instructions for.
func checksum(crc uint32, b []byte) uint32 {
	var turned [256]byte
	crc = ^bits.Reverse32(crc)
	for len(b) > 0 {
		n := min(len(b), len(turned))
		i := 0
		for ; i+8 <= n; i += 8 {
			x := bits.ReverseBytes64(bits.Reverse64(binary.LittleEndian.Uint64(b[i:])))
			binary.LittleEndian.PutUint64(turned[i:], x)
		}
		for ; i < n; i++ {
			turned[i] = bits.Reverse8(b[i])
		}
		crc = crc32.Update(crc, crc32.IEEETable, turned[:n])
		b = b[n:]
	}
	clear(turned[:])
	return bits.Reverse32(^crc)
}

// Page is one page of a stream, borrowed from the reader until its next call.
type Page struct {
	Flags    byte
	Granule  uint64 // position at the end of the last packet that ends here
	Serial   uint32
	Sequence uint32
	Offset   int64 // of the page's first byte in the file
	Size     int   // bytes of the whole page
	lacing   []byte
	body     []byte
}

// First and Last tell the first and the last page of a stream.
func (p *Page) First() bool { return p.Flags&flagFirst != 0 }

// Last reports whether the page ends its stream.
func (p *Page) Last() bool { return p.Flags&flagLast != 0 }

// IsLast reports whether a whole page, as a Writer writes it, ends its stream.
func IsLast(page []byte) bool { return len(page) >= headerSize && page[5]&flagLast != 0 }

var (
	errNoPage   = errors.New("ogg: no page here")
	errShort    = errors.New("ogg: page is cut")
	errChecksum = errors.New("ogg: page checksum is wrong")
)

// parsePage reads the page that begins at b[0]. It never reads past b.
func parsePage(b []byte) (Page, error) {
	if len(b) < headerSize {
		return Page{}, errShort
	}
	if string(b[:4]) != "OggS" || b[4] != 0 {
		return Page{}, errNoPage
	}
	segments := int(b[26])
	if len(b) < headerSize+segments {
		return Page{}, errShort
	}
	lacing := b[headerSize : headerSize+segments]
	size := headerSize + segments
	for _, l := range lacing {
		size += int(l)
	}
	if len(b) < size {
		return Page{}, errShort
	}
	want := binary.LittleEndian.Uint32(b[22:])
	crc := checksum(0, b[:22])
	crc = checksum(crc, []byte{0, 0, 0, 0})
	if checksum(crc, b[26:size]) != want {
		return Page{}, errChecksum
	}
	return Page{
		Flags: b[5], Granule: binary.LittleEndian.Uint64(b[6:]), Serial: binary.LittleEndian.Uint32(b[14:]),
		Sequence: binary.LittleEndian.Uint32(b[18:]), Size: size, lacing: lacing, body: b[headerSize+segments : size],
	}, nil
}

// sealPage fills in a page's header in b, which holds headerSize bytes, the lacing and the body.
func sealPage(b []byte, flags byte, granule uint64, serial, sequence uint32, segments int) {
	copy(b, "OggS\x00")
	b[5] = flags
	binary.LittleEndian.PutUint64(b[6:], granule)
	binary.LittleEndian.PutUint32(b[14:], serial)
	binary.LittleEndian.PutUint32(b[18:], sequence)
	clear(b[22:26])
	b[26] = byte(segments)
	binary.LittleEndian.PutUint32(b[22:], checksum(0, b))
}
