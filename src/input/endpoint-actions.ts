// Pure: no I/O, no clock, no randomness.

import type { EndpointStatus } from '../queries/endpoint-row.ts';

/** POST /endpoints/{id}/{name}: from which statuses to which, and what to do if it is in another. */
export interface EndpointAction {
  readonly name: string;
  readonly summary: string;
  readonly from: readonly EndpointStatus[];
  readonly to: EndpointStatus;
  readonly instead: string;
}

/** An endpoint that has the status already is left as it is. */
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
