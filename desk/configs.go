package desk

import (
	"context"
	"fmt"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/signaling/wire"
)

// ConfigVersion is the number of the configuration in force; 0 is that of the configuration file.
func (d *Desk) ConfigVersion() (v int) {
	_ = d.read(func() { v = d.floor.Version() }) // only fails when the desk has ended
	return v
}

// SavedConfig is one version with the configuration itself and what may be questionable about it. 404 for one
// that is not kept.
func (d *Desk) SavedConfig(version int) (wire.DeskConfig, error) {
	s, err := d.saved(version)
	return s.Wire(true), err
}

func (d *Desk) saved(version int) (floor.Saved, error) {
	var s floor.Saved
	var err error
	if closed := d.read(func() { s, err = d.floor.Saved(version) }); closed != nil {
		return s, closed
	}
	return s, err
}

// ConfigVersions are all versions, newest first, without the configurations themselves.
func (d *Desk) ConfigVersions() []wire.DeskConfig {
	out := []wire.DeskConfig{}
	_ = d.read(func() { // only fails when the desk has ended
		for _, s := range d.floor.Versions() {
			out = append(out, s.Wire(false))
		}
	})
	return out
}

// CheckConfig says what saving a configuration would change and what may be questionable about it; 422 when
// it could not be saved.
func (d *Desk) CheckConfig(c Config) (wire.DeskConfigAnswer, error) {
	if err := c.Problem(); err != nil {
		return wire.DeskConfigAnswer{}, err
	}
	var now Config
	var v int
	if closed := d.read(func() { now, v = d.floor.Config(), d.floor.Version() }); closed != nil {
		return wire.DeskConfigAnswer{}, closed
	}
	return wire.DeskConfigAnswer{
		Saved: wire.DeskConfig{Version: v + 1, Findings: c.WireFindings()}, Changes: floor.Diff(now, c),
	}, nil
}

// SaveConfig puts a configuration in force and keeps it. 409 when base is not the version in force or
// something is taken away that is in use, 422 with one entry per broken rule.
func (d *Desk) SaveConfig(ctx context.Context, c Config, base int, note, actor string) (wire.DeskConfigAnswer, error) {
	before, err := d.saved(base)
	if err != nil {
		before.Config = Config{} // an unknown base is refused below
	}
	var out wire.DeskConfigAnswer
	in := floor.Reconfigure{Config: c, Base: base, Note: note, Actor: actor}
	err = d.ask(ctx, in, func() {
		s, _ := d.floor.Saved(d.floor.Version()) // just saved
		out = wire.DeskConfigAnswer{Saved: s.Wire(true)}
	})
	if err != nil {
		return wire.DeskConfigAnswer{}, err
	}
	out.Changes = floor.Diff(before.Config, c)
	return out, nil
}

// RollBackConfig puts an old version in force again, as a new version.
func (d *Desk) RollBackConfig(ctx context.Context, version, base int, actor string) (wire.DeskConfigAnswer, error) {
	old, err := d.saved(version)
	if err != nil {
		return wire.DeskConfigAnswer{}, err
	}
	return d.SaveConfig(ctx, old.Config, base, fmt.Sprintf("roll back to %d", version), actor)
}

// ConfigDiff is what changes from one version to another.
func (d *Desk) ConfigDiff(from, to int) (wire.ConfigDiff, error) {
	a, err := d.saved(from)
	if err != nil {
		return wire.ConfigDiff{}, err
	}
	b, err := d.saved(to)
	if err != nil {
		return wire.ConfigDiff{}, err
	}
	return wire.ConfigDiff{From: from, To: to, Changes: floor.Diff(a.Config, b.Config)}, nil
}

// WouldGet says who would get a call now and why nobody else, under the configuration in force (nil) or a
// candidate.
func (d *Desk) WouldGet(c *Config, q wire.DryRunRequest) (wire.DryRun, error) {
	var r wire.DryRun
	var err error
	routed := d.dryRoute(c, q)
	if closed := d.read(func() { r, err = d.floor.WouldGet(c, q, routed, d.deps.Now()) }); closed != nil {
		return r, closed
	}
	return r, err
}
