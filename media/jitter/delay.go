package jitter

import "time"

const window = 512 // packets the delay looks back on, at most

// delay learns how late packets come and says how much slack the playout should leave. All values are in
// RTP clock units unless they say otherwise.
type delay struct {
	min, max int64
	target   int64 // slack wanted
	base     int64 // smallest recent transit
	extra    int64

	zero    int64         // transit of the first packet, so that the window fits in 32 bits
	transit [window]int32 // relative to zero
	at      [window]int32 // arrival in ms
	n, next int
	fresh   int // packets since the target was worked out

	lastLate  int64 // arrival of the last packet that missed its turn
	anyLate   bool
	boost     int64 // lateness of repeated late packets, until boostEnds
	boostEnds int64

	floor     int64 // the base before a jump of the timestamps, until floorEnds
	floorEnds int64

	slackNow, slackOld int64 // smallest slack of this half second and of the one before
	pops               int
	known              bool // slackOld is a whole half second
	wishing            int  // pops since an adjustment was first wished for
}

func (d *delay) restart(cfg Config, clock uint32) {
	*d = delay{extra: d.extra}
	d.min = units(int64(cfg.Min), clock)
	d.max = units(int64(cfg.Max-20*time.Millisecond), clock)
	d.target = max(d.min, startAt*int64(clock)/1000)
	d.forgetSlack()
}

// best is the smallest transit that is known at a time.
func (d *delay) best(at int64) int64 { return d.base - d.hidden(at) }

// remember holds the base from before a jump against the one behind it.
func (d *delay) remember(floor, at int64, clock uint32) {
	d.floor, d.floorEnds = floor, at+horizon*int64(clock)/1000
}

// hidden is by how much the base is larger than that from before a jump.
func (d *delay) hidden(at int64) int64 {
	if at >= d.floorEnds {
		return 0
	}
	return max(d.base-d.floor, 0)
}

// arrived notes one packet.
func (d *delay) arrived(at, ts int64, clock uint32, late bool) {
	tr := at - ts
	ms := int64(clock) / 1000
	if d.n == 0 {
		d.zero, d.base = tr, tr
	}
	d.base = min(d.base, tr)
	d.transit[d.next] = int32(tr - d.zero)
	d.at[d.next] = int32(at / ms)
	d.next = (d.next + 1) % window
	d.n = min(d.n+1, window)
	d.fresh++
	if late {
		if d.anyLate && at-d.lastLate < 1000*ms { // one outlier is left alone, two are a habit
			d.boost = max(d.boost, min(tr-d.base, d.max))
			d.boostEnds = at + 4000*ms
		}
		d.anyLate, d.lastLate = true, at
	}
	if at > d.boostEnds {
		d.boost = 0
	}
	if d.fresh >= 50 || d.n < 16 || late || tr-d.base > d.target {
		d.fresh = 0
		d.learn(int32(at/ms), ms)
	}
}

// learn works out base and target from the window.
func (d *delay) learn(now int32, ms int64) {
	var hist [256]uint16
	low := int32(1<<31 - 1)
	for i := range d.n {
		if now-d.at[i] <= baseSpan {
			low = min(low, d.transit[i])
		}
	}
	d.base = d.zero + int64(low)
	count := 0
	limit, per := uint32(min(d.max/ms+20, int64(len(hist)-1))), uint32(ms)
	for i := range d.n {
		if now-d.at[i] > horizon {
			continue
		}
		l := uint32(max(d.transit[i]-low, 0)) / per
		if l > limit {
			continue // no buffer we are ready to keep would have caught it
		}
		hist[l]++
		count++
	}
	beyond := int64(margin)
	if count >= sureOf {
		beyond = sure
	}
	rank := count - count/100 // the 99th percentile
	var want int64
	for l, c := range hist {
		rank -= int(c)
		if rank <= 0 {
			want = (int64(l) + 1 + beyond) * ms
			break
		}
	}
	want = max(want, d.boost+margin*ms*min(d.boost, 1)) + d.extra
	want = min(max(want, d.min), d.max)
	if want >= d.target {
		d.target = want
	} else {
		d.target = max(want, d.target-3*ms) // slowly, for jitter comes back
	}
}

func (d *delay) forgetSlack() {
	d.slackNow, d.slackOld = 1<<62, 1<<62
	d.pops, d.known, d.wishing = 0, false, 0
}

// wish says by how much the packet about to be played should be stretched or shrunk. span is how much is
// stored behind it, step the smallest change that the slack can take.
func (d *delay) wish(slack, queued, span, step int64, clock uint32) (adjust int32, urgent bool) {
	ms := int64(clock) / 1000
	d.slackNow = min(d.slackNow, slack)
	if d.pops++; d.pops >= 25 {
		d.slackOld, d.slackNow = d.slackNow, 1<<62
		d.pops, d.known = 0, true
	}
	low := min(d.slackNow, d.slackOld)
	rest := queued % step
	var by int64
	switch {
	case low < d.target-ms:
		lack := d.target - low
		by = (lack+step-1)/step*step - rest
		urgent = lack > 8*ms
	case d.known && low >= d.target+step+excess*ms && span >= step:
		by = -((low-d.target-3*ms)/step*step + rest)
		urgent = low >= d.target+2*step+excess*ms
	case d.known && rest >= ms:
		by = -rest
	}
	if by == 0 {
		d.wishing = 0
		return 0, false
	}
	if d.wishing++; d.wishing > patience {
		urgent = true
	}
	return int32(by), urgent
}
