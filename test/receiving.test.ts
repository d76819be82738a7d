import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canRun } from '../harness/can-run.ts';
import { requestHeaders } from '../src/domain/request-headers.ts';
import { publicKeyOf, signingKey } from '../src/domain/signature.ts';
import { makeSecret } from '../src/secrets/seal.ts';
import { createTestDatabase, type TestDatabase } from './support/database.ts';

// What docs/receiving.md tells receivers to do, done: its code blocks run against requests that we sign.

const page = readFileSync(new URL('../docs/receiving.md', import.meta.url), 'utf8');
const root = fileURLToPath(new URL('..', import.meta.url));
const id = '01a20a3b-2900-72ae-a455-000000049293';
const body = '{"order": 1.0, "note": "ü ✓"}';

/** The code block of a page that holds this text. */
function block(language: string, part: string): string {
  const blocks = [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))];
  const found = blocks.map(([, code = '']) => code).filter((code) => code.includes(part));
  if (found.length !== 1) throw new Error(`${found.length} blocks in ${language} with ${part}`);
  return found[0] ?? '';
}

interface Request {
  readonly secret: string;
  /** Names in lower case, as servers give them. */
  readonly headers: Record<string, string>;
  readonly body: string;
}

function signed(options: { secret: string; keys?: readonly string[]; ageS?: number }): Request {
  const { secret, keys = [secret], ageS = 0 } = options;
  const flat = requestHeaders(
    {
      id,
      messageId: id,
      body,
      headers: null,
      contentType: 'application/json',
      idempotencyKey: null,
      traceparent: null,
      attempt: 1,
    },
    {
      timestampS: Math.floor(Date.now() / 1_000) - ageS,
      version: '1.2.3',
      keys: keys.map(signingKey),
    },
  );
  const headers: Record<string, string> = {};
  for (let at = 0; at < flat.length; at += 2) {
    headers[(flat[at] ?? '').toLowerCase()] = flat[at + 1] ?? '';
  }
  return { secret, headers, body };
}

const secrets = {
  'a whsec_ secret': 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  'a plain secret': 'correct horse battery staple',
  'a secret beyond ASCII': 'schlüssel ✓',
};

const cases: readonly (readonly [name: string, request: () => Request, genuine: boolean])[] = [
  ...Object.entries(secrets).flatMap(
    ([name, secret]) =>
      [
        [`${name}`, () => signed({ secret }), true],
        [`${name}, of two`, () => signed({ secret, keys: ['old', secret] }), true],
        [`${name}, another`, () => signed({ secret, keys: ['another'] }), false],
      ] as const,
  ),
  ['another body', () => ({ ...signed({ secret: 'x' }), body: `${body} ` }), false],
  ['four minutes ago', () => signed({ secret: 'x', ageS: 240 }), true],
  ['six minutes ago', () => signed({ secret: 'x', ageS: 360 }), false],
  ['six minutes ahead', () => signed({ secret: 'x', ageS: -360 }), false],
  ['no signature', () => signed({ secret: 'x', keys: [] }), false],
  ['nonsense', () => withSignatures('t=é,v1=é, ,'), false],
  ['a signature of the wrong length', () => withSignatures(`t=${nowS()},v1=00`), false],
  ['a signature beyond ASCII', () => withSignatures(`t=${nowS()},v1=${'é'.repeat(64)}`), false],
];

function withSignatures(value: string): Request {
  const request = signed({ secret: 'x' });
  const headers = { 'x-webhook-signature': value, 'webhook-signature': value };
  return { ...request, headers: { ...request.headers, ...headers } };
}

function nowS(): number {
  return Math.floor(Date.now() / 1_000);
}

/** Appended to a block: answers each request on stdin with whether it holds it for genuine. */
const nodeHarness = (judge: string) => `
const requests = JSON.parse((await import('node:fs')).readFileSync(0, 'utf8'));
const verdicts = requests.map(({ secret, headers, body }) => {
  const rawBody = Buffer.from(body);
  const header = headers['x-webhook-signature'];
  ${judge}
});
console.log(JSON.stringify(verdicts));
`;
// A library throws an error of its own when it refuses; any other is a fault of the block.
const openJudge = `try {
    return JSON.stringify(openWebhook({ secret, headers, rawBody })) === JSON.stringify(JSON.parse(body));
  } catch (error) {
    if (error.name === 'WebhookVerificationError') return false;
    throw error;
  }`;
const pythonHarness = `
import json, sys
requests = json.loads(sys.stdin.buffer.read())
print(json.dumps([
    is_genuine(r["secret"], r["headers"].get("x-webhook-signature", ""), r["body"].encode())
    for r in requests
]))
`;

interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly code: string;
}

