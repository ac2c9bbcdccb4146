package wire

import "time"

// CampaignMode is how records come to agents.
type CampaignMode string

// The modes.
const (
	ModePreview     CampaignMode = "preview"      // the agent asks for a record, looks at it, dials
	ModePushPreview CampaignMode = "push_preview" // the record comes by itself, the agent looks at it, dials
	ModeProgressive CampaignMode = "progressive"  // a free agent is reserved, the customer is dialled, an answered call is handed over
	ModePredictive  CampaignMode = "predictive"   // customers are dialled ahead of agents who will be free
)

// CampaignState is where a campaign is in its life: draft -> running <-> paused -> finished.
type CampaignState string

// The states of a campaign.
const (
	CampaignDraft    CampaignState = "draft"
	CampaignRunning  CampaignState = "running"
	CampaignPaused   CampaignState = "paused"
	CampaignFinished CampaignState = "finished" // no record is left, or it was ended
)

// RecordState is where a record is in its campaign.
type RecordState string

// The states of a record.
const (
	RecordReady   RecordState = "ready"   // waits for its turn, or its time
	RecordOffered RecordState = "offered" // rings at an agent
	RecordPreview RecordState = "preview" // an agent looks at it
	RecordDialing RecordState = "dialing"
	RecordTalking RecordState = "talking"
	RecordReview  RecordState = "review" // the call is over, the agent has not closed it
	RecordClosed  RecordState = "closed"
)

// CampaignRequest makes a campaign, or changes it.
type CampaignRequest struct {
	Name  string       `json:"name"`
	Mode  CampaignMode `json:"mode"`
	List  string       `json:"list"`
	Queue string       `json:"queue"` // whose agents work in it, whose wrap-up they have
	// EntryPoint is the number shown to customers; default: the first that is active.
	EntryPoint   string        `json:"entry_point,omitempty"`
	CapPercent   float64       `json:"cap_percent,omitempty"`   // of answered calls that may be abandoned, default 3
	Attempts     int           `json:"attempts,omitempty"`      // rounds over a contact's numbers, default 3
	RetrySeconds int           `json:"retry_seconds,omitempty"` // between rounds, default 3600
	RingSeconds  int           `json:"ring_seconds,omitempty"`  // default 25
	WaitMS       int           `json:"wait_ms,omitempty"`       // how long an answered call waits for an agent, default 2000
	From         string        `json:"from,omitempty"`          // wall time at the contact, default "08:00"
	Till         string        `json:"till,omitempty"`          // default "20:00"
	Zone         string        `json:"zone,omitempty"`          // of contacts without one, default "UTC"
	Detect       bool          `json:"detect,omitempty"`        // answering machines, by the configured detector
	Message      string        `json:"message,omitempty"`       // an announcement's file, for calls without an agent
	MaxCalls     int           `json:"max_calls,omitempty"`     // in flight at once; 0: as many as the pacing wants
	Personal     string        `json:"personal,omitempty"`      // rescheduling: "" the agent chooses, "personal" or "campaign"
	Dispositions []Disposition `json:"dispositions,omitempty"`  // empty: any text
}

// Disposition is a result an agent can give a record.
type Disposition struct {
	Code  string `json:"code"`
	Label string `json:"label"`
}

// Campaign is a campaign with its progress.
type Campaign struct {
	ID      string          `json:"id"`
	State   CampaignState   `json:"state"`
	Setup   CampaignRequest `json:"setup"`
	Total   int             `json:"total"` // contacts of the list
	Begun   int             `json:"begun"` // contacts that have been taken up
	Open    int             `json:"open"`  // of these, not closed
	Closed  int             `json:"closed"`
	Calls   int             `json:"calls"`   // being made or answered now
	Results map[string]int  `json:"results"` // of closed records, by disposition or cause
	Today   CampaignTally   `json:"today"`   // the campaign day, in its zone
	Month   CampaignTally   `json:"month"`   // 30 days
	Stopped []string        `json:"stopped"` // agents who have asked for no further records
	Allowed []string        `json:"allowed"`
	Created time.Time       `json:"created"`
	Started *time.Time      `json:"started,omitempty"`
	Version uint64          `json:"version"`
}

// CampaignTally counts outcomes of attempts.
type CampaignTally struct {
	Dialled          int     `json:"dialled"`
	Answered         int     `json:"answered"`
	Abandoned        int     `json:"abandoned"`
	AbandonedPercent float64 `json:"abandoned_percent"`
}

// CampaignList is the campaigns.
type CampaignList struct {
	Items []Campaign `json:"items"`
}

