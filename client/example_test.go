package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/cordboard/cordboard/client"
	"github.com/cordboard/cordboard/signaling/wire"
)

// watch prints who is called, and ends a call as soon as it is answered.
func watch(ctx context.Context, server, token string) error {
	c := client.New(server, token)
	placed, err := c.PostCalls(ctx, wire.CallRequest{To: "+38640111222"}, client.IdempotencyKey("first-call"))
	var refused *client.Problem
	if errors.As(err, &refused) && refused.Code == "overloaded" {
		return fmt.Errorf("the server is full, ask again in %d s", refused.RetryAfter)
	} else if err != nil {
		return err
	}
	for e, err := range c.Events(ctx, client.EventOptions{After: new(uint64(0))}) {
		if errors.Is(err, client.ErrMissed) {
			log.Print("events were missed: read anew what you keep")
			continue
		} else if err != nil {
			return err
		}
		switch data := e.Data.(type) {
		case wire.Leg:
			if e.Type == "leg.answered" && e.CallID == placed.ID {
				fmt.Println("answered by", data.Address)
				return c.PostCallEnd(ctx, placed.ID, wire.HangupRequest{})
			}
		case wire.Call:
			fmt.Println(e.Type, data.To)
		}
	}
	return ctx.Err()
}
