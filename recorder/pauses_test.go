package recorder

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/signaling/wire"
)

// paused is a step of TestPauseOwners: what is done, and what the recording shows then.
type paused struct {
	name string
	wait time.Duration // before
	do   func(ctx context.Context, rec *Recording) error
	code string        // of the refusal, "" for none
	left time.Duration // to the deadline; 0: the recording goes on
	gaps []ownedGap
}

type ownedGap struct{ owner, by, reason, resumed, resumedBy string }

func ask(o Owner, by, reason string, most time.Duration) func(context.Context, *Recording) error {
	return func(ctx context.Context, rec *Recording) error {
		_, err := rec.Pause(ctx, PauseRequest{Owner: o, By: by, Reason: reason, Max: most})
		return err
	}
}

func letGo(o Owner, by string) func(context.Context, *Recording) error {
	return func(ctx context.Context, rec *Recording) error { _, err := rec.Release(ctx, o, by); return err }
}

func resumes(by string, gone ...string) func(context.Context, *Recording) error {
	return func(ctx context.Context, rec *Recording) error { _, err := rec.Resume(ctx, by, gone...); return err }
}

func nothing(context.Context, *Recording) error { return nil }

// TestPauseOwners: an announcement, a capture and each person have a pause of their own. The recording goes on when the
// last of them has ended, never before and never later.
func TestPauseOwners(t *testing.T) {
	const min = time.Minute
	for name, steps := range map[string][]paused{
		"a pause asked for in the announcement outlasts it": {
			{"announcement", 0, ask(OwnerConsent, "server", "consent", 2*min), "", 2 * min, []ownedGap{{"consent", "server", "consent", "", ""}}},
			{"card", time.Second, ask("", "app", "card", min), "", 119 * time.Second, []ownedGap{{"consent", "server", "consent", "continued", "app"}, {"person", "app", "card", "", ""}}},
			{"the announcement ends", 5 * time.Second, letGo(OwnerConsent, "server"), "", 55 * time.Second, []ownedGap{{"consent", "server", "consent", "continued", "app"}, {"person", "app", "card", "", ""}}},
			{"before the deadline", 54 * time.Second, nothing, "", time.Second, nil},
			{"the deadline", time.Second, nothing, "", 0, []ownedGap{{"consent", "server", "consent", "continued", "app"}, {"person", "app", "card", "deadline", "server"}}},
		},
		"an announcement shortens no pause and a pause no announcement": {
			{"long", 0, ask("", "app", "card", 10*min), "", 10 * min, nil},
			{"announcement", 0, ask(OwnerConsent, "server", "consent", 2*min), "", 10 * min, nil},
			{"short", 0, ask("", "agt_1", "", min), "", 10 * min, nil},
			{"the announcement ends", min / 2, letGo(OwnerConsent, "server"), "", 9*min + 30*time.Second, nil},
			{"the short one ends", min, nothing, "", 8*min + 30*time.Second, []ownedGap{
				{"person", "app", "card", "continued", "server"},
				{"consent", "server", "consent", "continued", "agt_1"},
				{"person", "agt_1", "", "continued", "server"},
				{"person", "app", "card", "", ""},
			}},
		},
		"an announcement lasts no longer because of a short pause": {
			{"short", 0, ask("", "app", "card", 30*time.Second), "", 30 * time.Second, nil},
			{"announcement", 0, ask(OwnerConsent, "server", "consent", 2*min), "", 2 * min, nil},
			{"the announcement ends", 3 * time.Second, letGo(OwnerConsent, "server"), "", 27 * time.Second, []ownedGap{{"person", "app", "card", "continued", "server"}, {"consent", "server", "consent", "continued", "server"}, {"person", "app", "card", "", ""}}},
			{"the deadline", 27 * time.Second, nothing, "", 0, nil},
		},
		"a capture in an announcement": {
			{"announcement", 0, ask(OwnerConsent, "server", "consent", 2*min), "", 2 * min, nil},
			{"capture", 0, ask(OwnerCapture, "app", "capture", min), "", 2 * min, nil},
			{"the announcement ends", time.Second, letGo(OwnerConsent, "server"), "", 59 * time.Second, nil},
			{"the capture ends", time.Second, letGo(OwnerCapture, "customer"), "", 0, []ownedGap{{"consent", "server", "consent", "continued", "app"}, {"capture", "app", "capture", "over", "customer"}}},
			{"nothing to end", 0, letGo(OwnerCapture, "customer"), "recording_not_paused", 0, nil},
		},
		"nobody resumes before the announcement is over": {
			{"announcement", 0, ask(OwnerConsent, "server", "consent", 2*min), "", 2 * min, nil},
			{"resume", 0, resumes("agt_1"), "consent_waits", 2 * min, []ownedGap{{"consent", "server", "consent", "", ""}}},
			{"the announcement never ends", 2 * min, nothing, "", 0, []ownedGap{{"consent", "server", "consent", "deadline", "server"}}},
		},
		"a person resumes its own pause": {
			{"one", 0, ask("", "agt_1", "card", min), "", min, nil},
			{"two", 0, ask("", "app", "card", 2*min), "", 2 * min, nil},
			{"one resumes", 0, resumes("agt_1"), "", 2 * min, []ownedGap{{"person", "agt_1", "card", "continued", "app"}, {"person", "app", "card", "", ""}}},
			{"one more time", 0, resumes("agt_1"), "paused_by_other", 2 * min, nil},
			{"two resumes", 0, resumes("app"), "", 0, []ownedGap{{"person", "agt_1", "card", "continued", "app"}, {"person", "app", "card", "manual", "app"}}},
			{"nothing to resume", 0, resumes("app"), "recording_not_paused", 0, nil},
		},
		"the later pause is resumed first": {
			{"one", 0, ask("", "agt_1", "card", 2*min), "", 2 * min, nil},
			{"two", 0, ask("", "app", "card", min), "", 2 * min, nil},
			{"two resumes", 0, resumes("app"), "", 2 * min, []ownedGap{{"person", "agt_1", "card", "continued", "app"}, {"person", "app", "card", "continued", "app"}, {"person", "agt_1", "card", "", ""}}},
			{"one resumes", 0, resumes("agt_1"), "", 0, nil},
		},
		"who has gone holds nobody up": {
			{"one", 0, ask("", "agt_1", "card", min), "", min, nil},
			{"another", 0, resumes("agt_2", "agt_1"), "", 0, []ownedGap{{"person", "agt_1", "card", "manual", "agt_2"}}},
		},
		"a deadline is moved both ways, and the reason is its owner's": {
			{"first", 0, ask("", "agt_1", "card", min), "", min, nil},
			{"later", 0, ask("", "agt_1", "", 2*min), "", 2 * min, []ownedGap{{"person", "agt_1", "card", "", ""}}},
			{"sooner", 0, ask("", "agt_1", "card", time.Second), "", time.Second, []ownedGap{{"person", "agt_1", "card", "", ""}}},
			{"for something else", 0, ask("", "agt_1", "address", min), "", min, []ownedGap{{"person", "agt_1", "card", "continued", "agt_1"}, {"person", "agt_1", "address", "", ""}}},
		},
		"pauses that prolong each other have an end": {
			{"first", 0, ask("", "agt_1", "card", 10*min), "", 10 * min, nil},
			{"second", 9 * min, ask("", "app", "card", 10*min), "", 10 * min, nil},
			{"third", 9 * min, ask("", "agt_1", "card", 10*min), "", 10 * min, nil},
			{"too long", 9 * min, ask("", "app", "card", 4*min), "invalid_pause", min, nil},
			{"what is left", 0, ask("", "app", "card", 3*min), "", 3 * min, nil},
			{"the usual length, but no more than that", 2*min + 30*time.Second, ask("", "app", "card", 0), "", 30 * time.Second, nil},
			{"the end", 30 * time.Second, nothing, "", 0, nil},
			{"from the beginning", 0, ask("", "app", "card", 10*min), "", 10 * min, nil},
		},
		"what a capture takes is not held against people": {
			{"capture", 0, ask(OwnerCapture, "app", "capture", 25*min), "", 25 * min, nil},
			{"pause", 24 * min, ask("", "agt_1", "card", 10*min), "", 10 * min, nil},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newRig(t, testConfig(t.TempDir()))
				rec := start(t, g, customer)
				for _, s := range steps {
					time.Sleep(s.wait)
					synctest.Wait()
					err := s.do(t.Context(), rec)
					if code := codeOf(err); code != s.code {
						t.Fatalf("%s: %q (%v), want %q", s.name, code, err, s.code)
					}
					w := rec.Snapshot()
					switch {
					case s.left == 0 && (w.State != wire.RecordingActive || w.PausedTill != nil || rec.gated.Load()):
						t.Fatalf("%s: still %s, till %v", s.name, w.State, w.PausedTill)
					case s.left > 0 && (w.State != wire.RecordingPaused || !rec.gated.Load() || (time.Until(*w.PausedTill)-s.left).Abs() > time.Millisecond):
						t.Fatalf("%s: %s till %v, want %v from now", s.name, w.State, w.PausedTill, s.left)
					}
					if s.gaps == nil {
						continue
					}
					var got []ownedGap
					for _, g := range w.Gaps {
						got = append(got, ownedGap{g.Owner, g.By, g.Reason, g.Resumed, g.ResumedBy})
					}
					if len(got) != len(s.gaps) {
						t.Fatalf("%s: gaps %+v, want %+v", s.name, got, s.gaps)
					}
					for i := range got {
						if got[i] != s.gaps[i] {
							t.Errorf("%s: gap %d is %+v, want %+v", s.name, i, got[i], s.gaps[i])
						}
					}
				}
				if _, err := rec.Stop(t.Context(), "hangup"); err != nil {
					t.Fatal(err)
				}
				g.stop(t)
			})
		})
	}
}

