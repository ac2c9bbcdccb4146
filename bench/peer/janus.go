package peer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The configuration of Janus: HTTP on loopback, the AudioBridge, and nothing else. DIR and PORT are filled in.
const (
	janusMain = `general: {
  configs_folder = "DIR"
  plugins_folder = "/usr/lib/x86_64-linux-gnu/janus/plugins"
  transports_folder = "/usr/lib/x86_64-linux-gnu/janus/transports"
  events_folder = "DIR/none"
  loggers_folder = "DIR/none"
  interface = "127.0.0.1"
  debug_level = 3
  session_timeout = 600
}
certificates: { }
media: { }
nat: { ice_enforce_list = "lo" }
plugins: { disable = "libjanus_sip.so,libjanus_duktape.so,libjanus_lua.so,libjanus_nosip.so,libjanus_streaming.so,libjanus_videoroom.so,libjanus_textroom.so,libjanus_voicemail.so,libjanus_recordplay.so,libjanus_videocall.so,libjanus_echotest.so" }
transports: { disable = "libjanus_mqtt.so,libjanus_nanomsg.so,libjanus_pfunix.so,libjanus_rabbitmq.so,libjanus_websockets.so" }
`
	janusBridge = `general: {
  local_ip = "127.0.0.1"
  rtp_port_range = "20000-39999"
}
`
	janusHTTP = `general: {
  json = "compact"
  base_path = "/janus"
  http = true
  port = PORT
  ip = "127.0.0.1"
  https = false
}
admin: { admin_http = false }
`
)

// Janus is Debian's Janus with its AudioBridge, joined over plain RTP.
type Janus struct {
	proc *Process
	cfg  Config
	base string
	http *http.Client

	mu       sync.Mutex // guards what follows
	sessions map[string]context.CancelFunc
	polls    sync.WaitGroup
	rooms    int
}

// StartJanus starts a fresh Janus.
func StartJanus(ctx context.Context, cfg Config) (*Janus, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(cfg.Dir, "janus")
	if err != nil {
		return nil, fmt.Errorf("peer: folder for janus: %w", err)
	}
	fill := strings.NewReplacer("DIR", dir, "PORT", strconv.Itoa(port))
	for name, text := range map[string]string{"janus.jcfg": janusMain, "janus.plugin.audiobridge.jcfg": janusBridge, "janus.transport.http.jcfg": janusHTTP} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(fill.Replace(text)), 0o600); err != nil {
			return nil, fmt.Errorf("peer: configuration of janus: %w", err)
		}
	}
	cfg.Dir = dir
	p, err := Start(cfg.Core, "janus", "-F", dir, "-C", filepath.Join(dir, "janus.jcfg"))
	if err != nil {
		return nil, fmt.Errorf("%w (apt-get install janus)", err)
	}
	j := &Janus{
		proc: p, cfg: cfg, base: fmt.Sprintf("http://127.0.0.1:%d/janus", port), sessions: make(map[string]context.CancelFunc),
		http: &http.Client{Timeout: 40 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	}
	if err := p.until(ctx, 10*time.Second, j.up); err != nil {
		p.Stop()
		return nil, err
	}
	return j, nil
}

