package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"path/filepath"
	"sync"
	"time"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/desk"
	"github.com/cordboard/cordboard/internal/audit"
	"github.com/cordboard/cordboard/internal/event"
	"github.com/cordboard/cordboard/internal/store"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/prompt"
	"github.com/cordboard/cordboard/media/rtpleg"
	"github.com/cordboard/cordboard/media/webrtcleg"
	"github.com/cordboard/cordboard/mixer"
	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/signaling/agentapi"
	"github.com/cordboard/cordboard/signaling/auth"
	"github.com/cordboard/cordboard/signaling/routehook"
	"github.com/cordboard/cordboard/signaling/siptrunk"
	"github.com/cordboard/cordboard/signaling/webhook"
	"github.com/cordboard/cordboard/signaling/wire"
	"github.com/cordboard/cordboard/web"
)

const (
	eventRing   = 1 << 16            // events a client that comes back can still be given
	eventMaxAge = 7 * 24 * time.Hour // how long events are kept on disk
	maxHookTime = 6 * time.Second    // above what any routing hook may take
	closeLimit  = 15 * time.Second   // for what is left when the calls are over
)

type serveCmd struct{ configFlag }

func (c serveCmd) Run(ctx context.Context) error {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	n, err := build(cfg)
	if err != nil {
		return err
	}
	return n.run(ctx)
}

// node is one server: all parts, built and not yet running.
type node struct {
	cfg      config
	log      *slog.Logger
	store    *store.Store
	events   *store.EventLog
	bus      *event.Bus
	engine   *mixer.Engine
	recorder *recorder.Recorder // nil when switched off
	board    *call.Board
	desk     *desk.Desk // nil when switched off
	sip      *siptrunk.Server
	webrtc   *webrtcleg.API
	ports    *rtpleg.PortPool
	keys     *auth.Keys
	// revocations is what is no longer believed.
	revocations *auth.Revocations
	audit       *audit.Log
	api         *agentapi.Server
	webhooks    *webhook.Hooks
	router      *routehook.Router
	master      []byte // secrets of webhooks are derived from it
	listener    net.Listener
	restored    uint64 // the newest event the store had

	mu       sync.Mutex
	draining bool
}

// build makes all parts, bottom up. When one cannot be made those before it are closed again.
func build(cfg config) (_ *node, err error) {
	n := &node{cfg: cfg}
	if n.log, err = cfg.logger(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			n.close()
		}
	}()
	// The listener first: a taken port is the commonest fault and should be the first thing said.
	if n.listener, err = net.Listen("tcp", cfg.HTTP.Listen); err != nil {
		return nil, fmt.Errorf("http.listen: %w", err)
	}
	if err = n.buildAuth(); err != nil {
		return nil, err
	}
	if n.audit, err = audit.Open(cfg.AuditDir, time.Now); err != nil {
		return nil, err
	}
	if n.store, err = store.Open(cfg.Store, n.log.With("part", "store")); err != nil {
		return nil, err
	}
	if err = n.buildRevocations(); err != nil {
		return nil, err
	}
	if n.events, err = n.store.EventLog("events", eventMaxAge); err != nil {
		return nil, err
	}
	n.bus = event.New(eventRing, 1, time.Now)
	if err = n.bus.Restore(n.events); err != nil {
		return nil, err
	}
	n.restored = n.bus.Last()
	if n.master, err = masterKey(filepath.Join(cfg.KeyDir, "webhooks.key")); err != nil {
		return nil, err
	}
	if err = n.buildWebhooks(); err != nil {
		return nil, err
	}
	if n.engine, err = mixer.New(mixer.Config{
		Shards: cfg.Mixer.Shards, NoPoll: !cfg.Mixer.Poll, MaxBusy: cfg.Mixer.MaxBusy, MaxLate: cfg.Mixer.MaxLate,
		Music: func() media.Source { return prompt.NewMusic() }, OnEffort: n.effort,
	}); err != nil {
		return nil, err
	}
	if cfg.Recorder.Enabled {
		if n.recorder, err = recorder.New(cfg.Recorder.Config, recorder.Deps{
			Bus: n.bus, Log: n.log.With("part", "recorder"), Now: time.Now, Audit: n.writeAudit,
			Busy: func() bool { return n.engine.Admit() != nil }, // no room for a call: none for copies either
		}); err != nil {
			return nil, err
		}
	}
	if n.board, err = call.New(cfg.Calls, call.Deps{
		Engine: n.engine, Recorder: n.recorder, Bus: n.bus, Log: n.log, Capacity: n.room, Denoise: n.denoise,
	}); err != nil {
		return nil, err
	}
	if err = n.buildDesk(); err != nil {
		return nil, err
	}
	if err = n.buildSignaling(); err != nil {
		return nil, err
	}
	return n, nil
}

