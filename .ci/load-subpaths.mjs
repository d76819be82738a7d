import { readFileSync } from 'node:fs';

// Loads what the package has apart from its root by import, and enqueues something. See .ci/try-package.

const { exports } = JSON.parse(readFileSync('node_modules/posthorn/package.json', 'utf8'));
for (const name of Object.keys(exports).filter((one) => one !== '.')) {
  const all = await import(`posthorn/${name.slice(2)}`);
  if (Object.keys(all).length === 0) throw new Error(`${name} exports nothing`);
}

const { enqueueMany } = await import('posthorn/producer');
/** Answers as a client of pg does. */
const client = {
  query: async (_text, [json]) => ({ rows: JSON.parse(json).map((_, n) => ({ id: `${n}` })) }),
};
const url = 'https://customer.example/hooks';
const ids = await enqueueMany(client, [
  { url, body: {}, sendAt: new Date(), secret: 'a secret' },
  { url, body: 'text' },
]);
if (ids.join() !== '0,1') throw new Error(`Enqueued ${ids}`);
const error = await enqueueMany(client, [{ url, body: '\ud800' }]).catch((reason) => reason);
if (!/lone surrogate/.test(error.message)) throw error;
console.log(`import: ${process.version} ${globalThis.Bun ? 'Bun' : globalThis.Deno ? 'Deno' : ''}`);
