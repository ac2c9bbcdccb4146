package agentapi

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/cordboard/cordboard/desk"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media/prompt"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Say plays files of the prompt folder to a leg one after the other, once or over and over, or, with no file,
// a connect tone. The leg hears nothing else meanwhile. It is desk.Voice.
func (s *Server) Say(ctx context.Context, legID string, files []string, loop bool, actor string) (wire.Playback, error) {
	if len(files) == 0 {
		return s.deps.Calls.Play(ctx, legID, prompt.Entry(), wire.PlayBeep, false, actor)
	}
	parts := make([]prompt.Source, 0, len(files))
	for _, f := range files {
		src, err := s.clip(f, loop)
		if err != nil {
			return wire.Playback{}, err
		}
		parts = append(parts, src)
	}
	if len(parts) == 1 {
		return s.deps.Calls.Play(ctx, legID, parts[0], wire.PlayFile, true, actor)
	}
	return s.deps.Calls.Play(ctx, legID, prompt.NewSequence(parts[0], parts[1:]...), wire.PlayFile, true, actor)
}

// parseConfig reads a configuration; what the request leaves out has its default. Unknown names are refused.
func parseConfig(data json.RawMessage, pointer string) (desk.Config, error) {
	var c desk.Config
	if len(data) == 0 {
		return c, invalid(pointer, "required", "say which configuration")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return c, invalid(pointer, "invalid", "%v", err)
	}
	return c, nil
}

func getDeskConfig(q *request) error {
	d, err := q.desk()
	if err != nil {
		return err
	}
	v := d.ConfigVersion()
	if s := q.r.URL.Query().Get("version"); s != "" {
		if v, err = strconv.Atoi(s); err != nil {
			return invalid("/version", "invalid", "a version is a number")
		}
	}
	c, err := d.SavedConfig(v)
	if err != nil {
		return err
	}
	q.header("ETag", strconv.Quote(strconv.Itoa(v)))
	return q.reply(http.StatusOK, c)
}

func putDeskConfig(q *request) error {
	var in wire.DeskConfigRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	d, err := q.desk()
	if err != nil {
		return err
	}
	c, err := parseConfig(in.Config, "/config")
	if err != nil {
		return err
	}
	var a wire.DeskConfigAnswer
	if in.Check {
		a, err = d.CheckConfig(c)
	} else {
		err = q.administer(act{"config.save", "config.saved", strconv.Itoa(in.Base + 1), some("base", strconv.Itoa(in.Base), "note", in.Note)}, func() (string, error) {
			a, err = d.SaveConfig(q.ctx(), c, in.Base, in.Note, q.actor())
			return strconv.Itoa(a.Saved.Version), err
		})
	}
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, a)
}

func getDeskConfigs(q *request) error {
	d, err := q.desk()
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, wire.DeskConfigList{Items: list(d.ConfigVersions())})
}

func getDeskConfigDiff(q *request) error {
	d, err := q.desk()
	if err != nil {
		return err
	}
	var v [2]int
	for i, name := range []string{"from", "to"} {
		if v[i], err = strconv.Atoi(q.r.URL.Query().Get(name)); err != nil {
			return invalid("/"+name, "invalid", "a version is a number")
		}
	}
	diff, err := d.ConfigDiff(v[0], v[1])
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, diff)
}

func postDeskRollBack(q *request) error {
	var in wire.RollBackRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	d, err := q.desk()
	if err != nil {
		return err
	}
	var a wire.DeskConfigAnswer
	err = q.administer(act{"config.roll_back", "config.rolled_back", strconv.Itoa(in.Base + 1), some("base", strconv.Itoa(in.Base), "to", strconv.Itoa(in.Version))}, func() (string, error) {
		a, err = d.RollBackConfig(q.ctx(), in.Version, in.Base, q.actor())
		return strconv.Itoa(a.Saved.Version), err
	})
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, a)
}

func postDeskDryRun(q *request) error {
	var in wire.DryRunRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	d, err := q.desk()
	if err != nil {
		return err
	}
	if in.To == "" {
		return invalid("/to", "required", "say which number is called")
	}
	var c *desk.Config
	if len(in.Config) > 0 {
		parsed, err := parseConfig(in.Config, "/config")
		if err != nil {
			return err
		}
		c = &parsed
	}
	r, err := d.WouldGet(c, in)
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, r)
}

// permit refuses what the profile of the token's agent does not permit. Programs have grants only.
func (q *request) permit(action string) error {
	if action == "" || q.claims.Agent == "" || q.s.deps.Desk == nil {
		return nil
	}
	if err := q.s.deps.Desk.Allowed(q.claims.Agent, action); err != nil && problem.As(err).Status == http.StatusForbidden {
		return err
	}
	return nil
}
