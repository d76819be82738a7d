import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse } from 'yaml';

// What runs with rights on the repository and on the package, held to its rules.

const root = fileURLToPath(new URL('../..', import.meta.url));
const directory = `${root}.github/workflows/`;
const workflows = readdirSync(directory).map((name) => {
  const text = readFileSync(directory + name, 'utf8');
  return { name, text, content: parse(text) as Workflow };
});
const publish = workflows.find(({ name }) => name === 'publish.yml');
const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
  scripts: Record<string, string>;
};

interface Workflow {
  readonly on: Record<string, unknown>;
  readonly permissions: Record<string, string>;
  readonly jobs: Record<
    string,
    {
      readonly permissions?: Record<string, string>;
      readonly 'timeout-minutes'?: number;
      readonly needs?: string | readonly string[];
      readonly steps: readonly { readonly uses?: string; readonly run?: string }[];
    }
  >;
}

test('there is one for changes and one that publishes', () => {
  expect(workflows.map(({ name }) => name).sort()).toEqual(['ci.yml', 'publish.yml']);
});

test.each(workflows)('$name: each action is fixed to a commit, beside its version', ({ text }) => {
  const used = text.split('\n').filter((line) => line.includes('uses:'));
  expect(used.length).toBeGreaterThan(0);
  for (const line of used) {
    expect(line).toMatch(/uses: actions\/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  }
});

test.each(workflows)('$name: each command that it runs is there', ({ content }) => {
  const commands = stepsOf(content).flatMap(({ run = '' }) => run.split('\n'));
  expect(commands.length).toBeGreaterThan(0);
  for (const command of commands) {
    const script = /npm run (?:--silent )?(\S+)/.exec(command)?.[1];
    if (script !== undefined) expect(scripts, command).toHaveProperty(script);
    const file = /^(\.ci\/\S+)/.exec(command)?.[1];
    if (file !== undefined) accessSync(root + file, constants.X_OK);
    const program = /\bnode (\.ci\/\S+)/.exec(command)?.[1];
    if (program !== undefined) accessSync(root + program, constants.R_OK);
  }
});

/** What the jobs may do that do more than read. Only what publishes may, and only the job that needs it. */
const rights: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  npm: { contents: 'read', 'id-token': 'write' },
  image: { contents: 'read', packages: 'write', 'id-token': 'write', attestations: 'write' },
  chart: { contents: 'read', packages: 'write', 'id-token': 'write', attestations: 'write' },
  release: { contents: 'write', 'id-token': 'write', attestations: 'write' },
};

test.each(workflows)('$name: may read, and no more than it needs', ({ name, content }) => {
  expect(content.permissions).toEqual({ contents: 'read' });
  for (const [job, { permissions, 'timeout-minutes': minutes }] of Object.entries(content.jobs)) {
    expect(minutes).toBeGreaterThan(0);
    expect(permissions, job).toEqual(name === 'publish.yml' ? rights[job] : undefined);
  }
});

test.each(workflows)(
  '$name: no secret, and no text of strangers in a command',
  ({ content, text }) => {
    expect(text).not.toContain('secrets.');
    expect(Object.keys(content.on)).not.toContain('pull_request_target');
    for (const { run = '' } of stepsOf(content)) expect(run).not.toContain('${{');
  },
);

test('what is published has passed the gate, has a bill of materials and provenance', () => {
  const jobs = publish?.content.jobs ?? {};
  const commandsOf = (job: string) => (jobs[job]?.steps ?? []).flatMap(({ run = '' }) => run);
  const gate = commandsOf('gate');
  const at = (part: string) => gate.findIndex((command) => command.includes(part));
  expect(at('.ci/release.ts check')).toBeGreaterThanOrEqual(0);
  expect(at('.ci/run')).toBeGreaterThan(at('.ci/release.ts check'));
  for (const made of ['npm pack', 'helm package', 'npm run --silent sbom']) {
    expect(at(made)).toBeGreaterThan(at('.ci/run'));
  }
  expect(commandsOf('npm').join()).toContain('npm publish "./release/npm/');
  expect(commandsOf('npm').join()).toContain('--provenance');
  expect(commandsOf('image').join()).toContain('--provenance=mode=max --sbom=true');
  expect(commandsOf('release').join()).toContain('--notes-file release/notes.md');
  for (const job of ['image', 'chart', 'release']) {
    const attests = jobs[job]?.steps.map(({ uses = '' }) => uses.split('@')[0]);
    expect(attests, job).toContain('actions/attest-build-provenance');
  }
});

test('each part of a release waits for the parts before it', () => {
  const needs = Object.entries(publish?.content.jobs ?? {}).map(([job, { needs = [] }]) => [
    job,
    [needs].flat(),
  ]);
  expect(Object.fromEntries(needs)).toEqual({
    gate: [],
    npm: ['gate'],
    image: ['gate', 'npm'],
    chart: ['gate', 'image'],
    release: ['gate', 'npm', 'image', 'chart'],
  });
});

function stepsOf(content: Workflow | undefined): Workflow['jobs'][string]['steps'] {
  return Object.values(content?.jobs ?? {}).flatMap(({ steps }) => steps);
}

test('ci.yml keeps the screenshots of each run where the browser tests put them', () => {
  const { content } = workflows.find(({ name }) => name === 'ci.yml') ?? {};
  const steps = content?.jobs['check']?.steps ?? [];
  const kept = steps.find(({ uses }) => uses?.startsWith('actions/upload-artifact@'));
  expect(kept).toMatchObject({ if: 'always()', with: { path: 'test-results/' } });
  expect(readFileSync(`${root}test/support/browser.ts`, 'utf8')).toContain('test-results/');
});

test('the package names a repository, from which alone it is published, and asks for that first', () => {
  const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  expect(manifest).toMatchObject({
    repository: {
      type: 'git',
      url: expect.stringMatching(/^git\+https:\/\/github\.com\/.+\.git$/),
    },
    homepage: expect.stringMatching(/^https:\/\//),
    bugs: { url: expect.stringMatching(/^https:\/\//) },
  });
  const runs = publish === undefined ? [] : stepsOf(publish.content).map(({ run = '' }) => run);
  const asks = runs.findIndex((run) => run.includes('repository.url'));
  expect(asks).toBeGreaterThan(-1);
  expect(asks).toBeLessThan(runs.indexOf('.ci/run'));
});
