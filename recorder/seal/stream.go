package seal

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
)

// writerChunk is how many clear bytes a Writer puts into a chunk.
const writerChunk = 64 << 10

// Writer seals a file that is written in pieces of any size. Close it to seal the rest.
type Writer struct {
	w      io.Writer
	sealer *Sealer
	plain  []byte
	sealed []byte
	err    error
	closed bool
}

// NewWriter seals to w, one Write per chunk.
func NewWriter(w io.Writer, s *Sealer) *Writer { return &Writer{w: w, sealer: s} }

// Write takes clear bytes.
func (x *Writer) Write(p []byte) (int, error) {
	if x.closed {
		return 0, errors.New("seal: write after close")
	}
	n := len(p)
	for len(p) > 0 && x.err == nil {
		if len(x.plain) == writerChunk {
			x.flush(false)
		}
		k := min(len(p), writerChunk-len(x.plain))
		x.plain, p = append(x.plain, p[:k]...), p[k:]
	}
	if x.err != nil {
		return 0, x.err
	}
	return n, nil
}

func (x *Writer) flush(last bool) {
	if x.err != nil {
		return
	}
	if x.sealed, x.err = x.sealer.Seal(x.sealed[:0], x.plain, last); x.err == nil {
		_, x.err = x.w.Write(x.sealed)
	}
	clear(x.plain)
	x.plain = x.plain[:0]
}

// Close seals the last chunk. It does not close what is below.
func (x *Writer) Close() error {
	if !x.closed {
		x.flush(true)
		x.closed = true
	}
	return x.err
}

// WriterSizes is the lengths of the chunks of a file that a Writer made, of which total bytes are there. It
// spares a Reader the look at their heads.
func WriterSizes(total int64) []int {
	const whole = writerChunk + Overhead
	sizes := []int{}
	for ; total > whole; total -= whole {
		sizes = append(sizes, whole)
	}
	return append(sizes, int(total))
}

// Reader opens a sealed file. It reads and seeks in the clear bytes and holds one chunk of them. Not safe
// for concurrent use.
type Reader struct {
	src     io.ReadSeeker
	opener  *Opener
	starts  []int64 // clear offset of each chunk, and behind the last
	offsets []int64 // sealed offset of each chunk, and behind the last
	growing bool
	at      int64 // clear position
	src0    int64 // where src stands, -1: unknown
	chunk   int   // the one in plain, -1: none
	plain   []byte
	sealed  []byte
	last    bool
}

// NewReader opens the file that src holds. sizes are the lengths of its sealed chunks, as its chain has
// them; without them the heads of all chunks are read first. growing is for a file that is still written or
// was cut by a crash: without it the end of a file whose last chunk does not say that it is the last is
// io.ErrUnexpectedEOF.
func NewReader(src io.ReadSeeker, o *Opener, sizes []int, growing bool) (*Reader, error) {
	r := &Reader{src: src, opener: o, growing: growing, chunk: -1, src0: -1, starts: []int64{0}, offsets: []int64{0}}
	var damage error
	if sizes == nil {
		sizes, damage = r.walk()
		if damage != nil && (len(sizes) == 0 || !errors.Is(damage, ErrDamaged)) {
			return nil, damage
		}
	}
	for i, n := range sizes {
		if n < Overhead || n > MaxClear+Overhead {
			return nil, &Damage{i, "tells an impossible length"}
		}
		r.offsets = append(r.offsets, r.offsets[i]+int64(n))
		r.starts = append(r.starts, r.starts[i]+int64(n-Overhead))
	}
	if damage != nil {
		// A chunk that tells a wrong length makes the one behind it look damaged.
		if err := r.load(len(sizes) - 1); err != nil {
			return nil, err
		}
		return nil, damage
	}
	return r, nil
}

// walk reads the heads of all whole chunks; with an error it returns those before it.
func (r *Reader) walk() ([]int, error) {
	end, err := r.src.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, fmt.Errorf("seal: seek: %w", err)
	}
	var head [headSize]byte
	sizes := []int{}
	for at := int64(0); at < end; {
		if _, err := r.src.Seek(at, io.SeekStart); err != nil {
			return nil, fmt.Errorf("seal: seek: %w", err)
		}
		n := headSize
		if _, err = io.ReadFull(r.src, head[:]); err == nil {
			n, err = Size(head[:], len(sizes))
		} else if errors.Is(err, io.ErrUnexpectedEOF) {
			err = &Damage{len(sizes), "is cut off"}
		}
		if err == nil && at+int64(n) > end {
			err = &Damage{len(sizes), "is cut off"}
		}
		if err != nil {
			if r.growing && errors.Is(err, ErrDamaged) {
				return sizes, nil
			}
			return sizes, err
		}
		sizes = append(sizes, n)
		at += int64(n)
	}
	return sizes, nil
}

// Size is how many clear bytes there are.
func (r *Reader) Size() int64 { return r.starts[len(r.starts)-1] }

// Read reads clear bytes. Errors are *Damage, io.ErrUnexpectedEOF for a file without its end, and those of
// the source.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for r.chunk < 0 || r.at < r.starts[r.chunk] || r.at >= r.starts[r.chunk+1] {
		if r.at >= r.Size() {
			return 0, r.end()
		}
		// The last chunk that begins at or before the position; empty ones end there too.
		k := sort.Search(len(r.starts), func(i int) bool { return r.starts[i] > r.at }) - 1
		if err := r.load(k); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.plain[r.at-r.starts[r.chunk]:])
	r.at += int64(n)
	return n, nil
}

// end is what the end of the clear bytes means.
func (r *Reader) end() error {
	n := len(r.offsets) - 1
	if r.growing {
		return io.EOF
	}
	if n == 0 {
		return io.ErrUnexpectedEOF
	}
	if r.chunk != n-1 {
		if err := r.load(n - 1); err != nil {
			return err
		}
	}
	if !r.last {
		return io.ErrUnexpectedEOF
	}
	return io.EOF
}

// load opens chunk k.
func (r *Reader) load(k int) error {
	r.chunk = -1
	if r.src0 != r.offsets[k] {
		if _, err := r.src.Seek(r.offsets[k], io.SeekStart); err != nil {
			return fmt.Errorf("seal: seek: %w", err)
		}
	}
	r.src0 = -1
	n := int(r.offsets[k+1] - r.offsets[k])
	r.sealed = slices.Grow(r.sealed[:0], n)[:n]
	if _, err := io.ReadFull(r.src, r.sealed); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return &Damage{k, "is cut off"}
		}
		return fmt.Errorf("seal: read: %w", err)
	}
	r.src0 = r.offsets[k+1]
	plain, last, err := r.opener.Open(r.plain[:0], r.sealed, k)
	if err != nil {
		return err
	}
	if last && k != len(r.offsets)-2 {
		return &Damage{k + 1, "stands behind the end of the file"}
	}
	r.plain, r.last, r.chunk = plain, last, k
	return nil
}

// Seek sets the position in the clear bytes.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.Size()
	}
	if offset < 0 {
		return 0, errors.New("seal: seek before the beginning")
	}
	r.at = offset
	return offset, nil
}