func (n *node) buildDesk() error {
	if !n.cfg.Desk.Enabled {
		return nil
	}
	log, err := n.store.Log("desk")
	if err != nil {
		return err
	}
	lists, err := n.store.Log("contacts")
	if err != nil {
		return err
	}
	deps := desk.Deps{Plane: n.board, Voice: voice{n}, Bus: n.bus, Store: log, Contacts: lists, Numbering: n.cfg.Desk.Numbering, Log: n.log.With("part", "desk"), Now: time.Now}
	if deps.Past, err = n.past(); err != nil {
		return err
	}
	if n.cfg.Desk.CodeHook != "" {
		deps.Messenger = codeHook{newHook(n.cfg.Desk.CodeHook)}
	}
	if n.cfg.Desk.DetectHook != "" {
		deps.Detector = detectHook{newHook(n.cfg.Desk.DetectHook)}
	}
	n.router = routehook.New(n.cfg.Egress.Client(maxHookTime), n.master, time.Now)
	deps.Router, deps.Mark = n.router, n.board.Mark
	if n.desk, err = desk.New(n.cfg.Desk.Config, deps); err != nil {
		return err
	}
	n.board.SetAdmit(n.desk.Admit)
	n.board.SetQueueOf(n.desk.QueueOf)
	n.board.SetSecret(func(name string) bool { return n.desk.Veil().Secure(name) })
	return nil
}

// past is where the contact centre keeps what is over.
func (n *node) past() (p desk.Past, err error) {
	records, err := n.store.Log("call-records")
	if err != nil {
		return p, err
	}
	tallies, err := n.store.Log("tallies")
	if err != nil {
		return p, err
	}
	return desk.Past{
		Records: records, Tallies: tallies, Gone: store.ErrNotFound,
		KeepRecords: n.cfg.Desk.KeepRecords, KeepTallies: n.cfg.Desk.KeepReports,
	}, nil
}

// voice is the API's, which is made after the desk.
type voice struct{ n *node }

func (v voice) Say(ctx context.Context, legID string, files []string, loop bool, actor string) (wire.Playback, error) {
	return v.n.api.Say(ctx, legID, files, loop, actor)
}

// room says whether there is room for one more call, and whether it could be recorded where it must be.
func (n *node) room() error {
	if err := n.engine.Admit(); err != nil {
		return err
	}
	if n.recorder == nil {
		return nil
	}
	return n.recorder.Admit()
}

func (n *node) buildSignaling() error {
	ip, err := netip.ParseAddr(n.cfg.SIP.MediaIP())
	if err != nil {
		return fmt.Errorf("sip.rtp_ip: %w", err)
	}
	if n.ports, err = rtpleg.NewPortPool(ip, int(n.cfg.SIP.RTPPortMin), int(n.cfg.SIP.RTPPortMax)); err != nil {
		return err
	}
	if n.webrtc, err = webrtcleg.NewAPI(n.cfg.WebRTC); err != nil {
		return fmt.Errorf("webrtc: %w", err)
	}
	if n.sip, err = siptrunk.New(n.cfg.SIP, siptrunk.Deps{Media: siptrunk.NewMedia(n.cfg.SIP, n.ports), Log: n.log.With("part", "sip")}); err != nil {
		return err
	}
	n.sip.Handle(n.board)
	n.board.SetDialer(n.sip)

	deps := agentapi.Deps{
		Keys: n.keys, Calls: n.board, Bus: n.bus, Log: n.log.With("part", "api"), Desktop: web.Handler(),
		WebRTC: agentapi.WebRTCFunc(func(ctx context.Context, offer string, streams bool) (agentapi.WebRTCLeg, string, error) {
			return n.webrtc.NewLeg(ctx, offer, webrtcleg.Options{Streams: streams})
		}),
		RTP:      agentapi.RTPFunc(n.plainLeg),
		Audit:    n.audit,
		Webhooks: n.webhooks, Revocations: n.revocations,
		Draining: n.isDraining, Live: n.board.Live,
		Stats: map[string]func() any{
			"mixer":   func() any { return mixerStats(n.engine.Stats()) },
			"call":    func() any { return n.board.Stats() },
			"quality": func() any { return n.board.QualityStats() },
			"webrtc":  func() any { return n.webrtc.Stats() },
			"webhook": func() any { return n.webhooks.Stats() },
		},
		Rules: wire.DesktopConfig{
			NotReadyReasons: []string{"break", "lunch", "meeting", "training"},
			PauseMaxSeconds: int(n.cfg.Recorder.MaxPause.Seconds()), PauseSeconds: int(n.cfg.Recorder.DefaultPause.Seconds()),
		},
	}
	if n.recorder != nil {
		deps.Recordings = n.recorder
		deps.Stats["recorder"] = func() any { return n.recorder.Stats() }
	}
	if n.desk != nil {
		deps.Desk = n.desk
		deps.Stats["routing"] = func() any { return n.router.Stats() }
		deps.Stats["desk"] = func() any { return n.desk.Stats() }
		deps.Collectors = append(deps.Collectors, reportStats{n.desk.Totals})
		for _, r := range n.desk.WrapupReasons() {
			deps.Rules.WrapupReasons = append(deps.Rules.WrapupReasons, r.Code)
		}
	}
	if len(n.cfg.Auth.Providers) > 0 {
		if deps.SignIn, err = n.buildSignIn(); err != nil {
			return err
		}
	}
	if n.api, err = agentapi.New(n.cfg.HTTP, deps); err != nil {
		return err
	}
	n.board.SetPrompt(n.api.Announcement)
	return nil
}

