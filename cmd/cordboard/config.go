package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/desk"
	"github.com/cordboard/cordboard/desk/numbering"
	"github.com/cordboard/cordboard/internal/conf"
	"github.com/cordboard/cordboard/internal/egress"
	"github.com/cordboard/cordboard/internal/store"
	"github.com/cordboard/cordboard/media/webrtcleg"
	"github.com/cordboard/cordboard/mixer"
	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/recorder/listen"
	"github.com/cordboard/cordboard/signaling/agentapi"
	"github.com/cordboard/cordboard/signaling/auth"
	"github.com/cordboard/cordboard/signaling/oidc"
	"github.com/cordboard/cordboard/signaling/siptrunk"
	"github.com/cordboard/cordboard/signaling/webhook"
)

// envPrefix begins the names of the environment variables that are settings.
const envPrefix = "CORDBOARD"

// config composes the packages' own configurations. Order: defaults, file, environment, flags.
type config struct {
	Log struct {
		Level  string `toml:"level"`  // debug, info, warn, error
		Format string `toml:"format"` // text or json
	} `toml:"log"`
	// ShutdownLimit is how long a server that is told to stop lets its calls go on.
	ShutdownLimit time.Duration `toml:"shutdown_limit"`
	// KeyDir is where the keys that sign tokens are kept.
	KeyDir string `toml:"key_dir"`
	// AuditDir is where it is written down who heard, took, held and deleted recordings.
	AuditDir string           `toml:"audit_dir"`
	HTTP     agentapi.Config  `toml:"http"`
	Auth     authConfig       `toml:"auth"`
	SIP      siptrunk.Config  `toml:"sip"`
	WebRTC   webrtcleg.Config `toml:"webrtc"`
	Mixer    mixerConfig      `toml:"mixer"`
	Calls    call.Config      `toml:"calls"`
	Recorder recorderConfig   `toml:"recorder"`
	Store    store.Config     `toml:"store"`
	// Egress is where the server may connect to on others' request.
	Egress   egress.Config  `toml:"egress"`
	Webhooks webhook.Config `toml:"webhooks"`
	Desk     deskConfig     `toml:"desk"`
}

// mixerConfig is the part of mixer.Config that is an operator's business.
type mixerConfig struct {
	// Shards is the number of goroutines that mix; 0 is one per core.
	Shards int `toml:"shards"`
	// Poll lets the ticks read the sockets of telephone legs.
	Poll bool `toml:"poll"`
	// MaxBusy is how busy the least busy shard may be for another call to be let in, as a fraction of 1.
	MaxBusy float64 `toml:"max_busy"`
	// MaxLate is the share of that shard's ticks that may begin late.
	MaxLate float64 `toml:"max_late"`
}

// validate reports what is out of range. mixer.Config takes 0 for the default; here it is a mistake.
func (c mixerConfig) validate() error {
	if c.MaxBusy <= 0 || c.MaxLate <= 0 {
		return errors.New("mixer: max_busy and max_late must be above 0")
	}
	return mixer.Config{Shards: c.Shards, MaxBusy: c.MaxBusy, MaxLate: c.MaxLate}.Validate()
}

type recorderConfig struct {
	// Enabled: false records nothing, whatever a queue says.
	Enabled bool `toml:"enabled"`
	recorder.Config
}

type deskConfig struct {
	// Enabled: false leaves a pure media server for somebody else's control plane.
	Enabled bool `toml:"enabled"`
	// CodeHook is where codes for callbacks from the web are posted; empty: there are none.
	CodeHook string `toml:"code_hook"`
	// DetectHook is asked whether an answering machine has answered; empty: nothing looks for machines.
	DetectHook string `toml:"detect_hook"`
	// Numbering says which telephone numbers are the same, written nationally or internationally.
	Numbering numbering.Plan `toml:"numbering"`
	// KeepRecords and KeepReports are how long call records and the numbers of reports are kept; 0: for ever.
	KeepRecords time.Duration `toml:"keep_records"`
	KeepReports time.Duration `toml:"keep_reports"`
	desk.Config
}

func defaults() config {
	c := config{
		ShutdownLimit: 30 * time.Second,
		KeyDir:        "data/keys",
		AuditDir:      "data/audit",
		HTTP:          agentapi.DefaultConfig(),
		Auth:          authConfig{Issuers: []auth.IssuerConfig{}, Providers: []oidc.Config{}},
		SIP:           siptrunk.DefaultConfig(),
		WebRTC:        webrtcleg.Config{UDPPort: 7882, IPs: []string{}, PublicIPs: []string{}, DisconnectedAfter: webrtcleg.DefaultDisconnectedAfter, LostAfter: webrtcleg.DefaultLostAfter},
		Mixer:         mixerConfig{Poll: true, MaxBusy: mixer.DefaultMaxBusy, MaxLate: mixer.DefaultMaxLate},
		Calls:         call.DefaultConfig(),
		Recorder:      recorderConfig{Enabled: true, Config: recorder.Defaults()},
		Store:         store.Config{Dir: "data/store"},
		Egress:        egress.Config{Allow: []netip.Prefix{}},
		Webhooks:      webhook.DefaultConfig(),
		Desk:          deskConfig{Enabled: true, Config: desk.DefaultConfig(), KeepRecords: 90 * 24 * time.Hour, KeepReports: 400 * 24 * time.Hour},
	}
	c.Log.Level, c.Log.Format = "info", "text"
	c.Recorder.Copy.Format = string(listen.Opus)
	return c
}

