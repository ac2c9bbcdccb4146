// Package wave is the file that keeps the samples of a G.711 party as they came: RIFF WAVE, format 7 (mu-law) or 6
// (A-law), 8 kHz, one channel, one byte a sample. It is only ever appended to, so its lengths are not known when its
// header is written and are never filled in: both are 0xFFFFFFFF, which readers take for "to the end of the file", as
// they do of what programs write to a pipe. Cut anywhere behind its header it is a whole file.
//
//	"RIFF" ffffffff "WAVE" | "fmt " 18 ... | "LIST" "INFO" "ICMT" comment | "data" ffffffff | samples
package wave

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cordboard/cordboard/media"
)

const (
	// Rate is the bytes, and so the samples, of a second.
	Rate = 8000
	// FrameSize is the bytes of 20 ms.
	FrameSize = Rate / 50

	tagALaw  = 6
	tagMuLaw = 7
	open     = 0xffffffff // a length that is not known
	// maxHead bounds how far behind the beginning of a file its samples may begin.
	maxHead = 4 << 10
)

// Law reports whether a codec is one that these files hold.
func Law(c media.Codec) bool { return c == media.PCMU || c == media.PCMA }

// Silence is the byte that stands for silence in a codec's law.
func Silence(c media.Codec) byte {
	if c == media.PCMA {
		return 0xd5
	}
	return 0xff
}

// Head is the bytes before the samples of a file in codec c, with a comment.
func Head(c media.Codec, comment string) []byte {
	le := binary.LittleEndian
	tag := uint16(tagMuLaw)
	if c == media.PCMA {
		tag = tagALaw
	}
	text := append([]byte(comment), 0)
	if len(text)%2 == 1 {
		text = append(text, 0)
	}
	b := le.AppendUint32([]byte("RIFF"), open)
	b = le.AppendUint32(append(b, "WAVEfmt "...), 18)
	b = le.AppendUint16(b, tag)
	b = le.AppendUint16(b, 1)    // channels
	b = le.AppendUint32(b, Rate) // samples a second
	b = le.AppendUint32(b, Rate) // bytes a second
	b = le.AppendUint16(b, 1)    // bytes of a sample of all channels
	b = le.AppendUint16(b, 8)    // bits of a sample
	b = le.AppendUint16(b, 0)    // bytes of the format that follow
	b = le.AppendUint32(append(b, "LIST"...), uint32(12+len(text)))
	b = le.AppendUint32(append(b, "INFOICMT"...), uint32(len(text)))
	b = append(b, text...)
	return le.AppendUint32(append(b, "data"...), open)
}

// ErrNotWave: the file does not begin as these files do.
var ErrNotWave = errors.New("wave: not a file of G.711 samples")

// ReadHead reads up to the first sample and returns the codec and how many bytes that were. The error is ErrNotWave
// for any other file, also one cut within its head, else the reader's.
func ReadHead(r io.Reader) (c media.Codec, size int64, err error) {
	le := binary.LittleEndian
	var b [18]byte
	read := func(n int) error {
		got, err := io.ReadFull(r, b[:n])
		size += int64(got)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return ErrNotWave
		}
		return err
	}
	if err := read(12); err != nil {
		return 0, size, err
	}
	if string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return 0, size, ErrNotWave
	}
	for size < maxHead {
		if err := read(8); err != nil {
			return 0, size, err
		}
		kind, length := string(b[:4]), int64(le.Uint32(b[4:]))
		switch kind {
		case "data":
			if c == 0 {
				return 0, size, ErrNotWave
			}
			return c, size, nil
		case "fmt ":
			if length != 18 {
				return 0, size, ErrNotWave
			}
			if err := read(18); err != nil {
				return 0, size, err
			}
			switch tag := le.Uint16(b[:]); {
			case le.Uint16(b[2:]) != 1 || le.Uint32(b[4:]) != Rate || le.Uint16(b[14:]) != 8:
				return 0, size, ErrNotWave
			case tag == tagMuLaw:
				c = media.PCMU
			case tag == tagALaw:
				c = media.PCMA
			default:
				return 0, size, ErrNotWave
			}
		default:
			length += length & 1
			if length > maxHead {
				return 0, size, ErrNotWave
			}
			for ; length > 0; length -= min(length, int64(len(b))) {
				if err := read(int(min(length, int64(len(b))))); err != nil {
					return 0, size, err
				}
			}
		}
	}
	return 0, size, ErrNotWave
}

// Writer makes one file. Samples are gathered until there is a second of them or Flush is called; each lot goes out
// in one call. Not safe for concurrent use.
type Writer struct {
	out    func(chunk []byte, last bool) error
	chunk  []byte
	closed bool
}

// NewWriter hands the head to out, as a chunk of its own, and returns the writer of the samples. out borrows its
// chunks, of which only the last may be empty.
func NewWriter(out func(chunk []byte, last bool) error, c media.Codec, comment string) (*Writer, error) {
	head := Head(c, comment)
	if len(head) > maxHead {
		return nil, fmt.Errorf("wave: comment of %d bytes is too long", len(comment))
	}
	return &Writer{out: out, chunk: make([]byte, 0, Rate)}, out(head, false)
}

// Samples adds samples in the file's law. The bytes are copied.
func (w *Writer) Samples(p []byte) error {
	if w.closed {
		return errors.New("wave: write after close")
	}
	for len(p) > 0 {
		n := min(len(p), Rate-len(w.chunk))
		w.chunk, p = append(w.chunk, p[:n]...), p[n:]
		if len(w.chunk) == Rate {
			if err := w.Flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Flush writes what has been gathered, if anything.
func (w *Writer) Flush() error {
	if len(w.chunk) == 0 {
		return nil
	}
	err := w.out(w.chunk, false)
	w.chunk = w.chunk[:0]
	return err
}

// Close writes what has been gathered, nothing perhaps, as the last chunk.
func (w *Writer) Close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	err := w.out(w.chunk, true)
	w.chunk = w.chunk[:0]
	return err
}

// Wipe overwrites the writer's buffer. Gathered samples are lost; call Flush first.
func (w *Writer) Wipe() {
	clear(w.chunk[:cap(w.chunk)])
	w.chunk = w.chunk[:0]
}

// Packets reads a file as payloads of 20 ms.
type Packets struct {
	Codec media.Codec
	in    *bufio.Reader
	buf   [FrameSize]byte
}

// NewPackets reads the head. The error is ErrNotWave for any other file, else the reader's.
func NewPackets(r io.Reader) (*Packets, error) {
	x := &Packets{in: bufio.NewReader(r)}
	var err error
	x.Codec, _, err = ReadHead(x.in)
	return x, err
}

// Next returns the next payload, borrowed until the next call, or io.EOF. The last may be shorter.
func (x *Packets) Next() ([]byte, error) {
	n, err := io.ReadFull(x.in, x.buf[:])
	if n > 0 {
		return x.buf[:n], nil
	}
	return nil, err
}
