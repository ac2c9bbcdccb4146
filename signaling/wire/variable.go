package wire

// VariableType is what a variable's value may be.
type VariableType string

// The types of variables.
const (
	VariableText   VariableType = "text"
	VariableNumber VariableType = "number"
	VariableDate   VariableType = "date" // 2026-03-01
	VariableYesNo  VariableType = "yes_no"
)

// Variable is something known about a call.
type Variable struct {
	Name     string       `json:"name"`
	Label    string       `json:"label"`
	Type     VariableType `json:"type"`
	Value    string       `json:"value"` // at most 256 characters; empty when masked
	Masked   bool         `json:"masked,omitempty"`
	Secure   bool         `json:"secure"`
	Editable bool         `json:"editable"`
	Version  uint64       `json:"version"` // 0: never set
	By       string       `json:"by,omitempty"`
}

// VariableList is a call's variables.
type VariableList struct {
	CallID string     `json:"call_id"`
	Items  []Variable `json:"items"`
}

// VariableRequest stores a value; the version is the one the editor has seen.
type VariableRequest struct {
	Value   string  `json:"value"`
	Version *uint64 `json:"version"`
}

// OfferVariable is a line of a ring.
type OfferVariable struct {
	Name  string `json:"name"`
	Label string `json:"label"`
	Value string `json:"value"`
}

// OfferLink is a button of a ring that opens a page.
type OfferLink struct {
	Label string `json:"label"`
	URL   string `json:"url"`
}

// RingKind is what rings.
type RingKind string

// The kinds.
const (
	RingCall        RingKind = "call"
	RingReturned    RingKind = "returned"     // a customer calls back one of our campaign's calls
	RingNewCustomer RingKind = "new_customer" // on the number of a campaign stage
	RingConsult     RingKind = "consult"
	RingCallback    RingKind = "callback"
	RingRecord      RingKind = "record" // of a campaign
	RingWritten     RingKind = "written"
)

// WrapupReason is a reason that can be chosen.
type WrapupReason struct {
	Code  string `json:"code"`
	Label string `json:"label"`
}
