package ogg

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Pages reads the pages of a file one by one and skips what is not a page. It holds one buffer of less
// than 128 kB whatever the file says.
type Pages struct {
	r       io.Reader
	buf     []byte
	start   int   // of the unread bytes in buf
	offset  int64 // of buf[start] in the file
	eof     bool
	Skipped int64 // bytes that belonged to no valid page
}

// NewPages reads from r.
func NewPages(r io.Reader) *Pages { return &Pages{r: r} }

// Next returns the next valid page, io.EOF after the last, or the reader's error. The page is borrowed
// until the next call.
func (x *Pages) Next() (Page, error) {
	for {
		if err := x.fill(headerSize); err != nil {
			return Page{}, err
		}
		b := x.buf[x.start:]
		if len(b) < headerSize {
			x.skip(len(b))
			return Page{}, io.EOF
		}
		page, err := parsePage(b)
		if errors.Is(err, errShort) && !x.eof && len(b) < MaxPage {
			if err := x.fill(MaxPage); err != nil {
				return Page{}, err
			}
			page, err = parsePage(x.buf[x.start:])
		}
		if err == nil {
			page.Offset = x.offset
			x.advance(page.Size)
			return page, nil
		}
		// Not a page: look for the next capture pattern behind this byte.
		b = x.buf[x.start:]
		if i := bytes.Index(b[1:], []byte("OggS")); i >= 0 {
			x.skip(1 + i)
		} else {
			x.skip(max(1, len(b)-3))
		}
	}
}

func (x *Pages) skip(n int) {
	x.Skipped += int64(n)
	x.advance(n)
}

func (x *Pages) advance(n int) {
	x.start += n
	x.offset += int64(n)
}

// fill makes at least n bytes available unless the file ends before.
func (x *Pages) fill(n int) error {
	if len(x.buf)-x.start >= n || x.eof {
		return nil
	}
	if x.buf == nil {
		x.buf = make([]byte, 0, 2*MaxPage)
	}
	if cap(x.buf)-x.start < MaxPage {
		x.buf = x.buf[:copy(x.buf[:cap(x.buf)], x.buf[x.start:])]
		x.start = 0
	}
	for len(x.buf)-x.start < n {
		got, err := x.r.Read(x.buf[len(x.buf):cap(x.buf)])
		x.buf = x.buf[:len(x.buf)+got]
		if errors.Is(err, io.EOF) {
			x.eof = true
			return nil
		}
		if err != nil {
			return fmt.Errorf("ogg: read: %w", err)
		}
	}
	return nil
}

// Summary is what a scan of a file found.
type Summary struct {
	Head     Head
	Serial   uint32
	Sequence uint32 // of the last valid page
	Granule  uint64 // of the last valid page with a position
	End      int64  // offset behind the last valid page: where a torn tail begins
	Closed   bool   // the stream's last page is there
	Skipped  int64  // bytes before End that belong to no page
}

// Samples is the playable length in samples at 48 kHz.
func (s Summary) Samples() int64 {
	return max(0, int64(s.Granule)-int64(s.Head.PreSkip))
}

// ErrNotOpus: the file does not begin with the two headers of an Ogg Opus stream.
var ErrNotOpus = errors.New("ogg: not an ogg opus file")

