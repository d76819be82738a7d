import { expect } from 'vitest';
import type { Answer } from '../api/served-api.ts';
import { type Case, url } from './case.ts';
import type { Ground } from './ground.ts';

// Section E: what is done to webhooks and endpoints.

const retries: readonly Case[] = [
  [74, 'one that was delivered', 'POST /webhooks/{delivered}/retry', {}, '409 webhook_delivered'],
  [
    74,
    'the same without force',
    'POST /webhooks/{delivered}/retry',
    { json: { force: false } },
    '409 webhook_delivered',
  ],
  ...[1, 'true', 'yes', [], {}].map((force): Case => {
    return [
      74,
      `force ${JSON.stringify(force)}`,
      'POST /webhooks/{delivered}/retry',
      { json: { force } },
      '400 invalid_force /force',
    ];
  }),
  [
    42,
    'a field that retries do not have',
    'POST /webhooks/{failed}/retry',
    { json: { priority: 'high' } },
    '400 unknown_field /priority',
  ],
  [
    42,
    'a field that cancelling does not have',
    'POST /webhooks/{pending}/cancel',
    { json: { force: true } },
    '400 unknown_field /force',
  ],
  [
    42,
    'a field that pausing does not have',
    'POST /endpoints/{endpoint}/pause',
    { json: { for: '1h' } },
    '400 unknown_field /for',
  ],
  [
    42,
    'a field that tests do not have',
    'POST /endpoints/{endpoint}/test',
    { json: { url } },
    '400 unknown_field /url',
  ],
  [
    46,
    'a test of more than 256 KiB',
    'POST /endpoints/{endpoint}/test',
    { json: { body: 'a'.repeat(262_145) } },
    '413 body_too_large',
  ],
  [74, 'one that is being sent', 'POST /webhooks/{delivering}/retry', {}, '409 webhook_delivering'],
  [
    74,
    'one of an endpoint that was deleted',
    'POST /webhooks/{orphan}/retry',
    {},
    '409 endpoint_deleted',
  ],
  [76, 'one that was delivered', 'POST /webhooks/{delivered}/cancel', {}, '409 webhook_delivered'],
  [76, 'one that has failed', 'POST /webhooks/{failed}/cancel', {}, '409 webhook_failed'],
  [
    76,
    'one that is being sent',
    'POST /webhooks/{delivering}/cancel',
    {},
    '409 webhook_delivering',
  ],
  [79, 'one whose history was dropped', 'POST /webhooks/{old}/retry', {}, '410 payload_gone'],
  [79, 'one whose history was dropped', 'POST /webhooks/{old}/cancel', {}, '410 payload_gone'],
  [
    79,
    'an id whose history was dropped',
    'POST /replays',
    { json: { filter: { ids: ['{old}'] } } },
    '410 payload_gone',
  ],
  [
    79,
    'a time whose history was dropped',
    'POST /replays',
    { json: { filter: { from: '2020-01-01T00:00:00Z', until: '2020-02-01T00:00:00Z' } } },
    '410 payload_gone',
  ],
];

/** It waits in the queue, once. */
const wait = async ({ database }: Ground, { json }: Answer) => {
  const { rows } = await database.pool.query('select from posthorn.queue where webhook_id = $1', [
    json.id,
  ]);
  expect(rows).toHaveLength(1);
};

/** Asks once more, or often at the same time: it is as if it had been asked once. */
const again =
  (request: string, { status, fields }: { readonly status: number; readonly fields: object }) =>
  async (ground: Ground, answer: Answer): Promise<void> => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => ground.ask(request)));
    for (const other of [answer, ...answers]) {
      expect(other.status).toBe(status);
      expect(other.json).toMatchObject(fields);
    }
  };

const done: readonly Case[] = [
  [75, 'one that waits', 'POST /webhooks/{pending}/retry', {}, '202', wait],
  [75, 'the same again', 'POST /webhooks/{pending}/retry', {}, '202', wait],
  [
    78,
    'a retry that is clicked nine times',
    'POST /webhooks/{failed}/retry',
    {},
    '202',
    async (ground, answer) => {
      const fields = {
        status: 'pending',
        attempts: [{}],
        earlier_outcomes: [{ status: 'failed' }],
      };
      await again('POST /webhooks/{failed}/retry', { status: 202, fields })(ground, answer);
      await wait(ground, answer);
    },
  ],
  [
    78,
    'a cancelling that is clicked nine times',
    'POST /webhooks/{percent}/cancel',
    {},
    '200',
    again('POST /webhooks/{percent}/cancel', { status: 200, fields: { status: 'cancelled' } }),
  ],
  ...[
    ['paused', 'pause', 'paused'],
    ['paused', 'resume', 'active'],
    ['endpoint', 'resume', 'active'],
    ['endpoint', 'pause', 'paused'],
    ['disabled', 'disable', 'disabled'],
  ].map(([name, verb, status]): Case => {
    const request = `POST /endpoints/{${name}}/${verb}`;
    return [
      80,
      'the same nine times',
      request,
      {},
      '200',
      again(request, { status: 200, fields: { status } }),
    ];
  }),
  [80, 'a disabled one', 'POST /endpoints/{disabled}/pause', {}, '409 endpoint_state_conflict'],
  [80, 'a disabled one', 'POST /endpoints/{disabled}/resume', {}, '409 endpoint_state_conflict'],
  [80, 'a paused one', 'POST /endpoints/{endpoint}/enable', {}, '409 endpoint_state_conflict'],
  [
    74,
    'one that was delivered, by force',
    'POST /webhooks/{delivered}/retry',
    { json: { force: true } },
    '202',
    wait,
  ],
  [
    77,
    'all that is there',
    'POST /replays',
    { json: { filter: { url }, rate_limit_per_s: 0.5 } },
    '202',
    (_, { json, headers }) => {
      expect(headers.get('location')).toBe(`/replays/${json.id}`);
      expect(json).toMatchObject({ status: 'running', matched: 1, rate_limit_per_s: 0.5 });
    },
  ],
  [
    72,
    'an endpoint for which webhooks wait',
    'DELETE /endpoints/{endpoint}',
    {},
    '204',
    async ({ ask }) => expect((await ask('DELETE /endpoints/{endpoint}')).status).toBe(404),
  ],
];

export const actionCases: readonly Case[] = [...retries, ...done];
