// Pure: no I/O, no clock, no randomness.

import type { EndpointStatus } from '../queries/endpoint-row.ts';
import type { Problem } from './problem.ts';

/** An action that changes the status of an endpoint: POST /endpoints/{id}/{name}. */
export interface EndpointAction {
  readonly name: string;
  readonly summary: string;
  readonly from: readonly EndpointStatus[];
  readonly to: EndpointStatus;
  /** What to do with an endpoint in another status. */
  readonly instead: string;
}

/** All actions. An endpoint that already has the status is left as it is. */
export const endpointActions: readonly EndpointAction[] = [
  {
    name: 'pause',
    summary: 'Hold what goes to an endpoint',
    from: ['active'],
    to: 'paused',
    instead: 'it is held already',
  },
  {
    name: 'resume',
    summary: 'Send again what a pause has held',
    from: ['paused'],
    to: 'active',
    instead: 'enable it',
  },
  {
    name: 'disable',
    summary: 'Hold what goes to an endpoint, for long',
    from: ['active', 'paused'],
    to: 'disabled',
    instead: 'it is deleted',
  },
  {
    name: 'enable',
    summary: 'Send again to a disabled endpoint',
    from: ['disabled'],
    to: 'active',
    instead: 'resume it',
  },
];

/** Why an action cannot be done with an endpoint in this status. */
export function refusalOf({ name, instead }: EndpointAction, status: EndpointStatus): Problem {
  const detail = `Cannot ${name} an endpoint that is ${status}: ${instead}`;
  return { kind: 'endpoint_state_conflict', detail };
}
