package desk

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/internal/store"
)

// killHelper is the variable with which a process made of this test's binary is told to work through a busy hour
// in a folder until it is killed.
const killHelper = "CORDBOARD_KILL_HELPER"

// killSnapshot is after how many entries the helper begins its log anew, so that kills fall into that too.
const killSnapshot = 150

func digest(f *floor.Floor) string {
	sum := sha256.Sum256([]byte(dump(f)))
	return fmt.Sprintf("%x", sum[:12])
}

// script is the busy hour of a seed without any log: the digest of the state after each write.
func script(t testing.TB, seed uint64) (after []string) {
	h := newBusyHour(t, seed, 0)
	h.quiet = true
	h.wrote = func() { after = append(after, digest(h.f)) }
	h.run()
	return after
}

// helpKill is the helper: folder, seed and the number of writes that are on disk stand in its environment. It finds
// out where the log ends, says so, lets every deadline of a floor made from it fire, and goes on with the hour,
// saying after each write that it is acknowledged.
func helpKill(dir string) {
	t := &helper{}
	seed, err := strconv.ParseUint(os.Getenv(killHelper+"_SEED"), 10, 64)
	t.check(err)
	from, err := strconv.Atoi(os.Getenv(killHelper + "_FROM"))
	t.check(err)
	s, err := store.Open(store.Config{Dir: dir}, nil)
	t.check(err)
	l, err := s.Log("desk")
	t.check(err)

	b := &book{log: l, warn: func(string, ...any) {}, every: killSnapshot}
	state, err := b.read()
	for try := 0; err != nil && try < 20; try++ { // a machine under load may take longer than the store's limit
		b.entries = 0
		state, err = b.read()
	}
	t.check(err)
	n := 0
	found, err := floor.New(busyConfig(), state, func(p string) string { n++; return fmt.Sprintf("%s_after%d", p, n) })
	t.check(err)
	is := digest(found)

	h := newBusyHour(t, seed, 0)
	h.b, h.quiet = b, true
	writes := 0
	begin := func() {
		// The log ends with the last acknowledged write, or with one more that nobody was told of.
		h.quiet = false
		fmt.Printf("found %d %s\n", writes, is)
		t.check(fires(found, h))
	}
	h.wrote = func() {
		writes++
		switch {
		case !h.quiet:
			fmt.Printf("ack %d\n", writes)
		case writes >= from && digest(h.f) == is:
			begin()
		case writes > from:
			t.check(fmt.Errorf("the log holds %s, which is neither write %d nor the one after it", is, from))
		}
	}
	if from == 0 && len(found.Snapshot()) == 0 {
		begin()
	}
	h.run()
	fmt.Println("over")
	t.check(s.Close())
	os.Exit(0)
}

// fires holds that every deadline of a floor found after a restart that has passed meanwhile fires at once.
func fires(f *floor.Floor, h *busyHour) error {
	(&busyHour{t: h.t, f: f, now: h.now}).lists()
	now := h.now.Add(10 * time.Minute)
	if _, _, err := f.Step(now, floor.Restart{Alive: func(string) bool { return len(f.Snapshot())%2 == 0 }}); err != nil {
		return err
	}
	if f.Due(now) {
		if _, _, err := f.Step(now, floor.Tick{}); err != nil {
			return err
		}
	}
	if f.Due(now) {
		return fmt.Errorf("a deadline of %s has passed and does not fire", f.Next())
	}
	return nil
}

// helper is what stands for a test in the helper process: what fails ends it.
type helper struct{ testing.TB }

func (h *helper) check(err error) {
	if err != nil {
		fmt.Println("fault", err)
		os.Exit(1)
	}
}

func (h *helper) Helper()                  {}
func (h *helper) Context() context.Context { return context.Background() }
func (h *helper) Fatal(args ...any)        { h.check(errors.New(fmt.Sprint(args...))) }
func (h *helper) Fatalf(f string, a ...any) {
	h.check(fmt.Errorf(f, a...))
}

// A process that works through a busy hour on the real store, which syncs every write, is killed at random points,
// again and again, and started anew on what is left. Each time the log must end exactly where it was acknowledged, or
// with the one write that was under way; whoever is on the floor, every queue, callback and campaign is as it was
// then, and deadlines that have passed fire at once. CORDBOARD_KILLS says how often, 10 unless said.
func TestKilledProcessLosesNothingAcknowledged(t *testing.T) {
	kills := 10
	if s := os.Getenv("CORDBOARD_KILLS"); s != "" {
		var err error
		if kills, err = strconv.Atoi(s); err != nil || kills < 1 {
			t.Fatalf("CORDBOARD_KILLS is %q, want a number from 1", s)
		}
	}
	r := rand.New(rand.NewPCG(9, 9))
	began := time.Now()
	killed, hours, written, between := 0, 0, 0, 0
	for seed := uint64(1); killed < kills; seed++ {
		hours++
		dir, acked, after := t.TempDir(), 0, script(t, seed)
		for over := false; !over && killed < kills; {
			last, found, done := killOnce(t, dir, seed, acked, 1+r.IntN(90), time.Duration(r.IntN(4000))*time.Microsecond)
			if found > acked {
				between++
			}
			if found > 0 && found <= len(after) && last < found {
				last = found
			}
			written += last - acked
			acked, over = last, done
			if !done {
				killed++
			}
		}
	}
	t.Logf("killed %d times in %d hours, %d writes acknowledged, %d more were on disk before they were; %s", killed, hours, written, between, time.Since(began).Round(time.Second))
	if path := os.Getenv("CORDBOARD_KILL_JSON"); path != "" {
		data, err := json.MarshalIndent(map[string]any{
			"kills": killed, "hours": hours, "writes_acknowledged": written, "writes_on_disk_before_acknowledged": between,
			"lost": 0, "seconds": int(time.Since(began).Seconds()),
		}, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// killOnce starts the helper, which must find at least acked writes, and kills it some time after it has acknowledged
// that many more. It returns the last write acknowledged, the one the log ended with, and whether the hour is over.
func killOnce(t *testing.T, dir string, seed uint64, acked, more int, wait time.Duration) (last, found int, over bool) {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^$")
	c.Env = append(os.Environ(), killHelper+"="+dir, killHelper+"_SEED="+strconv.FormatUint(seed, 10), killHelper+"_FROM="+strconv.Itoa(acked))
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Wait() }() // killed: that is the point
	guard := time.AfterFunc(5*time.Minute, func() { _ = c.Process.Kill() })
	defer guard.Stop()
	last, found = acked, -1
	dying := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		switch word {
		case "found":
			number, _, _ := strings.Cut(rest, " ")
			if found, err = strconv.Atoi(number); err != nil {
				t.Fatal(err)
			}
			if found != acked && found != acked+1 {
				t.Fatalf("hour %d: write %d was acknowledged, the log ends with %d", seed, acked, found)
			}
		case "ack":
			n, err := strconv.Atoi(rest)
			if err != nil {
				t.Fatal(err)
			}
			last = n
			if n >= acked+more && !dying {
				dying = true
				time.Sleep(wait)
				if err := c.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		case "over":
			over = !dying
		default:
			t.Fatalf("hour %d, after %d writes: %s", seed, acked, lines.Text())
		}
	}
	if found < 0 {
		t.Fatalf("hour %d: a helper on %d writes said nothing", seed, acked)
	}
	return last, found, over
}
