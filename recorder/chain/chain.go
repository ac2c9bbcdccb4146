// Package chain makes tampering with a file visible and says where. A file is a run of chunks, each the
// bytes of one write; beside it lies its chain, a text of one line per chunk with the chunk's length and a
// sum over the sum before, the chunk's number, its length and its bytes:
//
//	cordboard-chain 1 rec_01JD0000000000000000000000/customer-1.ogg
//	47 9be1c3...
//	1804 77d012...
//
//	sum[i] = SHA-256(sum[i-1] | i as 8 bytes, big end first | length as 8 bytes | chunk)
//	sum[-1] = SHA-256("cordboard-chain 1 " name "\n")
//
// The last sum, the head, stands for the whole file; whoever signs it has signed every chunk, their order,
// their number and the name of the file. The file itself is left as it is, so that a track stays something
// any player opens, and the same chain serves clear and sealed files: it needs no key.
//
// Both files only grow. After a crash either may be ahead of the other or end in the middle of something;
// Read stops at the first line that is not whole, Prefix at the first chunk that does not check.
package chain

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const (
	// MaxChunk bounds a chunk, so that a damaged length cannot make a reader allocate more.
	MaxChunk = 1 << 17
	// MaxLinks bounds a chain: three weeks of two chunks a second.
	MaxLinks = 1 << 22

	title = "cordboard-chain 1 "
	// maxLine is a length, a space, a sum and a line feed.
	maxLine = 6 + 1 + 2*sha256.Size + 1
	maxName = 512
)

// Sum is a link's sum.
type Sum [sha256.Size]byte

// String is the sum in hexadecimal.
func (s Sum) String() string { return hex.EncodeToString(s[:]) }

// MarshalText is String.
func (s Sum) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote, lower case only: a sum has one spelling.
func (s *Sum) UnmarshalText(b []byte) error {
	if len(b) != 2*len(s) || bytes.ContainsAny(b, "ABCDEF") {
		return errors.New("chain: not a sum")
	}
	if _, err := hex.Decode(s[:], b); err != nil {
		return errors.New("chain: not a sum")
	}
	return nil
}

// First is the sum before the first chunk of the file of this name.
func First(name string) Sum { return sha256.Sum256([]byte(title + name + "\n")) }

// next is the sum of chunk number i behind prev.
func next(prev Sum, i int, chunk []byte) Sum {
	var head [sha256.Size + 16]byte
	copy(head[:], prev[:])
	binary.BigEndian.PutUint64(head[sha256.Size:], uint64(i))
	binary.BigEndian.PutUint64(head[sha256.Size+8:], uint64(len(chunk)))
	h := sha256.New()
	h.Write(head[:])
	h.Write(chunk)
	var s Sum
	h.Sum(s[:0])
	return s
}

// Head stands for a whole file: how many chunks, how many bytes, and the last sum.
type Head struct {
	Chunks int   `json:"chunks"`
	Bytes  int64 `json:"bytes"`
	Sum    Sum   `json:"sum"`
}

// Writer makes the chain of a file that is being written. It does no I/O: it gives the lines. Not safe for
// concurrent use.
type Writer struct {
	name string
	head Head
}

// NewWriter begins the chain of the file of this name, which has no line feed and at most 512 bytes. The
// name binds the file to its place: give it the recording's id as well.
func NewWriter(name string) *Writer {
	return &Writer{name: name, head: Head{Sum: First(name)}}
}

// Title is the first line of the chain.
func (w *Writer) Title() []byte { return []byte(title + w.name + "\n") }

// Add is the line of the file's next chunk. The error is for a chunk that is empty or longer than MaxChunk,
// and for one too many.
func (w *Writer) Add(chunk []byte) ([]byte, error) {
	if len(chunk) == 0 || len(chunk) > MaxChunk || w.head.Chunks == MaxLinks {
		return nil, fmt.Errorf("chain: chunk %d of %d bytes cannot be in a chain", w.head.Chunks, len(chunk))
	}
	w.head.Sum = next(w.head.Sum, w.head.Chunks, chunk)
	w.head.Chunks++
	w.head.Bytes += int64(len(chunk))
	return Link{Length: len(chunk), Sum: w.head.Sum}.line(), nil
}

// Head is the head of the chunks added so far.
func (w *Writer) Head() Head { return w.head }

// Link is one line of a chain.
type Link struct {
	Length int
	Sum    Sum
}

func (l Link) line() []byte {
	b := make([]byte, 0, maxLine)
	b = strconv.AppendInt(b, int64(l.Length), 10)
	b = append(b, ' ')
	b = hex.AppendEncode(b, l.Sum[:])
	return append(b, '\n')
}

func parseLink(line []byte) (Link, bool) {
	length, sum, ok := bytes.Cut(line, []byte{' '})
	n, err := strconv.Atoi(string(length))
	if !ok || err != nil || n < 1 || n > MaxChunk {
		return Link{}, false
	}
	l := Link{Length: n}
	if l.Sum.UnmarshalText(sum) != nil {
		return Link{}, false
	}
	// One spelling only: no sign, no leading zeros.
	return l, bytes.Equal(l.line()[:len(line)], line)
}

// Chain is a chain as it was read.
type Chain struct {
	Name  string
	Links []Link
	// Torn: behind the links comes something that is no line, as a crash leaves it, or a hand.
	Torn bool
}

// ErrNoChain: the file does not begin like a chain.
var ErrNoChain = errors.New("chain: not a chain")

// Read reads a chain up to the first line that is not whole. The error is ErrNoChain where not even the
// first is, or the reader's.
func Read(r io.Reader) (Chain, error) {
	var c Chain
	lines := bufio.NewReaderSize(r, len(title)+maxName+1)
	line, err := lines.ReadSlice('\n')
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return c, fmt.Errorf("chain: read: %w", err)
	}
	name, ok := strings.CutPrefix(string(line), title)
	if err != nil || !ok {
		return c, ErrNoChain
	}
	c.Name = strings.TrimSuffix(name, "\n")
	for {
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF):
			c.Torn = len(line) > 0
			return c, nil
		case errors.Is(err, bufio.ErrBufferFull):
			c.Torn = true
			return c, nil
		case err != nil:
			return c, fmt.Errorf("chain: read: %w", err)
		}
		l, ok := parseLink(line[:len(line)-1])
		if !ok || len(c.Links) == MaxLinks {
			c.Torn = true
			return c, nil
		}
		c.Links = append(c.Links, l)
	}
}

// Head is the head the links tell, whether or not the file agrees.
func (c Chain) Head() Head {
	h := Head{Chunks: len(c.Links), Sum: c.before(len(c.Links))}
	for _, l := range c.Links {
		h.Bytes += int64(l.Length)
	}
	return h
}

// before is the sum that chunk i goes on from.
func (c Chain) before(i int) Sum {
	if i == 0 {
		return First(c.Name)
	}
	return c.Links[i-1].Sum
}

// Encode is the chain as a file.
func (c Chain) Encode() []byte {
	b := make([]byte, 0, len(title)+len(c.Name)+1+maxLine*len(c.Links))
	b = append(b, title+c.Name+"\n"...)
	for _, l := range c.Links {
		b = append(b, l.line()...)
	}
	return b
}
