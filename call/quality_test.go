package call

import (
	"context"
	"math"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/quality"
	"github.com/cordboard/cordboard/signaling/wire"
)

// network is the Stats of a leg whose packets get lost as the test says.
type network struct{ media.Stats }

// second lets a second pass in which so many of 50 packets are lost.
func (n *network) second(lost uint64) {
	n.PacketsIn += 50 - lost
	n.PacketsOut += 50
	n.Lost += lost
	n.Concealed += lost
	n.Jitter = time.Duration(lost) * time.Millisecond
	n.Delay = 40 * time.Millisecond
}

// TestQuality runs a leg through two minutes of good, bad and again good network.
func TestQuality(t *testing.T) {
	b := newBench(t, DefaultConfig())
	ep, _, c := b.incoming()
	leg := c.Legs[0].ID
	if st, code := status(legQuality(b, leg)); st != http.StatusConflict || code != "leg_not_connected" {
		t.Errorf("quality of a leg without media: %d %s", st, code)
	}
	b.ok(b.Answer(b.ctx, leg, "desk"))
	_, second := b.agent(c.ID, "")
	var net network
	now := time.Now()
	run := func(seconds int, lost uint64) {
		for range seconds {
			net.second(lost)
			ep.leg.setStats(net.Stats)
			now = now.Add(time.Second)
			b.measure(now)
		}
	}
	run(20, 0)
	if st, err := b.LegStats(leg); err != nil || st.Quality == nil || st.Summary == nil || st.Degraded || st.Quality.MOSIn < 4 || st.Summary.Seconds != 20 {
		t.Errorf("good leg: %+v, %v", st, err)
	}
	run(10, 10) // a fifth is lost
	st, err := b.LegStats(leg)
	if err != nil || !st.Degraded || st.Quality.MOSIn > 3 || st.Quality.LossInPercent != 20 || st.Quality.JitterInMS != 10 || st.Summary.Drops != 1 {
		t.Errorf("bad leg: %+v, %+v, %+v, %v", st, st.Quality, st.Summary, err)
	}
	run(4, 0)
	net.Forwarded = true
	run(3, 0)
	if st, err := b.LegStats(leg); err != nil || !st.Forwarded {
		t.Errorf("forwarded leg: %+v, %v", st, err)
	}
	net.Forwarded = false
	run(3, 0)
	b.ok(b.HangupLeg(b.ctx, second.ID, CauseHangup, "agt_a"))

	var told []wire.LegStats
	evs, err := b.bus.After(b.ctx, 0, nil, 1000)
	b.ok(err)
	for _, e := range evs {
		if s, ok := e.Data.(wire.LegStats); ok && e.Type == "leg.quality" && s.LegID == leg {
			told = append(told, s)
		}
	}
	// 5, 10, 15, 20, dropped 21, 26, recovered 31, forwarded 35, mixed 38
	if len(told) != 9 {
		t.Errorf("%d leg.quality events, want 9: %+v", len(told), told)
	}
	tl, err := b.Timeline(c.ID)
	b.ok(err)
	var types []string
	for _, m := range tl.Items {
		if m.LegID == leg || m.LegID == "" {
			types = append(types, m.Type)
		}
	}
	want := []string{"call.created", "leg.answered", "call.connected", "leg.quality_dropped", "leg.quality_recovered", "leg.forwarded", "leg.mixed"}
	if !slices.Equal(types, want) {
		t.Errorf("timeline %v, want %v", types, want)
	}
	if q := tl.Quality; q == nil || q.Seconds != 40 || q.Drops != 1 || q.LossInPercent != 5 || q.MOSMin > 3 || q.MOSAvg < 3.7 || q.JitterMaxMS != 10 {
		t.Errorf("summary: %+v", q)
	}
	if d := b.QualityStats().LossInPercent; d.Counts[0] != 30 || d.Counts[8] != 10 || math.Abs(d.Sum-200) > 1e-9 {
		t.Errorf("distribution of loss: %+v", d)
	}
	if s := b.Stats(); s.Calls != 1 || s.Legs != 2 || s.LegsDegraded != 0 {
		t.Errorf("stats: %+v", s)
	}
	b.ok(b.EndCall(b.ctx, c.ID, CauseHangup, "agt_a"))
	b.until("the call's end", func() bool { return slices.Contains(b.types(), "room.closed") })
	after, err := b.Timeline(c.ID)
	b.ok(err)
	if last := after.Items[len(after.Items)-1]; last.Type != "call.ended" || last.Detail != CauseHangup || after.Quality == nil {
		t.Errorf("timeline of the ended call: %+v", after)
	}
	if ended, err := b.Call(c.ID); err != nil || ended.Quality == nil || ended.Quality.Seconds != 40 {
		t.Errorf("ended call: %+v, %v", ended.Quality, err)
	}
}

