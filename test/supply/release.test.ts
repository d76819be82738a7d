import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { notesOf, type ReleaseFile, releaseOf } from '../../.ci/release.ts';
import { version } from '../../src/version.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const names: readonly ReleaseFile[] = [
  'package.json',
  'package-lock.json',
  'ops/helm/posthorn/Chart.yaml',
  'ops/kubernetes/kustomization.yaml',
  'CHANGELOG.md',
];
const here = Object.fromEntries(
  names.map((name) => [name, readFileSync(root + name, 'utf8')]),
) as Record<ReleaseFile, string>;

/** The files of this checkout, as if they were of this version and ready. */
function filesOf(wanted: string): Record<ReleaseFile, string> {
  const files = Object.fromEntries(
    names.map((name) => [name, here[name].replaceAll(version, wanted)]),
  ) as Record<ReleaseFile, string>;
  return {
    ...files,
    'CHANGELOG.md': `# Changelog\n\n## [${wanted}] - 2026-12-01\n\n- It works.\n`,
  };
}

describe('a tag', () => {
  it('releases the version that all files have', () => {
    expect(releaseOf(`v${version}`, { files: filesOf(version), tags: [] }).version).toBe(version);
  });

  it.each([
    ['v1.2.3', ['v1.2.2', 'v1.2.3', 'v0.9.0'], 'latest', ['1.2.3', '1.2', 'latest']],
    // A fix of an older version.
    ['v1.2.3', ['v1.3.0', 'v1.2.2'], 'release-1.2', ['1.2.3', '1.2']],
    ['v1.10.0', ['v1.9.0', 'v2.0.0-rc.1'], 'latest', ['1.10.0', '1.10', 'latest']],
    ['v2.0.0-rc.1', ['v1.10.0'], 'next', ['2.0.0-rc.1']],
  ])('%s beside %j goes to npm as %s', (tag, tags, npmTag, imageTags) => {
    const release = releaseOf(tag, { files: filesOf(tag.slice(1)), tags });
    expect(release).toMatchObject({ npmTag, imageTags });
    expect(release.isLatest).toBe(npmTag === 'latest');
    expect(release.isPrerelease).toBe(npmTag === 'next');
  });

  it('is refused with everything that is not ready', () => {
    const files = { ...filesOf('1.2.3'), 'CHANGELOG.md': '## [Unreleased]\n\n- Something.\n' };
    const ofChart = files['ops/helm/posthorn/Chart.yaml'];
    files['ops/helm/posthorn/Chart.yaml'] = ofChart.replace(
      'appVersion: 1.2.3',
      'appVersion: 1.2.2',
    );
    expect(() => releaseOf('v1.2.3', { files, tags: [] })).toThrow(
      'ops/helm/posthorn/Chart.yaml must be of version 1.2.3: it is of 1.2.2\n' +
        'CHANGELOG.md must have a section "## [1.2.3] - YYYY-MM-DD" with some text',
    );
    expect(() => releaseOf('1.2.3', { files, tags: [] })).toThrow('such as v1.2.3: "1.2.3"');
  });
});

it('all files of this checkout are of one version', () => {
  const files = { ...here, 'CHANGELOG.md': filesOf(version)['CHANGELOG.md'] };
  expect(releaseOf(`v${version}`, { files, tags: [] }).version).toBe(version);
});

describe('the text of a release', () => {
  const changelog = `# Changelog

## [Unreleased]

## [1.1.0] - 2026-12-01

### Added

- It works, see [the docs](docs/).

## [1.0.0] - 2026-11-01

- The first.

[1.1.0]: https://example.com/1.1.0
`;

  it('is its section of the changelog', () => {
    expect(notesOf(changelog, '1.1.0')).toBe('### Added\n\n- It works, see [the docs](docs/).');
    expect(notesOf(changelog, '1.0.0')).toBe('- The first.');
  });

  it.each([
    ['0.9.0', changelog],
    ['1.0.0', '## [1.0.0] - 2026-11-01\n\n## [0.9.0] - 2026-10-01\n'],
    ['1.0.0', '## [1.0.0] - soon\n\n- The first.\n'],
    ['1.0.0', '## [1.0.0]\n\n- The first.\n'],
  ])('of %s is missing in %j', (wanted, text) => {
    expect(notesOf(text, wanted)).toBeUndefined();
  });
});
