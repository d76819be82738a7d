// Pure: no I/O, no clock, no randomness.

import type { EndpointStatus } from '../queries/endpoint-row.ts';

/** POST /endpoints/{id}/{name}: from which statuses to which, and what to do if it is in another. */
export interface EndpointAction {
  readonly name: string;
  readonly from: readonly EndpointStatus[];
  readonly to: EndpointStatus;
  readonly instead: string;
}

/** An endpoint that has the status already is left as it is. */
export const endpointActions: readonly EndpointAction[] = [
  { name: 'pause', from: ['active'], to: 'paused', instead: 'it is held already' },
  { name: 'resume', from: ['paused'], to: 'active', instead: 'enable it' },
  { name: 'disable', from: ['active', 'paused'], to: 'disabled', instead: 'it is deleted' },
  { name: 'enable', from: ['disabled'], to: 'active', instead: 'resume it' },
];
