package wire

import "time"

// CallOutcome is what became of a contact.
type CallOutcome string

// The outcomes.
const (
	OutcomeAnswered    CallOutcome = "answered"
	OutcomeAbandoned   CallOutcome = "abandoned"   // the customer hung up before anybody was there
	OutcomeDiverted    CallOutcome = "diverted"    // to a number outside, or an announcement and the end
	OutcomeMessage     CallOutcome = "message"     // the customer left a voice message
	OutcomeCallback    CallOutcome = "callback"    // the customer asked to be called back
	OutcomeInterrupted CallOutcome = "interrupted" // the server was restarted and the call was gone
	OutcomeUnanswered  CallOutcome = "unanswered"  // outbound: the customer did not answer
)

// CallRecord is what became of one contact; it never changes. Times of parts are in seconds.
type CallRecord struct {
	ID        string    `json:"id"` // the call's
	Direction Direction `json:"direction"`
	// Started is when the contact began, Ended when it was over, Closed when the work after it was.
	Started time.Time   `json:"started"`
	Ended   time.Time   `json:"ended"`
	Closed  time.Time   `json:"closed"`
	Outcome CallOutcome `json:"outcome"`
	// Customer is the customer's number, Line our own; Masked says that only the end of Customer is shown.
	Customer   string `json:"customer"`
	Name       string `json:"name,omitempty"`
	Line       string `json:"line"`
	Masked     bool   `json:"masked"`
	EntryPoint string `json:"entry_point,omitempty"` // the number it came in on as it is configured
	Queue      string `json:"queue,omitempty"`       // the last one
	Class      int    `json:"class,omitempty"`
	Stage      string `json:"stage,omitempty"`
	Task       string `json:"task,omitempty"` // the callback or campaign record it was made for
	Campaign   string `json:"campaign,omitempty"`
	Agent      string `json:"agent,omitempty"` // the last who had control

	WaitSeconds     float64 `json:"wait_seconds"` // in all queues
	TalkSeconds     float64 `json:"talk_seconds"` // of all who had control, as are the next four
	HoldSeconds     float64 `json:"hold_seconds"`
	ConsultSeconds  float64 `json:"consult_seconds"`
	DialingSeconds  float64 `json:"dialing_seconds"`
	WrapupSeconds   float64 `json:"wrapup_seconds"`
	PostCallSeconds float64 `json:"post_call_seconds"` // from the customer's leaving to the end
	Disposition     string  `json:"disposition,omitempty"`

	Waits      []RecordWait      `json:"waits"`
	Offers     []RecordOffer     `json:"offers"`
	Agents     []RecordAgent     `json:"agents"`
	Variables  map[string]string `json:"variables,omitempty"` // secure ones are not kept
	Recordings []string          `json:"recordings"`
}

// RecordWait is one stay in a queue.
type RecordWait struct {
	Queue   string    `json:"queue"`
	Entered time.Time `json:"entered"`
	Left    time.Time `json:"left"`
	Seconds float64   `json:"seconds"`
	End     string    `json:"end"` // an outcome, or moved: to another queue
}

// RecordOffer is one ring at an agent.
type RecordOffer struct {
	ID      string    `json:"id"`
	Agent   string    `json:"agent"`
	Consult bool      `json:"consult,omitempty"` // the agent was asked for help
	Offered time.Time `json:"offered"`
	Settled time.Time `json:"settled"`
	End     string    `json:"end"` // accepted, declined, expired (RONA), withdrawn or no_media
}

// RecordAgent is one stay of an agent on the contact.
type RecordAgent struct {
	Agent           string    `json:"agent"`
	Role            string    `json:"role"` // primary, conference or consulted
	Queue           string    `json:"queue,omitempty"`
	Joined          time.Time `json:"joined"`
	Left            time.Time `json:"left"`
	TalkSeconds     float64   `json:"talk_seconds"`
	HoldSeconds     float64   `json:"hold_seconds"`
	ConsultSeconds  float64   `json:"consult_seconds"`
	DialingSeconds  float64   `json:"dialing_seconds"`
	PostCallSeconds float64   `json:"post_call_seconds"`
	WrapupSeconds   float64   `json:"wrapup_seconds"`
	Disposition     string    `json:"disposition,omitempty"`
}

// CallRecordList is a page of call records, the newest first.
type CallRecordList struct {
	Items []CallRecord `json:"items"`
	Next  string       `json:"next,omitempty"`
}

// ReportKind says whom a row of a report is about.
type ReportKind string

// The kinds.
const (
	ReportQueue ReportKind = "queue"
	ReportAgent ReportKind = "agent"
)

// ReportEvery is how long a row of a report is.
type ReportEvery string

// The lengths.
const (
	EveryQuarter ReportEvery = "quarter"
	EveryHour    ReportEvery = "hour"
	EveryDay     ReportEvery = "day"
	EveryAll     ReportEvery = "all" // one row for the whole period
)

// Report is what queues and agents did in a period. docs/reports.md says what each number means.
type Report struct {
	From  time.Time   `json:"from"`
	Until time.Time   `json:"until"`
	Zone  string      `json:"zone"` // IANA
	Every ReportEvery `json:"every"`
	Items []ReportRow `json:"items"`
}

// ReportRow is one queue or agent in one hour, or whatever a row's length is. What there was nothing to divide by
// for is absent. Times begin and end with the zone's offset, so an hour that comes twice is two rows.
type ReportRow struct {
	From  time.Time  `json:"from"`
	Until time.Time  `json:"until"`
	Kind  ReportKind `json:"kind"`
	ID    string     `json:"id"`
	Name  string     `json:"name"`

	Offered            int      `json:"offered"`
	Answered           int      `json:"answered"`
	AnsweredInTime     int      `json:"answered_in_time"`
	Abandoned          int      `json:"abandoned"`
	ShortAbandoned     int      `json:"short_abandoned"`
	Elsewhere          int      `json:"elsewhere"`
	ServiceLevel       *float64 `json:"service_level,omitempty"` // 0 to 1
	AnswerSpeedSeconds *float64 `json:"answer_speed_seconds,omitempty"`
	LongestWaitSeconds float64  `json:"longest_wait_seconds"`
	Missed             int      `json:"missed"`
	Declined           int      `json:"declined"`
	NoMedia            int      `json:"no_media"`

	Handled           int      `json:"handled"`
	Outbound          int      `json:"outbound"`
	HandleTimeSeconds *float64 `json:"handle_time_seconds,omitempty"`
	HandleSeconds     float64  `json:"handle_seconds"`
	TalkSeconds       float64  `json:"talk_seconds"`
	HoldSeconds       float64  `json:"hold_seconds"`
	ConsultSeconds    float64  `json:"consult_seconds"`
	DialingSeconds    float64  `json:"dialing_seconds"`
	WrapupSeconds     float64  `json:"wrapup_seconds"`
	Assisted          int      `json:"assisted"`
	AssistSeconds     float64  `json:"assist_seconds"`
	PostCalls         int      `json:"post_calls"`
	PostCallSeconds   float64  `json:"post_call_seconds"`

	ReadySeconds    float64  `json:"ready_seconds"`
	NotReadySeconds float64  `json:"not_ready_seconds"`
	ReservedSeconds float64  `json:"reserved_seconds"`
	BusySeconds     float64  `json:"busy_seconds"`
	WrapSeconds     float64  `json:"wrap_seconds"`
	Occupancy       *float64 `json:"occupancy,omitempty"` // 0 to 1
}
