import type { HttpBindings } from '@hono/node-server';
import type { ApiScope } from '../domain/api-key.ts';
import type { RequestRoom } from './body-room.ts';

/** What each request carries; the scopes are those of its key. */
export interface ApiEnv {
  Bindings: HttpBindings;
  Variables: { requestId: string; room: RequestRoom; scopes: readonly ApiScope[] };
}
