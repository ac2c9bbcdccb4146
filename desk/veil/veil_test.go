package veil

import (
	"encoding/json"
	"testing"

	"github.com/cordboard/cordboard/signaling/wire"
)

const (
	number = "+38641987654" // of a customer
	shown  = "••••••••7654"
	ours   = "+38612000000"
	secret = "4711-geheim"
)

func policy() *Policy {
	return New(Config{Numbers: true, Secure: []string{"pin"}, Ours: func(n string) bool { return n == ours }})
}

// Nobody sees secure values, and programs and supervisors see numbers.
func TestSecureValuesAreNobodys(t *testing.T) {
	c := wire.Call{Direction: wire.Inbound, From: number, Variables: map[string]string{"pin": secret, "case": "A"}}
	got := policy().Show(c, true).(wire.Call)
	if got.From != number || len(got.Variables) != 1 || got.Variables["case"] != "A" {
		t.Errorf("%+v", got)
	}
	if c.Variables["pin"] != secret {
		t.Error("what is shown was changed in its place")
	}
}

// A rule holds wherever its type stands, and nothing shared is changed.
func TestShowCopies(t *testing.T) {
	was := wire.Snapshot{
		Call:       &wire.Call{Direction: wire.Outbound, From: ours, To: number, FromName: number, Legs: []wire.Leg{{Role: wire.RoleCustomer, Address: number}, {Role: wire.RoleExpert, Address: number}}},
		Recordings: []wire.Recording{{From: ours, To: number}},
		Offer:      &wire.Offer{From: number, To: ours, Callback: &wire.Callback{Number: number, Name: number, EntryPoint: ours}},
		Handling:   &wire.Handling{Participants: []wire.Participant{{Role: wire.PartyCustomer, Number: number}, {Role: wire.PartyConsulted, Number: number}}},
	}
	before, _ := json.Marshal(was)
	got := policy().Show(was, false).(wire.Snapshot)
	if after, _ := json.Marshal(was); string(after) != string(before) {
		t.Fatalf("changed: %s", after)
	}
	for what, is := range map[string][2]string{
		"call": {got.Call.To, shown}, "our number of the call": {got.Call.From, ours}, "name": {got.Call.FromName, shown},
		"customer's leg": {got.Call.Legs[0].Address, shown}, "another's leg": {got.Call.Legs[1].Address, number},
		"recording": {got.Recordings[0].To, shown}, "our number of the recording": {got.Recordings[0].From, ours},
		"offer": {got.Offer.From, shown}, "callback": {got.Offer.Callback.Number, shown}, "its name": {got.Offer.Callback.Name, shown},
		"customer": {got.Handling.Participants[0].Number, shown}, "another party": {got.Handling.Participants[1].Number, number},
	} {
		if is[0] != is[1] {
			t.Errorf("%s: %q, want %q", what, is[0], is[1])
		}
	}
}

// Without a policy, or with one that hides nothing, objects are as they are.
func TestNothingHidden(t *testing.T) {
	c := wire.Call{Direction: wire.Inbound, From: number, Variables: map[string]string{"pin": secret}}
	for _, p := range []*Policy{nil, New(Config{})} {
		if got := p.Show(c, false).(wire.Call); got.From != number || got.Variables["pin"] != secret {
			t.Errorf("%+v", got)
		}
	}
	if got := New(Config{Secure: []string{"pin"}}).Show(c, false).(wire.Call); got.From != number || len(got.Variables) != 0 {
		t.Errorf("numbers that are not to be masked: %+v", got)
	}
}

func TestMask(t *testing.T) {
	for in, want := range map[string]string{"": "", "123": "123", "1234": "1234", "12345": "•2345", "š2345": "•2345", shown: shown} {
		if got := Mask(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	if Masked(number) || !Masked(shown) {
		t.Error("what is masked is not known for it")
	}
}
