package recorder

import (
	"hash/crc32"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/recorder/chain"
	"github.com/cordboard/cordboard/recorder/ogg"
	"github.com/cordboard/cordboard/recorder/seal"
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

// track is one party's file. It belongs to the recording's lock.
type track struct {
	wire    wire.Track
	start   int64 // first frame on the time line
	next    int64 // the frame to be written next
	file    *file
	out     *ogg.Writer
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

// newTrack opens a track whose first frame is start. With a key it is sealed.
func newTrack(w wire.Track, recID string, start int64, s *spool, key *seal.Key) (*track, error) {
	t := &track{
		wire: w, start: start, next: start, spool: s, file: &file{name: w.Object},
		chain: chain.NewWriter(chainName(recID, w)), links: &file{name: w.ID + chainSuffix, lazy: true},
	}
	if key != nil {
		t.sealer = key.Sealer(w.Object, 0)
	}
	s.queueUp(job{to: t.links, data: t.chain.Title()})
	var err error
	t.out, err = ogg.NewWriter(t, crc32.ChecksumIEEE([]byte(recID+w.ID)),
		ogg.Head{Channels: 1, PreSkip: ogg.PreSkip, InputRate: 48000},
		[]string{"RECORDING=" + recID, "TRACK=" + w.ID}, 48000)
	return t, err
}

// chainName is the name a track has in its chain.
func chainName(recID string, w wire.Track) string { return recID + "/" + w.Object }

// Write hands a page to the spool, which is flushed by who flushes the page: one page is one chunk.
func (t *track) Write(page []byte) (int, error) {
	var chunk []byte
	if t.sealer == nil {
		chunk = append(chunk, page...)
	} else {
		var err error
		if chunk, err = t.sealer.Seal(nil, page, ogg.IsLast(page)); err != nil {
			return 0, err
		}
	}
	line, err := t.chain.Add(chunk)
	if err != nil {
		return 0, err
	}
	t.spool.queueUp(job{to: t.file, data: chunk})
	t.spool.queueUp(job{to: t.links, data: line})
	t.wire.Bytes += int64(len(chunk))
	return len(page), nil
}

func (t *track) packet(p []byte, from made) error {
	t.last, t.primed = from, false
	t.next++
	if from != madeMissing {
		t.missing = 0
	}
	return t.out.Packet(p, ogg.PacketDuration)
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
	if t.last == madeOwn {
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
	return err
}
