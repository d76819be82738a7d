import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { clientOperations } from '../../.ci/client-operations.ts';

it('src/client/operations.ts is made from the API as it is; "npm run client" writes it anew', () => {
  const file = new URL('../../src/client/operations.ts', import.meta.url);
  expect(readFileSync(file, 'utf8')).toBe(clientOperations());
});
