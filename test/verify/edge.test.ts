import { fileURLToPath } from 'node:url';
import { EdgeVM } from '@edge-runtime/vm';
import { rolldown } from 'rolldown';
import { beforeAll, expect, it } from 'vitest';
import { publicKeyOf } from '../../src/domain/signature.ts';
import { makeSecret } from '../../src/secrets/seal.ts';
import { type SignedAsSent, signedAsSent } from './signed.ts';

// posthorn/verify in Vercel's edge runtime, which has no module of Node.

const whsec = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const ed25519 = makeSecret('ed25519');
let code: string;
let runtime: EdgeVM;

beforeAll(async () => {
  const bundle = await rolldown({
    input: fileURLToPath(new URL('../../src/verify/index.ts', import.meta.url)),
    platform: 'neutral',
    // Whatever cannot be bundled would be missing at the edge.
    onLog: (_level, log) => {
      throw new Error(log.message);
    },
  });
  const { output } = await bundle.generate({ format: 'iife', name: 'posthorn' });
  await bundle.close();
  runtime = new EdgeVM();
  expect(runtime.evaluate('typeof process + typeof Buffer + typeof require')).not.toContain(
    'function',
  );
  code = output[0].code;
  runtime.evaluate(code);
});

it.each([
  ['HMAC', whsec, whsec],
  ['Ed25519', ed25519, publicKeyOf(ed25519) ?? ''],
])('verifies %s', async (_, signs, secret) => {
  const good = signedAsSent({ secrets: [signs] });
  expect(await verdictOf(good, secret)).toBe(good.headers['webhook-id']);
  expect(await verdictOf({ ...good, body: '{}' }, secret)).toBe('wrong_signature');
});

it('says what is missing where there is no Web Crypto, as in Node 18', async () => {
  runtime = new EdgeVM();
  runtime.evaluate(`Object.defineProperty(globalThis, "crypto", { value: undefined }); ${code}`);
  const verdict = await verdictOf(signedAsSent({ secrets: [whsec] }), whsec);
  expect(verdict).toMatch(/^TypeError: The runtime must have Web Crypto .* For Node 18: import/);
});

function verdictOf(request: SignedAsSent, secret: string): Promise<string> {
  const init = JSON.stringify({ method: 'POST', ...request });
  return runtime.evaluate(
    `posthorn.verifyRequest(new Request('https://receiver.example/', ${init}), { secret: ${JSON.stringify(secret)} })
       .then(({ id }) => id, (error) => error.reason ?? String(error))`,
  );
}
