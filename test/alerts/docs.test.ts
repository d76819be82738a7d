import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { commands } from '../../src/commands/commands.ts';
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

it('docs/alerts.md says of every rule what to do, where the dashboard sends people, and where to look first', () => {
  const [, remedies = ''] = page.split('## What to do\n');
  const sections = (remedies.split(/\n## /)[0] ?? '').split(/^### /m).slice(1);
  expect(sections.map((section) => section.split('\n')[0])).toEqual(Object.keys(alertRules));
  for (const section of sections) {
    expect(section).toMatch(/^Look first: .*`/m);
    for (const [, verb = '', second = ''] of section.matchAll(/`posthorn (\w+)(?: (\w+))?/g)) {
      const names = commands.map(({ name }) => name);
      expect(names.includes(verb) || names.includes(`${verb} ${second}`), `${verb} ${second}`).toBe(
        true,
      );
    }
    for (const [, report = ''] of section.matchAll(/-f (sql\/history\/[\w-]+\.sql)/g)) {
      expect(existsSync(new URL(`../../${report}`, import.meta.url)), report).toBe(true);
    }
  }
});
