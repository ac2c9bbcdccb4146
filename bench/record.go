package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cordboard/cordboard/bench/report"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
)

type recordCmd struct {
	common
	Server  string `help:"Server to record with." enum:"cordboard,janus,rtpengine" default:"cordboard"`
	Of      string `help:"What is recorded: rooms of eight (mix), calls of PCMU and Opus (bridge), of Opus on both sides (opus), of PCMU on both (pcmu)." enum:"mix,bridge,opus,pcmu" default:"mix"`
	G711    string `help:"How G.711 is recorded." name:"g711" enum:"samples,opus" default:"samples"`
	Rooms   int    `help:"Rooms, or calls." default:"5"`
	Talkers int    `help:"Parties of a room that speak." default:"1"`
}

func (c *recordCmd) Run(ctx context.Context) error { return execute(ctx, c.common, c) }

func (c *recordCmd) trials() []trial {
	on := trial{
		server: c.Server, label: c.Server + ", recording", rooms: c.Rooms, codecs: slices.Repeat([]string{"opus"}, 8), talkers: c.Talkers,
		record: true, g711: c.G711, complexity: 5, sampleRate: 48000,
	}
	switch c.Of {
	case "bridge":
		on.codecs = []string{"pcmu", "opus"}
	case "opus", "pcmu":
		on.codecs = []string{c.Of, c.Of}
	}
	off := on
	off.label, off.record = c.Server+", not recording", false
	return []trial{on, off}
}

func (c *recordCmd) result() report.Result {
	r := report.Result{
		Name: fmt.Sprintf("record-%s", c.Of), Scenario: "record", Title: fmt.Sprintf("recording on over off, %d 8-party rooms", c.Rooms),
		Load: map[string]any{"of": c.Of, "rooms": c.Rooms, "talkers": c.Talkers, "g711": c.G711},
	}
	if c.Of == "bridge" {
		r.Title = fmt.Sprintf("recording on over off, %d PCMU to Opus calls", c.Rooms)
	}
	switch c.Of {
	case "opus", "pcmu":
		r.Title = fmt.Sprintf("recording on over off, %d %s calls", c.Rooms, c.Of)
	}
	if c.Of == "pcmu" && c.G711 != "opus" {
		r.Name += "-samples"
		r.Title += ", kept as samples"
	}
	if c.Server != "cordboard" {
		r.Name += "-" + c.Server
	}
	return r
}

func (c *recordCmd) steps() int { return c.Repeat * 2 }

func (c *recordCmd) measure(ctx context.Context, b *bench, r *report.Result) error {
	if err := b.compare(ctx, r, c.Repeat, c.trials()...); err != nil {
		return err
	}
	return c.beyond(b, r)
}

// beyond puts down what recording costs more than what its encoder does all by itself, if there is any.
func (c *recordCmd) beyond(b *bench, r *report.Result) error {
	if len(r.Summaries) != 2 || r.Summaries[0].RecEncodes == nil || r.Summaries[0].CPU == nil || r.Summaries[1].CPU == nil {
		return nil
	}
	bare, err := b.bareEncode(c.Rooms)
	if err != nil {
		return err
	}
	on := &r.Summaries[0]
	on.RecordExtra = report.P(*on.CPU - *r.Summaries[1].CPU - *on.RecEncodes*bare)
	b.bar.say("a bare encode takes %.3f ms: recording costs %.3f ms a party and second beyond its %.1f encodes", bare, *on.RecordExtra, *on.RecEncodes)
	return nil
}

// bareEncode is the time of one encode as the recorder makes them of G.711 parties, in milliseconds: what they send,
// one speaking in each call, each with an encoder of its own, in turns of a tenth of a second, as there. It is the median
// of several rounds.
func (b *bench) bareEncode(calls int) (float64, error) {
	const rounds, turn = 15, 5
	voices, err := b.voice("pcmu", 0)
	if err != nil {
		return 0, err
	}
	dec, err := codec.NewDecoder(media.PCMU)
	if err != nil {
		return 0, err
	}
	encoders := make([]codec.Encoder, 2*calls)
	for i := range encoders {
		enc, err := codec.NewEncoder(media.Format{Codec: media.Opus, Bitrate: 24000, Complexity: 5}, pcm.Rate8k)
		if err != nil {
			return 0, err
		}
		defer codec.PutEncoder(enc)
		encoders[i] = enc
	}
	var f pcm.Frame
	var buf [codec.MaxPayload]byte
	decoded := make([]int16, 8*pcm.MaxSamples)
	var took []float64
	for round := range rounds {
		began := time.Now()
		for i, enc := range encoders {
			sends := voices.Comfort
			if i%2 == 0 {
				sends = voices.Speech
			}
			for k := range turn {
				p := sends.Packets[(31*i+round*turn+k)%len(sends.Packets)]
				f.Reset(pcm.Rate8k)
				n, err := dec.Decode(decoded, p, pcm.Rate8k)
				if err != nil {
					return 0, err
				}
				copy(f.Samples(), decoded[:n])
				if _, err := enc.Encode(buf[:], &f); err != nil {
					return 0, err
				}
			}
		}
		took = append(took, time.Since(began).Seconds()*1e3/float64(len(encoders)*turn))
	}
	slices.Sort(took)
	return took[rounds/2], nil
}
