package chain

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// Kind is what is wrong with a chunk.
type Kind string

// The kinds. Each message names the chunk, counted from 0.
const (
	Changed   Kind = "changed"   // it and its line in the chain do not agree, and nothing tells why
	Displaced Kind = "displaced" // another chunk of the file is in its place: it was moved or dropped
	Missing   Kind = "missing"   // the file ends before or in the middle of it
	Extra     Kind = "extra"     // behind the last chunk there is more
	Unlisted  Kind = "unlisted"  // its line is missing from the chain or unreadable
	Relisted  Kind = "relisted"  // its line in the chain was changed; the chunk itself is as recorded
	Foreign   Kind = "foreign"   // the chain is of another file
	Rewritten Kind = "rewritten" // file and chain agree, but are not what the head stands for
)

// Fault is the first chunk of a file that is not as it was recorded.
type Fault struct {
	Chunk  int
	Offset int64 // where the chunk begins, or should
	Kind   Kind
	Found  int // Displaced: the chunk that is there
	Name   string
}

func (f *Fault) Error() string {
	at := fmt.Sprintf("%s: chunk %d at byte %d", f.Name, f.Chunk, f.Offset)
	switch f.Kind {
	case Changed:
		return at + " has been changed: it is not what its line in the chain says"
	case Displaced:
		return fmt.Sprintf("%s is not there: chunk %d is in its place", at, f.Found)
	case Missing:
		return at + " is missing or cut off"
	case Extra:
		return fmt.Sprintf("%s: behind the last chunk, %d, there are bytes that were not recorded", f.Name, f.Chunk-1)
	case Unlisted:
		return at + " has no readable line in the chain"
	case Relisted:
		return at + " is intact, but its line in the chain has been changed"
	case Foreign:
		return f.Name + ": the chain belongs to another file"
	default:
		return f.Name + ": file and chain agree with each other, but not with the head: both have been written anew"
	}
}

// Verify reads a file and compares it with its chain and the chain with its head, which comes from a place
// nobody could change, a signed manifest. Name is the file's name as it was recorded. The error is a *Fault
// that names the first chunk that is not as it was, or the reader's. It holds at most two chunks in memory.
func Verify(r io.Reader, c Chain, name string, want Head) error {
	if c.Name != name {
		return &Fault{Kind: Foreign, Name: name}
	}
	in := bufio.NewReaderSize(r, 2*MaxChunk)
	n := max(0, min(len(c.Links), want.Chunks)) // a head may tell anything
	var offset int64
	for i := range n {
		l := c.Links[i]
		chunk, err := peek(in, l.Length)
		if err != nil {
			return err
		}
		if len(chunk) < l.Length || next(c.before(i), i, chunk) != l.Sum {
			f := &Fault{Chunk: i, Offset: offset, Name: name}
			return f.explain(in, c, chunk, want)
		}
		if _, err := in.Discard(l.Length); err != nil {
			return fmt.Errorf("chain: read: %w", err)
		}
		offset += int64(l.Length)
	}
	rest, err := peek(in, 1)
	if err != nil {
		return err
	}
	switch {
	case n < want.Chunks && len(rest) == 0:
		return &Fault{Chunk: n, Offset: offset, Kind: Missing, Name: name}
	case n < want.Chunks:
		return &Fault{Chunk: n, Offset: offset, Kind: Unlisted, Name: name}
	case c.before(n) != want.Sum || offset != want.Bytes:
		return &Fault{Chunk: 0, Kind: Rewritten, Name: name}
	case len(rest) > 0:
		return &Fault{Chunk: n, Offset: offset, Kind: Extra, Name: name}
	}
	if len(c.Links) > n || c.Torn {
		return &Fault{Chunk: n, Offset: offset, Kind: Unlisted, Name: name}
	}
	return nil
}

// peek is the next n bytes, fewer where the file ends.
func peek(in *bufio.Reader, n int) ([]byte, error) {
	b, err := in.Peek(n)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("chain: read: %w", err)
	}
	return b, nil
}

// explain finds out what is wrong with chunk f.Chunk, at which in stands.
func (f *Fault) explain(in *bufio.Reader, c Chain, chunk []byte, want Head) *Fault {
	i := f.Chunk
	if i == want.Chunks-1 && next(c.before(i), i, chunk) == want.Sum {
		f.Kind = Relisted
		return f
	}
	// What follows the chunk may show that only its line was changed.
	if i+1 < len(c.Links) && len(chunk) == c.Links[i].Length {
		l := c.Links[i+1]
		both, err := peek(in, len(chunk)+l.Length)
		if err == nil && len(both) == len(chunk)+l.Length &&
			next(next(c.before(i), i, chunk), i+1, both[len(chunk):]) == l.Sum {
			f.Kind = Relisted
			return f
		}
	}
	here, err := peek(in, MaxChunk)
	if err == nil {
		for k, l := range c.Links {
			if k != i && l.Length <= len(here) && next(c.before(k), k, here[:l.Length]) == l.Sum {
				f.Kind, f.Found = Displaced, k
				return f
			}
		}
	}
	f.Kind = Changed
	if len(here) < c.Links[i].Length {
		f.Kind = Missing
	}
	return f
}

// Prefix is how many chunks from the beginning of the file are as the chain says, and where they end: what
// is left of a file that a crash has cut. The error is the reader's.
func Prefix(r io.Reader, c Chain) (chunks int, end int64, err error) {
	in := bufio.NewReaderSize(r, MaxChunk)
	for i, l := range c.Links {
		chunk, err := peek(in, l.Length)
		if err != nil {
			return i, end, err
		}
		if len(chunk) < l.Length || next(c.before(i), i, chunk) != l.Sum {
			return i, end, nil
		}
		if _, err := in.Discard(l.Length); err != nil {
			return i, end, fmt.Errorf("chain: read: %w", err)
		}
		end += int64(l.Length)
	}
	return len(c.Links), end, nil
}