const node = { command: process.execPath, args: ['--input-type=module', '--eval'] };
const programs: Readonly<Record<string, Program>> = {
  standardwebhooks: {
    ...node,
    code: block('js', "from 'standardwebhooks'") + nodeHarness(openJudge),
  },
  svix: { ...node, code: block('js', "from 'svix'") + nodeHarness(openJudge) },
  'Node without a library': {
    ...node,
    code: `${block('js', 'timingSafeEqual')}${nodeHarness('return isGenuine({ secret, header, rawBody });')}`,
  },
  'Python without a library': {
    command: 'python3',
    args: ['-c'],
    code: block('python', 'hmac') + pythonHarness,
  },
};
const hasPython = canRun('python3', { why: 'the code in Python' });

describe.each(Object.entries(programs))('the code with %s', (_name, { command, args, code }) => {
  it.skipIf(command === 'python3' && !hasPython)('tells genuine requests from others', () => {
    const { stdout, stderr } = spawnSync(command, [...args, code], {
      cwd: root,
      input: JSON.stringify(cases.map(([, request]) => request())),
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    const verdicts: unknown[] = JSON.parse(stdout);
    expect(Object.fromEntries(cases.map(([name], at) => [name, verdicts[at]]))).toEqual(
      Object.fromEntries(cases.map(([name, , genuine]) => [name, genuine])),
    );
  });
});

describe('Ed25519', () => {
  const secret = makeSecret('ed25519');
  const publicKey = publicKeyOf(secret) ?? '';
  const asked = (options: { keys: string[]; ageS?: number; change?: string }) => ({
    ...signed({ secret: publicKey, ...options }),
    ...(options.change === undefined ? {} : { body: options.change }),
  });
  const requests = {
    genuine: asked({ keys: [secret] }),
    'beside another': asked({ keys: [makeSecret('ed25519'), 'an HMAC secret', secret] }),
    'another key': asked({ keys: [makeSecret('ed25519')] }),
    'HMAC alone': asked({ keys: ['x'] }),
    'no signature': asked({ keys: [] }),
    'another body': asked({ keys: [secret], change: '{}' }),
    'six minutes ago': asked({ keys: [secret], ageS: 360 }),
  };
  const expected = [true, true, false, false, false, false, false];
  const hasCryptography = canRun('python3', {
    why: 'the code in Python that checks Ed25519',
    args: ['-c', 'import cryptography'],
    debian: 'python3-cryptography',
  });

  it.for([
    [
      'Node',
      [...node.args],
      node.command,
      `${block('js', 'createPublicKey')}
const { readFileSync } = await import('node:fs');
const requests = JSON.parse(readFileSync(0, 'utf8'));
console.log(JSON.stringify(requests.map(({ secret, headers, body }) =>
  isSigned({ publicKey: secret, headers, rawBody: Buffer.from(body) }))));`,
    ],
    [
      'Python',
      ['-c'],
      'python3',
      `${block('python', 'Ed25519PublicKey')}
import json, sys
print(json.dumps([is_signed(r["secret"], r["headers"], r["body"].encode())
    for r in json.loads(sys.stdin.buffer.read())]))`,
    ],
  ] as const)(
    'the code in %s tells genuine requests from others',
    ([, args, command, code], { skip }) => {
      skip(command === 'python3' && !hasCryptography, 'Python has no cryptography');
      const { stdout, stderr } = spawnSync(command, [...args, code], {
        cwd: root,
        input: JSON.stringify(Object.values(requests)),
        encoding: 'utf8',
      });
      expect(stderr).toBe('');
      expect(JSON.parse(stdout)).toEqual(expected);
    },
  );
});

it('has a receiver that works', async () => {
  const code = block('js', 'timingSafeEqual') + block('js', 'createServer');
  const listening = code.replace(
    'server.listen(3000)',
    'server.listen(0, () => console.log(server.address().port))',
  );
  const child = spawn(node.command, [...node.args, listening], {
    env: { ...process.env, WEBHOOK_SECRET: 'x' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const url = `http://127.0.0.1:${(await lines.next()).value}/`;
    const { headers } = signed({ secret: 'x' });
    const post = async (text: string) =>
      (await fetch(url, { method: 'POST', headers, body: text })).status;
    expect([await post(body), await post(body), await post('{}')]).toEqual([204, 204, 401]);
    child.kill();
    await once(child, 'close');
    const rest: string[] = [];
    for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
      rest.push(line.value);
    }
    expect(rest).toEqual([`received ${id} { order: 1, note: 'ü ✓' }`]);
  } finally {
    child.kill();
  }
});

describe('the table of ids', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  it('gives a row back for the first time only', async () => {
    await database.pool.query(block('sql', 'create table'));
    const insert = /^insert .*;$/m.exec(block('sql', 'begin;'))?.[0] ?? '';
    expect((await database.pool.query(insert, [id])).rows).toEqual([{ id }]);
    expect((await database.pool.query(insert, [id])).rows).toEqual([]);
  });
});
