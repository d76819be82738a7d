import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canRun } from '../../harness/can-run.ts';
import { commands } from '../../src/commands/commands.ts';
import { runHere } from '../support/command-here.ts';

// The completion as a shell meets it: the scripts are loaded by a real bash and a real zsh.

const run = promisify(execFile);
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'posthorn-completion-'));
  for (const shell of ['bash', 'zsh']) {
    const { stdout } = await runHere(['completion', shell]);
    await writeFile(join(folder, shell), stdout);
  }
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const names = commands.map(({ name }) => name);

const cases: readonly (readonly [line: string, offers: readonly string[]])[] = [
  ['sta', ['start', 'status']],
  ['endpoints re', ['resume']],
  ['endpoints ', names.flatMap((name) => (name.startsWith('endpoints ') ? [name.slice(10)] : []))],
  ['list --st', ['--status']],
  ['list --status de', ['delivering', 'delivered']],
  ['replay --priority o', ['own']],
  ['replays list --status can', ['cancelling', 'cancelled']],
  ['completion z', ['zsh']],
];

describe.skipIf(!canRun('bash', { why: 'the tests of the completion' }))('in bash', () => {
  it.each(cases)('"posthorn %s" offers %j', async (line, offers) => {
    expect((await inBash(line)).toSorted()).toEqual([...offers].toSorted());
  });

  it('offers all commands first, and nothing of its own where a value is free', async () => {
    const words = new Set(names.map((name) => name.split(' ')[0]));
    expect(await inBash('')).toEqual([...words, '--help', '--version']);
    expect(await inBash('send --url htt')).toEqual([]);
  });

  async function inBash(line: string): Promise<string[]> {
    const words = ['posthorn', ...line.split(' ')];
    const script = `source ${join(folder, 'bash')}
      COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
      _posthorn; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = await run('bash', ['--norc', '-c', script]);
    return stdout.split('\n').filter((word) => word !== '');
  }
});

describe.skipIf(!canRun('zsh', { why: 'the tests of the completion' }))('in zsh', () => {
  it.each(cases)('"posthorn %s" offers %j', async (line, offers) => {
    const screen = await inZsh(line, offers);
    for (const offer of offers) expect(screen).toContain(offer);
  });

  it('says what the commands do', async () => {
    expect(await inZsh('ta', ['tail'])).toContain('tail');
    const many = 'resend many webhooks';
    expect(await inZsh('re', [many])).toContain(many);
  });

  /**
   * What an interactive zsh shows after Tab is pressed twice, in a terminal of its own: it is read until all that is
   * expected has come, or nothing more comes.
   */
  async function inZsh(line: string, expected: readonly string[]): Promise<string> {
    const haveCome = expected.map((text) => `"$screen" == *"${text}"*`).join(' && ');
    const script = `
      zmodload zsh/zpty
      zpty shell zsh -f -i
      zpty -w shell 'PS1=; stty cols 200; autoload -Uz compinit; compinit -u -D; source ${join(folder, 'zsh')}'
      zpty -w shell 'setopt no_always_last_prompt list_ambiguous; print ready''-now'
      zpty -r -m shell line '*ready-now*'
      zpty -w -n shell $'posthorn ${line}\\t\\t'
      screen=
      for (( tries = 0; tries < 200; tries++ )); do
        if [[ ${haveCome} ]]; then break; fi
        zpty -r -t shell part && screen+=$part || sleep 0.02
      done
      print -r -- "$screen"
      zpty -d shell`;
    const { stdout } = await run('zsh', ['-f', '-c', script]);
    return stdout;
  }
});
