import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/*
 * `node .ci/release.ts check TAG`: refuses to release what is not ready, and prints what the workflow needs, NAME=value a line.
 * `node .ci/release.ts notes TAG`: prints the section of CHANGELOG.md that is the text of the release.
 *
 * Runs before anything is installed, so it needs no package.
 */

/** What is released under a tag. */
export interface Release {
  readonly version: string;
  readonly isPrerelease: boolean;
  /** Whether no stable version is higher: a fix of an older version must not become "latest". */
  readonly isLatest: boolean;
  readonly npmTag: string;
  readonly imageTags: readonly string[];
}

/** The files in which the version stands. */
export type ReleaseFile =
  | 'package.json'
  | 'package-lock.json'
  | 'ops/helm/posthorn/Chart.yaml'
  | 'ops/kubernetes/kustomization.yaml'
  | 'CHANGELOG.md';

/** Where each file has it. Each place must be there. */
const places: Readonly<Record<ReleaseFile, readonly RegExp[]>> = {
  'package.json': [/^ {2}"version": "(.+)"/m],
  'package-lock.json': [/^ {2}"version": "(.+)"/m, /^ {6}"version": "(.+)"/m],
  'ops/helm/posthorn/Chart.yaml': [/^version: (.+)$/m, /^appVersion: (.+)$/m],
  'ops/kubernetes/kustomization.yaml': [/^ +newTag: (.+)$/m],
  // The section itself is looked for below.
  'CHANGELOG.md': [],
};

/** What the tag releases; throws with all that is not ready, each on a line. */
export function releaseOf(
  tag: string,
  {
    files,
    tags,
  }: { readonly files: Readonly<Record<ReleaseFile, string>>; readonly tags: readonly string[] },
): Release {
  const [, version = '', stable = '', prerelease] =
    /^v((\d+\.\d+\.\d+)(?:-([0-9A-Za-z.-]+))?)$/.exec(tag) ?? [];
  if (version === '') throw new Error(`A tag must be v and a version, such as v1.2.3: "${tag}"`);
  const problems = Object.entries(places).flatMap(([name, patterns]) =>
    patterns.flatMap((pattern) => {
      const found = pattern.exec(files[name as ReleaseFile])?.[1];
      return found === version ? [] : [`${name} must be of version ${version}: it is of ${found}`];
    }),
  );
  if (notesOf(files['CHANGELOG.md'], version) === undefined) {
    problems.push(`CHANGELOG.md must have a section "## [${version}] - YYYY-MM-DD" with some text`);
  }
  if (problems.length > 0) throw new Error(problems.join('\n'));
  const isPrerelease = prerelease !== undefined;
  const isLatest = !isPrerelease && tags.every((other) => !isHigher(other, stable));
  const minor = stable.replace(/\.\d+$/, '');
  return {
    version,
    isPrerelease,
    isLatest,
    // npm takes no tag that could be a version.
    npmTag: isPrerelease ? 'next' : isLatest ? 'latest' : `release-${minor}`,
    imageTags: [version, ...(isPrerelease ? [] : [minor]), ...(isLatest ? ['latest'] : [])],
  };
}

/** The text of a version's section, without its heading; undefined: there is none, or it is empty. */
export function notesOf(changelog: string, version: string): string | undefined {
  const heading = `## [${version}] - `;
  const section = changelog.split(/^(?=## \[)/m).find((part) => part.startsWith(heading));
  const [, date = '', text = ''] =
    /^(.*)\n([\s\S]*)$/.exec(section?.slice(heading.length) ?? '') ?? [];
  if (!/^\d{4}-\d{2}-\d{2}$/.test(date.trim())) return undefined;
  // Links of a Keep a Changelog stand at the end of the file, under the last section.
  const notes = text.replaceAll(/^\[[^\]]+\]: \S+$/gm, '').trim();
  return notes === '' ? undefined : notes;
}

/** Whether a tag is that of a stable version above this one. */
function isHigher(tag: string, than: string): boolean {
  const numbers = /^v(\d+)\.(\d+)\.(\d+)$/.exec(tag)?.slice(1).map(Number) ?? [];
  const others = than.split('.').map(Number);
  const index = numbers.findIndex((number, at) => number !== others[at]);
  return index >= 0 && (numbers[index] ?? 0) > (others[index] ?? 0);
}

function main([command, tag = '']: readonly string[]): void {
  const read = (name: string) => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');
  const files = Object.fromEntries(Object.keys(places).map((name) => [name, read(name)])) as Record<
    ReleaseFile,
    string
  >;
  const tags = execFileSync('git', ['tag', '--list', 'v*'], { encoding: 'utf8' }).split('\n');
  const release = releaseOf(tag, { files, tags });
  if (command === 'check') {
    console.log(`version=${release.version}`);
    console.log(`prerelease=${release.isPrerelease}`);
    console.log(`latest=${release.isLatest}`);
    console.log(`npm-tag=${release.npmTag}`);
    console.log(`image-tags=${release.imageTags.join(' ')}`);
  } else if (command === 'notes') {
    console.log(notesOf(files['CHANGELOG.md'], release.version));
  } else {
    throw new Error(`Unknown command "${command}". There are check and notes.`);
  }
}

if (import.meta.main) {
  try {
    main(process.argv.slice(2));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
