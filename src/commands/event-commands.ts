import { type Command, jsonOption } from './command.ts';
import { contentOptions } from './content-options.ts';
import { listEventsCommand, publishEventCommand, showEventCommand } from './events.ts';

/** `posthorn publish`. */
export const publishCommand: Command = {
  name: 'publish',
  summary: 'publish an event to all endpoints that subscribe to it; prints its id',
  details:
    'Without --body, the body is read from standard input.\n\n  posthorn publish order.paid --tenant acme --body \'{"id": 42, "total": 1500}\'',
  arguments: [{ name: 'type' }],
  options: {
    tenant: {
      type: 'string',
      value: 'ID',
      help: "the customer whose endpoints receive it; default: the application's own endpoints; * is all tenants",
    },
    ...contentOptions,
    ...jsonOption,
  },
  run: publishEventCommand,
};

/** `posthorn events …`. */
export const eventCommands: readonly Command[] = [
  {
    name: 'events list',
    summary: 'list events, newest first',
    options: {
      tenant: { type: 'string', value: 'ID', help: 'of this tenant' },
      'event-type': { type: 'string', value: 'TYPE', help: 'of exactly this type' },
      unmatched: { type: 'boolean', help: 'those that no endpoint received' },
      from: {
        type: 'string',
        value: 'TIME',
        help: 'published at or after this time: 2026-11-25T12:00:00Z, or 2h for two hours ago',
      },
      until: { type: 'string', value: 'TIME', help: 'published before this time' },
      limit: { type: 'string', value: 'N', help: 'at most this many, 1 to 10000; default: 50' },
      ...jsonOption,
    },
    run: listEventsCommand,
  },
  {
    name: 'events show',
    summary: 'show an event, who received it, and why the others did not',
    arguments: [{ name: 'id' }],
    options: jsonOption,
    run: showEventCommand,
  },
];
