import { execFileSync } from 'node:child_process';

/*
 * `npm run sbom`: the CycloneDX bill of materials of what a user of the package gets, from the lockfile, without network.
 *
 * `npm sbom --omit=dev` does not do: npm 11 then leaves out what a dev dependency needs too, pg among it. So the whole bill
 * is made, and what npm marks as for development is taken out.
 */

interface Component {
  readonly 'bom-ref': string;
  readonly properties?: readonly { readonly name: string; readonly value: string }[];
}

interface Bill {
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
const components = whole.components.filter(
  ({ properties = [] }) => !properties.some(({ name }) => name === 'cdx:npm:package:development'),
);
const dropped = new Set(whole.components.map((one) => one['bom-ref']));
for (const one of components) dropped.delete(one['bom-ref']);
const dependencies = whole.dependencies
  .filter(({ ref }) => !dropped.has(ref))
  .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((on) => !dropped.has(on)) }));
console.log(JSON.stringify({ ...whole, components, dependencies }, null, 2));
