import type { Command } from './command.ts';
import { listOptions } from './filter-options.ts';

const { endpoint, tenant, 'event-type': eventType } = listOptions;

/** `posthorn listen`. */
export const listenCommand: Command = {
  name: 'listen',
  summary: 'forward webhooks to a program on this machine, as they are enqueued',
  details:
    'For development. Each webhook is sent to --to once, as soon as it is enqueued, with its own headers, body and id and with a new genuine signature. That changes nothing of the webhook: its endpoint gets it as well, if a worker runs.\nCtrl-C ends it.\n\n  posthorn listen --to http://localhost:3000/hooks --tenant acme',
  options: {
    to: {
      type: 'string',
      value: 'URL',
      help: 'where to send them, such as http://localhost:3000/hooks',
    },
    endpoint,
    tenant,
    'event-type': eventType,
    since: {
      type: 'string',
      value: 'TIME',
      help: 'also those enqueued since this time: 2026-11-25T12:00:00Z, or 10m for ten minutes ago',
    },
    id: {
      type: 'string',
      value: 'ID',
      multiple: true,
      help: 'only this webhook, whenever it was enqueued, and end; may be given more than once',
    },
    secret: {
      type: 'string',
      help: "sign with this secret, not with the endpoint's; others can see it in the process list",
    },
    anywhere: { type: 'boolean', help: 'allow --to to be another machine' },
    lines: { type: 'string', value: 'N', help: 'end after this many' },
    json: { type: 'boolean', help: 'print one line of JSON for each, for programs' },
  },
  run: async (given) => (await import('./listen.ts')).listen(given),
};
