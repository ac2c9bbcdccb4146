package siptrunk

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Config is how this server speaks SIP.
type Config struct {
	// UDP and TCP are the addresses to listen on, host:port; empty: not on that transport.
	UDP string `toml:"udp"`
	TCP string `toml:"tcp"`
	// AdvertisedIP is the address the far side reaches us at, for Contact, Via and SDP. Empty: the
	// address listened on, which then must not be 0.0.0.0.
	AdvertisedIP string `toml:"advertised_ip"`
	// RTPIP is the address media sockets are bound to. Empty: the address listened on.
	RTPIP string `toml:"rtp_ip"`
	// RTPPortMin and RTPPortMax bound the UDP ports of media, both ends included; a leg takes two.
	RTPPortMin uint16 `toml:"rtp_port_min"`
	RTPPortMax uint16 `toml:"rtp_port_max"`
	// RTPTimeoutInitial is how long a leg may stay without its first packet, RTPTimeout how long without
	// any later one, before it is hung up as lost. Legs on hold are exempt.
	RTPTimeoutInitial time.Duration `toml:"rtp_timeout_initial"`
	RTPTimeout        time.Duration `toml:"rtp_timeout"`
	// RingTimeout is how long an outbound call may ring when the caller did not say.
	RingTimeout time.Duration `toml:"ring_timeout"`
	// MaxCalls is how many dialogs may be alive at once; one more is refused with 503.
	MaxCalls int `toml:"max_calls"`
	// StrangerRate is how many datagrams a second an address that is no trunk's may send before they are
	// dropped unread, StrangersRate the same for all such addresses together. TrunkRate is a trunk's limit.
	StrangerRate  int `toml:"stranger_rate"`
	StrangersRate int `toml:"strangers_rate"`
	TrunkRate     int `toml:"trunk_rate"`
	// Trunks are the peers. A request from an address of none is refused with 403.
	Trunks []Trunk `toml:"trunks"`
}

// Trunk is one peer: a provider's or a PBX's side of a SIP trunk.
type Trunk struct {
	// Name is how the API and the log call it: lower-case letters, digits, - and _.
	Name string `toml:"name"`
	// Sources are the addresses calls may come from, as 192.0.2.1 or 192.0.2.0/24. Empty: outbound only.
	Sources []string `toml:"sources"`
	// Proxy is where outbound calls go, host:port. Empty: inbound only.
	Proxy string `toml:"proxy"`
	// Transport of outbound calls: udp (the default) or tcp.
	Transport string `toml:"transport"`
	// Domain is the host part of outbound To and From. Empty: Proxy's host in To, our address in From.
	Domain string `toml:"domain"`
	// Username and the password in PasswordFile (its first line) answer a digest challenge; Realm, when
	// set, is the only realm they go to. Password is for programs; it cannot be configured.
	Username     string `toml:"username"`
	PasswordFile string `toml:"password_file"`
	Password     string `toml:"-"`
	Realm        string `toml:"realm"`
	// Codecs in order of preference: PCMU, PCMA, G722, opus. Empty: all of them.
	Codecs []string `toml:"codecs"`
	// NAT says that the peer's addresses are not to be believed: requests go back to where its own came
	// from, and media is learned from its first packets.
	NAT bool `toml:"nat"`
	// MaxCalls is how many calls the trunk may have at once, 0 for the server's limit.
	MaxCalls int `toml:"max_calls"`
	// Denoise is how the noise suppression of its legs begins; absent: off.
	Denoise wire.DenoisePatch `toml:"denoise"`
}

// MediaIP is the address media sockets are bound to.
func (c Config) MediaIP() string {
	if c.RTPIP != "" {
		return c.RTPIP
	}
	for _, listen := range []string{c.UDP, c.TCP} {
		if ap, err := netip.ParseAddrPort(listen); err == nil {
			return ap.Addr().String()
		}
	}
	return ""
}

// DefaultConfig is what an empty configuration means.
func DefaultConfig() Config {
	return Config{
		UDP: "0.0.0.0:5060", TCP: "0.0.0.0:5060",
		RTPPortMin: 10000, RTPPortMax: 19999,
		RTPTimeoutInitial: 30 * time.Second, RTPTimeout: 15 * time.Second, RingTimeout: 60 * time.Second,
		MaxCalls: 500, StrangerRate: 5, StrangersRate: 100, TrunkRate: 2000,
	}
}

