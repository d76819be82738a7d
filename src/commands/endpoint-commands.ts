import { endpointActions } from '../input/endpoint-actions.ts';
import { endpointStatuses } from '../queries/endpoint-row.ts';
import { type Command, jsonOption } from './command.ts';
import { newOptions, settingOptions } from './endpoint-options.ts';
import {
  catchUpCommand,
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
      tenant: { type: 'string', value: 'ID', help: 'of this tenant' },
      limit: { type: 'string', value: 'N', help: 'at most this many, 1 to 10000; default: 100' },
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
    details: 'Without --secret it makes a secret and shows it once.',
    options: { ...newOptions, ...jsonOption },
    run: createEndpointCommand,
  },
  {
    name: 'endpoints change',
    summary: 'change settings of an endpoint',
    details:
      'Settings that are not given stay as they are. The word "default" resets one: no limit, no description, the usual retries, no secret.',
    arguments: [id],
    options: { ...settingOptions, ...jsonOption },
    run: changeEndpointCommand,
  },
  ...endpointActions.map((action) => ({
    name: `endpoints ${action.name}`,
    summary: action.summary.replace(/^./, (letter) => letter.toLowerCase()),
    arguments: [id],
    options: {
      ...(action.mayCatchUp === true
        ? {
            'no-catch-up': {
              type: 'boolean',
              help: 'leave out the events that it missed while it was disabled',
            } as const,
          }
        : {}),
      ...jsonOption,
    },
    run: endpointActionCommand(action),
  })),
  {
    name: 'endpoints catch-up',
    summary: 'send an endpoint the events that it has missed, or only count them',
    details:
      'These are the events of its tenant since a time that match its present subscriptions and that it has not received.\n\n  posthorn endpoints catch-up ID --since 3d --dry-run',
    arguments: [id],
    options: {
      since: {
        type: 'string',
        value: 'TIME',
        help: 'published at or after this time: 2026-11-25T12:00:00Z, or 2h for two hours ago',
      },
      rate: { type: 'string', value: 'N', help: 'this many a second, 0.1 to 10000; default: 100' },
      'dry-run': { type: 'boolean', help: 'only count' },
      cancel: { type: 'boolean', help: 'end the catch-up; what it has enqueued is still sent' },
      ...jsonOption,
    },
    run: catchUpCommand,
  },
  {
    name: 'endpoints rotate',
    summary: 'give an endpoint a new secret; the old one also signs for a while',
    details:
      'Without --secret it makes a secret and shows it once. For Ed25519 it shows the public key.',
    arguments: [id],
    options: {
      secret: { type: 'string', help: 'instead of a generated one' },
      'secret-type': {
        type: 'string',
        value: 'TYPE',
        among: ['hmac', 'ed25519'],
        help: 'as before by default; one of',
      },
      'overlap-s': {
        type: 'string',
        value: 'N',
        help: 'seconds for which both sign, 0 to 604800; default: a day',
      },
      ...jsonOption,
    },
    run: rotateEndpointCommand,
  },
  {
    name: 'endpoints test',
    summary: 'send a test webhook to an endpoint; prints its id',
    arguments: [id],
    options: { body: { type: 'string', help: 'instead of the usual one' }, ...jsonOption },
    run: testEndpointCommand,
  },
  {
    name: 'endpoints delete',
    summary: 'delete an endpoint; its waiting webhooks fail',
    arguments: [id],
    options: jsonOption,
    run: deleteEndpointCommand,
  },
];
