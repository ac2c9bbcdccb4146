package siptrunk

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/signaling/wire"
)

// fakeMedia hands out ports that are numbers and legs that only remember.
type fakeMedia struct {
	mu   sync.Mutex
	next uint16
	open int // ports and legs not closed
	none bool
}

func (m *fakeMedia) Open() (Port, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.none {
		return nil, errors.New("no port")
	}
	m.next += 2
	m.open++
	return &fakePort{m: m, addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), 20000+m.next)}, nil
}

func (m *fakeMedia) left() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.open
}

type fakePort struct {
	m    *fakeMedia
	addr netip.AddrPort
}

func (p *fakePort) Addr() netip.AddrPort { return p.addr }

func (p *fakePort) Close() error {
	p.m.mu.Lock()
	defer p.m.mu.Unlock()
	p.m.open--
	return nil
}

func (p *fakePort) Start(params Params) (Leg, error) {
	return &fakeLeg{port: p, params: params, done: make(chan struct{}), events: make(chan media.Event, 8)}, nil
}

type fakeLeg struct {
	port   *fakePort
	once   sync.Once
	done   chan struct{}
	events chan media.Event

	mu     sync.Mutex
	params Params
	err    error
}

func (l *fakeLeg) get() Params {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.params
}

func (l *fakeLeg) Update(p Params) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.params = p
	return nil
}

// fail ends the leg as a media timeout would.
func (l *fakeLeg) fail(err error) {
	l.mu.Lock()
	l.err = err
	l.mu.Unlock()
	_ = l.Close()
}

func (l *fakeLeg) Close() error {
	l.once.Do(func() {
		close(l.done)
		_ = l.port.Close()
	})
	return nil
}

func (l *fakeLeg) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

func (l *fakeLeg) Inject(e media.Event)                { l.events <- e }
func (l *fakeLeg) Rate() pcm.Rate                      { return pcm.Rate8k }
func (l *fakeLeg) ReadFrame(dst *pcm.Frame) media.Kind { dst.Reset(pcm.Rate8k); return media.Absent }

func (l *fakeLeg) Format() media.Format                   { return media.Format{Codec: l.get().Codec} }
func (l *fakeLeg) WriteFrame(media.OutFrame)              {}
func (l *fakeLeg) SendDigits(string, time.Duration) error { return nil }
func (l *fakeLeg) Stats() media.Stats                     { return media.Stats{} }
func (l *fakeLeg) Events() <-chan media.Event             { return l.events }
func (l *fakeLeg) Done() <-chan struct{}                  { return l.done }
func (l *fakeLeg) String() string                         { return "fake" }

// told is a Progress that writes down what it is told.
type told struct {
	mu    sync.Mutex
	list  []string
	cause call.Cause
	over  chan struct{}
	note  chan string
}

func newTold() *told { return &told{over: make(chan struct{}), note: make(chan string, 32)} }

func (t *told) add(s string) {
	t.mu.Lock()
	t.list = append(t.list, s)
	t.mu.Unlock()
	t.note <- s
}

func (t *told) Ringing()  { t.add("ringing") }
func (t *told) Early()    { t.add("early") }
func (t *told) Answered() { t.add("answered") }
func (t *told) HeldRemotely(on bool) {
	if on {
		t.add("held")
		return
	}
	t.add("unheld")
}

func (t *told) Ended(c call.Cause) {
	t.mu.Lock()
	t.cause = c
	t.mu.Unlock()
	t.add("ended")
	close(t.over)
}

// await waits for one thing to be told, skipping others.
func (t *told) await(tb testing.TB, want string) {
	tb.Helper()
	limit := time.After(10 * time.Second)
	for {
		select {
		case s := <-t.note:
			if s == want {
				return
			}
		case <-limit:
			t.mu.Lock()
			defer t.mu.Unlock()
			tb.Fatalf("told %q, want %q", t.list, want)
		}
	}
}

// desk is a Handler that does with each call what act says.
type desk struct {
	act   func(in call.Inbound, p *told) error
	mu    sync.Mutex
	calls []call.Inbound
	told  []*told
	wg    sync.WaitGroup
}

func (h *desk) Incoming(_ context.Context, in call.Inbound) (call.Progress, wire.Call, error) {
	p := newTold()
	h.mu.Lock()
	h.calls, h.told = append(h.calls, in), append(h.told, p)
	act := h.act
	h.mu.Unlock()
	if err := act(in, p); err != nil {
		return nil, wire.Call{}, err
	}
	return p, wire.Call{ID: "call_test"}, nil
}

func (h *desk) last() (call.Inbound, *told) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.calls) == 0 {
		return call.Inbound{}, nil
	}
	return h.calls[len(h.calls)-1], h.told[len(h.told)-1]
}

// answering rings and answers each call from a goroutine of its own, as a desk would.
func answering(tb testing.TB) *desk {
	h := &desk{}
	h.act = func(in call.Inbound, _ *told) error {
		h.wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			if err := in.Endpoint.Ring(ctx); err != nil {
				tb.Errorf("ring: %v", err)
			}
			// The library hands each message to a goroutine of its own: without a pause the far side may
			// see the answer first.
			time.Sleep(50 * time.Millisecond)
			if err := in.Endpoint.Answer(ctx); err != nil {
				tb.Errorf("answer: %v", err)
			}
		})
		return nil
	}
	return h
}

type bench struct {
	*Server
	media *fakeMedia
	stop  func()
}

func testConfig(trunks ...Trunk) Config {
	c := DefaultConfig()
	c.UDP, c.TCP = "127.0.0.1:0", "127.0.0.1:0"
	c.Trunks = trunks
	return c
}

func local() Trunk { return Trunk{Name: "local", Sources: []string{"127.0.0.1"}} }

// serve runs a server until the test ends and checks that it leaves nothing behind.
func serve(tb testing.TB, cfg Config, h Handler, change ...func(*Server)) *bench {
	tb.Helper()
	m := &fakeMedia{}
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(tb.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	s, err := New(cfg, Deps{Media: m, Log: log})
	if err != nil {
		tb.Fatal(err)
	}
	s.Handle(h)
	for _, f := range change {
		f(s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	select {
	case <-s.Ready():
	case err := <-ended:
		tb.Fatal(err)
	}
	var once sync.Once
	b := &bench{Server: s, media: m}
	b.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				tb.Errorf("run: %v", err)
			}
			if n := s.Active(); n != 0 {
				tb.Errorf("%d dialogs left", n)
			}
			if n := m.left(); n != 0 {
				tb.Errorf("%d media ports left", n)
			}
		})
	}
	tb.Cleanup(b.stop)
	return b
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// freeAddr is a local UDP address nobody listens on at the moment.
func freeAddr(tb testing.TB) string {
	tb.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().String()
}
