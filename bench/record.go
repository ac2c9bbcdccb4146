package main

import (
	"context"
	"errors"
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
	Rooms   int    `help:"Rooms, or calls." default:"5"`
	Talkers int    `help:"Parties of a room that speak." default:"1"`
}

func (c *recordCmd) Run(ctx context.Context) error { return execute(ctx, c.common, c) }

func (c *recordCmd) trials() []trial {
	on := trial{
		server: c.Server, label: c.Server + ", recording", rooms: c.Rooms, codecs: slices.Repeat([]string{"opus"}, 8), talkers: c.Talkers,
		record: true, complexity: 5, sampleRate: 48000,
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
		Load: map[string]any{"of": c.Of, "rooms": c.Rooms, "talkers": c.Talkers},
	}
	if c.Of == "bridge" {
		r.Title = fmt.Sprintf("recording on over off, %d PCMU to Opus calls", c.Rooms)
	}
	switch c.Of {
	case "opus", "pcmu":
		r.Title = fmt.Sprintf("recording on over off, %d %s calls", c.Rooms, c.Of)
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

// beyond puts down what recording costs more than what its encoder does all by itself.
func (c *recordCmd) beyond(b *bench, r *report.Result) error {
	if len(r.Summaries) != 2 || r.Summaries[0].RecEncodes == nil || r.Summaries[0].CPU == nil || r.Summaries[1].CPU == nil {
		return nil
	}
	bare, err := bareEncode(b.speech)
	if err != nil {
		return err
	}
	on := &r.Summaries[0]
	on.RecordExtra = report.P(*on.CPU - *r.Summaries[1].CPU - *on.RecEncodes*bare)
	b.bar.say("a bare encode takes %.3f ms: recording costs %.3f ms a party and second beyond its %.1f encodes", bare, *on.RecordExtra, *on.RecEncodes)
	return nil
}

// bareEncode is the time of one encode as the recorder makes them of a G.711 party, in milliseconds.
func bareEncode(speech []int16) (float64, error) {
	enc, err := codec.NewEncoder(media.Format{Codec: media.Opus, Bitrate: 24000, Complexity: 5}, pcm.Rate8k)
	if err != nil {
		return 0, err
	}
	defer codec.PutEncoder(enc)
	var f pcm.Frame
	var buf [codec.MaxPayload]byte
	n, spent := 0, time.Duration(0)
	for at := 0; at+320 <= len(speech) && n < 1000; at += 320 {
		f.Reset(pcm.Rate8k)
		for i := range f.Samples() {
			f.Samples()[i] = speech[at+2*i]
		}
		began := time.Now()
		if _, err := enc.Encode(buf[:], &f); err != nil {
			return 0, err
		}
		spent += time.Since(began)
		n++
	}
	if n == 0 {
		return 0, errors.New("no speech to encode")
	}
	return spent.Seconds() * 1e3 / float64(n), nil
}
