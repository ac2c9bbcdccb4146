package webrtcleg

import (
	"crypto/rand"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pion/stun/v4"
)

// credentials are both sides' names and passwords of one ICE session (RFC 8445 section 5.3).
type credentials struct {
	ufrag, pwd             string
	remoteUfrag, remotePwd string
}

// maxAddresses is how many addresses of one browser are known at a time.
const maxAddresses = 16

// route is the way that the browser has chosen.
type route struct {
	via carrier
	to  netip.AddrPort
}

// ice is a leg's side of ICE: it answers the browser's checks and goes the way the browser names. While a
// restart is under way two sessions are valid.
type ice struct {
	mu       sync.Mutex
	now      credentials
	before   credentials // until the new session has a way; empty else
	learned  []route     // what the carriers have been taught
	selected route
}

// iceText makes n characters of ice-char.
func iceText(n int) string {
	const chars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	b := make([]byte, n)
	rand.Read(b)
	for i := range b {
		b[i] = chars[b[i]&63]
	}
	return string(b)
}

func newCredentials(remoteUfrag, remotePwd string) credentials {
	return credentials{ufrag: iceText(8), pwd: iceText(24), remoteUfrag: remoteUfrag, remotePwd: remotePwd}
}

// binding answers a STUN message from anywhere. What is no authentic check of a leg of ours is dropped.
func (a *API) binding(via carrier, from netip.AddrPort, b []byte, now time.Time) {
	m := stun.Message{Raw: b}
	if !stun.IsMessage(b) || m.Decode() != nil || m.Type != stun.BindingRequest {
		a.foreign.Add(1)
		return
	}
	name, err := m.Get(stun.AttrUsername)
	if err != nil {
		a.foreign.Add(1)
		return
	}
	ours, theirs, _ := strings.Cut(string(name), ":")
	l := a.named(ours)
	if l == nil || l.over() {
		a.foreign.Add(1)
		return
	}
	c, ok := l.ice.session(ours, theirs)
	if !ok || stun.NewShortTermIntegrity(c.pwd).Check(&m) != nil {
		a.foreign.Add(1)
		return
	}
	reply, err := respond(&m, from, c.pwd)
	if err != nil {
		return // too long an answer cannot come about; a broken one is better not sent
	}
	via.send(reply.Raw, from)
	if reply.Type == stun.BindingSuccess {
		l.heard.Store(a.since(now))
		l.checked(via, from, c, m.Contains(stun.AttrUseCandidate))
	}
}

// respond answers a check: where it came from, or that both sides are controlled (RFC 8445 section 7.3.1.1;
// as the answering side of a lite session we never control).
func respond(m *stun.Message, from netip.AddrPort, pwd string) (*stun.Message, error) {
	id := stun.NewTransactionIDSetter(m.TransactionID)
	if m.Contains(stun.AttrICEControlled) {
		return stun.Build(id, stun.BindingError, stun.CodeRoleConflict, stun.NewShortTermIntegrity(pwd), stun.Fingerprint)
	}
	where := &stun.XORMappedAddress{IP: from.Addr().AsSlice(), Port: int(from.Port())}
	return stun.Build(id, stun.BindingSuccess, where, stun.NewShortTermIntegrity(pwd), stun.Fingerprint)
}

// session finds the credentials that a check names.
func (i *ice) session(ours, theirs string) (credentials, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, c := range []credentials{i.now, i.before} {
		if c.ufrag == ours && ours != "" && c.remoteUfrag == theirs {
			return c, true
		}
	}
	return credentials{}, false
}

// checked takes an authentic check: packets from there are the leg's, and if the browser names this way it
// is the one to go. The newest word counts; a late check of the session before is none. Until the browser
// names a way the first will do, so that DTLS can begin.
func (l *Leg) checked(via carrier, from netip.AddrPort, c credentials, nominated bool) {
	r := route{via, from}
	l.ice.mu.Lock()
	if !slices.Contains(l.ice.learned, r) {
		via.learn(from, l)
		l.ice.learned = append(l.ice.learned, r)
		if len(l.ice.learned) > maxAddresses {
			i := 0
			if l.ice.learned[0] == l.ice.selected {
				i = 1
			}
			old := l.ice.learned[i]
			l.ice.learned = slices.Delete(l.ice.learned, i, i+1)
			old.via.forget(old.to, l)
		}
	}
	retired := ""
	first := l.ice.selected == route{}
	if (nominated || first) && c == l.ice.now && r != l.ice.selected {
		l.ice.selected = r
		l.route.Store(&r)
	}
	if nominated && c == l.ice.now {
		retired, l.ice.before = l.ice.before.ufrag, credentials{}
	}
	l.ice.mu.Unlock()
	if retired != "" {
		l.api.rename(retired)
	}
	if first {
		l.secure()
	}
	if l.over() { // it ended meanwhile and has given back what it knew of
		l.leave()
	}
}

// leave takes the leg's addresses back from the carriers.
func (l *Leg) leave() {
	l.ice.mu.Lock()
	learned := l.ice.learned
	l.ice.learned = nil
	l.ice.mu.Unlock()
	for _, r := range learned {
		r.via.forget(r.to, l)
	}
}
