import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/*
 * `npm run sbom`: the CycloneDX bill of materials of what a user of the package gets, from the lockfile, without network.
 *
 * `npm sbom --omit=dev` does not do: npm 11 then leaves out what a dev dependency needs too, pg among it. So the whole bill
 * is made, and what npm marks as for development is taken out, with what nothing else needs.
 */

interface Component {
  readonly 'bom-ref': string;
  readonly properties?: readonly { readonly name: string; readonly value: string }[];
}

interface Bill {
  readonly metadata: { readonly component: { readonly 'bom-ref': string } };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

const options = [
  'sbom',
  '--sbom-format=cyclonedx',
  '--sbom-type=application',
  '--package-lock-only',
];
const whole: Bill = JSON.parse(
  execFileSync('npm', options, { encoding: 'utf8', maxBuffer: 64 * 1_048_576 }),
);
const lock: { packages: Record<string, { version?: string; devOptional?: boolean }> } = JSON.parse(
  readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8'),
);
/** What a dev dependency brings, and an optional peer of a library would be: users do not get it. */
const unasked = new Set(
  Object.entries(lock.packages)
    .filter(([, { devOptional }]) => devOptional === true)
    .map(([path, { version }]) => `${path.replace(/^.*node_modules\//, '')}@${version}`),
);
const candidates = new Map(
  whole.components
    .filter(
      ({ 'bom-ref': ref, properties = [] }) =>
        !unasked.has(ref) && !properties.some(({ name }) => name === 'cdx:npm:package:development'),
    )
    .map((one) => [one['bom-ref'], one]),
);
const needs = new Map(whole.dependencies.map(({ ref, dependsOn }) => [ref, dependsOn]));
/** What the package needs, directly or not, and nothing that only the others do. */
const kept = new Set<string>();
const visit = (ref: string) => {
  for (const on of needs.get(ref) ?? []) {
    if (!candidates.has(on) || kept.has(on)) continue;
    kept.add(on);
    visit(on);
  }
};
const own = whole.metadata.component['bom-ref'];
visit(own);
const components = whole.components.filter((one) => kept.has(one['bom-ref']));
const dependencies = whole.dependencies
  .filter(({ ref }) => ref === own || kept.has(ref))
  .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((on) => kept.has(on)) }));
console.log(JSON.stringify({ ...whole, components, dependencies }, null, 2));
