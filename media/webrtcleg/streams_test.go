package webrtcleg_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/media/webrtcleg"
	"github.com/cordboard/cordboard/mixer"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// listener is a browser that keeps what comes in each of its audio sections.
type listener struct {
	*browser
	mu    sync.Mutex
	heard map[string][]*rtp.Packet // by mid
	calm  bool                     // the machine kept time, so gaps are ours
}

func newListener(t testing.TB, sections int) *listener {
	l := &listener{browser: newBrowser(t, false), heard: map[string][]*rtp.Packet{}}
	l.pc.OnTrack(func(tr *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
		mid := ""
		for _, t := range l.pc.GetTransceivers() {
			if t.Receiver() == r {
				mid = t.Mid()
			}
		}
		for {
			p, _, err := tr.ReadRTP()
			if err != nil {
				return
			}
			l.mu.Lock()
			l.heard[mid] = append(l.heard[mid], p)
			l.mu.Unlock()
		}
	})
	l.more(sections - 1)
	return l
}

// more adds sections that only receive.
func (l *listener) more(n int) {
	l.t.Helper()
	for range n {
		if _, err := l.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			l.t.Fatal(err)
		}
	}
}

// packets is what has come in a section so far.
func (l *listener) packets(mid string) []*rtp.Packet {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.heard[mid])
}

// holds checks that what came in a section is one tone alone, and without a gap.
func (l *listener) holds(mid string, packets []*rtp.Packet, hz float64, others ...float64) {
	l.t.Helper()
	if len(packets) < 40 {
		l.t.Errorf("section %s: %d packets", mid, len(packets))
		return
	}
	first := packets[0].SequenceNumber
	slices.SortFunc(packets, func(a, b *rtp.Packet) int {
		return cmp.Compare(int16(a.SequenceNumber-first), int16(b.SequenceNumber-first))
	})
	d, err := codec.NewDecoder(media.Opus)
	if err != nil {
		l.t.Fatal(err)
	}
	defer codec.PutDecoder(d)
	var sound []int16
	dst := make([]int16, 5760)
	for i, p := range packets {
		if i > 0 {
			last := packets[i-1]
			if p.SSRC != last.SSRC || p.SequenceNumber != last.SequenceNumber+1 || l.calm && p.Timestamp-last.Timestamp > 2*960 {
				l.t.Errorf("section %s, packet %d of %d: ssrc %d after %d, number %d after %d, timestamp %d later",
					mid, i, len(packets), p.SSRC, last.SSRC, p.SequenceNumber, last.SequenceNumber, p.Timestamp-last.Timestamp)
			}
		}
		n, err := d.Decode(dst, p.Payload, pcm.Rate48k)
		if err != nil {
			l.t.Fatal(err)
		}
		sound = append(sound, dst[:n]...)
	}
	sound = sound[9600:] // the decoder's start
	if got := testaudio.Level(sound, hz, 48000); math.Abs(got+10) > 1.5 {
		l.t.Errorf("section %s: %v Hz at %.1f dB, want -10", mid, hz, got)
	}
	for _, o := range others {
		if got := testaudio.Level(sound, o, 48000); got > -45 {
			l.t.Errorf("section %s: the tone of another, %v Hz, at %.1f dB", mid, o, got)
		}
	}
}