// readConfig is the configuration as written: defaults, file, environment; not validated.
func readConfig(path string, environ []string) (config, error) {
	c := defaults()
	if path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return c, fmt.Errorf("read configuration: %w", err)
		}
		if err := conf.Load(text, &c); err != nil {
			return c, fmt.Errorf("%s: %w", path, flat(err))
		}
	}
	if err := conf.Env(envPrefix, environ, &c); err != nil {
		return c, flat(err)
	}
	return c, nil
}

// loadConfig is readConfig with everything checked.
func loadConfig(path string) (config, error) {
	c, err := readConfig(path, os.Environ())
	if err != nil {
		return c, err
	}
	if err := c.complete(); err != nil {
		return c, fmt.Errorf("%s: %w", orDefaults(path), flat(err))
	}
	return c, nil
}

func orDefaults(path string) string {
	if path == "" {
		return "configuration"
	}
	return path
}

// complete fills in what depends on the machine and checks everything.
func (c *config) complete() error {
	c.completeKeys()
	if c.SIP.AdvertisedIP == "" && (unspecified(c.SIP.UDP) || unspecified(c.SIP.TCP)) {
		ip, err := outsideIP()
		if err != nil {
			return fmt.Errorf("sip.advertised_ip: not set, and this machine's address is not clear: %w", err)
		}
		c.SIP.AdvertisedIP = ip
	}
	errs := []error{c.Egress.Validate(), c.Webhooks.Validate(c.Egress.CheckURL), c.HTTP.Validate(), c.Auth.validate(c.Egress.CheckURL), c.SIP.Validate(), c.WebRTC.Validate(), c.Calls.Validate(), c.Store.Validate(), c.Mixer.validate()}
	if c.Recorder.Enabled {
		errs = append(errs, c.Recorder.Validate())
	}
	if c.Desk.Enabled {
		errs = append(errs, c.Desk.Validate(), c.Desk.Numbering.Validate(), validHook("desk.code_hook", c.Desk.CodeHook), validHook("desk.detect_hook", c.Desk.DetectHook))
		if c.Desk.KeepRecords < 0 || c.Desk.KeepReports < 0 {
			errs = append(errs, errors.New("desk: keep_records and keep_reports must not be negative"))
		}
	}
	if c.AuditDir == "" {
		errs = append(errs, errors.New("audit_dir must name a folder"))
	}
	if c.ShutdownLimit < 0 {
		errs = append(errs, errors.New("shutdown_limit must not be negative"))
	}
	if _, err := c.logger(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// completeKeys settles which key signs recordings.
func (c *config) completeKeys() {
	switch k := &c.Recorder.Keys; k.SignFile {
	case "":
		k.SignFile = filepath.Join(c.KeyDir, "recordings", "sign.pem")
	case "none":
		k.SignFile = ""
	}
}

func (c *config) logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Log.Level)); err != nil {
		return nil, fmt.Errorf("log.level: %q is none of debug, info, warn, error", c.Log.Level)
	}
	opts := &slog.HandlerOptions{Level: level}
	switch c.Log.Format {
	case "text":
		return slog.New(slog.NewTextHandler(os.Stderr, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(os.Stderr, opts)), nil
	}
	return nil, fmt.Errorf("log.format: %q is neither text nor json", c.Log.Format)
}

func unspecified(listen string) bool {
	ap, err := netip.ParseAddrPort(listen)
	return err == nil && ap.Addr().IsUnspecified()
}

// outsideIP is the address packets to the outside would leave from. Nothing is sent.
func outsideIP() (string, error) {
	conn, err := net.Dial("udp4", "192.0.2.1:9")
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).IP.String(), nil
}

// flat puts joined errors on one line, for people who read one line.
func flat(err error) error { return errors.New(strings.ReplaceAll(err.Error(), "\n", "; ")) }

// under moves every relative path of the configuration below dir.
func (c *config) under(dir string) {
	for _, p := range []*string{&c.KeyDir, &c.AuditDir, &c.Store.Dir, &c.Recorder.SpoolDir, &c.Recorder.FallbackDir, &c.Recorder.Archive.Folder, &c.Recorder.Keys.SealFile} {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
}
