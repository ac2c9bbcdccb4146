package wire

import (
	"encoding/json"
	"reflect"
)

// EventTypes maps the type of every event the server may send to the object its data holds. It is the
// source of the discriminated union in the generated TypeScript and of the event schemas in the OpenAPI
// document; an event that is not in here must not be published.
var EventTypes = map[string]any{
	"call.created":   Call{},
	"call.queued":    QueuePlace{},
	"call.offered":   Call{},
	"call.ringing":   Call{},
	"call.connected": Call{},
	"call.changed":   Call{}, // its variables, its queue or its recording
	"call.ended":     Call{},
	"call.diverted":  Diversion{}, // to another queue, a number, a message or its end
	"call.refused":   Diversion{},
	"call.routed":    Routed{}, // a routing hook was asked

	"message.started": Diversion{}, // a caller begins to leave a message

	"call.post_call":        Handling{}, // the customer has left, the others go on
	"call.handling_changed": Handling{}, // whatever of it has changed

	"variables.changed": VariableList{},

	"consult.started":  Consult{},
	"consult.reached":  Consult{},
	"consult.answered": Consult{},
	"consult.ended":    Consult{},

	"conference.started":       Handling{},
	"conference.joined":        Handling{},
	"conference.left":          Handling{},
	"conference.owner_changed": Handling{},

	"transfer.started":   Transfer{},
	"transfer.completed": Transfer{},
	"transfer.failed":    Transfer{},

	"leg.created":         Leg{},
	"leg.ringing":         Leg{},
	"leg.early_media":     Leg{},
	"leg.answered":        Leg{},
	"leg.held":            Leg{},
	"leg.resumed":         Leg{},
	"leg.muted":           Leg{},
	"leg.unmuted":         Leg{},
	"leg.changed":         Leg{}, // gain, deafened
	"leg.dtmf":            Digit{},
	"leg.quality":         LegStats{},
	"leg.reconnecting":    Leg{},
	"leg.reconnected":     Leg{},
	"leg.streams_changed": Leg{}, // which voice is in which stream
	"leg.ended":           Leg{},
	"denoise.changed":     Leg{}, // a level, the residual, or that it is no longer bypassed
	"denoise.degraded":    Leg{}, // bypassed, since the server is short of time

	"playback.finished": Playback{},

	"room.created":         Room{},
	"room.matrix_changed":  Room{},
	"room.speaker_changed": Room{},
	"room.closed":          Room{},

	"capture.started": Capture{},
	"capture.changed": Capture{}, // one key more
	"capture.ended":   Capture{},

	"recording.started":   Recording{},
	"recording.paused":    Recording{},
	"recording.resumed":   Recording{},
	"recording.stopped":   Recording{},
	"recording.stored":    Recording{},
	"recording.failed":    Recording{},
	"recording.held":      Recording{},
	"recording.released":  Recording{},
	"recording.deleted":   Recording{}, // only id, call_id and state: the rest is gone
	"recording.recovered": Recording{},

	"agent.state_changed":   Agent{},
	"agent.signed_in":       Agent{},
	"agent.signout_pending": Agent{},
	"agent.signed_out":      Agent{},
	"record.opened":         RecordForm{},

	"offer.created":   Offer{},
	"offer.accepted":  Offer{},
	"offer.declined":  Offer{},
	"offer.expired":   Offer{},
	"offer.withdrawn": Offer{},

	"supervision.started": Supervision{},
	"supervision.changed": Supervision{},
	"supervision.ended":   Supervision{},
	"supervisor.acted":    SupervisorAct{},

	"wrapup.started":   Wrapup{},
	"wrapup.extended":  Wrapup{},
	"wrapup.completed": Wrapup{},

	"campaign.changed":   Campaign{},
	"campaign.started":   Campaign{},
	"campaign.stopped":   Campaign{},
	"campaign.announced": CampaignNotice{}, // to one agent: it runs
	"record.changed":     CampaignRecord{},

	"callback.requested": Callback{},
	"callback.scheduled": Callback{},
	"callback.changed":   Callback{},
	"callback.due":       Callback{}, // stands in its queue now
	"callback.completed": Callback{},
	"callback.failed":    Callback{},
	"callback.cancelled": Callback{},

	"work.created": Work{},
	"work.changed": Work{},
	"work.replied": Work{}, // closed with a reply, which is to be sent
	"work.closed":  Work{}, // without one

	"queue.changed": Queue{},
	"desk.alarm":    Alarm{},

	"config.changed": DeskConfig{},

	"webhook.disabled":      Webhook{}, // nothing could be delivered for a long time
	"webhook.dead_lettered": Webhook{},

	"archive.degraded": ArchiveStatus{},
	"archive.restored": ArchiveStatus{},
	"spool.degraded":   SpoolStatus{},
	"spool.restored":   SpoolStatus{},

	"node.draining":       Node{},
	"node.effort_changed": Effort{},
}

// UnmarshalJSON gives Data the type that EventTypes names; the data of an unknown type stays plain JSON
// values.
func (e *Event) UnmarshalJSON(b []byte) error {
	type plain Event // without this method
	var in struct {
		plain
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	*e = Event(in.plain)
	e.Data = nil
	if len(in.Data) == 0 {
		return nil
	}
	proto, known := EventTypes[e.Type]
	if !known {
		return json.Unmarshal(in.Data, &e.Data)
	}
	v := reflect.New(reflect.TypeOf(proto))
	if err := json.Unmarshal(in.Data, v.Interface()); err != nil {
		return err
	}
	e.Data = v.Elem().Interface()
	return nil
}

// Digit is a key a party pressed (RFC 4733). The digit is empty while a recording of the call is paused:
// what is typed then is none of anybody's business but the far side's.
type Digit struct {
	LegID      string `json:"leg_id"`
	CallID     string `json:"call_id"`
	Digit      string `json:"digit"`
	DurationMS int64  `json:"duration_ms"`
}

// NodeState is whether the server takes new calls.
type NodeState string

// ok -> draining.
const (
	NodeOK       NodeState = "ok"
	NodeDraining NodeState = "draining" // runs what it has, takes nothing new
)

// Node is this server as /healthz shows it.
type Node struct {
	Status NodeState `json:"status"`
	Calls  int       `json:"calls"`
}
