import { endpointActions } from '../input/endpoint-actions.ts';
import { endpointStatuses } from '../queries/endpoint-row.ts';
import { type Command, jsonOption } from './command.ts';
import { settingOptions } from './endpoint-options.ts';
import {
  changeEndpointCommand,
  createEndpointCommand,
  deleteEndpointCommand,
  endpointActionCommand,
  listEndpointsCommand,
  rotateEndpointCommand,
  showEndpointCommand,
  testEndpointCommand,
} from './endpoints.ts';

const id = { name: 'id' } as const;

/** `posthorn endpoints …`. */
export const endpointCommands: readonly Command[] = [
  {
    name: 'endpoints list',
    summary: 'list registered endpoints, newest first',
    options: {
      status: { type: 'string', value: 'STATUS', among: endpointStatuses, help: 'one of' },
      limit: { type: 'string', value: 'N', help: 'at most so many, 1 to 10000; 100 if not given' },
      ...jsonOption,
    },
    run: listEndpointsCommand,
  },
  {
    name: 'endpoints show',
    summary: 'show an endpoint, its breaker and its backlog',
    arguments: [id],
    options: jsonOption,
    run: showEndpointCommand,
  },
  {
    name: 'endpoints create',
    summary: 'register an endpoint; prints its id',
    details: 'Without --secret it makes one up, and shows it once.',
    options: { ...settingOptions, ...jsonOption },
    run: createEndpointCommand,
  },
  {
    name: 'endpoints change',
    summary: 'change settings of an endpoint',
    details:
      'A setting that is not given stays. The word "default" takes one back: no limit, no description, the usual retries, no secret.',
    arguments: [id],
    options: { ...settingOptions, ...jsonOption },
    run: changeEndpointCommand,
  },
  ...endpointActions.map((action) => ({
    name: `endpoints ${action.name}`,
    summary: action.summary.replace(/^./, (letter) => letter.toLowerCase()),
    arguments: [id],
    options: jsonOption,
    run: endpointActionCommand(action),
  })),
  {
    name: 'endpoints rotate',
    summary: 'give an endpoint a new secret; the old one signs beside it for a while',
    details:
      'Without --secret it makes one up, and shows it once. Of Ed25519 the public key is shown.',
    arguments: [id],
    options: {
      secret: { type: 'string', help: 'in place of one that is made up' },
      'secret-type': {
        type: 'string',
        value: 'TYPE',
        among: ['hmac', 'ed25519'],
        help: 'one of; as before if not given',
      },
      'overlap-s': {
        type: 'string',
        value: 'N',
        help: 'seconds for which both sign, 0 to 604800; a day if not given',
      },
      ...jsonOption,
    },
    run: rotateEndpointCommand,
  },
  {
    name: 'endpoints test',
    summary: 'send a test webhook to an endpoint; prints its id',
    arguments: [id],
    options: { body: { type: 'string', help: 'in place of the usual one' }, ...jsonOption },
    run: testEndpointCommand,
  },
  {
    name: 'endpoints delete',
    summary: 'delete an endpoint; what waits for it fails',
    arguments: [id],
    options: jsonOption,
    run: deleteEndpointCommand,
  },
];
