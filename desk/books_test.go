package desk

import (
	"sync"
	"testing"
	"time"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/signaling/wire"
)

// What does not wait for the actor is asked while the configuration changes, and sees one of the two: this is for the
// race detector.
func TestAskedWhileTheConfigurationChanges(t *testing.T) {
	cfg := testConfig()
	cfg.Handling.Variables = []floor.VariableDef{{Name: "pin", Secure: true}}
	masking := cfg
	masking.Handling.MaskNumbers = true
	configured(t, cfg, func(t *testing.T, r *rig) {
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				seen := map[string]bool{}
				for range 300 {
					c := r.Veil().Show(wire.Call{From: "+38641123456", Variables: map[string]string{"pin": "1234"}}, false).(wire.Call)
					if c.From != "+38641123456" && c.From != "••••••••3456" || len(c.Variables) != 0 {
						t.Errorf("%+v", c)
					}
					seen[c.From] = true
					if _, err := r.QueueOf("100"); err != nil || r.Allowed("ana", "dial") != nil || r.Room() != nil || len(r.WrapupReasons()) != 0 {
						t.Error("the rest of the book")
					}
					time.Sleep(time.Millisecond)
				}
				if len(seen) != 2 {
					t.Errorf("saw only %v", seen)
				}
			})
		}
		for base := range 20 {
			c := cfg
			if base%2 == 0 {
				c = masking
			}
			if _, err := r.SaveConfig(t.Context(), c, base, "", "adm"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		wg.Wait()
	})
}
