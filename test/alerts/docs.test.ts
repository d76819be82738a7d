import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { alertRules } from '../../src/domain/alert-rules.ts';

const page = readFileSync(new URL('../../docs/alerts.md', import.meta.url), 'utf8');

it('docs/alerts.md has a row for every rule, with its severity and meaning, and for nothing else', () => {
  const rows = [...page.matchAll(/^\| `(\w+)` \| (\w+) \| (.+?) \|/gm)].map((row) => row.slice(1));
  const rules = Object.entries(alertRules).map(([rule, { severity, meaning }]) => [
    rule,
    severity,
    meaning,
  ]);
  expect(rows.toSorted()).toEqual(rules.toSorted());
});
