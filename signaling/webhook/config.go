package webhook

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/cordboard/cordboard/internal/hooksig"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Config is how webhooks are delivered, and those of the configuration file.
type Config struct {
	// Timeout is how long one request may take, redirects and answer included.
	Timeout time.Duration `toml:"timeout"`
	// FirstRetry bounds the wait after the first failure; it doubles with each up to MaxRetry. The wait itself is drawn
	// from 0 to that (full jitter).
	FirstRetry time.Duration `toml:"first_retry"`
	MaxRetry   time.Duration `toml:"max_retry"`
	// RetryFor is how long one event is tried.
	RetryFor time.Duration `toml:"retry_for"`
	// Refusals is how often an event is tried that the receiver refuses as such (400, 413, 415, 422).
	Refusals int `toml:"refusals"`
	// KeepDead is how long dead letters are kept.
	KeepDead time.Duration `toml:"keep_dead"`
	// Subscriptions are webhooks beside those made through the API.
	Subscriptions []Subscription `toml:"subscriptions"`
}

// Subscription is a webhook of the configuration file.
type Subscription struct {
	ID     string   `toml:"id"`
	URL    string   `toml:"url"`
	Events []string `toml:"events"`
	// SecretFile holds whsec_ secrets, one a line; each signs.
	SecretFile string `toml:"secret_file"`
}

// DefaultConfig is a day of tries between 0 and an hour apart.
func DefaultConfig() Config {
	return Config{
		Timeout: 15 * time.Second, FirstRetry: 5 * time.Second, MaxRetry: time.Hour, RetryFor: 24 * time.Hour, Refusals: 5,
		KeepDead: 30 * 24 * time.Hour, Subscriptions: []Subscription{},
	}
}

const maxSubscriptions = 100

// Validate names everything that is wrong; checkURL knows where requests may go.
func (c Config) Validate(checkURL func(string) error) error {
	var errs []error
	between := func(name string, d, lo, hi time.Duration) {
		if d < lo || d > hi {
			errs = append(errs, fmt.Errorf("webhooks.%s: %v is not between %v and %v", name, d, lo, hi))
		}
	}
	between("timeout", c.Timeout, 100*time.Millisecond, time.Minute)
	between("first_retry", c.FirstRetry, 10*time.Millisecond, time.Hour)
	between("max_retry", c.MaxRetry, c.FirstRetry, 24*time.Hour)
	between("retry_for", c.RetryFor, time.Second, 72*time.Hour)
	between("keep_dead", c.KeepDead, time.Minute, 366*24*time.Hour)
	if c.Refusals < 1 {
		errs = append(errs, errors.New("webhooks.refusals: must be at least 1"))
	}
	if len(c.Subscriptions) > maxSubscriptions {
		errs = append(errs, fmt.Errorf("webhooks.subscriptions: at most %d", maxSubscriptions))
	}
	seen := map[string]bool{}
	for _, s := range c.Subscriptions {
		if s.ID == "" || seen[s.ID] || strings.Trim(s.ID, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			errs = append(errs, fmt.Errorf("webhooks.subscriptions: id %q is used twice or not made of a-z, 0-9 and -", s.ID))
		}
		seen[s.ID] = true
		if err := checkURL(s.URL); err != nil {
			errs = append(errs, fmt.Errorf("webhooks.subscriptions: %s: %w", s.ID, err))
		}
		if bad := unknownEvent(s.Events); bad != "" {
			errs = append(errs, fmt.Errorf("webhooks.subscriptions: %s: there is no event %q", s.ID, bad))
		}
		if _, err := readSecrets(s.SecretFile); err != nil {
			errs = append(errs, fmt.Errorf("webhooks.subscriptions: %s: %w", s.ID, err))
		}
	}
	return errors.Join(errs...)
}

func readSecrets(file string) ([]hooksig.Secret, error) {
	if file == "" {
		return nil, errors.New("secret_file must name a file of whsec_ secrets")
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var out []hooksig.Secret
	for line := range strings.FieldsSeq(string(b)) {
		s, err := hooksig.Parse(line)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: holds no secret", file)
	}
	return out, nil
}

// unknownEvent is the first pattern that fits no event there is, empty for none.
func unknownEvent(patterns []string) string {
	for _, p := range patterns {
		found := false
		for typ := range wire.EventTypes {
			if found = fits(p, typ); found {
				break
			}
		}
		if !found {
			return p
		}
	}
	return ""
}

// wants says whether a webhook asks for a type of event; no patterns ask for all.
func wants(patterns []string, typ string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool { return fits(p, typ) })
}

// fits compares a type with itself, "*", or "noun.*".
func fits(pattern, typ string) bool {
	if noun, ok := strings.CutSuffix(pattern, ".*"); ok {
		return noun != "" && strings.HasPrefix(typ, noun+".") && !strings.ContainsAny(noun, "*?[\\")
	}
	return pattern == typ || pattern == "*" && path.Base(typ) == typ
}