func codeOf(err error) string {
	if err == nil {
		return ""
	}
	return problem.As(err).Code
}

// TestPauseInTurns: gaps that go over into each other lie side by side on the time line, nothing of them is in the
// track, and a restart finds all of them and the recording closed at the first.
func TestPauseInTurns(t *testing.T) {
	for _, policy := range []string{PauseSilence, PauseCut} {
		t.Run(policy, func(t *testing.T) {
			cfg := testConfig(t.TempDir())
			cfg.PausePolicy = policy
			g := newRig(t, cfg)
			rec := start(t, g, customer)
			c := newVoice(t, "leg_c", 500, pcm.Rate16k, false)
			r := &room{voices: []*voice{c}}
			r.run(t, rec, 50)
			ctx := t.Context()
			do := func(f func(context.Context, *Recording) error) {
				t.Helper()
				if err := f(ctx, rec); err != nil {
					t.Fatal(err)
				}
			}
			c.hz = 1250
			do(ask(OwnerConsent, "server", "consent", time.Minute))
			r.run(t, rec, 25)
			do(ask("", "app", "card", time.Minute))
			r.run(t, rec, 25)
			do(letGo(OwnerConsent, "server"))
			do(ask("", "agt_1", "card", time.Minute))
			do(ask("", "agt_1", "card", 2*time.Minute))
			r.run(t, rec, 25)
			crashed := testConfig(t.TempDir())
			waitJournal(t, filepath.Join(cfg.SpoolDir, rec.ID()), 3)
			copyDir(t, cfg.SpoolDir, crashed.SpoolDir)
			do(resumes("app"))
			do(resumes("agt_1"))
			c.hz = 2000
			r.run(t, rec, 50)
			if _, err := rec.Stop(ctx, "hangup"); err != nil {
				t.Fatal(err)
			}
			w := g.await(t, "recording.stored", rec.ID())
			type at struct{ offset, length int64 }
			want, duration := []at{{1000, 500}, {1500, 500}, {2000, 500}}, int64(3500)
			if policy == PauseCut {
				want, duration = []at{{1000, 500}, {1000, 500}, {1000, 500}}, 2000
			}
			if len(w.Gaps) != len(want) || w.DurationMS != duration {
				t.Fatalf("gaps %+v of %d ms", w.Gaps, w.DurationMS)
			}
			for i, g := range w.Gaps {
				if (at{g.OffsetMS, g.LengthMS}) != want[i] || g.Till == nil || g.Deadline == nil {
					t.Errorf("gap %d: %+v, want %v", i, g, want[i])
				}
			}
			if last := w.Gaps[2]; last.Moved != 1 || last.Resumed != "manual" || last.ResumedBy != "agt_1" {
				t.Errorf("the last gap: %+v", last)
			}
			s := decode(t, readFile(t, g.archived(w, "customer-1.ogg")))
			if p := power(s, 1250); p > -60 {
				t.Errorf("what was said in the pauses is in the track: %.1f dB", p)
			}
			edits := Edits(w.Gaps, policy, PauseCut, true)
			if len(edits) != 1 || policy == PauseSilence && edits[0].Skip != 1500*time.Millisecond {
				t.Errorf("a listening copy has %+v, want one mark for all of them", edits)
			}
			g.stop(t)

			g2 := newRig(t, crashed)
			w = g2.await(t, "recording.stored", rec.ID())
			if !w.Recovered || len(w.Gaps) != 3 || w.Gaps[0].Resumed != "continued" || w.Gaps[2].Resumed != "" || w.Gaps[2].By != "agt_1" || w.Tracks[0].DurationMS != 1000 {
				t.Errorf("behind a crash: %+v %+v", w.Gaps, w.Tracks)
			}
			opusinfo(t, g2.archived(w, "customer-1.ogg"))
		})
	}
}

// waitJournal waits until a recording's journal tells of n gaps.
func waitJournal(t *testing.T, dir string, n int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		f, err := os.Open(filepath.Join(dir, journalName))
		if err != nil {
			t.Fatal(err)
		}
		l, err := replay(readJournal(f, nil))
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if err == nil && len(l.gaps) >= n {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the journal has %d gaps, want %d: %v", len(l.gaps), n, err)
		}
	}
}
