package agentapi

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Config is the API's part of the configuration. The zero Config is not valid; start from DefaultConfig.
type Config struct {
	// Listen is the TCP address of HTTP and WebSocket.
	Listen string `toml:"listen"`
	// CertFile and KeyFile switch TLS on. Browsers open the microphone only over TLS or on localhost.
	CertFile string `toml:"cert_file"`
	KeyFile  string `toml:"key_file"`
	// Origins are the web origins besides our own whose pages may open the event socket, as
	// "https://desk.example.com".
	Origins []string `toml:"origins"`
	// TokenLife is the longest life of a token for a program; a desktop's is 15 minutes at most.
	TokenLife time.Duration `toml:"token_life"`
	// RateLimit is how many requests and commands a second a token may make, Burst how many at once.
	RateLimit int `toml:"rate_limit"`
	Burst     int `toml:"burst"`
	// Sockets is how many event sockets a token may have open.
	Sockets int `toml:"sockets"`
	// RTPAllow are the networks plain RTP legs may send to, besides loopback.
	RTPAllow []netip.Prefix `toml:"rtp_allow"`
	// TrustedProxies are the networks of reverse proxies whose X-Forwarded-For says where a request comes from; empty:
	// it comes from who connects.
	TrustedProxies []netip.Prefix `toml:"trusted_proxies"`
	// Prompts is the folder of recorded announcements that can be played by name; empty: none.
	Prompts string `toml:"prompts"`
}

// DefaultConfig is what an empty configuration means.
func DefaultConfig() Config {
	return Config{
		Listen: ":8080", Origins: []string{}, TokenLife: 24 * time.Hour, RateLimit: 50, Burst: 100, Sockets: 20,
		RTPAllow: []netip.Prefix{}, TrustedProxies: []netip.Prefix{},
	}
}

// Validate names everything that is wrong.
func (c Config) Validate() error {
	var errs []error
	bad := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("http."+key+": "+format, args...))
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		bad("listen", "%q is not host:port", c.Listen)
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		bad("cert_file", "set both cert_file and key_file or neither")
	}
	for _, o := range c.Origins {
		u, err := url.Parse(o)
		if err != nil || u.Host == "" || u.Scheme+"://"+u.Host != o || (u.Scheme != "https" && u.Scheme != "http") || strings.Contains(o, "*") {
			bad("origins", "%q is not an origin like https://desk.example.com", o)
		}
	}
	if c.TokenLife < time.Minute || c.TokenLife > 366*24*time.Hour {
		bad("token_life", "%v is not between 1m and 8784h", c.TokenLife)
	}
	if c.RateLimit < 1 {
		bad("rate_limit", "must be at least 1")
	}
	if c.Burst < c.RateLimit {
		bad("burst", "%d is under rate_limit", c.Burst)
	}
	if c.Sockets < 1 {
		bad("sockets", "must be at least 1")
	}
	for _, p := range c.RTPAllow {
		if !p.IsValid() {
			bad("rtp_allow", "holds an empty network")
		}
	}
	for _, p := range c.TrustedProxies {
		if !p.IsValid() || p.Bits() == 0 {
			bad("trusted_proxies", "%v is no network of proxies: whoever is in it says where requests come from", p)
		}
	}
	return errors.Join(errs...)
}
