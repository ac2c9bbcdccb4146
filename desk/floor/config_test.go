package floor

import (
	"strings"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"
)

func TestX17_ConfigurationThatSwallowsCallsIsRefused(t *testing.T) {
	good := func() Config {
		return Config{
			Queues:  []Queue{{ID: "main"}, {ID: "vip", Agents: []string{"ana"}}},
			Numbers: []Number{{Number: "+386 1 200 00 00", Queue: "main"}, {Number: Any, Queue: "vip"}},
			Agents:  []Agent{{ID: "ana"}, {ID: "bor", Queues: []string{"main"}}},
		}
	}
	if err := good().Validate(); err != nil {
		t.Fatal(err)
	}
	if err := DefaultConfig().Validate(); err != nil {
		t.Fatalf("the default: %v", err)
	}
	for name, c := range map[string]struct {
		spoil func(*Config)
		want  string
	}{
		"queue of a number unknown": {func(c *Config) { c.Numbers[0].Queue = "sales" }, `there is no queue "sales"`},
		"queue without agents": {func(c *Config) {
			c.Agents[0].Queues = []string{"vip"}
			c.Agents[1].Queues = []string{"vip"}
			c.Queues[0].Agents = nil
		}, "queue main has no agents"},
		"no agents at all":              {func(c *Config) { c.Agents = nil; c.Queues[1].Agents = nil }, "has no agents"},
		"agent of a queue unknown":      {func(c *Config) { c.Queues[1].Agents = []string{"eva"} }, `there is no agent "eva"`},
		"queue of an agent unknown":     {func(c *Config) { c.Agents[1].Queues = []string{"sales"} }, `there is no queue "sales"`},
		"number twice":                  {func(c *Config) { c.Numbers[1].Number = "+38612000000" }, "used twice"},
		"number empty":                  {func(c *Config) { c.Numbers[1].Number = "-" }, "empty"},
		"agent twice":                   {func(c *Config) { c.Agents[1].ID = "ana" }, "used twice"},
		"queue twice":                   {func(c *Config) { c.Queues[1].ID = "main" }, "used twice"},
		"class unknown":                 {func(c *Config) { c.Numbers[0].Class = 4 }, "class"},
		"ring too short":                {func(c *Config) { c.Queues[0].Ring.Duration = time.Millisecond }, "ring"},
		"alarm too late":                {func(c *Config) { c.NoAgentAlarm = Seconds(11) }, "no_agent_alarm"},
		"reason without a code":         {func(c *Config) { c.WrapupReasons = []Reason{{Label: "x"}} }, "code"},
		"extensions negative":           {func(c *Config) { c.Queues[0].WrapupExtensions = -1 }, "wrapup_extensions"},
		"attach timeout below a second": {func(c *Config) { c.Attach.Duration = 1 }, "attach_timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := good()
			c.spoil(&cfg)
			if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestConfigReadsTOML(t *testing.T) {
	var c Config
	err := toml.Unmarshal([]byte(`
return_timeout = "90s"
[[queues]]
id = "main"
ring = "15s"
wrapup = "1m"
[[numbers]]
number = "100"
queue = "main"
[[agents]]
id = "ana"
name = "Ana"
`), &c)
	if err != nil {
		t.Fatal(err)
	}
	if c.Return.Duration != 90*time.Second || c.Queues[0].Ring != Seconds(15) || c.Queues[0].Wrapup != Seconds(60) || c.Agents[0].Name != "Ana" {
		t.Errorf("got %+v", c)
	}
	if out, err := toml.Marshal(c); err != nil || !strings.Contains(string(out), "return_timeout = '1m30s'") {
		t.Errorf("written back: %s, %v", out, err)
	}
}
