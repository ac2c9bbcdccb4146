package recorder

import (
	"hash/crc32"
	"strings"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/recorder/chain"
	"github.com/cordboard/cordboard/recorder/ogg"
	"github.com/cordboard/cordboard/recorder/seal"
	"github.com/cordboard/cordboard/recorder/wave"
	"github.com/cordboard/cordboard/signaling/wire"
)

// made says where the last packet of a track came from. Packets of different makers follow each other in
// one stream, so each change is made where the decoder takes it well: our encoder starts afresh, digital
// silence and repeated modes need no history.
type made uint8

const (
	madeSilence made = iota // digital silence
	madeReused              // as the party sent it
	madeMissing             // a packet without data that leaves the frame to the decoder
	madeOwn                 // from our encoder
)

// maxMissing is how long a decoder is left to itself, a second; then the party is silent.
const maxMissing = 50

// container is the form of a track's file: pages of Ogg Opus or, of G.711 kept as it came, plain samples. Flush writes
// out what is gathered, Close that and the end, Wipe overwrites the buffers.
type container interface {
	Flush() error
	Close() error
	Wipe()
}

// track is a file of one party. It belongs to the recording's lock.
type track struct {
	wire    wire.Track
	party   int
	law     media.Codec // of its samples; 0: it is Ogg Opus
	start   int64       // first frame on the time line
	next    int64       // the frame to be written next
	file    *file
	out     container
	ogg     *ogg.Writer  // out, or nil
	wave    *wave.Writer // out, or nil
	down    *downward    // brings samples to the file's rate and law; nil before there was need
	sealer  *seal.Sealer // nil: the track is not sealed
	chain   *chain.Writer
	links   *file // the chain's
	spool   *spool
	enc     codec.Encoder
	rate    pcm.Rate // the encoder is configured for
	last    made
	toc     byte // mode of the last reused packet
	missing int
	behind  bool // nothing since a pause but silence
	primed  bool // the encoder has been given the frames right before the next one
}

// newTrack opens a track of a party, with samples in a law or, with none, in Ogg Opus, whose first frame is start. With
// a key it is sealed.
func newTrack(w wire.Track, party int, law media.Codec, recID string, start int64, s *spool, key *seal.Key) (*track, error) {
	t := &track{
		wire: w, party: party, law: law, start: start, next: start, spool: s, file: &file{name: w.Object},
		// Ogg has checksums of its own, and its chain can be made again; of samples the chain is all there is.
		chain: chain.NewWriter(chainName(recID, w)), links: &file{name: w.ID + chainSuffix, lazy: law == 0},
	}
	if key != nil {
		t.sealer = key.Sealer(w.Object, 0)
	}
	s.queueUp(job{to: t.links, data: t.chain.Title()})
	comments := []string{"RECORDING=" + recID, "TRACK=" + w.ID}
	var err error
	if law != 0 {
		t.wave, err = wave.NewWriter(t.chunk, law, strings.Join(comments, " "))
		t.out = t.wave
		return t, err
	}
	t.ogg, err = ogg.NewWriter(t, crc32.ChecksumIEEE([]byte(recID+w.ID)),
		ogg.Head{Channels: 1, PreSkip: ogg.PreSkip, InputRate: 48000}, comments, 48000)
	t.out = t.ogg
	return t, err
}

// chainName is the name a track has in its chain.
func chainName(recID string, w wire.Track) string { return recID + "/" + w.Object }

// Write hands a page of Ogg to the spool: one page is one chunk.
func (t *track) Write(page []byte) (int, error) {
	if err := t.chunk(page, ogg.IsLast(page)); err != nil {
		return 0, err
	}
	return len(page), nil
}

// chunk hands a chunk to the spool, which is flushed by who flushes the chunk. The last may be empty; it is written
// where a seal goes around it.
func (t *track) chunk(clear []byte, last bool) error {
	var chunk []byte
	switch {
	case t.sealer != nil:
		var err error
		if chunk, err = t.sealer.Seal(nil, clear, last); err != nil {
			return err
		}
	case len(clear) == 0:
		return nil
	default:
		chunk = append(chunk, clear...)
	}
	line, err := t.chain.Add(chunk)
	if err != nil {
		return err
	}
	t.spool.queueUp(job{to: t.file, data: chunk})
	t.spool.queueUp(job{to: t.links, data: line})
	t.wire.Bytes += int64(len(chunk))
	return nil
}

