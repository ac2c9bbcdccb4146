package peer

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cordboard/cordboard/signaling/wire"
)

// cordboardConfig lets everybody in: what is looked for is where audio suffers, not where we refuse. It takes: folder, HTTP port, SIP port, WebRTC port, whether the desk works, the spool, what becomes of G.711.
const cordboardConfig = `shutdown_limit = "0s"
key_dir = "%[1]s/keys"
audit_dir = "%[1]s/audit"
[log]
level = "warn"
[http]
listen = "127.0.0.1:%[2]d"
rate_limit = 100000
burst = 100000
[calls]
max_calls = 20000
[mixer]
max_busy = 1.0
max_late = 1.0
[store]
dir = "%[1]s/store"
[recorder]
spool_dir = "%[6]s"
[recorder.policy]
g711 = "%[7]s"
[recorder.archive]
folder = "%[1]s/archive"
[webrtc]
udp_port = %[4]d
ips = ["127.0.0.1"]
loopback = true
[desk]
enabled = %[5]t
queues = [{ id = "service", name = "Service" }]
numbers = [{ number = "1000", queue = "service" }]
agents = [{ id = "alice", name = "Alice" }]
[sip]
udp = "127.0.0.1:%[3]d"
tcp = "127.0.0.1:%[3]d"
max_calls = 20000
trunk_rate = 20000
[[sip.trunks]]
name = "bench"
sources = ["127.0.0.1"]
`

// Cordboard is this repository's server.
type Cordboard struct {
	Began time.Time     // when the process was started
	Ready time.Duration // from then until it was healthy

	proc   *Process
	base   string
	sip    netip.AddrPort
	token  string
	record bool
	http   *http.Client
}

// BuildCordboard builds the server from the module we are in, to path.
func BuildCordboard(ctx context.Context, path string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-tags=nolibopusfile", "-trimpath", "-o", path, "github.com/cordboard/cordboard/cmd/cordboard")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("peer: build cordboard: %w\n%s", err, out)
	}
	return nil
}

// StartCordboard starts a server with a configuration of its own; desk says whether contacts are routed.
func StartCordboard(ctx context.Context, cfg Config, desk bool) (*Cordboard, error) {
	var ports [3]int
	for i := range ports {
		var err error
		if ports[i], err = freePort(); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp(cfg.Dir, "cordboard")
	if err != nil {
		return nil, fmt.Errorf("peer: folder for cordboard: %w", err)
	}
	file := filepath.Join(dir, "cordboard.toml")
	text := fmt.Sprintf(cordboardConfig, dir, ports[0], ports[1], ports[2], desk, cmp.Or(cfg.Spool, filepath.Join(dir, "spool")), cmp.Or(cfg.G711, "samples"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("peer: configuration of cordboard: %w", err)
	}
	mint := exec.CommandContext(ctx, cfg.Binary, "token", "--config", file, "--grant", "admin:*")
	var said bytes.Buffer
	mint.Stderr = &said
	token, err := mint.Output()
	if err != nil {
		return nil, fmt.Errorf("peer: token of cordboard: %w: %s", err, bytes.TrimSpace(said.Bytes()))
	}
	began := time.Now()
	p, err := Start(cfg.Core, cfg.Binary, "serve", "--config", file)
	if err != nil {
		return nil, err
	}
	c := &Cordboard{
		proc: p, base: fmt.Sprintf("http://127.0.0.1:%d", ports[0]), token: strings.TrimSpace(string(token)), record: cfg.Record,
		sip:  netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(ports[1])),
		http: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 16}},
	}
	if err := p.until(ctx, 20*time.Second, c.healthy); err != nil {
		p.Stop()
		return nil, err
	}
	c.Began, c.Ready = began, time.Since(began)
	return c, nil
}

func (c *Cordboard) healthy() bool {
	resp, err := c.http.Get(c.base + "/healthz")
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// Name implements Server.
func (c *Cordboard) Name() string { return "cordboard" }

// Process implements Server.
func (c *Cordboard) Process() *Process { return c.proc }

// SIP is where trunks call.
func (c *Cordboard) SIP() netip.AddrPort { return c.sip }

// Close implements Server.
func (c *Cordboard) Close() error {
	c.http.CloseIdleConnections()
	c.proc.Stop()
	return nil
}

// Open implements Server. With Config.Record the call is recorded from its start.
func (c *Cordboard) Open(ctx context.Context, seats []Seat) (Room, error) {
	id, err := c.NewRoom(ctx)
	if err != nil {
		return Room{}, err
	}
	r := Room{ID: id}
	for _, s := range seats {
		pt := 0
		if s.Codec == "opus" {
			pt = 111
		}
		var a wire.LegAnswer
		if err := c.call(ctx, "/v1/legs", wire.LegRequest{Kind: wire.LegRTP, CallID: id, Address: s.Client.String(), Codec: s.Codec, PayloadType: pt}, &a); err != nil {
			return r, err
		}
		to, err := netip.ParseAddrPort(a.Address)
		if err != nil {
			return r, fmt.Errorf("peer: cordboard's address of a leg: %w", err)
		}
		r.Addresses = append(r.Addresses, to)
	}
	return r, c.started(ctx, id)
}

// NewRoom makes a call with nobody in it and returns its id.
func (c *Cordboard) NewRoom(ctx context.Context) (string, error) {
	var room wire.Room
	err := c.call(ctx, "/v1/rooms", wire.RoomRequest{}, &room)
	return room.CallID, err
}

// Offer brings a WebRTC party into a call and returns the answer to its SDP offer.
func (c *Cordboard) Offer(ctx context.Context, call, sdp string) (string, error) {
	var a wire.LegAnswer
	err := c.call(ctx, "/v1/legs", wire.LegRequest{CallID: call, SDP: sdp}, &a)
	return a.SDP, err
}

// started starts the recording of a call whose parties have joined, if there is to be one.
func (c *Cordboard) started(ctx context.Context, id string) error {
	if !c.record {
		return nil
	}
	return c.call(ctx, "/v1/calls/"+id+"/recordings", nil, nil)
}

// End implements Server.
func (c *Cordboard) End(ctx context.Context, r Room) error {
	return c.call(ctx, "/v1/calls/"+r.ID+"/end", wire.HangupRequest{}, nil)
}

func (c *Cordboard) call(ctx context.Context, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("peer: encode request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, body)
	if err != nil {
		return fmt.Errorf("peer: %s: %w", path, err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("peer: cordboard: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("peer: cordboard: %s: %w", path, err)
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("peer: cordboard: %s: %s: %s", path, resp.Status, bytes.TrimSpace(b))
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("peer: cordboard: %s: %w", path, err)
	}
	return nil
}

// Metrics reads the server's counters by name; of several with labels, the sum.
func (c *Cordboard) Metrics(ctx context.Context) (map[string]float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/metrics", nil)
	if err != nil {
		return nil, fmt.Errorf("peer: metrics: %w", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("peer: metrics: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("peer: metrics: %w", err)
	}
	return parseMetrics(string(b)), nil
}

// parseMetrics reads the text format of Prometheus as far as we need it.
func parseMetrics(s string) map[string]float64 {
	m := make(map[string]float64)
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name := line[:strings.IndexAny(line+" ", "{ ")]
		rest := line[len(name):]
		if rest != "" && rest[0] == '{' {
			at := strings.LastIndexByte(rest, '}')
			if at < 0 {
				continue
			}
			rest = rest[at+1:]
		}
		f := strings.Fields(rest)
		if len(f) == 0 {
			continue
		}
		if v, err := strconv.ParseFloat(f[0], 64); err == nil {
			m[name] += v
		}
	}
	return m
}
