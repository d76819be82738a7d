import { expect, it } from 'vitest';
import { testsOf } from '../../mutate/near-tests.ts';

// Which tests a mutant meets first.

const texts = new Map([
  ['test/a/claim.test.ts', `import { claim } from '../../src/a/claim.ts';`],
  [
    'test/a/loop.test.ts',
    `import type { Claim } from '../../src/a/claim.ts';\nimport { send } from '../../src/a/send.ts';`,
  ],
  ['test/b.test.ts', `import {\n  record,\n} from './support/record.ts';`],
  ['test/c.test.ts', `const { late } = await import('../src/late.ts');`],
  [
    'test/support/record.ts',
    `import { send } from '../../src/a/send.ts';\nexport { record } from '../../src/a/record.ts';`,
  ],
  ['test/send.test.ts', `import { createLog } from '../src/log.ts';`],
]);
const tests = [...texts.keys()].filter((file) => file.endsWith('.test.ts'));

it.each([
  ['src/a/claim.ts', 'that bear its name', ['test/a/claim.test.ts']],
  ['src/a/send.ts', 'that import it', ['test/a/loop.test.ts']],
  ['src/a/record.ts', 'that share a piece that imports it', ['test/b.test.ts']],
  ['src/late.ts', 'that import it later', ['test/c.test.ts']],
  ['src/other.ts', 'of no name', []],
])('the tests of %s are those %s', (file, _, expected) => {
  expect(testsOf([file], { tests, texts }).get(file)).toEqual(expected);
});
