package recorder

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cordboard/cordboard/recorder/chain"
	"github.com/cordboard/cordboard/recorder/seal"
	"github.com/cordboard/cordboard/recorder/wave"
)

// hole is how many bytes of 0 in a row are no sound: as loud as can be, without a change, for 64 ms. It is what a
// file system may leave where a length had reached the disk and the bytes had not.
const hole = 512

// clearSamples mends a clear track of samples, of which no more than most are kept; less than 0: all. What its chain
// has is taken as the chain says, what is behind as it is, up to a hole.
func (m *mended) clearSamples(chainPath, name string, most int64) error {
	_, head, err := wave.ReadHead(bufio.NewReader(m.file))
	if err != nil {
		return err
	}
	var c chain.Chain
	if f, err := os.Open(chainPath); err == nil {
		c, err = chain.Read(f)
		if err = errors.Join(err, f.Close()); err != nil && !errors.Is(err, chain.ErrNoChain) {
			return err
		}
	}
	if c.Name != name {
		c = chain.Chain{}
	}
	size, err := m.file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err := m.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, proved, err := chain.Prefix(m.file, c)
	if err != nil {
		return err
	}
	end, err := m.firstHole(max(proved, head), size)
	if err != nil {
		return err
	}
	if most >= 0 {
		end = min(end, head+most)
	}
	if err := m.file.Truncate(end); err != nil {
		return err
	}
	m.samples = end - head
	at := int64(0)
	for _, l := range c.Links { // as they were written, be they right or not: rechain tells
		if at+int64(l.Length) > end {
			break
		}
		m.sizes = append(m.sizes, l.Length)
		at += int64(l.Length)
	}
	m.kept = len(m.sizes)
	for at < end {
		n := min(end-at, wave.Rate)
		if at < head { // the head is a chunk of its own
			n = head - at
		}
		m.sizes = append(m.sizes, int(n))
		at += n
	}
	_, err = m.file.Seek(0, io.SeekStart)
	return err
}

// firstHole is where the first hole from a place on begins, end where there is none.
func (m *mended) firstHole(from, end int64) (int64, error) {
	in := bufio.NewReader(io.NewSectionReader(m.file, from, end-from))
	zeros := int64(0)
	for at := from; at < end; at++ {
		b, err := in.ReadByte()
		if err != nil {
			return 0, fmt.Errorf("recorder: mend track: %w", err)
		}
		if b != 0 {
			zeros = 0
		} else if zeros++; zeros == hole {
			return at + 1 - hole, nil
		}
	}
	return end, nil
}

// sealedSamples mends a sealed track of samples: whole chunks that can be opened are kept, and an empty one ends it.
func (m *mended) sealedSamples(object string, key *seal.Key, most int64) error {
	opener := key.Opener(object)
	ends, closed, err := m.openable(opener)
	if err != nil {
		return err
	}
	r, err := seal.NewReader(m.file, opener, m.sizes, true)
	if err != nil {
		return err
	}
	_, head, err := wave.ReadHead(r)
	if err != nil {
		return err
	}
	size, clearEnd := int64(0), int64(0)
	for m.kept < len(ends) && (most < 0 || ends[m.kept] <= head+most) {
		size, clearEnd = size+int64(m.sizes[m.kept]), ends[m.kept]
		m.kept++
	}
	closed = closed && m.kept == len(ends)
	m.sizes = m.sizes[:m.kept]
	m.samples = max(0, clearEnd-head)
	if err := m.file.Truncate(size); err != nil || closed {
		return err
	}
	last, err := key.Sealer(object, m.kept).Seal(nil, nil, true)
	if err != nil {
		return err
	}
	m.sizes = append(m.sizes, len(last))
	_, err = m.file.WriteAt(last, size)
	return err
}
