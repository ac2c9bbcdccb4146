package hooksig

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The example of the specification's own libraries.
func TestVector(t *testing.T) {
	s, err := Parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	at, body := time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`)
	h := http.Header{}
	Sign(h, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, body, s)
	if got, want := h.Get(HeaderSignature), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
	if err := Verify(h, body, at, s); err != nil {
		t.Error(err)
	}
}

func TestVerify(t *testing.T) {
	now, body := time.Unix(1_800_000_000, 0), []byte(`{"a":1}`)
	one, two, other := New(), New(), New()
	signed := func(change func(http.Header)) http.Header {
		h := http.Header{}
		Sign(h, "evt_1", now, body, one, two)
		if change != nil {
			change(h)
		}
		return h
	}
	for _, c := range []struct {
		name   string
		h      http.Header
		body   string
		at     time.Time
		secret []Secret
		want   error
	}{
		{"good", signed(nil), `{"a":1}`, now, []Secret{one}, nil},
		{"the second secret", signed(nil), `{"a":1}`, now, []Secret{two}, nil},
		{"a receiver with both", signed(nil), `{"a":1}`, now, []Secret{other, two}, nil},
		{"a foreign version beside ours", signed(func(h http.Header) { h.Set(HeaderSignature, "v1a,xyz v9,AA== "+h.Get(HeaderSignature)) }), `{"a":1}`, now, []Secret{one}, nil},
		{"4m59s late", signed(nil), `{"a":1}`, now.Add(299 * time.Second), []Secret{one}, nil},
		{"5m1s late", signed(nil), `{"a":1}`, now.Add(301 * time.Second), []Secret{one}, ErrTime},
		{"5m1s early", signed(nil), `{"a":1}`, now.Add(-301 * time.Second), []Secret{one}, ErrTime},
		{"another secret", signed(nil), `{"a":1}`, now, []Secret{other}, ErrSignature},
		{"no secret", signed(nil), `{"a":1}`, now, nil, ErrSignature},
		{"another body", signed(nil), `{"a":2}`, now, []Secret{one}, ErrSignature},
		{"another id", signed(func(h http.Header) { h.Set(HeaderID, "evt_2") }), `{"a":1}`, now, []Secret{one}, ErrSignature},
		{"another time", signed(func(h http.Header) { h.Set(HeaderTimestamp, "1800000001") }), `{"a":1}`, now, []Secret{one}, ErrSignature},
		{"no id", signed(func(h http.Header) { h.Del(HeaderID) }), `{"a":1}`, now, []Secret{one}, ErrHeaders},
		{"time with a sign", signed(func(h http.Header) { h.Set(HeaderTimestamp, "+1800000000") }), `{"a":1}`, now, []Secret{one}, ErrHeaders},
		{"no time", signed(func(h http.Header) { h.Set(HeaderTimestamp, "now") }), `{"a":1}`, now, []Secret{one}, ErrHeaders},
		{"no signature", signed(func(h http.Header) { h.Del(HeaderSignature) }), `{"a":1}`, now, []Secret{one}, ErrSignature},
		{"no base64", signed(func(h http.Header) { h.Set(HeaderSignature, "v1,!!") }), `{"a":1}`, now, []Secret{one}, ErrSignature},
	} {
		if err := Verify(c.h, []byte(c.body), c.at, c.secret...); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestT16_SecretsDoNotPrint(t *testing.T) {
	s := New()
	b, err := json.Marshal(map[string]any{"secret": s})
	if err != nil {
		t.Fatal(err)
	}
	key := strings.TrimPrefix(s.Reveal(), prefix)
	for _, text := range []string{string(b), fmt.Sprint(s), fmt.Sprintf("%+v %#v %s %q", s, s, s, s)} {
		if strings.Contains(text, key) || strings.Contains(text, s.key) {
			t.Errorf("%q shows the secret", text)
		}
	}
	again, err := Parse(s.Reveal())
	if err != nil || again != s {
		t.Errorf("%v, %v", again, err)
	}
	for _, bad := range []string{"", "whsec_", "whsec_AAAA", "whsec_" + strings.Repeat("A", 4000), "plain text, no base64"} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("%.20q is a secret", bad)
		}
	}
}

func TestDerive(t *testing.T) {
	seen := map[Secret]string{}
	for _, master := range []string{"one master key of thirty-two byte", "two master key of thirty-two byte"} {
		for _, name := range []string{"whk_1", "whk_2", "whk_1\n2"} {
			for gen := range 3 {
				s, what := Derive([]byte(master), name, gen), fmt.Sprint(master, name, gen)
				if was := seen[s]; was != "" {
					t.Errorf("%s and %s have one secret", was, what)
				}
				seen[s] = what
				if _, err := Parse(s.Reveal()); err != nil {
					t.Error(err)
				}
			}
		}
	}
	if one, again := Derive([]byte("m"), "a", 1), Derive([]byte("m"), "a", 1); one != again {
		t.Error("not the same twice")
	}
}

// Whatever comes in the headers, only our own signature is believed.
func FuzzVerify(f *testing.F) {
	s := Derive([]byte("a master key"), "fuzz", 1)
	now, body := time.Unix(1_800_000_000, 0), []byte("{}")
	h := http.Header{}
	Sign(h, "evt_1", now, body, s)
	good := h.Get(HeaderSignature)
	f.Add("evt_1", "1800000000", good)
	f.Add("evt_1", "1800000000", "v1,")
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, id, stamp, sig string) {
		h := http.Header{}
		h.Set(HeaderID, id)
		h.Set(HeaderTimestamp, stamp)
		h.Set(HeaderSignature, sig)
		if err := Verify(h, body, now, s); err == nil && (id != "evt_1" || stamp != "1800000000") {
			t.Fatalf("believed %q %q %q", id, stamp, sig)
		}
	})
}
