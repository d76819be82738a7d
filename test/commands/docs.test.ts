import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { formOf, recordSessions } from '../../harness/cli-sessions.ts';
import { startReceiver } from '../../harness/receiver.ts';
import { commands } from '../../src/commands/commands.ts';
import { exitCodes } from '../../src/commands/help.ts';
import { runHere } from '../support/command-here.ts';
import { createTestDatabase } from '../support/database.ts';
import { startEngine } from '../support/engine.ts';
import { forFile } from '../support/world.ts';

// docs/cli.md against the commands: that it names them all, and that they print what stands there.

const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8');
const database = forFile(createTestDatabase);

describe('docs/cli.md', () => {
  it.each(commands.map(({ name }) => name))('names "%s"', (name) => {
    const [first, second = first] = name.split(' ');
    const row = page
      .split('\n')
      .find((line) => line.startsWith('| ') && line.includes(`\`${first}`));
    expect(row).toContain(second);
  });

  it.each(exitCodes.map(([code, meaning]) => ({ code, meaning })))(
    'says what exit code $code means',
    ({ code, meaning }) => {
      expect(page).toContain(`| ${code} | ${meaning} |`);
    },
  );

  it('shows sessions as they go', async () => {
    await using _worker = await startEngine(database, { timings: { countEveryMs: 500 } });
    await using receiver = await startReceiver();
    const sessions = await recordSessions({
      run: (args) => runHere(args, { DATABASE_URL: database.url }),
      receiver,
    });
    const documented = [...page.matchAll(/<!-- session (\w+) -->\n```\n([\s\S]*?)\n```/g)];
    expect(documented.map(([, name]) => name)).toEqual([
      'send',
      'list',
      'report',
      'retry',
      'replay',
      'endpoints',
      'events',
      'status',
      'tail',
      'listen',
    ]);
    for (const { name, transcript } of sessions) {
      const text = documented.find(([, known]) => known === name)?.[2] ?? '';
      expect(formOf(transcript)).toEqual(formOf(text));
    }
  });
});