// writeAudit writes down what happened to a recording by itself.
func (n *node) writeAudit(e wire.AuditEntry) error {
	_, err := n.audit.Write(e)
	return err
}

// plainLeg opens a plain RTP leg for the API.
func (n *node) plainLeg(_ context.Context, req agentapi.RTPRequest) (media.Leg, netip.AddrPort, error) {
	sock, err := n.ports.Get()
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	leg, err := rtpleg.New(rtpleg.Config{Socket: sock, Session: rtpleg.Session{Remote: req.Remote, Codec: req.Codec, PT: req.PayloadType, EventPT: req.Events, Ptime: req.Ptime}})
	if err != nil {
		sock.Release()
		return nil, netip.AddrPort{}, err
	}
	addr := sock.Addr()
	leg.Start()
	return leg, addr, nil
}

// effort tells that the mixer tries less hard, or harder again.
func (n *node) effort(complexity int8, shed bool, load float64) {
	n.log.Warn("mixer effort changed", "complexity", complexity, "denoise", !shed, "load", math.Round(load*100)/100)
	n.bus.Publish("node.effort_changed", "", "server", wire.Effort{Complexity: int(complexity), DenoiseShed: shed, Load: load})
}

func (n *node) isDraining() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.draining
}

// run runs the server until ctx ends, then drains it: new calls are refused, those there go on up to the
// limit, then they are hung up, recordings are closed and everything stops, top down. A part that fails
// stops the whole.
func (n *node) run(ctx context.Context) error {
	defer n.close()
	// Two lives: what brings calls in ends after the drain; what carries and keeps them ends last.
	low, stopLow := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLow()
	high, stopHigh := context.WithCancel(low)
	defer stopHigh()
	failed := make(chan error, 16)
	var lowParts, highParts sync.WaitGroup
	start := func(wg *sync.WaitGroup, ctx context.Context, name string, f func(context.Context) error) {
		wg.Go(func() {
			if err := f(ctx); err != nil && ctx.Err() == nil {
				failed <- fmt.Errorf("%s: %w", name, err)
			}
		})
	}
	start(&lowParts, low, "music", func(context.Context) error {
		prompt.NewMusic() // rendered once, about a second: not when the first caller waits for it
		return nil
	})
	start(&lowParts, low, "mixer", n.engine.Run)
	start(&lowParts, low, "calls", n.board.Run)
	start(&lowParts, low, "events", func(ctx context.Context) error { return n.bus.Persist(ctx, n.restored, n.events, n.log) })
	start(&lowParts, low, "webhooks", n.webhooks.Run)
	if n.recorder != nil {
		start(&lowParts, low, "recorder", n.recorder.Run)
		start(&lowParts, low, "archive check", func(ctx context.Context) error {
			for _, err := range n.recorder.Check(ctx) {
				n.log.Error("archive not usable, recordings stay in the spool until it is", "cause", err)
			}
			return nil
		})
	}
	if n.desk != nil {
		start(&highParts, high, "desk", n.desk.Run)
	}
	start(&highParts, high, "revocations", n.revocations.Run)
	start(&highParts, high, "sip", n.sip.Run)
	start(&highParts, high, "http", func(ctx context.Context) error { return n.api.Serve(ctx, n.listener) })
	n.log.Info("cordboard is up", "version", version, "http", n.listener.Addr().String(), "sip_udp", n.cfg.SIP.UDP, "sip_tcp", n.cfg.SIP.TCP, "webrtc", n.webrtc.Port())

	var err error
	select {
	case <-ctx.Done():
		n.drain()
	case err = <-failed:
		n.log.Error("a part failed, stopping", "cause", err)
	}
	limit, cancel := context.WithTimeout(low, closeLimit)
	defer cancel()
	err = errors.Join(err, n.board.Close(limit))
	stopHigh()
	highParts.Wait()
	stopLow()
	lowParts.Wait()
	for {
		select {
		case e := <-failed:
			err = errors.Join(err, e)
			continue
		default:
		}
		break
	}
	n.log.Info("cordboard is down")
	return err
}

// drain refuses new calls and waits for those there, up to the limit.
func (n *node) drain() {
	n.mu.Lock()
	n.draining = true
	n.mu.Unlock()
	n.board.Drain()
	n.sip.Drain()
	n.bus.Publish("node.draining", "", "server", wire.Node{Status: wire.NodeDraining, Calls: n.board.Live()})
	n.log.Info("draining", "calls", n.board.Live(), "limit", n.cfg.ShutdownLimit)
	for end := time.Now().Add(n.cfg.ShutdownLimit); n.board.Live() > 0 && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
	}
}

// close closes what is open, in the reverse order of build. Idempotent.
func (n *node) close() {
	if n.webrtc != nil {
		_ = n.webrtc.Close()
	}
	if n.store != nil {
		_ = n.store.Close()
	}
	if n.listener != nil {
		_ = n.listener.Close()
	}
}
