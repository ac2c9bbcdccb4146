package recorder

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/recorder/chain"
	"github.com/cordboard/cordboard/recorder/ogg"
	"github.com/cordboard/cordboard/recorder/seal"
	"github.com/cordboard/cordboard/recorder/wave"
	"github.com/cordboard/cordboard/signaling/wire"
)

// errNoAudio: there is nothing in a track that could be kept.
var errNoAudio = errors.New("recorder: no audio in the track")

// mendTrack finishes a track that a crash has cut: it ends it behind its last whole page, or before the
// first page that ends behind limit on the time line (less than 0: nowhere), closes the stream, and makes its
// chain anew. t gets its length and hash. The error is errNoAudio when nothing of the track is left.
func mendTrack(dir, recID string, t *wire.Track, limit int64, key *seal.Key) (TrackChain, error) {
	path := filepath.Join(dir, t.Object)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return TrackChain{}, errNoAudio
	}
	if err != nil {
		return TrackChain{}, fmt.Errorf("recorder: open track: %w", err)
	}
	most, samples := uint64(0), int64(-1)
	if limit >= 0 {
		if limit <= t.OffsetMS {
			return TrackChain{}, errors.Join(f.Close(), os.Remove(path), removeIfThere(filepath.Join(dir, t.ID+chainSuffix)), errNoAudio)
		}
		most = uint64(limit-t.OffsetMS) * 48
		samples = (limit - t.OffsetMS) * wave.Rate / 1000
	}
	m := mended{file: f}
	law := lawNamed(t.Codec)
	switch {
	case law != 0 && key == nil:
		err = m.clearSamples(filepath.Join(dir, t.ID+chainSuffix), chainName(recID, *t), samples)
	case law != 0:
		err = m.sealedSamples(t.Object, key, samples)
	case key == nil:
		err = m.clear(most)
	default:
		err = m.sealed(t.Object, key, most)
	}
	if errors.Is(err, ogg.ErrNotOpus) || errors.Is(err, wave.ErrNotWave) {
		return TrackChain{}, errors.Join(f.Close(), errNoAudio)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return TrackChain{}, fmt.Errorf("recorder: mend track: %w", err)
	}
	t.DurationMS = max(0, int64(m.granule)-ogg.PreSkip) / (ogg.PacketDuration / pcm.Period.Milliseconds())
	if law != 0 {
		t.DurationMS = m.samples * 1000 / wave.Rate
	}
	if t.Bytes, t.SHA256, err = hashFile(path); err != nil {
		return TrackChain{}, err
	}
	return m.rechain(dir, recID, *t)
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// mended is a track whose end has been made whole.
type mended struct {
	file    *os.File
	granule uint64 // of its last page, in Ogg
	samples int64  // else
	sizes   []int  // of its chunks
	kept    int    // of those, how many were there before
}

// clear mends a clear track.
func (m *mended) clear(most uint64) error {
	s, err := ogg.Scan(m.file, most)
	if err != nil {
		return err
	}
	if err := m.file.Truncate(s.End); err != nil {
		return err
	}
	m.granule = s.Granule
	if _, err := m.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	// A page is a chunk; what belongs to no page goes with the page behind it.
	pages := ogg.NewPages(m.file)
	for at := int64(0); at < s.End; {
		page, err := pages.Next()
		if err != nil {
			return err
		}
		for end := page.Offset + int64(page.Size); at < end; {
			n := min(end-at, chain.MaxChunk)
			m.sizes = append(m.sizes, int(n))
			at += n
		}
	}
	m.kept = len(m.sizes)
	if s.Closed {
		return nil
	}
	end := ogg.EndPage(s.Serial, s.Sequence+1, s.Granule)
	m.granule += ogg.PreSkip
	m.sizes = append(m.sizes, len(end))
	_, err = m.file.WriteAt(end, s.End)
	return err
}

// sealed mends a sealed track: whole chunks that can be opened are kept.
func (m *mended) sealed(object string, key *seal.Key, most uint64) error {
	opener := key.Opener(object)
	ends, _, err := m.openable(opener)
	if err != nil {
		return err
	}
	r, err := seal.NewReader(m.file, opener, m.sizes, true)
	if err != nil {
		return err
	}
	s, err := ogg.Scan(r, most)
	if err != nil {
		return err
	}
	for m.kept < len(ends) && ends[m.kept] <= s.End {
		m.kept++
	}
	m.sizes = m.sizes[:m.kept]
	size := int64(0)
	for _, n := range m.sizes {
		size += int64(n)
	}
	m.granule = s.Granule
	if err := m.file.Truncate(size); err != nil || s.Closed {
		return err
	}
	end, err := key.Sealer(object, m.kept).Seal(nil, ogg.EndPage(s.Serial, s.Sequence+1, s.Granule), true)
	if err != nil {
		return err
	}
	m.granule += ogg.PreSkip
	m.sizes = append(m.sizes, len(end))
	_, err = m.file.WriteAt(end, size)
	return err
}

// openable finds the chunks that can be opened, up to the first that cannot, and where each ends in clear bytes. last
// says that the last of them is the file's.
func (m *mended) openable(opener *seal.Opener) (ends []int64, last bool, err error) {
	in := bufio.NewReaderSize(m.file, chain.MaxChunk)
	var plain []byte
	defer func() { clear(plain) }()
	at := int64(0)
	for !last {
		head, err := in.Peek(seal.HeadSize)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, false, err
		}
		n, bad := seal.Size(head, len(m.sizes))
		if bad != nil {
			break
		}
		b, err := in.Peek(n)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, false, err
		}
		if plain, last, bad = opener.Open(plain[:0], b, len(m.sizes)); bad != nil {
			break
		}
		at += int64(len(plain))
		m.sizes, ends = append(m.sizes, n), append(ends, at)
		if _, err := in.Discard(n); err != nil {
			return nil, false, err
		}
	}
	return ends, last, nil
}

// rechain makes the chain of the mended track and compares it with what is left of the old one.
func (m *mended) rechain(dir, recID string, t wire.Track) (TrackChain, error) {
	c := TrackChain{Track: t.ID, Object: t.ID + chainSuffix}
	path := filepath.Join(dir, c.Object)
	var old chain.Chain
	if f, err := os.Open(path); err == nil {
		old, err = chain.Read(f)
		if err = errors.Join(err, f.Close()); err != nil && !errors.Is(err, chain.ErrNoChain) {
			return c, err
		}
	}
	f, err := os.Open(filepath.Join(dir, t.Object))
	if err != nil {
		return c, fmt.Errorf("recorder: chain track: %w", err)
	}
	defer f.Close()
	in := bufio.NewReader(f)
	w := chain.NewWriter(chainName(recID, t))
	text := w.Title()
	buf := make([]byte, chain.MaxChunk)
	for i, n := range m.sizes {
		if _, err := io.ReadFull(in, buf[:n]); err != nil {
			return c, fmt.Errorf("recorder: chain track: %w", err)
		}
		line, err := w.Add(buf[:n])
		if err != nil {
			return c, err
		}
		text = append(text, line...)
		if i < m.kept && i < len(old.Links) && c.Broken == nil && old.Links[i] != (chain.Link{Length: n, Sum: w.Head().Sum}) {
			c.Broken = &i
		}
	}
	c.Head = w.Head()
	if err := writeFile(osDisk{}, path, text); err != nil {
		return c, fmt.Errorf("recorder: chain track: %w", err)
	}
	return c, nil
}
