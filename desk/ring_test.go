package desk

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/signaling/wire"
)

func ringConfig() Config {
	cfg := testConfig()
	cfg.Handling.Variables = []floor.VariableDef{
		{Name: "case", Label: "Case", Editable: true, Popover: true},
		{Name: "plan", Label: "Plan", Editable: true, Popover: true},
		{Name: "since", Editable: true, Popover: true},
		{Name: "shop", Editable: true},
		{Name: "pin", Editable: true, Secure: true},
	}
	cfg.Handling.Rings = []floor.RingRule{
		{Kinds: []wire.RingKind{wire.RingReturned}, Variables: []string{"shop", "plan", "case"}, NoDecline: true, Links: []floor.RingLink{
			{Label: "CRM", URL: "https://crm.example.com/c/{number}?case={var:case}&q={queue}"}, {Label: "Wiki", URL: "https://wiki.example.com/"},
		}},
		{Kinds: []wire.RingKind{wire.RingConsult}, Links: []floor.RingLink{{Label: "Notes", URL: "https://crm.example.com/calls/{call}/{agent}"}}},
	}
	return cfg
}

// What a ring shows is configured for each kind: variables, links and whether it can be declined. Kinds without a rule
// show what is marked, and both buttons.
func TestW8_RingsByKind(t *testing.T) {
	configured(t, ringConfig(), func(t *testing.T, r *rig) {
		names := func(o wire.Offer) (out []string) {
			for _, v := range o.Variables {
				out = append(out, v.Name)
			}
			return out
		}
		r.ready("ana")
		call := r.ring("200") // of class 1
		if _, err := r.SetVariable(t.Context(), call, "case", wire.VariableRequest{Value: "47/11 & ä", Version: new(uint64)}, "crm"); err != nil {
			t.Fatal(err)
		}
		o := r.offered("ana")
		if o.Kind != wire.RingReturned || !o.NoDecline || !slices.Equal(names(o), []string{"shop", "plan", "case"}) {
			t.Fatalf("%+v", o)
		}
		want := []wire.OfferLink{
			{Label: "CRM", URL: "https://crm.example.com/c/%2B38641123456?case=47%2F11%20%26%20%C3%A4&q=main"}, {Label: "Wiki", URL: "https://wiki.example.com/"},
		}
		if !slices.Equal(o.Links, want) {
			t.Errorf("links %+v", o.Links)
		}
		_, err := r.Decline(t.Context(), o.ID, "ana")
		r.fault(err, 409, "", "offer_no_decline")
		if now := r.offered("ana"); now.ID != o.ID {
			t.Fatal("a refused decline has ended the ring")
		}
		r.accept("ana")
		r.attach(call, "ana")

		r.ready("bor")
		r.ok(r.StartConsult(t.Context(), call, "ana", wire.ConsultRequest{Kind: wire.TargetAgent, Target: "bor"}, "ana"))
		o = r.offered("bor")
		if o.Kind != wire.RingConsult || o.NoDecline || len(o.Links) != 1 || o.Links[0].URL != "https://crm.example.com/calls/"+call+"/bor" || len(o.Variables) != 6 {
			t.Fatalf("%+v", o)
		}
		if _, err := r.Decline(t.Context(), o.ID, "bor"); err != nil {
			t.Fatal(err)
		}

		r.ready("eva")
		r.ring("100")
		o = r.offered("eva")
		if o.Kind != wire.RingCall || o.NoDecline || len(o.Links) != 0 || !slices.Equal(names(o), []string{"case", "plan", "since"}) {
			t.Fatalf("%+v", o)
		}
		went(21 * time.Second) // rings out all the same
		r.is("eva", wire.AgentNotReady, "rona")
	})
}

// Rules that show too little or too much, secure values, or lead where the configuration does not say are refused.
func TestW8_RingRulesAreChecked(t *testing.T) {
	for want, spoil := range map[string]func(*floor.RingRule){
		"kind":              func(r *floor.RingRule) { r.Kinds = []wire.RingKind{"fax"} },
		"queue":             func(r *floor.RingRule) { r.Queue = "gone" },
		"3 to 6 variables":  func(r *floor.RingRule) { r.Variables = r.Variables[:2] },
		"secure, or there":  func(r *floor.RingRule) { r.Variables[0] = "pin" },
		"there twice":       func(r *floor.RingRule) { r.Variables[0] = "plan" },
		"at most 4 links":   func(r *floor.RingRule) { r.Links = slices.Repeat(r.Links[1:], 5) },
		"needs a label":     func(r *floor.RingRule) { r.Links[0].Label = " " },
		"{var:pin}":         func(r *floor.RingRule) { r.Links[0].URL = "https://crm.example.com/{var:pin}" },
		"{digits}":          func(r *floor.RingRule) { r.Links[0].URL = "https://crm.example.com/{digits}" },
		"brace":             func(r *floor.RingRule) { r.Links[0].URL = "https://crm.example.com/{number" },
		"must be like":      func(r *floor.RingRule) { r.Links[0].URL = "https://{var:case}/x" },
		"address must be":   func(r *floor.RingRule) { r.Links[0].URL = "https://crm.example.com{var:case}" },
		"like https://":     func(r *floor.RingRule) { r.Links[0].URL = "javascript:alert({number})" },
		"https://crm":       func(r *floor.RingRule) { r.Links[0].URL = "/customers/{number}" },
		"e.com/customers?n": func(r *floor.RingRule) { r.Links[0].URL = "https://me:pw@crm.example.com/{number}" },
	} {
		cfg := ringConfig()
		if err := cfg.Validate(); err != nil {
			t.Fatal(err)
		}
		spoil(&cfg.Handling.Rings[0])
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
	cfg := ringConfig()
	cfg.Handling.MaskNumbers = true
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "masked") {
		t.Errorf("a masked number in a link: %v", err)
	}
}
