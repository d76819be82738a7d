// Pure: no I/O, no clock, no randomness.

import type { EndpointStatus } from '../queries/endpoint-row.ts';
import { flag } from './fields.ts';
import type { Problem } from './problem.ts';
import { fieldsOf, optional, type Request } from './read-fields.ts';

/** An action that changes the status of an endpoint: POST /endpoints/{id}/{name}. */
export interface EndpointAction {
  readonly name: string;
  readonly summary: string;
  readonly from: readonly EndpointStatus[];
  readonly to: EndpointStatus;
  /** Whether the caller may say that the endpoint does not catch up with what it has missed. */
  readonly mayCatchUp?: true;
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
    summary: 'Hold what goes to an endpoint, for long; it receives no events until it is enabled',
    from: ['active', 'paused'],
    to: 'disabled',
    instead: 'it is deleted',
  },
  {
    name: 'enable',
    summary:
      'Send again to a disabled endpoint, which catches up with the events that it has missed',
    from: ['disabled'],
    to: 'active',
    mayCatchUp: true,
    instead: 'resume it',
  },
];

const noFields = fieldsOf({});
const catchUpFields = fieldsOf({
  catch_up: optional(flag, 'Whether it is sent the events that it has missed; true if not given.'),
});

/** The body of the request for an action. */
export function actionRequest({
  mayCatchUp = false,
}: {
  readonly mayCatchUp?: boolean;
}): Request<typeof catchUpFields> | Request<typeof noFields> {
  return mayCatchUp
    ? { schema: catchUpFields, shown: ['catch_up'] }
    : { schema: noFields, shown: [] };
}

/** Why an action cannot be done with an endpoint in this status. */
export function refusalOf({ name, instead }: EndpointAction, status: EndpointStatus): Problem {
  const detail = `Cannot ${name} an endpoint that is ${status}: ${instead}`;
  return { kind: 'endpoint_state_conflict', detail };
}