// Scan reads a file from its beginning and reports where its last valid page ends. A file without valid
// headers is ErrNotOpus. limit, if not 0, ends the scan before the first page whose position is beyond it.
func Scan(r io.Reader, limit uint64) (Summary, error) {
	pages := NewPages(r)
	var s Summary
	for n := 0; ; n++ {
		page, err := pages.Next()
		if errors.Is(err, io.EOF) {
			if n < 2 {
				return s, ErrNotOpus
			}
			return s, nil
		}
		if err != nil {
			return s, err
		}
		switch n {
		case 0:
			if !page.First() {
				return s, ErrNotOpus
			}
			if s.Head, err = parseHead(page.body); err != nil {
				return s, fmt.Errorf("%w: %w", ErrNotOpus, err)
			}
			s.Serial = page.Serial
		case 1:
			if page.Serial != s.Serial || !bytes.HasPrefix(page.body, []byte("OpusTags")) {
				return s, ErrNotOpus
			}
		default:
			if page.Serial != s.Serial {
				continue
			}
			if page.Granule != noGranule {
				if limit != 0 && page.Granule > limit {
					return s, nil
				}
				if page.Granule < s.Granule || page.Granule > 1<<62 {
					return s, nil // positions never run back: what follows is not ours
				}
				s.Granule = page.Granule
			}
		}
		s.Sequence, s.End, s.Closed, s.Skipped = page.Sequence, page.Offset+int64(page.Size), page.Last(), pages.Skipped
		if s.Closed {
			return s, nil
		}
	}
}

// Packets reads the audio packets of an Ogg Opus file.
type Packets struct {
	Head    Head
	pages   *Pages
	page    Page
	segment int // next entry of page.lacing
	at      int // next byte of page.body
	partial []byte
	serial  uint32
	loaded  bool
	ended   bool
	// Granule is the position of the page the last packet ended on.
	Granule uint64
}

// maxPacket bounds a packet that spans pages (RFC 7845 section 6).
const maxPacket = 61440

// NewPackets reads the headers. The error is ErrNotOpus for anything but Ogg Opus.
func NewPackets(r io.Reader) (*Packets, error) {
	x := &Packets{pages: NewPages(r)}
	head, err := x.next(true)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotOpus, err)
	}
	if x.Head, err = parseHead(head); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotOpus, err)
	}
	tags, err := x.next(false)
	if err != nil || !bytes.HasPrefix(tags, []byte("OpusTags")) {
		return nil, ErrNotOpus
	}
	return x, nil
}

// Next returns the next audio packet, borrowed until the next call, or io.EOF.
func (x *Packets) Next() ([]byte, error) { return x.next(false) }

func (x *Packets) next(first bool) ([]byte, error) {
	x.partial = x.partial[:0]
	for {
		for !x.loaded || x.segment == len(x.page.lacing) {
			if err := x.load(first); err != nil {
				return nil, err
			}
		}
		from := x.at
		ended := false
		for x.segment < len(x.page.lacing) && !ended {
			l := x.page.lacing[x.segment]
			x.segment++
			x.at += int(l)
			ended = l < 255
		}
		part := x.page.body[from:x.at]
		if len(x.partial)+len(part) > maxPacket {
			return nil, ErrPacket
		}
		if ended {
			x.Granule = x.page.Granule
			if len(x.partial) == 0 {
				if len(part) == 0 {
					continue
				}
				return part, nil
			}
			x.partial = append(x.partial, part...)
			return x.partial, nil
		}
		x.partial = append(x.partial, part...)
	}
}

// load moves on to the next page of the stream. A packet cut by a missing page is dropped.
func (x *Packets) load(first bool) error {
	if x.ended {
		return io.EOF
	}
	for {
		page, err := x.pages.Next()
		if err != nil {
			return err
		}
		if first && !x.loaded {
			if !page.First() {
				return ErrNotOpus
			}
			x.serial = page.Serial
		} else if page.Serial != x.serial {
			continue
		}
		gap := x.loaded && page.Sequence != x.page.Sequence+1
		x.page, x.segment, x.at, x.loaded, x.ended = page, 0, 0, true, page.Last()
		continued := page.Flags&flagContinued != 0
		if !continued || gap {
			x.partial = x.partial[:0]
		}
		if continued && len(x.partial) == 0 { // the tail of a packet whose head we never saw
			for x.segment < len(page.lacing) {
				l := page.lacing[x.segment]
				x.segment++
				x.at += int(l)
				if l < 255 {
					break
				}
			}
		}
		return nil
	}
}
