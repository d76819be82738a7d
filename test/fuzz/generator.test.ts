import { describe, expect, it } from 'vitest';
import { buildDraft, type Case, makeCase, minimise, mutators } from '../../fuzz/cases.ts';
import { type Operation, readDocument } from '../../fuzz/document.ts';
import { toBytes, validDraft } from '../../fuzz/draft.ts';
import { operationOf } from '../../fuzz/judge.ts';
import type { Known } from '../../fuzz/known.ts';
import { readReply } from '../../fuzz/reply.ts';
import { Random } from '../../harness/random.ts';
import { notesDocument } from './notes.ts';

const operations = readDocument(notesDocument);
const known: Known = {
  ids: new Map([['webhooks', ['01990000-0000-7000-8000-000000000001']]]),
  cursors: [],
  keys: { all: 'key', others: ['other'] },
  planted: 'planted',
};

function caseOf(seed: number, number: number): Case {
  return makeCase(operations, { seed, number, known });
}

describe('cases', () => {
  it('are the same for the same seed and number, to the byte', () => {
    const bytesOf = (seed: number) =>
      Array.from(
        { length: 200 },
        (_, number) => toBytes(buildDraft(caseOf(seed, number), known)).bytes,
      );
    expect(bytesOf(7)).toEqual(bytesOf(7));
    expect(bytesOf(7)).not.toEqual(bytesOf(8));
  });

  it('use every mutation before long', () => {
    const used = new Set<string>();
    for (let number = 0; number < 4_000; number += 1) {
      for (const { mutator } of caseOf(1, number).mutations) used.add(mutator.name);
    }
    const possible = mutators.map(({ name }) => name).filter((name) => !/cursor/.test(name));
    expect([...used].toSorted()).toEqual(possible.toSorted());
  });

  it('lose the mutations that are not needed to fail', async () => {
    const many = Array.from({ length: 500 }, (_, number) => caseOf(1, number)).find(
      ({ mutations }) => mutations.length === 3,
    );
    const needed = many?.mutations[1];
    if (many === undefined) throw new Error('no such case');
    const smallest = await minimise(many, async ({ mutations }) =>
      mutations.some((one) => one === needed),
    );
    expect(smallest.mutations).toEqual([needed]);
  });
});

it.each(mutators.map((mutator) => [mutator.name, mutator] as const))(
  'the mutation "%s" changes requests',
  (_, mutator) => {
    const changed = new Set<string>();
    for (let seed = 0; seed < 60; seed += 1) {
      for (const operation of operations) {
        const make = () => validDraft(operation, { random: new Random(seed), known });
        const [before, after] = [make(), make()];
        if (mutator.fits?.(after) === false) continue;
        mutator.apply(after, { random: new Random(seed), known });
        const [valid, spoilt] = [toBytes(before).bytes, toBytes(after).bytes];
        if (!valid.equals(spoilt)) changed.add(spoilt.toString('latin1'));
      }
    }
    // The cursor's operation is not among these two.
    if (!/cursor/.test(mutator.name)) expect(changed.size).toBeGreaterThan(0);
  },
);

it('a valid request is what the document asks for, references resolved, and never endless', () => {
  const note = operations.find(({ name }) => name === 'POST /notes');
  expect(note?.body?.schema.properties?.['within']).toEqual({});
  for (let seed = 0; seed < 50; seed += 1) {
    if (note === undefined) throw new Error('no such operation');
    const { bytes } = toBytes(validDraft(note, { random: new Random(seed), known }));
    const [head, body] = bytes.toString().split('\r\n\r\n');
    expect(head).toContain(`Content-Length: ${body?.length}`);
    expect(typeof JSON.parse(body ?? '').title).toBe('string');
  }
});

describe('answers are read strictly', () => {
  const read = (text: string, isHead = false, isEnded = true) =>
    readReply(Buffer.from(text, 'latin1'), { isHead, isEnded });

  it.each([
    ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', 'ok', ''],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nmore', 'ok', 'more'],
    ['HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n', '', ''],
    ['HTTP/1.1 200 OK\r\n\r\nuntil the end', 'until the end', ''],
  ])('%j', (text, body, rest) => {
    const found = read(text);
    if (found.kind !== 'whole') throw new Error(found.kind);
    expect([found.reply.body.toString(), found.rest.toString()]).toEqual([body, rest]);
  });

  it('that of a HEAD has no body', () => {
    expect(read('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n', true).kind).toBe('whole');
  });

  it.each([
    'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok',
    'HTTP/1.0 200 OK\r\n\r\n',
    'HTTP/1.1 999 OK\r\n\r\n',
    'HTTP/1.1 200 OK\r\nno header\r\n\r\n',
    'HTTP/1.1 200 OK',
    'ok',
  ])('%j is broken', (text) => {
    expect(read(text).kind).toBe('broken');
  });

  it('what is still to come is waited for', () => {
    expect(read('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok', false, false).kind).toBe(
      'partial',
    );
  });
});

describe('the operation that a request reaches', () => {
  const at = (path: string, method: string) => ({ ...operations[0], path, method }) as Operation;
  const all = [at('/notes/{id}', 'GET'), at('/notes/send', 'POST'), at('/notes', 'GET')];

  it.each([
    ['GET', '/notes/7', '/notes/{id}'],
    ['HEAD', '/notes/7?a=%2e%2e', '/notes/{id}'],
    ['POST', '/notes/send', '/notes/send'],
    // There a path without parameters stands, which does not take it.
    ['HEAD', '/notes/send', undefined],
    ['GET', '/notes/%2e%2e/notes', '/notes'],
    ['GET', '/notes/%2E.', undefined],
    ['GET', '/notes/', undefined],
  ])('of %s %s is %s', (method, target, path) => {
    expect(operationOf(all, { method, target })?.path).toBe(path);
  });
});

it('a request that announces more than it sends is known to be cut off', () => {
  const valid = caseOf(1, 0);
  const draft = {
    ...buildDraft({ ...valid, mutations: [] }, known),
    framing: 'own' as const,
    body: undefined,
  };
  const cut = (length: string) =>
    toBytes({ ...draft, headers: [...draft.headers, ['content-length', length]] }).isCut;
  expect([cut('5'), cut('0'), cut('x')]).toEqual([true, false, false]);
});