// ContactNumber is one number of a contact, with the hours it may be called in, wall time at the contact.
type ContactNumber struct {
	Number string `json:"number"`
	Medium string `json:"medium,omitempty"` // home, work, mobile ...
	From   string `json:"from,omitempty"`
	Till   string `json:"till,omitempty"`
}

// CampaignRecord is one contact in a campaign.
type CampaignRecord struct {
	ID       string            `json:"id"`
	Campaign string            `json:"campaign"`
	State    RecordState       `json:"state"`
	Name     string            `json:"name"`
	Numbers  []ContactNumber   `json:"numbers"`
	At       int               `json:"at"` // the number whose turn it is
	Zone     string            `json:"zone,omitempty"`
	Fields   map[string]string `json:"fields,omitempty"`
	Row      int               `json:"row"` // of the list, from 1
	Attempts int               `json:"attempts"`
	Next     *time.Time        `json:"next,omitempty"`
	Personal string            `json:"personal,omitempty"` // the agent who alone may have it
	Agent    string            `json:"agent,omitempty"`
	CallID   string            `json:"call_id,omitempty"`
	Result   string            `json:"result,omitempty"`
	History  []RecordAttempt   `json:"history"`
	Allowed  []string          `json:"allowed"`
	Version  uint64            `json:"version"`
}

// RecordAttempt is one attempt to reach a contact.
type RecordAttempt struct {
	Time   time.Time `json:"time"`
	Number string    `json:"number"`
	Agent  string    `json:"agent,omitempty"`
	Result string    `json:"result"`
}

// RecordList is a page of records.
type RecordList struct {
	Items []CampaignRecord `json:"items"`
	Next  string           `json:"next,omitempty"`
}

// RecordDone closes a record.
type RecordDone struct {
	Disposition string `json:"disposition"`
	Stop        bool   `json:"stop,omitempty"` // and no further records until asked for
}

// RecordPatch changes what is known about a contact; what is absent stays (merge patch).
type RecordPatch struct {
	Name   *string           `json:"name,omitempty"`
	Fields map[string]string `json:"fields,omitempty"` // of the list's columns; "" empties one
}

// RecordReschedule sets another time for a record; it takes effect with this request and with nothing else.
type RecordReschedule struct {
	Date     string `json:"date"`
	Time     string `json:"time"`
	Zone     string `json:"zone,omitempty"` // default the contact's
	Personal bool   `json:"personal,omitempty"`
	Number   string `json:"number,omitempty"` // one of the contact's, also as it was shown masked
	Index    *int   `json:"index,omitempty"`  // which of them, from 0, in place of number
	// Add is a new number of the contact, used then.
	Add  *ContactNumber `json:"add,omitempty"`
	Stop bool           `json:"stop,omitempty"`
}

// ContactListing is an uploaded list of contacts.
type ContactListing struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Contacts int        `json:"contacts"`
	Columns  []string   `json:"columns"`
	Created  time.Time  `json:"created"`
	Faults   int        `json:"faults,omitempty"` // rows that were not taken
	Errors   []RowError `json:"errors,omitempty"` // the first 500 of them
}

// RowError is a row of a list that was not taken.
type RowError struct {
	Row    int    `json:"row"` // from 1, the heading not counted
	Column string `json:"column"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// Stage is a campaign stage an agent takes calls of.
type Stage struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Inbound: calls of new customers; otherwise those of customers of the campaign who call back.
	Inbound bool `json:"inbound"`
}

// ContactRequest keeps the customer of a call as a contact of a campaign stage for new customers.
type ContactRequest struct {
	Stage string `json:"stage"` // as record.opened said it
	Name  string `json:"name"`
	Note  string `json:"note,omitempty"`
}

// ContactMatch is a contact of a list that a search has found.
type ContactMatch struct {
	List     string            `json:"list"`
	ListName string            `json:"list_name"`
	Row      int               `json:"row"` // of the list, from 1
	Name     string            `json:"name"`
	Zone     string            `json:"zone,omitempty"`
	Numbers  []ContactNumber   `json:"numbers"`
	Fields   map[string]string `json:"fields,omitempty"`
}

// ContactMatches is what a search has found.
type ContactMatches struct {
	Items []ContactMatch `json:"items"`
}

// ContactLists is the lists.
type ContactLists struct {
	Items []ContactListing `json:"items"`
}

// DoNotCall is numbers that no campaign may call.
type DoNotCall struct {
	Numbers []string `json:"numbers"`
}

// CampaignNotice tells an agent of a campaign that has started, at once or at sign-in.
type CampaignNotice struct {
	Agent    string       `json:"agent"`
	Campaign string       `json:"campaign"`
	Name     string       `json:"name"`
	Mode     CampaignMode `json:"mode"`
}
