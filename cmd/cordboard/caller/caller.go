// Package caller is the demo's telephone: a SIP user agent on cordboard's own stack that calls a number and
// speaks, over the noise of a washing machine, until it is hung up. What it says is generated speech that
// ships with the program; scripts/demo-voice.sh makes it.
package caller

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/recorder/ogg"
)

//go:embed caller.opus
var voice []byte

// frames is the voice as 20 ms of G.711 mu-law each.
func frames() ([][]byte, error) {
	packets, err := ogg.NewPackets(bytes.NewReader(voice))
	if err != nil {
		return nil, fmt.Errorf("caller: read voice: %w", err)
	}
	dec, err := codec.NewDecoder(media.Opus)
	if err != nil {
		return nil, err
	}
	enc, err := codec.NewEncoder(media.Format{Codec: media.PCMU}, pcm.Rate8k)
	if err != nil {
		return nil, err
	}
	var out [][]byte
	buf := make([]int16, 5760)
	var frame pcm.Frame
	frame.SetRate(pcm.Rate8k)
	for {
		p, err := packets.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("caller: read voice: %w", err)
		}
		n, err := dec.Decode(buf, p, pcm.Rate8k)
		if err != nil || n != pcm.Rate8k.Samples() {
			return nil, fmt.Errorf("caller: decode voice: %d samples: %w", n, err)
		}
		copy(frame.Samples(), buf[:n])
		payload := make([]byte, n)
		if _, err := enc.Encode(payload, &frame); err != nil {
			return nil, err
		}
		out = append(out, payload)
	}
}

// Caller calls the same number again and again, whenever it is asked to.
type Caller struct {
	dialer call.Dialer
	number string
	log    *slog.Logger
	frames [][]byte
}

// New makes a caller that dials number through dialer.
func New(dialer call.Dialer, number string, log *slog.Logger) (*Caller, error) {
	f, err := frames()
	if err != nil {
		return nil, err
	}
	return &Caller{dialer: dialer, number: number, log: log, frames: f}, nil
}

// progress turns what the far side did into channels.
type progress struct {
	answered chan struct{}
	ended    chan call.Cause
}

func (p *progress) Ringing()          {}
func (p *progress) Early()            {}
func (p *progress) HeldRemotely(bool) {}
func (p *progress) Answered() {
	select {
	case p.answered <- struct{}{}:
	default:
	}
}

func (p *progress) Ended(c call.Cause) {
	select {
	case p.ended <- c:
	default:
	}
}

// Call places one call and speaks until the other side hangs up or ctx ends.
func (c *Caller) Call(ctx context.Context) error {
	p := &progress{answered: make(chan struct{}, 1), ended: make(chan call.Cause, 1)}
	ep, err := c.dialer.Dial(ctx, call.DialRequest{To: c.number, From: "+38640123456", FromName: "Anna Novak", Timeout: time.Minute}, p)
	if err != nil {
		return fmt.Errorf("caller: dial: %w", err)
	}
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		_ = ep.Hangup(stop, call.Cause{Code: call.CauseHangup})
		if m := ep.Media(); m != nil {
			_ = m.Close()
		}
	}()
	select {
	case <-p.answered:
	case cause := <-p.ended:
		return fmt.Errorf("caller: not answered: %s", cause.Code)
	case <-ctx.Done():
		return nil
	}
	c.talk(ctx, ep.Media(), p.ended)
	return nil
}

// talk beats every 20 ms: one frame of the voice out, one frame of what comes in, unheard.
func (c *Caller) talk(ctx context.Context, leg media.Leg, ended <-chan call.Cause) {
	tick := time.NewTicker(pcm.Period)
	defer tick.Stop()
	var in pcm.Frame
	in.SetRate(pcm.Rate8k)
	for n := uint64(0); ; n++ {
		leg.WriteFrame(media.OutFrame{Payload: c.frames[n%uint64(len(c.frames))], Tick: n, Level: 20, Voice: true})
		leg.ReadFrame(&in)
		select {
		case <-tick.C:
		case <-ended:
			return
		case <-leg.Done():
			return
		case <-ctx.Done():
			return
		}
	}
}
