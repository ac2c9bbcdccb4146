package wire

import "time"

// RecordMode says whether calls are recorded.
type RecordMode string

// The modes.
const (
	RecordOn       RecordMode = "on"        // by themselves, when customer and agent are connected
	RecordOnDemand RecordMode = "on_demand" // when somebody asks for it
	RecordOff      RecordMode = "off"       // never
)

// VoiceMode says which voice of a party is recorded, or is in a track.
type VoiceMode string

// The modes.
const (
	VoiceProcessed VoiceMode = "processed" // as the others hear it
	VoiceRaw       VoiceMode = "raw"       // as it came, before noise suppression and level control
	VoiceBoth      VoiceMode = "both"      // a track of each
)

// CopyMode is what a listening copy sounds like.
type CopyMode string

// The modes.
const (
	CopyStereo CopyMode = "stereo" // the customer left, all others right
	CopyMono   CopyMode = "mono"   // all on one channel, the only one
)

// CopyFormat is the format of a listening copy.
type CopyFormat string

// The formats.
const (
	CopyOpus CopyFormat = "opus" // Ogg Opus
	CopyWAV  CopyFormat = "wav"  // 16-bit linear
	CopyFLAC CopyFormat = "flac" // 16-bit, without loss
	CopyNone CopyFormat = "none" // none is made until somebody asks for it, then Opus
)

// G711Mode says how the voice of a party that sends G.711 is recorded while no noise suppression or level control
// changes it.
type G711Mode string

// G.711 modes.
const (
	G711Samples G711Mode = "samples" // its samples as they came, in a WAV file: 480 kB a minute
	G711Opus    G711Mode = "opus"    // in Ogg Opus, as every other voice: 180 kB a minute
)

// RecordingPolicy says how a call is recorded; what is absent is as the queue has it. An empty list of parties
// in a call's policy is as the queue has it, too.
type RecordingPolicy struct {
	Record  RecordMode `json:"record,omitempty"`
	Parties []Role     `json:"parties,omitempty"` // the roles that are recorded, absent for all
	Voice   VoiceMode  `json:"voice,omitempty"`
	Copy    CopyMode   `json:"copy,omitempty"`
	// CopyFormat is the format of the listening copy, absent as configured for all.
	CopyFormat CopyFormat `json:"copy_format,omitempty"`
	G711       G711Mode   `json:"g711,omitempty"`
	// Rules are how it is paused and what the parties hear of it.
	Rules *RecordingRules `json:"rules,omitempty"`
}

// RecordingRequest starts a recording; what is absent is as the call or its queue has it.
type RecordingRequest struct {
	Parties []Role    `json:"parties,omitempty"` // the roles that are recorded
	Voice   VoiceMode `json:"voice,omitempty"`
	Copy    CopyMode  `json:"copy,omitempty"`
	// CopyFormat is the format of the listening copy.
	CopyFormat CopyFormat `json:"copy_format,omitempty"`
	G711       G711Mode   `json:"g711,omitempty"`
	// Rules are how it is paused and what the parties hear of it.
	Rules *RecordingRules `json:"rules,omitempty"`
}

// Valid reports whether every value is one there is.
func (p RecordingPolicy) Valid() bool {
	for _, r := range p.Parties {
		if !r.Valid() {
			return false
		}
	}
	return (p.Rules == nil || p.Rules.Valid()) && among(p.Record, "", RecordOn, RecordOnDemand, RecordOff) && among(p.Voice, "", VoiceProcessed, VoiceRaw, VoiceBoth) &&
		among(p.Copy, "", CopyStereo, CopyMono) && among(p.CopyFormat, "", CopyOpus, CopyWAV, CopyFLAC, CopyNone) &&
		among(p.G711, "", G711Samples, G711Opus)
}

func among[T comparable](v T, list ...T) bool {
	for _, x := range list {
		if v == x {
			return true
		}
	}
	return false
}

// Valid reports whether r is one of the roles.
func (r Role) Valid() bool {
	return among(r, RoleCustomer, RoleAgent, RoleExpert, RoleSupervisor, RoleBot)
}

// LegalHold is the legal hold of a recording: nobody and nothing deletes it while it is there.
type LegalHold struct {
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
	Since  time.Time `json:"since"`
}

// HoldRequest sets a legal hold, or releases it.
type HoldRequest struct {
	On     *bool  `json:"on,omitempty"` // false releases it; absent: true
	Reason string `json:"reason,omitempty"`
}

// DeleteRequest says why a recording is deleted or its key erased.
type DeleteRequest struct {
	Reason string `json:"reason,omitempty"`
}

// RecordingLink is where a client may fetch audio.
type RecordingLink struct {
	URL string `json:"url"`
	// Presigned: the address is the store's and needs no token until it expires. Else it is this server's
	// own and takes the token as every request does.
	Presigned bool       `json:"presigned"`
	Expires   *time.Time `json:"expires,omitempty"`
	Type      string     `json:"type"` // media type
	Name      string     `json:"name"` // a file name
}

// AuditEntry is one line of the audit log: who did what to which thing, when and from where. Lines are never
// changed, and each holds the hash of the one before it.
type AuditEntry struct {
	Seq      uint64            `json:"seq"` // counts from 1 without a gap
	Time     time.Time         `json:"time"`
	Actor    string            `json:"actor"`
	Token    string            `json:"token,omitempty"` // id of the token that was shown
	From     string            `json:"from,omitempty"`  // address of the client
	Action   string            `json:"action"`          // as "recording.played"
	Object   string            `json:"object,omitempty"`
	CallID   string            `json:"call_id,omitempty"`
	Detail   map[string]string `json:"detail,omitempty"`
	Previous string            `json:"previous,omitempty"` // SHA-256 of the line before, in hexadecimal
}

// AuditList is a page of the audit log, newest first.
type AuditList struct {
	Items []AuditEntry `json:"items"`
	Next  string       `json:"next,omitempty"`
}

// ArchiveStatus is how one archive of recordings does; the data of archive.degraded and archive.restored.
type ArchiveStatus struct {
	Name         string     `json:"name"`
	OK           bool       `json:"ok"`
	Error        string     `json:"error,omitempty"`
	Waiting      int        `json:"waiting"` // recordings not yet stored there
	BacklogBytes int64      `json:"backlog_bytes"`
	OldestSince  *time.Time `json:"oldest_since,omitempty"` // end of the oldest waiting recording
	// Rebuilding: what it has is still being looked through, as the list of recordings was lost or it is new;
	// recordings may be missing from the list.
	Rebuilding bool `json:"rebuilding,omitempty"`
}

// SpoolStatus is how the local disk does on which recordings wait for their archives; the data of spool.degraded
// and spool.restored.
type SpoolStatus struct {
	OK           bool       `json:"ok"`
	Reasons      []string   `json:"reasons,omitempty"` // write_failed | slow | low_space | backlog | dropped
	Error        string     `json:"error,omitempty"`
	FreeBytes    uint64     `json:"free_bytes"`   // 0: unknown
	QueuedBytes  int64      `json:"queued_bytes"` // of running recordings, in memory
	Waiting      int        `json:"waiting"`      // recordings that some archive lacks
	BacklogBytes int64      `json:"backlog_bytes"`
	OldestSince  *time.Time `json:"oldest_since,omitempty"` // end of the oldest of them
	DroppedTicks uint64     `json:"dropped_ticks"`          // by running recordings
}
