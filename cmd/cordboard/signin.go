package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/cordboard/cordboard/signaling/auth"
	"github.com/cordboard/cordboard/signaling/oidc"
)

// authConfig is who else is believed: issuers of tokens for programs, and providers that people sign in with.
type authConfig struct {
	// PublicURL is where browsers reach this server: providers send them back there.
	PublicURL string              `toml:"public_url"`
	Issuers   []auth.IssuerConfig `toml:"issuers"`
	Providers []oidc.Config       `toml:"providers"`
}

// identityTime bounds a request to an issuer of tokens or a provider.
const identityTime = 10 * time.Second

func (c authConfig) validate(checkURL func(string) error) error {
	var errs []error
	names, issuers := map[string]bool{}, map[string]bool{}
	for _, i := range c.Issuers {
		if names[i.Name] || issuers[i.Issuer] {
			errs = append(errs, fmt.Errorf("auth.issuers: name %q or issuer %q is there twice", i.Name, i.Issuer))
		}
		names[i.Name], issuers[i.Issuer] = true, true
		errs = append(errs, i.Validate(checkURL))
	}
	ids := map[string]bool{}
	for _, p := range c.Providers {
		if ids[p.ID] {
			errs = append(errs, fmt.Errorf("auth.providers: id %q is there twice", p.ID))
		}
		ids[p.ID] = true
		errs = append(errs, p.Validate(checkURL))
	}
	if len(c.Providers) > 0 || c.PublicURL != "" {
		errs = append(errs, oidc.CheckPublicURL(c.PublicURL))
	}
	return errors.Join(errs...)
}

// buildAuth makes what says who somebody is. Keys of issuers and providers are fetched under the rules of egress.
func (n *node) buildAuth() (err error) {
	if n.keys, err = auth.Open(n.cfg.KeyDir, n.cfg.HTTP.TokenLife, time.Now); err != nil {
		return err
	}
	client := n.cfg.Egress.Client(identityTime)
	issuers := make([]*auth.Trusted, len(n.cfg.Auth.Issuers))
	for i, c := range n.cfg.Auth.Issuers {
		if issuers[i], err = auth.NewTrusted(c, client, time.Now); err != nil {
			return err
		}
	}
	n.keys.Trust(issuers)
	return nil
}

// buildRevocations reads what is no longer believed.
func (n *node) buildRevocations() error {
	bucket, err := n.store.Bucket("revocations", 0)
	if err != nil {
		return err
	}
	n.revocations, err = auth.OpenRevocations(context.Background(), bucket, n.log.With("part", "auth"), time.Now)
	return err
}

// buildSignIn makes the providers; there are none without configured ones.
func (n *node) buildSignIn() (*oidc.SignIn, error) {
	key, err := masterKey(filepath.Join(n.cfg.KeyDir, "signin.key"))
	if err != nil {
		return nil, err
	}
	return oidc.New(n.cfg.Auth.Providers, oidc.Deps{
		PublicURL: n.cfg.Auth.PublicURL, Client: n.cfg.Egress.Client(identityTime), Key: key, Log: n.log.With("part", "signin"), Now: time.Now,
		KnowsAgent: func(id string) bool {
			if n.desk == nil {
				return false
			}
			_, err := n.desk.Agent(id)
			return err == nil
		},
	})
}
