package main

import (
	"fmt"
	"path/filepath"

	"github.com/cordboard/cordboard/signaling/routehook"
)

type secretCmd struct {
	configFlag
	Hook string `arg:"" help:"The routing hook's id."`
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
	fmt.Println(routehook.Secret(master, c.Hook).Reveal())
	return nil
}