var trunkName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// Validate reports the first value that cannot be.
func (c Config) Validate() error {
	if c.UDP == "" && c.TCP == "" {
		return errors.New("siptrunk: neither udp nor tcp is set")
	}
	for _, a := range []string{c.UDP, c.TCP} {
		if a == "" {
			continue
		}
		ap, err := netip.ParseAddrPort(a)
		if err != nil {
			return fmt.Errorf("siptrunk: listen address %q is not ip:port", a)
		}
		if ap.Addr().IsUnspecified() && c.AdvertisedIP == "" {
			return fmt.Errorf("siptrunk: listening on %s needs advertised_ip", a)
		}
	}
	for name, ip := range map[string]string{"advertised_ip": c.AdvertisedIP, "rtp_ip": c.RTPIP} {
		if _, err := netip.ParseAddr(ip); ip != "" && err != nil {
			return fmt.Errorf("siptrunk: %s %q is not an address", name, ip)
		}
	}
	switch {
	case c.RTPPortMin < 1024 || c.RTPPortMax <= c.RTPPortMin:
		return errors.New("siptrunk: rtp_port_min must be at least 1024 and below rtp_port_max")
	case c.RTPTimeoutInitial <= 0 || c.RTPTimeout <= 0 || c.RingTimeout <= 0:
		return errors.New("siptrunk: timeouts must be positive")
	case c.MaxCalls < 1:
		return errors.New("siptrunk: max_calls must be at least 1")
	case c.StrangerRate < 1 || c.StrangersRate < 1 || c.TrunkRate < 1:
		return errors.New("siptrunk: rates must be at least 1")
	}
	seen := map[string]bool{}
	for _, t := range c.Trunks {
		if err := t.validate(c); err != nil {
			return err
		}
		if seen[t.Name] {
			return fmt.Errorf("siptrunk: trunk %q is there twice", t.Name)
		}
		seen[t.Name] = true
	}
	return nil
}

func (t Trunk) validate(c Config) error {
	if !trunkName.MatchString(t.Name) {
		return fmt.Errorf("siptrunk: trunk name %q must be lower-case letters, digits, - and _", t.Name)
	}
	if len(t.Sources) == 0 && t.Proxy == "" {
		return fmt.Errorf("siptrunk: trunk %s has neither sources nor a proxy", t.Name)
	}
	for _, s := range t.Sources {
		if _, err := prefix(s); err != nil {
			return fmt.Errorf("siptrunk: trunk %s: source %q is not an address or a prefix", t.Name, s)
		}
	}
	if t.Proxy != "" {
		if h, p, err := net.SplitHostPort(t.Proxy); err != nil || h == "" || p == "" {
			return fmt.Errorf("siptrunk: trunk %s: proxy %q is not host:port", t.Name, t.Proxy)
		}
	}
	switch tr := t.transport(); {
	case tr != "udp" && tr != "tcp":
		return fmt.Errorf("siptrunk: trunk %s: transport %q is not udp or tcp", t.Name, t.Transport)
	case t.Proxy != "" && (tr == "udp" && c.UDP == "" || tr == "tcp" && c.TCP == ""):
		return fmt.Errorf("siptrunk: trunk %s: no listener for transport %s", t.Name, tr)
	}
	for _, s := range []string{t.Domain, t.Username, t.Realm} {
		if strings.ContainsAny(s, "\r\n\x00<>@ ") {
			return fmt.Errorf("siptrunk: trunk %s: %q has a character that no header can hold", t.Name, s)
		}
	}
	if !t.Denoise.Valid() {
		return fmt.Errorf("siptrunk: trunk %s: denoise lies between 0 and 100", t.Name)
	}
	_, err := t.codecs()
	return err
}

func (t Trunk) transport() string {
	if t.Transport == "" {
		return "udp"
	}
	return t.Transport
}

// codecs is the trunk's list, parsed.
func (t Trunk) codecs() ([]media.Codec, error) {
	all := []media.Codec{media.Opus, media.G722, media.PCMA, media.PCMU}
	if len(t.Codecs) == 0 {
		return all, nil
	}
	var out []media.Codec
	for _, name := range t.Codecs {
		i := slices.IndexFunc(all, func(c media.Codec) bool { return c.String() == name })
		if i < 0 || slices.Contains(out, all[i]) {
			return nil, fmt.Errorf("siptrunk: trunk %s: codec %q is unknown or there twice", t.Name, name)
		}
		out = append(out, all[i])
	}
	return out, nil
}

// password is the trunk's password, read from its file where there is one.
func (t Trunk) password() (string, error) {
	if t.PasswordFile == "" {
		return t.Password, nil
	}
	b, err := os.ReadFile(t.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("siptrunk: trunk %s: read password: %w", t.Name, err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSuffix(line, "\r"), nil
}

// prefix reads 192.0.2.1 as well as 192.0.2.0/24.
func prefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err
}
