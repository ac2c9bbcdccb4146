import { Api, Http, Problem, Socket } from '../client';

/** watch prints who is called, and ends a call as soon as it is answered. */
export async function watch(server: string, token: string, print: (line: string) => void): Promise<Socket> {
  const api = new Api(new Http(() => token, server).send);
  const placed = await api.postCalls({ to: '+38640111222' }, { idempotencyKey: 'first-call' }).catch((err: unknown) => {
    if (err instanceof Problem && err.code === 'overloaded') print('the server is full');
    throw err;
  });
  const socket = new Socket({
    url: server.replace('http', 'ws') + '/v1/events',
    token: () => token,
    listener: {
      hello: (_, fresh) => {
        if (fresh) print('events were missed: read anew what you keep');
      },
      event: (e) => {
        switch (e.type) {
          case 'call.created':
            print(`${e.type} ${e.data.to}`);
            break;
          case 'leg.answered':
            if (e.call_id !== placed.id) break;
            print(`answered by ${e.data.address ?? 'nobody known'}`);
            void api.postCallEnd(placed.id, {});
            break;
          default:
        }
      },
      state: () => undefined,
      refused: () => {
        print('the token is no longer good');
        socket.stop();
      },
    },
  });
  socket.start(0);
  return socket;
}
