// The TypeScript client for programs outside: `npm run client` builds it as a module of its own, dist/client. It needs
// fetch and WebSocket (browsers, Node 22) and nothing else.

export { Api, type ApiOptions, type ApiRequest, type Send } from './wire/api';
export type * from './wire/api';
export * from './wire/wire';
export { Http } from './link/http';
export { Problem } from './link/problem';
export { Socket, type LinkState, type Listener, type SocketConfig, type Wire } from './link/socket';
