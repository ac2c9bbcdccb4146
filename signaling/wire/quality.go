package wire

import "time"

// Quality is a leg over one second: in is what cordboard hears of the party, out what the party says it
// hears of cordboard. A MOS of 0 means that nothing is known of that direction in that second.
type Quality struct {
	Time             time.Time `json:"time"` // the end of the second
	LossInPercent    float64   `json:"loss_in_percent"`
	LossOutPercent   float64   `json:"loss_out_percent"`
	LatePercent      float64   `json:"late_percent"`      // of the party's packets, too late to be played
	ConcealedPercent float64   `json:"concealed_percent"` // of the second, made up
	JitterInMS       float64   `json:"jitter_in_ms"`
	JitterOutMS      float64   `json:"jitter_out_ms"`
	RoundTripMS      float64   `json:"round_trip_ms"`
	BufferMS         float64   `json:"buffer_ms"`    // what the jitter buffer holds
	DelayInMS        float64   `json:"delay_in_ms"`  // from the party's mouth to the room
	DelayOutMS       float64   `json:"delay_out_ms"` // from the room to the party's ear
	MOSIn            float64   `json:"mos_in"`       // E-model (ITU-T G.107), 1 to 4.5
	MOSOut           float64   `json:"mos_out"`
}

// QualitySummary is a leg or a whole call since its beginning. The MOS of a second is the worse one of its
// directions; seconds of which nothing is known do not count.
type QualitySummary struct {
	Seconds          int     `json:"seconds"` // measured ones, of all legs
	MOSMin           float64 `json:"mos_min"`
	MOSAvg           float64 `json:"mos_avg"`
	LossInPercent    float64 `json:"loss_in_percent"`
	LossOutPercent   float64 `json:"loss_out_percent"`
	ConcealedPercent float64 `json:"concealed_percent"`
	JitterMaxMS      float64 `json:"jitter_max_ms"`
	RoundTripMaxMS   float64 `json:"round_trip_max_ms"`
	Drops            int     `json:"drops"` // how often the MOS fell below 3.5
}

// LegQuality is the last five minutes of a leg, second by second, oldest first.
type LegQuality struct {
	LegID   string         `json:"leg_id"`
	Summary QualitySummary `json:"summary"`
	Items   []Quality      `json:"items"`
}

// Timeline is what happened in a call, oldest first. Of a call with very much to tell, the oldest entries
// are left out.
type Timeline struct {
	CallID  string          `json:"call_id"`
	Quality *QualitySummary `json:"quality,omitempty"`
	Items   []TimelineMark  `json:"items"`
}

// TimelineMark is one entry of a timeline. Its type is that of an event where there is one, and beside these
// leg.quality_dropped, leg.quality_recovered, leg.forwarded (the party gets another's packets as they came, within
// the second before), leg.mixed (it does not any more) and recording.gap.
type TimelineMark struct {
	Time     time.Time `json:"time"`
	OffsetMS int64     `json:"offset_ms"` // since the call was created
	Type     string    `json:"type"`
	LegID    string    `json:"leg_id,omitempty"`
	Actor    string    `json:"actor,omitempty"`
	Detail   string    `json:"detail,omitempty"`
}
