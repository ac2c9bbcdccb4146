package floor

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cordboard/cordboard/desk/agent"
	"github.com/cordboard/cordboard/desk/callback"
	"github.com/cordboard/cordboard/desk/campaign"
	"github.com/cordboard/cordboard/desk/consult"
	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/journal"
	"github.com/cordboard/cordboard/desk/offer"
	"github.com/cordboard/cordboard/desk/tally"
	"github.com/cordboard/cordboard/desk/wait"
	"github.com/cordboard/cordboard/desk/work"
	"github.com/cordboard/cordboard/desk/wrapup"
)

// State is all a floor knows that must outlive the process: plain data, deadlines included.
type State struct {
	Agents   map[string]agent.Agent
	Contacts map[string]contact.Contact // alive
	Offers   map[string]offer.Offer     // open, or accepted and waiting for the agent's voice
	Wrapups  map[string]wrapup.Wrapup   // open
	// Callbacks are kept for a while after they are over.
	Callbacks map[string]callback.Callback
	Consults  map[string]consult.Consult // open
	Watches   map[string]Watch           // by pool
	Waits     map[string]wait.Wait       // of the contacts that wait, ring or are being connected
	Open      map[string]string          // stage of the open outbound record, by the customer's number
	Configs   map[string]Saved           // configurations saved by the API, by version
	Campaigns map[string]campaign.Campaign
	// Records are those taken up and not yet kept with their list.
	Records map[string]campaign.Record
	Works   map[string]work.Work // written requests that are not closed
	// Journals are of the contacts alive, of those whose agents still work on them, and those that are closed and
	// not kept elsewhere yet.
	Journals map[string]journal.Journal
	// Tallies are of the quarter that is open, and those that are complete and not kept elsewhere yet.
	Tallies map[string]tally.Tally
}

// Watch is the alarm for calls that wait and that nobody on duty can take.
type Watch struct {
	Since  time.Time `json:"since,omitzero"`
	Due    time.Time `json:"due,omitzero"` // deadline: of the alarm, and then of the fallback
	Raised bool      `json:"raised,omitempty"`
}

// NewState is an empty floor.
func NewState() State {
	return State{
		Agents: map[string]agent.Agent{}, Contacts: map[string]contact.Contact{},
		Offers: map[string]offer.Offer{}, Wrapups: map[string]wrapup.Wrapup{}, Watches: map[string]Watch{},
		Callbacks: map[string]callback.Callback{},
		Consults:  map[string]consult.Consult{},
		Waits:     map[string]wait.Wait{}, Open: map[string]string{}, Configs: map[string]Saved{},
		Campaigns: map[string]campaign.Campaign{}, Records: map[string]campaign.Record{}, Works: map[string]work.Work{},
		Journals: map[string]journal.Journal{}, Tallies: map[string]tally.Tally{},
	}
}

// Kind names one of the State's maps in a Change. The values are stored: never change one.
type Kind string

// The kinds.
const (
	KindAgent   Kind = "agent"
	KindContact Kind = "contact"
	KindOffer   Kind = "offer"
	KindWrapup  Kind = "wrapup"
	KindWatch   Kind = "watch"

	KindCallback Kind = "callback"
	KindConsult  Kind = "consult"
	KindWait     Kind = "wait"
	KindOpen     Kind = "open"
	KindConfig   Kind = "config"
	KindCampaign Kind = "campaign"
	KindRecord   Kind = "record"
	KindWork     Kind = "work"
	KindJournal  Kind = "journal"
	KindTally    Kind = "tally"

	// KindPace is a deadline only, never stored: a running campaign's next thought.
	KindPace Kind = "pace"
)

// Change is one thing as it is after a step, or gone. Changes are what the desk's log consists of:
// applying them all, in order, to an empty State yields the state. Applying one twice does no harm.
type Change struct {
	Kind  Kind            `json:"k"`
	ID    string          `json:"id"`
	Value json.RawMessage `json:"v,omitempty"` // absent: gone
}

