package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/cordboard/cordboard/signaling/auth"
)

// desktopTokenLife is the life of a desktop's token; the desktop renews it while it runs.
const desktopTokenLife = 15 * time.Minute

type tokenCmd struct {
	configFlag
	Agent string        `help:"Mint a desktop token for this agent." placeholder:"ID"`
	Name  string        `help:"Mint a token for a program of this name." default:"api" placeholder:"NAME"`
	Role  string        `help:"With --agent: what the person may do: agent, supervisor or admin." default:"agent" enum:"agent,supervisor,admin"`
	Grant []string      `help:"What a program may do, as call:read or admin:*; repeat for several." placeholder:"GRANT"`
	Life  time.Duration `help:"How long the token is good for." default:"1h"`
}

func (c tokenCmd) Run() error {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	keys, err := auth.Open(cfg.KeyDir, cfg.HTTP.TokenLife, time.Now)
	if err != nil {
		return err
	}
	claims := auth.Claims{Grants: c.Grant, LifeSeconds: int64(c.Life.Seconds()), RegisteredClaims: jwt.RegisteredClaims{Subject: c.Name}}
	switch {
	case c.Agent != "" && len(c.Grant) > 0:
		return errors.New("token: give --agent or --grant, not both: an agent's grants follow from --role")
	case c.Agent != "":
		if cfg.Desk.Enabled && !cfg.hasAgent(c.Agent) {
			return fmt.Errorf("token: the configuration has no agent %q", c.Agent)
		}
		claims = agentClaims(c.Agent, desktopTokenLife)
		claims.Grants = auth.RoleGrants(auth.Role(c.Role))
	case len(c.Grant) == 0:
		return errors.New("token: say --agent ID, or --grant GRANT for a program")
	}
	for _, g := range c.Grant {
		if !auth.ValidGrant(g) {
			return fmt.Errorf("token: %q is not a grant; they look like call:read or admin:*", g)
		}
	}
	token, _, err := keys.Mint(claims)
	if err != nil {
		return err
	}
	fmt.Println(token)
	return nil
}

func agentClaims(agent string, life time.Duration) auth.Claims {
	return auth.Claims{
		Agent: agent, Grants: auth.AgentGrants(), LifeSeconds: int64(life.Seconds()),
		RegisteredClaims: jwt.RegisteredClaims{Subject: agent},
	}
}

func (c *config) hasAgent(id string) bool {
	for _, a := range c.Desk.Agents {
		if a.ID == id {
			return true
		}
	}
	return false
}
