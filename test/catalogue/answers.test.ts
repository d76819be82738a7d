import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answer } from '../api/served-api.ts';
import { actionCases } from './action-cases.ts';
import { addressCases } from './address-cases.ts';
import { bodyCases } from './body-cases.ts';
import { type Case, type Given, secret, wordsOf } from './case.ts';
import { endpointCases } from './endpoint-cases.ts';
import { eventCases } from './event-cases.ts';
import { filterCases } from './filter-cases.ts';
import { createGround, type Ground } from './ground.ts';
import { httpCases } from './http-cases.ts';
import { readingCases } from './reading-cases.ts';
import { secretCases } from './secret-cases.ts';
import { sendingCases } from './sending-cases.ts';
import { sendingSettingCases } from './sending-setting-cases.ts';

// The catalogue of bad input, sections A to E: each input, and the answer to it, from the real API over a real Postgres.

const sections: readonly (readonly [string, readonly Case[]])[] = [
  ['A. HTTP', [...httpCases, ...bodyCases]],
  ['B. ids, paging, filters', readingCases],
  ['C. sending', [...sendingCases, ...sendingSettingCases]],
  ['D. endpoints', [...addressCases, ...endpointCases, ...secretCases]],
  ['E. actions', [...filterCases, ...actionCases]],
  ['events', eventCases],
];

describe.each(sections)('%s', (_title, cases) => {
  let ground: Ground;
  /** Of all tables, as far as it is known. */
  let known: string | undefined;

  beforeAll(async () => {
    ground = await createGround();
  });

  afterAll(() => ground[Symbol.asyncDispose]());

  it.each(
    cases.map(([number, what, request, given, answer, then]) => ({
      title: `${number}: ${what}, ${short(request)}, is answered with ${answer}`,
      request,
      given,
      answer,
      then,
    })),
  )('$title', async ({ request, given, answer: expected, then }) => {
    known ??= await ground.fingerprint();
    const before = known;
    known = undefined;
    const logged = ground.api.logged.length;
    const answer = await ground.ask(request, given);
    expect(wordsOf(answer), answer.text).toBe(expected);
    if (answer.status >= 400) {
      expectProblem(answer);
      expectLittleOf(given, answer);
      known = await ground.fingerprint();
      expect(known).toBe(before);
    }
    expect(answer.text + JSON.stringify([...answer.headers])).not.toContain(secret);
    // What is the caller's mistake is no line in the log.
    expect(ground.api.logged.slice(logged)).toEqual([]);
    await then?.(ground, answer);
  });
});

function expectProblem({ status, headers, json }: Answer): void {
  expect(headers.get('content-type')).toBe('application/problem+json');
  // What the app never saw has none.
  const requestId = headers.get('x-request-id');
  if (requestId !== null) expect(json.instance).toBe(`/requests/${requestId}`);
  expect(json).toMatchObject({
    type: expect.stringMatching(/^urn:posthorn:problem:[a-z0-9_]+$/),
    title: expect.stringMatching(/./),
    status,
    // What is wrong comes first, and no sentence has the old formula.
    detail: expect.stringMatching(/^(?!Cannot .+ as .+ must |.*current value is).{8,}[^.]$/s),
    code: expect.stringMatching(/^[a-z0-9_]+$/),
    instance: expect.stringMatching(/^\/requests\/[0-9a-f-]{36}$/),
  });
}

/** Of what was sent, an answer repeats 128 characters at most, which are the longest step of a pointer. */
function expectLittleOf({ text, json, bytes, raw }: Given, answer: Answer): void {
  const sent = text ?? (json === undefined ? String(bytes ?? raw ?? '') : JSON.stringify(json));
  const said = [answer.json, ...(answer.json.errors ?? [])].flatMap((part) => Object.values(part));
  for (const words of said) {
    if (typeof words !== 'string') continue;
    expect(words.length).toBeLessThanOrEqual(700);
    for (let at = 0; at + 140 <= words.length; at += 1) {
      expect(sent).not.toContain(words.slice(at, at + 140));
    }
  }
}

function short(request: string): string {
  const [line = ''] = request.split(' HTTP/');
  return line.length <= 60 ? line : `${line.slice(0, 60)}…`;
}
