package recorder

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/cordboard/cordboard/recorder/listen"
	"github.com/cordboard/cordboard/recorder/seal"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Config is the recorder's part of the configuration. The zero Config is not valid; start from Defaults.
type Config struct {
	// SpoolDir is a folder on a local disk where recordings live until every archive has them.
	SpoolDir string `toml:"spool_dir"`
	// FallbackDir is a folder on another disk that takes what the spool's disk does not; empty: none.
	FallbackDir string `toml:"fallback_dir"`
	// MinFreeMB is how much space on the spool's disk is too little, in MiB; below it there is an alarm.
	MinFreeMB int `toml:"min_free_mb"`
	// BacklogAlarm is how long a recording may wait for an archive before there is an alarm.
	BacklogAlarm time.Duration `toml:"backlog_alarm"`
	// MustRecord refuses new calls with 503 while the disk fails, drops audio or has no space.
	MustRecord bool `toml:"must_record"`
	// Rules say how recordings are paused and what the parties hear of them.
	Rules
	// UploadWorkers is how many recordings go to one archive at the same time, 1 to 64.
	UploadWorkers int `toml:"upload_workers"`
	// Archive is where finished recordings go.
	Archive ArchiveConfig `toml:"archive"`
	// Policy is what is recorded, how, and for how long it is kept; Policies say it for single queues.
	Policy   PolicyConfig  `toml:"policy"`
	Policies []QueuePolicy `toml:"policies"`
	// Keys sign and seal recordings.
	Keys KeysConfig `toml:"keys"`
	// Copy is the listening copy.
	Copy CopyConfig `toml:"copy"`
}

// KeysConfig names the keys of recordings.
type KeysConfig struct {
	// SignFile is the Ed25519 key that signs manifests, made on first start; empty: manifests are not signed.
	SignFile string `toml:"sign_file"`
	// SealFile holds the keys that wrap the keys of recordings, and SealKeys are such keys themselves, for the
	// environment: the first wraps, all unwrap. With either new recordings are encrypted, with neither they
	// are not.
	SealFile string `toml:"seal_file"`
	SealKeys string `toml:"seal_keys"`
	// Transit is a key service that wraps the keys instead; the other keys then wrap only while it does not answer.
	Transit TransitConfig `toml:"transit"`
}

// TransitConfig is a key service with the HTTP interface of Vault's transit engine; empty without an address.
type TransitConfig struct {
	Address   string        `toml:"address"`
	Mount     string        `toml:"mount"`
	Key       string        `toml:"key"`
	Token     string        `toml:"token"`
	TokenFile string        `toml:"token_file"`
	Namespace string        `toml:"namespace"`
	CAFile    string        `toml:"ca_file"`
	Timeout   time.Duration `toml:"timeout"`
}

// CopyConfig says how the listening copy of a recording is made.
type CopyConfig struct {
	// Format is "opus", "wav", "flac" or empty: no copy.
	Format string `toml:"format"`
	// Pauses says what stands in the copy for a pause: "silence" or "cut".
	Pauses string `toml:"pauses"`
	// Marker puts a soft tone where a pause was.
	Marker bool `toml:"marker"`
	// CPUPercent is how much of one core making copies may take, 1 to 100.
	CPUPercent int `toml:"cpu_percent"`
}

// Pause policies.
const (
	PauseSilence = "silence"
	PauseCut     = "cut"
)

// Defaults is the configuration of a fresh installation.
func Defaults() Config {
	return Config{
		SpoolDir: "data/spool", Rules: Rules{
			MaxPause: 10 * time.Minute, DefaultPause: time.Minute, MaxPauseTotal: 30 * time.Minute, PausePolicy: PauseSilence, PauseTone: wire.HearersNone,
			BeepTo: wire.HearersAll, ConsentTo: wire.HearersAll, ConsentWhen: wire.ConsentStart,
		},
		UploadWorkers: 2, MinFreeMB: 1024, BacklogAlarm: 15 * time.Minute,
		Archive: ArchiveConfig{
			Mode: ArchiveAll, FallbackAfter: 30 * time.Second, Folder: "data/recordings",
			S3: S3Config{Region: "us-east-1", PathStyle: true, TLS: true},
		},
		Policy: PolicyConfig{Record: RecordOn, Voice: VoiceProcessed, Copy: CopyStereo, G711: wire.G711Samples, Keep: Keep{Forever: true}},
		Keys:   KeysConfig{Transit: TransitConfig{Mount: "transit", Timeout: 3 * time.Second}},
		Copy:   CopyConfig{Pauses: PauseSilence, CPUPercent: 25},
	}
}

