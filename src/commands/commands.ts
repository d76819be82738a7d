import { replayPriorities, replayStatuses } from '../queries/replay-row.ts';
import { webhookStatuses } from '../queries/webhook-row.ts';
import { benchCommand } from './bench.ts';
import { type Command, hasOption, jsonOption, textOption } from './command.ts';
import { completionScript, shells } from './completion.ts';
import { contentOptions } from './content-options.ts';
import { endpointCommands } from './endpoint-commands.ts';
import { eventCommands, publishCommand } from './event-commands.ts';
import { eventTypeCommands } from './event-type-commands.ts';
import { filterOptions, listOptions, statusOption } from './filter-options.ts';
import { holdCommands } from './hold-commands.ts';
import { initCommand } from './init-command.ts';
import { keyCommands } from './keys.ts';
import { listenCommand } from './listen-command.ts';
import {
  cancelReplayCommand,
  listReplaysCommand,
  replayCommand,
  showReplayCommand,
} from './replays.ts';
import { reportCommand } from './report-command.ts';
import { subscriptionCommands } from './subscription-commands.ts';
import { tenantCommands } from './tenant-commands.ts';
import { print } from './terminal.ts';
import { cancelCommand, listCommand, retryCommand, sendCommand, showCommand } from './webhooks.ts';

const id = { name: 'id' } as const;

function running(
  name: string,
  { summary, ...parts }: { worker: boolean; api: boolean; summary: string },
): Command {
  return {
    name,
    summary,
    options: jsonOption,
    run: async (given) => {
      const { runCommand } = await import('./run.ts');
      return runCommand({ ...parts, isJson: hasOption(given, 'json') });
    },
  };
}

/**
 * All commands, in the order in which the help lists them. Modules that few commands need are loaded by those, because
 * loading them takes longer than most commands do.
 */