func (t *track) packet(p []byte, from made) error {
	t.last, t.primed = from, false
	t.next++
	if from != madeMissing {
		t.missing = 0
	}
	return t.ogg.Packet(p, ogg.PacketDuration)
}

// fill writes silence up to, not including, frame pos.
func (t *track) fill(pos int64, c *Counters) error {
	for t.next < pos {
		if err := t.silence(c); err != nil {
			return err
		}
	}
	return nil
}

func (t *track) silence(c *Counters) error {
	c.Silent++
	if t.law != 0 {
		return t.samples(quietFrames[t.law][:], madeSilence)
	}
	return t.packet(ogg.Silence[:], madeSilence)
}

// reuse writes a packet as the party sent it. The first one behind a pause is silence instead: through
// the look-ahead of its encoder it holds some milliseconds of the pause.
func (t *track) reuse(p []byte, c *Counters) error {
	if t.behind {
		t.behind = false
		return t.silence(c)
	}
	c.Reused++
	t.toc = p[0]
	return t.packet(p, madeReused)
}

// quiet writes a frame in which the party says nothing. After a party's own packets the decoder goes on
// with its comfort noise for a while, after ours the encoder's tail is let out first.
func (t *track) quiet(f *pcm.Frame, buf []byte, c *Counters) error {
	switch {
	case t.last == madeOwn:
		f.Reset(t.rate)
		if err := t.encode(f, buf, c); err != nil {
			return err
		}
		t.last = madeSilence
		return nil
	case (t.last == madeReused || t.last == madeMissing) && t.missing < maxMissing:
		return t.conceal(c)
	}
	return t.silence(c)
}

// conceal leaves a frame to the decoder.
func (t *track) conceal(c *Counters) error {
	c.Concealed++
	t.missing++
	return t.packet([]byte{ogg.Discontinuous(t.toc)}, madeMissing)
}

// encode writes a frame of samples.
func (t *track) encode(f *pcm.Frame, buf []byte, c *Counters) error {
	if err := t.ready(f.Rate()); err != nil {
		return err
	}
	n, err := t.enc.Encode(buf[:codec.MaxPayload], f)
	if err != nil {
		return err
	}
	if n == 0 {
		return t.silence(c)
	}
	c.Encoded++
	t.behind = false
	return t.packet(buf[:n], madeOwn)
}

// prime gives the encoder a frame that has been written as a payload already, if it is about to take over.
func (t *track) prime(f *pcm.Frame, buf []byte) error {
	if t.last != madeReused && t.last != madeMissing { // the decoder has not heard it
		return nil
	}
	if err := t.ready(f.Rate()); err != nil {
		return err
	}
	t.primed = true
	_, err := t.enc.Encode(buf[:codec.MaxPayload], f)
	return err
}

// ready makes the encoder fit for a frame of the rate. One that did not make the last packet and has not
// been primed begins anew.
func (t *track) ready(r pcm.Rate) error {
	format := media.Format{Codec: media.Opus, Bitrate: 24000, Complexity: 5}
	if r == pcm.Rate48k {
		format.Bitrate = 32000
	}
	switch {
	case t.enc == nil:
		e, err := codec.NewEncoder(format, r)
		if err != nil {
			return err
		}
		t.enc = e
	case t.rate != r:
		if err := t.enc.Configure(format); err != nil {
			return err
		}
	}
	t.rate = r
	if t.last != madeOwn && !t.primed {
		t.enc.Reset()
	}
	return nil
}

// cut writes out what is gathered and forgets all audio: what was before a pause is on its way to the
// disk, and no buffer or encoder holds it any more.
func (t *track) cut() error {
	err := t.out.Flush()
	t.out.Wipe()
	if t.enc != nil {
		t.enc.Reset()
	}
	t.down.wipe()
	t.last, t.behind, t.primed = madeSilence, true, false
	return err
}

// close ends the file. The encoder goes back to its pool.
func (t *track) close() error {
	err := t.out.Close()
	t.out.Wipe()
	if t.enc != nil {
		t.enc.Reset()
		codec.PutEncoder(t.enc)
		t.enc = nil
	}
	t.down.wipe()
	return err
}