// Validate names everything that is wrong.
func (c Config) Validate() error {
	var errs []error
	bad := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("recorder.%s: "+format, append([]any{key}, args...)...))
	}
	if c.SpoolDir == "" {
		bad("spool_dir", "must name a folder")
	}
	if c.MaxPause < time.Second || c.MaxPause > 24*time.Hour {
		bad("max_pause", "%v is not between 1s and 24h", c.MaxPause)
	}
	if c.DefaultPause < time.Second || c.DefaultPause > c.MaxPause {
		bad("default_pause", "%v is not between 1s and max_pause", c.DefaultPause)
	}
	if c.MaxPauseTotal < c.MaxPause {
		bad("max_pause_total", "%v is less than max_pause", c.MaxPauseTotal)
	}
	if c.PausePolicy == "" || c.PauseTone == "" || c.BeepTo == "" || c.ConsentTo == "" || c.ConsentWhen == "" {
		bad("pause_policy", "and pause_tone, beep_to, consent_to and consent_when must not be empty")
	}
	c.Rules.validate(bad)
	if c.UploadWorkers < 1 || c.UploadWorkers > 64 {
		bad("upload_workers", "%d is not between 1 and 64", c.UploadWorkers)
	}
	if c.MinFreeMB < 0 {
		bad("min_free_mb", "%d is less than 0", c.MinFreeMB)
	}
	if c.BacklogAlarm <= 0 {
		bad("backlog_alarm", "%v is not more than 0", c.BacklogAlarm)
	}
	if c.FallbackDir != "" && filepath.Clean(c.FallbackDir) == filepath.Clean(c.SpoolDir) {
		bad("fallback_dir", "must not be the spool")
	}
	if k := c.Keys.Transit; k.Address != "" {
		if err := seal.TransitOptions(k).Validate(); err != nil {
			bad("keys.transit", "%v", err)
		}
	}
	if k := c.Keys; k.SealFile != "" && k.SealKeys != "" {
		bad("keys.seal_file", "set either seal_file or seal_keys")
	}
	if f := listen.Format(c.Copy.Format); f != "" {
		if err := f.Check(); err != nil {
			bad("copy.format", "%w", err)
		}
	}
	if c.Copy.Pauses != PauseSilence && c.Copy.Pauses != PauseCut {
		bad("copy.pauses", "%q is neither %q nor %q", c.Copy.Pauses, PauseSilence, PauseCut)
	}
	if c.Copy.CPUPercent < 1 || c.Copy.CPUPercent > 100 {
		bad("copy.cpu_percent", "%d is not between 1 and 100", c.Copy.CPUPercent)
	}
	c.Archive.validate(bad)
	c.validatePolicies(bad)
	return errors.Join(errs...)
}

// spools is the folders where recordings may lie, the right one first.
func (c Config) spools() []string {
	if c.FallbackDir == "" {
		return []string{c.SpoolDir}
	}
	return []string{c.SpoolDir, c.FallbackDir}
}

// keys opens the keys; each is nil where none is configured.
func (k KeysConfig) keys() (signer *seal.Signer, keeper seal.Keeper, err error) {
	if k.SignFile != "" {
		if signer, err = seal.OpenSigner(k.SignFile); err != nil {
			return nil, nil, fmt.Errorf("recorder.keys.sign_file: %w", err)
		}
	}
	keeper, err = k.Keeper()
	return signer, keeper, err
}

// Keeper opens the keys that wrap the keys of recordings, nil where there are none.
func (k KeysConfig) Keeper() (seal.Keeper, error) {
	ring, err := k.ring()
	if err != nil || k.Transit.Address == "" {
		return ring, err
	}
	service, err := seal.NewTransit(seal.TransitOptions(k.Transit))
	if err != nil {
		return nil, fmt.Errorf("recorder.keys.transit: %w", err)
	}
	if ring == nil {
		return service, nil
	}
	return seal.Chain{service, ring}, nil
}

// ring opens the keys that are here.
func (k KeysConfig) ring() (seal.Keeper, error) {
	switch {
	case k.SealFile != "":
		ring, err := seal.LoadRing(k.SealFile)
		if err != nil {
			return nil, fmt.Errorf("recorder.keys.seal_file: %w", err)
		}
		return ring, nil
	case k.SealKeys != "":
		ring, err := seal.ParseRing(k.SealKeys)
		if err != nil {
			return nil, fmt.Errorf("recorder.keys.seal_keys: %w", err)
		}
		return ring, nil
	}
	return nil, nil
}