// Apply makes the change.
func (s *State) Apply(c Change) error {
	switch c.Kind {
	case KindAgent:
		return apply(s.Agents, c)
	case KindContact:
		return apply(s.Contacts, c)
	case KindOffer:
		return apply(s.Offers, c)
	case KindWrapup:
		return apply(s.Wrapups, c)
	case KindWatch:
		return apply(s.Watches, c)
	case KindCallback:
		return apply(s.Callbacks, c)
	case KindConsult:
		return apply(s.Consults, c)
	case KindWait:
		return apply(s.Waits, c)
	case KindOpen:
		return apply(s.Open, c)
	case KindConfig:
		return apply(s.Configs, c)
	case KindCampaign:
		return apply(s.Campaigns, c)
	case KindRecord:
		return apply(s.Records, c)
	case KindWork:
		return apply(s.Works, c)
	case KindJournal:
		return apply(s.Journals, c)
	case KindTally:
		return apply(s.Tallies, c)
	default:
		return fmt.Errorf("desk: unknown kind of state %q", c.Kind)
	}
}

func apply[T any](m map[string]T, c Change) error {
	if len(c.Value) == 0 {
		delete(m, c.ID)
		return nil
	}
	var v T
	if err := json.Unmarshal(c.Value, &v); err != nil {
		return fmt.Errorf("desk: %s %s: %w", c.Kind, c.ID, err)
	}
	m[c.ID] = v
	return nil
}

// Key names one thing of the state.
type Key struct {
	Kind Kind
	ID   string
}

// Keys is everything there is, in a fixed order.
func (s *State) Keys() []Key {
	var out []Key
	out = appendKeys(out, KindAgent, s.Agents)
	out = appendKeys(out, KindContact, s.Contacts)
	out = appendKeys(out, KindOffer, s.Offers)
	out = appendKeys(out, KindWrapup, s.Wrapups)
	out = appendKeys(out, KindCallback, s.Callbacks)
	out = appendKeys(out, KindConsult, s.Consults)
	out = appendKeys(out, KindCampaign, s.Campaigns)
	out = appendKeys(out, KindRecord, s.Records)
	out = appendKeys(out, KindWork, s.Works)
	out = appendKeys(out, KindJournal, s.Journals)
	out = appendKeys(out, KindTally, s.Tallies)
	out = appendKeys(out, KindWatch, s.Watches)
	out = appendKeys(out, KindWait, s.Waits)
	out = appendKeys(out, KindOpen, s.Open)
	return appendKeys(out, KindConfig, s.Configs)
}

func appendKeys[T any](out []Key, k Kind, m map[string]T) []Key {
	for _, id := range slices.Sorted(maps.Keys(m)) {
		out = append(out, Key{k, id})
	}
	return out
}

// Present is one thing as it is now, or that it is gone.
func (s *State) Present(k Key) Change { return s.change(k.Kind, k.ID) }

// Snapshot is the whole state as Changes, in a fixed order.
func (s *State) Snapshot() []Change {
	keys := s.Keys()
	out := make([]Change, len(keys))
	for i, k := range keys {
		out[i] = s.Present(k)
	}
	return out
}

func changeOf[T any](k Kind, id string, m map[string]T) Change {
	v, ok := m[id]
	if !ok {
		return Change{Kind: k, ID: id}
	}
	data, err := json.Marshal(v)
	if err != nil {
		panic("floor: plain data does not marshal: " + err.Error())
	}
	return Change{Kind: k, ID: id, Value: data}
}

// change is the present value of one thing as a Change.
func (s *State) change(k Kind, id string) Change {
	switch k {
	case KindAgent:
		return changeOf(k, id, s.Agents)
	case KindContact:
		return changeOf(k, id, s.Contacts)
	case KindOffer:
		return changeOf(k, id, s.Offers)
	case KindWrapup:
		return changeOf(k, id, s.Wrapups)
	case KindCallback:
		return changeOf(k, id, s.Callbacks)
	case KindConsult:
		return changeOf(k, id, s.Consults)
	case KindWait:
		return changeOf(k, id, s.Waits)
	case KindOpen:
		return changeOf(k, id, s.Open)
	case KindConfig:
		return changeOf(k, id, s.Configs)
	case KindCampaign:
		return changeOf(k, id, s.Campaigns)
	case KindRecord:
		return changeOf(k, id, s.Records)
	case KindWork:
		return changeOf(k, id, s.Works)
	case KindJournal:
		return changeOf(k, id, s.Journals)
	case KindTally:
		return changeOf(k, id, s.Tallies)
	default:
		return changeOf(k, id, s.Watches)
	}
}

// Snapshot is the whole state as Changes.
func (f *Floor) Snapshot() []Change { return f.state.Snapshot() }

// Keys is everything there is in the state, in a fixed order.
func (f *Floor) Keys() []Key { return f.state.Keys() }

// Present is one thing of the state as it is now, or that it is gone.
func (f *Floor) Present(k Key) Change { return f.state.Present(k) }
