import { expect, it } from 'vitest';
import { holdText } from '../../src/domain/hold.ts';

it('a hold says why nothing is sent, and how to resume by CLI and by psql', () => {
  const hold = { kind: 'copy', reason: 'this database is a copy' } as const;
  expect(holdText(hold, '')).toBe(
    'Nothing is sent: this database is a copy. If this database is to send webhooks, run "posthorn resume", or in psql: select posthorn.resume(); To drop the waiting webhooks, run "posthorn cancel --all" first. See docs/copies.md',
  );
  expect(holdText(hold, 'staging')).toContain(
    `in psql: select posthorn.resume(environment => 'staging');`,
  );
});