func (j *Janus) up() bool {
	resp, err := j.http.Get(j.base + "/info")
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// Name implements Server.
func (j *Janus) Name() string { return "janus" }

// Process implements Server.
func (j *Janus) Process() *Process { return j.proc }

// Close implements Server.
func (j *Janus) Close() error {
	j.mu.Lock()
	for _, stop := range j.sessions {
		stop()
	}
	j.mu.Unlock()
	j.polls.Wait()
	j.http.CloseIdleConnections()
	j.proc.Stop()
	return nil
}

// reply is the part of Janus' JSON that is of interest.
type reply struct {
	Janus  string `json:"janus"`
	Sender uint64 `json:"sender"`
	Data   struct {
		ID uint64 `json:"id"`
	} `json:"data"`
	Plugin struct {
		Data struct {
			Kind  string `json:"audiobridge"`
			Error string `json:"error"`
			RTP   *struct {
				Port uint16 `json:"port"`
			} `json:"rtp"`
		} `json:"data"`
	} `json:"plugindata"`
	Error *struct {
		Reason string `json:"reason"`
	} `json:"error"`
}

type object = map[string]any

func (j *Janus) post(ctx context.Context, url string, body object) (r reply, err error) {
	j.mu.Lock()
	j.rooms++
	body["transaction"] = strconv.Itoa(j.rooms)
	j.mu.Unlock()
	b, err := json.Marshal(body)
	if err != nil {
		return r, fmt.Errorf("peer: encode for janus: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(b))
	if err != nil {
		return r, fmt.Errorf("peer: janus: %w", err)
	}
	resp, err := j.http.Do(req)
	if err != nil {
		return r, fmt.Errorf("peer: janus: %w", err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&r); err != nil {
		return r, fmt.Errorf("peer: janus: %w", err)
	}
	if r.Error != nil {
		return r, fmt.Errorf("peer: janus: %s", r.Error.Reason)
	}
	if e := r.Plugin.Data.Error; e != "" {
		return r, fmt.Errorf("peer: janus: %s", e)
	}
	return r, nil
}

// poll reads a session's events, waiting up to half a minute for the first.
func (j *Janus) poll(ctx context.Context, session string) ([]reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, session+"?maxev=50", nil)
	if err != nil {
		return nil, fmt.Errorf("peer: janus: %w", err)
	}
	resp, err := j.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("peer: janus: %w", err)
	}
	defer resp.Body.Close()
	var r []reply
	if err := json.NewDecoder(resp.Body).Decode(&r); err != nil {
		return nil, fmt.Errorf("peer: janus: %w", err)
	}
	return r, nil
}

// Open implements Server: an AudioBridge room in a session of its own.
func (j *Janus) Open(ctx context.Context, seats []Seat) (Room, error) {
	r, err := j.post(ctx, j.base, object{"janus": "create"})
	if err != nil {
		return Room{}, err
	}
	session := fmt.Sprintf("%s/%d", j.base, r.Data.ID)
	room := Room{ID: session, Addresses: make([]netip.AddrPort, len(seats))}
	control, err := j.attach(ctx, session)
	if err != nil {
		return room, err
	}
	number := r.Data.ID & (1<<31 - 1)
	create := object{
		"request": "create", "room": number, "sampling_rate": j.cfg.SampleRate, "default_bitrate": 32000,
		"audiolevel_ext": false, "audiolevel_event": false, "allow_rtp_participants": true,
	}
	if j.cfg.Record {
		create["record"] = true
		create["record_file"] = filepath.Join(j.cfg.Dir, fmt.Sprintf("room-%d.wav", number))
	}
	if r, err = j.message(ctx, session, control, create); err != nil {
		return room, err
	}
	if r.Plugin.Data.Kind != "created" {
		return room, fmt.Errorf("peer: janus made no room: %q", r.Plugin.Data.Kind)
	}
	seatOf := make(map[uint64]int)
	for i, s := range seats {
		h, err := j.attach(ctx, session)
		if err != nil {
			return room, err
		}
		seatOf[h] = i
		pt := 111
		if s.Codec == "pcmu" {
			pt = 0
		}
		join := object{
			"request": "join", "room": number, "id": i + 1, "quality": j.cfg.Complexity, "bitrate": 32000, "codec": s.Codec,
			"rtp": object{"ip": s.Client.Addr().String(), "port": s.Client.Port(), "payload_type": pt},
		}
		if _, err := j.message(ctx, session, h, join); err != nil {
			return room, err
		}
	}
	if err := j.joined(ctx, session, seatOf, room.Addresses); err != nil {
		return room, err
	}
	j.keep(session)
	return room, nil
}

func (j *Janus) attach(ctx context.Context, session string) (uint64, error) {
	r, err := j.post(ctx, session, object{"janus": "attach", "plugin": "janus.plugin.audiobridge"})
	return r.Data.ID, err
}

func (j *Janus) message(ctx context.Context, session string, handle uint64, body object) (reply, error) {
	return j.post(ctx, fmt.Sprintf("%s/%d", session, handle), object{"janus": "message", "body": body})
}

// joined waits for the events that say where each party sends to.
func (j *Janus) joined(ctx context.Context, session string, seatOf map[uint64]int, to []netip.AddrPort) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for len(seatOf) > 0 {
		events, err := j.poll(ctx, session)
		if err != nil {
			return err
		}
		for _, e := range events {
			d := e.Plugin.Data
			if d.Error != "" {
				return errors.New("peer: janus: " + d.Error)
			}
			seat, ok := seatOf[e.Sender]
			if e.Janus != "event" || d.RTP == nil || !ok {
				continue
			}
			to[seat] = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), d.RTP.Port)
			delete(seatOf, e.Sender)
		}
	}
	return nil
}

// keep goes on reading the session's events, or Janus would end it.
func (j *Janus) keep(session string) {
	ctx, stop := context.WithCancel(context.Background())
	j.mu.Lock()
	j.sessions[session] = stop
	j.mu.Unlock()
	j.polls.Go(func() {
		for ctx.Err() == nil {
			if _, err := j.poll(ctx, session); err != nil {
				return
			}
		}
	})
}

// End implements Server.
func (j *Janus) End(ctx context.Context, r Room) error {
	j.mu.Lock()
	if stop := j.sessions[r.ID]; stop != nil {
		stop()
	}
	delete(j.sessions, r.ID)
	j.mu.Unlock()
	_, err := j.post(ctx, r.ID, object{"janus": "destroy"})
	return err
}