func legQuality(b *bench, leg string) error {
	_, err := b.LegQuality(leg)
	return err
}

// TestGaugeForgets: the ring holds five minutes, newest last, at the times they were measured.
func TestGaugeForgets(t *testing.T) {
	leg := newFakeLeg()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	g := newGauge("leg_a", leg, start)
	var net network
	for i := range keepSeconds + 20 {
		net.second(uint64(i % 5))
		leg.setStats(net.Stats)
		g.sample(start.Add(time.Duration(i+1) * time.Second))
	}
	h := g.history()
	if len(h.Items) != keepSeconds || h.Summary.Seconds != keepSeconds+20 {
		t.Fatalf("%d seconds kept, %d summed", len(h.Items), h.Summary.Seconds)
	}
	for i, q := range h.Items {
		n := i + 20
		if want := float64(2 * (n % 5)); q.LossInPercent != want {
			t.Fatalf("second %d lost %v%%, want %v", n, q.LossInPercent, want)
		}
		if want := start.Add(time.Duration(n+1) * time.Second); !q.Time.Equal(want) {
			t.Fatalf("second %d is at %v, want %v", n, q.Time, want)
		}
	}
}

// TestPackKeepsWhatMatters: what the ring holds differs from what was measured by rounding alone.
func TestPackKeepsWhatMatters(t *testing.T) {
	in := quality.Second{
		LossIn: 12.345, LossOut: 0.011, Discard: 100, Concealed: 3.3, JitterIn: 1234 * time.Microsecond, JitterOut: 9 * time.Second,
		RoundTrip: 250 * time.Millisecond, Buffer: 40 * time.Millisecond, DelayIn: 120 * time.Millisecond, DelayOut: time.Second, MOSIn: 4.3217, MOSOut: 1,
	}
	got := pack(in, time.Second).wire(time.Time{})
	want := wire.Quality{
		LossInPercent: 12.35, LossOutPercent: 0.01, LatePercent: 100, ConcealedPercent: 3.3, JitterInMS: 1.2, JitterOutMS: 6553.5,
		RoundTripMS: 250, BufferMS: 40, DelayInMS: 120, DelayOutMS: 1000, MOSIn: 4.322, MOSOut: 1,
	}
	if got != want {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
}

// TestRunMeasures: Run takes a second of every leg by itself.
func TestRunMeasures(t *testing.T) {
	b := newBench(t, DefaultConfig())
	_, _, c := b.incoming()
	b.ok(b.Answer(b.ctx, c.Legs[0].ID, "desk"))
	ctx, cancel := context.WithCancel(b.ctx)
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	b.until("the first second", func() bool {
		h, err := b.LegQuality(c.Legs[0].ID)
		return err == nil && len(h.Items) > 0
	})
	cancel()
	b.ok(<-done)
}

// TestTimelineOfARecording: pauses are in it with their reasons, and both ends.
func TestTimelineOfARecording(t *testing.T) {
	b := newBench(t, DefaultConfig())
	_, _, c := b.incoming()
	b.ok(b.Answer(b.ctx, c.Legs[0].ID, "desk"))
	w, err := b.StartRecording(b.ctx, c.ID, "agt_a")
	b.ok(err)
	_, err = b.PauseRecording(b.ctx, w.ID, time.Minute, "card", "agt_a")
	b.ok(err)
	_, err = b.ResumeRecording(b.ctx, w.ID, "agt_a")
	b.ok(err)
	_, err = b.StopRecording(b.ctx, w.ID, "agt_a")
	b.ok(err)
	tl, err := b.Timeline(c.ID)
	b.ok(err)
	var marks []string
	for _, m := range tl.Items[len(tl.Items)-4:] {
		marks = append(marks, m.Type+" "+m.Actor+" "+m.Detail)
	}
	want := []string{"recording.started agt_a " + w.ID, "recording.paused agt_a card", "recording.resumed agt_a manual", "recording.stopped agt_a " + w.ID}
	if !slices.Equal(marks, want) {
		t.Errorf("\n got %q\nwant %q", marks, want)
	}
}

// BenchmarkMeasure is what a leg's second costs, all told: the board finds it, measures it and counts it.
func BenchmarkMeasure(b *testing.B) {
	g := newGauge("leg_a", newFakeLeg(), time.Now())
	board := &Board{scales: newScales(), calls: make(map[string]*actor)}
	a := &actor{b: board}
	a.parties.Store(&map[string]*gauge{"leg_a": g})
	board.calls["call_a"] = a
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Second)
		a.box = nil
		board.measure(now)
	}
}