export const commands: readonly Command[] = [
  running('start', {
    worker: true,
    api: true,
    summary: 'worker and API in one process (with an embedded Postgres when DATABASE_URL is unset)',
  }),
  running('worker', { worker: true, api: false, summary: 'only the worker' }),
  running('api', { worker: false, api: true, summary: 'only the API' }),
  initCommand,
  {
    name: 'migrate',
    summary: 'bring the schema up to date and exit',
    options: jsonOption,
    run: async (given) => {
      const { migrateCommand } = await import('./migrate.ts');
      return migrateCommand({ isJson: hasOption(given, 'json') });
    },
  },
  {
    name: 'status',
    summary: 'show the state: rate, success, backlog, workers, alerts, breakers',
    options: jsonOption,
    run: async (given) => (await import('./status.ts')).statusCommand(given),
  },
  {
    name: 'held-back',
    summary: 'list the tenants, origins, endpoints and URLs that are held back, and why',
    options: {
      limit: { type: 'string', value: 'N', help: 'at most this many, 1 to 1000; default: 100' },
      ...jsonOption,
    },
    run: async (given) => (await import('./held-back.ts')).heldBackCommand(given),
  },
  {
    name: 'send',
    summary: 'send a webhook; prints its id',
    details:
      'Give --url or --endpoint. Without --body, the body is read from standard input.\n\n  posthorn send --url https://example.com/hook --body \'{"type": "order.created"}\'',
    options: {
      url: { type: 'string', value: 'URL', help: 'where to send it' },
      endpoint: { type: 'string', value: 'ID', help: 'a registered endpoint instead of a URL' },
      tenant: { type: 'string', value: 'ID', help: 'the customer that it belongs to' },
      secret: { type: 'string', help: 'signs the request; others can see it in the process list' },
      ...contentOptions,
      ...jsonOption,
    },
    run: sendCommand,
  },
  publishCommand,
  {
    name: 'list',
    summary: 'list webhooks, newest first',
    options: {
      status: { type: 'string', value: 'STATUS', among: webhookStatuses, help: 'one of' },
      ...listOptions,
      limit: { type: 'string', value: 'N', help: 'at most this many, 1 to 10000; default: 50' },
      ...jsonOption,
    },
    run: listCommand,
  },
  {
    name: 'show',
    summary: 'show a webhook: what it waits for, and its history',
    arguments: [id],
    options: jsonOption,
    run: showCommand,
  },
  {
    name: 'tail',
    summary: 'follow the attempts as they end, on all workers',
    options: {
      failures: { type: 'boolean', help: 'only attempts that did not deliver' },
      lines: { type: 'string', value: 'N', help: 'end after this many' },
      json: { type: 'boolean', help: 'print one line of JSON for each, for programs' },
    },
    run: async (given) => (await import('./tail.ts')).tailCommand(given),
  },
  listenCommand,
  reportCommand,
  {
    name: 'retry',
    summary: 'resend a webhook that has ended, or send a waiting one now',
    arguments: [id],
    options: { force: { type: 'boolean', help: 'even if it was delivered' }, ...jsonOption },
    run: retryCommand,
  },
  {
    name: 'cancel',
    summary: 'cancel a waiting webhook, or all that match',
    details: 'Give an id, or options that choose webhooks; a webhook must match all of them.',
    arguments: [{ ...id, isOptional: true }],
    options: {
      ...filterOptions,
      all: { type: 'boolean', help: 'all waiting webhooks, and all running replays' },
      'dry-run': { type: 'boolean', help: 'only count' },
      ...jsonOption,
    },
    run: cancelCommand,
  },
  ...holdCommands,
  {
    name: 'replay',
    summary: 'resend many webhooks',
    details:
      'Options choose webhooks; a webhook must match all of them. One of --endpoint, --url, --event, --event-type, --tenant, --from and --id is required.\nThe command waits until all are put back into the queue; Ctrl-C ends the waiting, not the replay.\n\n  posthorn replay --url https://example.com/hook --from 2h --dry-run',
    options: {
      ...statusOption,
      ...filterOptions,
      rate: { type: 'string', value: 'N', help: 'put back this many a second, 0.1 to 10000' },
      priority: {
        type: 'string',
        value: 'PRIORITY',
        among: replayPriorities,
        help: 'low by default, after new webhooks; one of',
      },
      'dry-run': { type: 'boolean', help: 'only count' },
      'no-wait': { type: 'boolean', help: 'start it and do not wait' },
      ...jsonOption,
    },
    run: replayCommand,
  },
  {
    name: 'replays list',
    summary: 'list replays, newest first',
    options: {
      status: { type: 'string', value: 'STATUS', among: replayStatuses, help: 'one of' },
      limit: { type: 'string', value: 'N', help: 'at most this many, 1 to 1000; default: 20' },
      ...jsonOption,
    },
    run: listReplaysCommand,
  },
  {
    name: 'replays show',
    summary: 'show the progress of a replay and the state of its webhooks',
    arguments: [id],
    options: jsonOption,
    run: showReplayCommand,
  },
  {
    name: 'replays cancel',
    summary: 'stop a replay and take back its waiting webhooks',
    arguments: [id],
    options: jsonOption,
    run: cancelReplayCommand,
  },
  ...eventCommands,
  ...endpointCommands,
  ...subscriptionCommands,
  ...tenantCommands,
  ...eventTypeCommands,
  ...keyCommands,
  {
    name: 'roles',
    summary: 'make Postgres roles for producers, workers and readers',
    options: {
      prefix: {
        type: 'string',
        value: 'NAME',
        help: 'the beginning of their names; default: posthorn',
      },
      sql: { type: 'boolean', help: 'print the SQL, for a person who may run it' },
      ...jsonOption,
    },
    run: async (given) => {
      const { rolesCommand } = await import('./roles.ts');
      return rolesCommand({
        prefix: textOption(given, 'prefix') ?? 'posthorn',
        isDryRun: hasOption(given, 'sql'),
        isJson: hasOption(given, 'json'),
      });
    },
  },
  {
    name: 'secrets',
    summary: 'show the keys that seal the secrets of endpoints, and those that may be removed',
    options: {
      now: { type: 'boolean', help: 'seal with the first key now instead of within five minutes' },
      ...jsonOption,
    },
    run: async (given) => {
      const { secretsCommand } = await import('./secrets.ts');
      return secretsCommand({ isNow: hasOption(given, 'now'), isJson: hasOption(given, 'json') });
    },
  },
  {
    name: 'doctor',
    summary: 'check the database and say what is wrong and what to do',
    options: {
      strict: { type: 'boolean', help: 'treat warnings as failures' },
      repair: { type: 'boolean', help: 'first enqueue webhooks that no trigger has enqueued' },
      ...jsonOption,
    },
    run: async (given) => {
      const { doctorCommand } = await import('./doctor.ts');
      return doctorCommand({
        isJson: hasOption(given, 'json'),
        isStrict: hasOption(given, 'strict'),
        isRepair: hasOption(given, 'repair'),
      });
    },
  },
  {
    name: 'bench',
    summary: 'run the benchmark (only in a checkout)',
    details: 'Give its options after --, for example: posthorn bench -- --help',
    arguments: [{ name: 'options', isOptional: true, isRest: true }],
    run: benchCommand,
  },
  {
    name: 'completion',
    summary: 'print a script that completes commands and options in a shell',
    details:
      'Add to ~/.bashrc:                  eval "$(posthorn completion bash)"\nAdd to ~/.zshrc, after compinit:   eval "$(posthorn completion zsh)"',
    arguments: [{ name: 'shell', among: shells }],
    run: async ({ arguments: [shell] }) =>
      print(completionScript(shells.find((known) => known === shell) ?? 'bash', commands)),
  },
];
