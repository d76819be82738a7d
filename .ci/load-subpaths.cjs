const { readFileSync } = require('node:fs');

// Loads what the package has apart from its root by require. See .ci/try-package.

const { exports: entries } = JSON.parse(readFileSync('node_modules/posthorn/package.json', 'utf8'));
for (const name of Object.keys(entries).filter((one) => one !== '.')) {
  const all = require(`posthorn/${name.slice(2)}`);
  if (Object.keys(all).length === 0) throw new Error(`${name} exports nothing`);
}
const { enqueue, RefusedError } = require('posthorn/producer');
if (!(RefusedError.prototype instanceof Error)) throw new Error('RefusedError is no Error');
enqueue(undefined, { url: 'https://customer.example/hooks', body: {} }).then(
  () => process.exit(1),
  (error) => {
    if (!/needs a transaction, but got undefined/.test(error.message)) throw error;
    console.log(`require: ${process.version}`);
  },
);