// TestStreams: each section holds exactly its member's tone, and goes on without a gap while others join,
// leave and the browser renegotiates.
func TestStreams(t *testing.T) {
	a := newAPI(t, webrtcleg.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	engine, err := mixer.New(mixer.Config{Shards: 1})
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() { defer close(over); _ = engine.Run(ctx) }()
	defer func() { cancel(); <-over }()
	room, err := engine.NewRoom("r")
	if err != nil {
		t.Fatal(err)
	}
	do := func(cmds ...mixer.Command) {
		t.Helper()
		if err := room.Do(ctx, cmds...); err != nil {
			t.Fatal(err)
		}
	}
	tones := []float64{500, 1000, 2000, 3100}
	join := func(i int) {
		t.Helper()
		b, leg := connect(t, a, false)
		go b.talk(ctx, testaudio.Tone(tones[i], 48000, 30*48000, -10), voice)
		do(mixer.Join{ID: fmt.Sprint(i), Leg: leg})
	}
	for i := range 3 {
		join(i)
	}
	l := newListener(t, 4)
	leg, answer, err := a.NewLeg(ctx, l.offer(nil), webrtcleg.Options{Streams: true})
	if err != nil {
		t.Fatal(err)
	}
	l.accept(answer)
	wait(t, leg, media.EventConnected, 5*time.Second)
	streams := leg.Streams()
	if len(streams) != 4 {
		t.Fatalf("%d streams", len(streams))
	}
	sinks := map[string]media.RelaySink{"0": streams[1].Sink, "1": streams[2].Sink, "2": streams[3].Sink}
	do(mixer.Join{ID: "me", Leg: leg}, mixer.Streams{ID: "me", Sinks: sinks})
	time.Sleep(1500 * time.Millisecond)
	if n := engine.Stats().Forwarded; n == 0 {
		t.Error("nothing was forwarded")
	}
	main := len(l.packets(streams[0].ID))

	// A fourth joins: mixed into the first section, until the browser has another one for it.
	join(3)
	time.Sleep(800 * time.Millisecond)
	mixed := l.packets(streams[0].ID)
	l.more(1)
	again, err := leg.Restart(ctx, l.offer(nil))
	if err != nil {
		t.Fatal(err)
	}
	more := leg.Streams()
	if len(more) != 5 || !slices.Equal(more[:4], streams) {
		t.Fatalf("streams %v after %v", more, streams)
	}
	l.accept(again)
	sinks["3"] = more[4].Sink
	do(mixer.Streams{ID: "me", Sinks: sinks}, mixer.Leave{ID: "2"})
	time.Sleep(1200 * time.Millisecond)

	s := engine.Stats()
	if l.calm = s.Skipped == 0 && s.LateMax < 40*time.Millisecond; !l.calm {
		t.Logf("the machine stalled: %d ticks skipped, the latest %v late", s.Skipped, s.LateMax)
	}
	if main > 5 { // of the ticks before there were streams
		t.Errorf("%d packets in the first section, with nothing to mix", main)
	}
	l.holds(streams[0].ID, mixed[min(main, len(mixed)):], tones[3], tones[:3]...)
	l.holds(more[1].ID, l.packets(more[1].ID), tones[0], tones[1:]...)
	l.holds(more[2].ID, l.packets(more[2].ID), tones[1], tones[0], tones[2], tones[3])
	l.holds(more[3].ID, l.packets(more[3].ID), tones[2], tones[0], tones[1], tones[3])
	l.holds(more[4].ID, l.packets(more[4].ID), tones[3], tones[:3]...)
	n := len(l.packets(more[3].ID))
	time.Sleep(200 * time.Millisecond)
	if got := len(l.packets(more[3].ID)); got != n {
		t.Errorf("%d packets in the section of one who has left", got-n)
	}

	l.more(4)
	if _, err := leg.Restart(ctx, l.offer(nil)); !errors.Is(err, webrtcleg.ErrUnusable) {
		t.Errorf("nine sections: %v", err)
	}
	if got := leg.Streams(); !slices.Equal(got, more) {
		t.Errorf("streams %v after a refusal", got)
	}
}

// Without being asked for separate streams the leg refuses the sections, and later may take them.
func TestStreamsRefused(t *testing.T) {
	a := newAPI(t, webrtcleg.Config{TCPPort: -1})
	offer := newListener(t, 3).offer(nil)
	leg, answer, err := a.NewLeg(t.Context(), offer, webrtcleg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(answer, "m=audio 0 ") != 2 || strings.Count(answer, "m=audio 9 ") != 1 || len(leg.Streams()) != 1 {
		t.Errorf("%d streams, answer:\n%s", len(leg.Streams()), answer)
	}
	if answer, err = leg.Renegotiate(t.Context(), offer, true); err != nil || strings.Count(answer, "m=audio 9 ") != 3 || len(leg.Streams()) != 3 {
		t.Errorf("%v, %d streams, answer:\n%s", err, len(leg.Streams()), answer)
	}
	if answer, err = leg.Renegotiate(t.Context(), offer, false); err != nil || strings.Count(answer, "m=audio 0 ") != 2 || len(leg.Streams()) != 1 {
		t.Errorf("%v, %d streams, answer:\n%s", err, len(leg.Streams()), answer)
	}
}
