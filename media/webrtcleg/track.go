package webrtcleg

import (
	"sync/atomic"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// outTrack is the way from a stream.Sender into pion: finished packets, of which only the header is taken
// apart again, into memory that is kept.
type outTrack struct {
	writer  atomic.Pointer[webrtc.TrackLocalWriter]
	header  rtp.Header
	dropped atomic.Uint64
}

// Bind implements webrtc.TrackLocal.
func (t *outTrack) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	for _, p := range c.CodecParameters() {
		if p.MimeType == webrtc.MimeTypeOpus {
			w := c.WriteStream()
			t.writer.Store(&w)
			return p, nil
		}
	}
	return webrtc.RTPCodecParameters{}, webrtc.ErrUnsupportedCodec
}

// Unbind implements webrtc.TrackLocal.
func (t *outTrack) Unbind(webrtc.TrackLocalContext) error {
	t.writer.Store(nil)
	return nil
}

// ID implements webrtc.TrackLocal.
func (t *outTrack) ID() string { return "audio" }

// RID implements webrtc.TrackLocal.
func (t *outTrack) RID() string { return "" }

// StreamID implements webrtc.TrackLocal.
func (t *outTrack) StreamID() string { return "cordboard" }

// Kind implements webrtc.TrackLocal.
func (t *outTrack) Kind() webrtc.RTPCodecType { return webrtc.RTPCodecTypeAudio }

// send passes one packet on. It is called in the tick.
func (t *outTrack) send(pkt []byte) {
	w := t.writer.Load()
	if w == nil {
		t.dropped.Add(1)
		return
	}
	n, err := t.header.Unmarshal(pkt)
	if err == nil {
		_, err = (*w).WriteRTP(&t.header, pkt[n:])
	}
	if err != nil {
		t.dropped.Add(1)
	}
}
