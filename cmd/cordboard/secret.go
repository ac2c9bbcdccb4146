package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/cordboard/cordboard/signaling/routehook"
)

type secretCmd struct {
	configFlag
	Hook   string `arg:"" help:"The routing hook's id."`
	Number int    `arg:"" optional:"" default:"1" help:"Which of its secrets, counted from 1."`
}

// Run prints what a routing hook verifies requests with.
func (c secretCmd) Run() error {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	master, err := masterKey(filepath.Join(cfg.KeyDir, "webhooks.key"))
	if err != nil {
		return err
	}
	if c.Number < 1 {
		return errors.New("a hook's secrets are counted from 1")
	}
	fmt.Println(routehook.Secret(master, c.Hook, c.Number).Reveal())
	return nil
}
