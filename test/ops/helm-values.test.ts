import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readConfig } from '../../src/config/config.ts';
import { settingNames } from '../../src/config/settings.ts';

// What can be said of the Helm chart without helm.

const ops = new URL('../../ops/', import.meta.url);
const read = (file: string) => readFileSync(new URL(file, ops), 'utf8');
const values = parse(read('helm/posthorn/values.yaml'));
const schema = JSON.parse(read('helm/posthorn/values.schema.json'));

describe('the values', () => {
  const validate = new Ajv({ strict: false }).compile(schema);

  it('fit their schema, which knows no others', () => {
    expect(validate(values), JSON.stringify(validate.errors)).toBe(true);
    const misspelt = structuredClone(values);
    misspelt.worker.replica = 3;
    expect(validate(misspelt)).toBe(false);
    const known = Object.keys(schema.properties).filter((name) => name !== 'global');
    expect(Object.keys(values).toSorted()).toEqual(known.toSorted());
  });

  it('are all named by the README', () => {
    const readme = read('helm/posthorn/README.md');
    for (const path of pathsOf(values)) {
      expect(readme, path).toMatch(new RegExp(`\`${path}\`|\`${path.split('.').at(-1)}\``));
    }
  });

  it('have the settings of the manifests, and Posthorn takes them', () => {
    expect(values.settings).toEqual(parse(read('kubernetes/config.yaml')).data);
    readConfig(values.settings);
    expect(values.image.repository).toBe(
      parse(read('kubernetes/kustomization.yaml')).images[0].newName,
    );
  });
});

it('the chart has the alert rules of ops/prometheus, and refuses settings that Posthorn has', () => {
  expect(read('helm/posthorn/files/alerts.yml')).toBe(read('prometheus/alerts.yml'));
  const lists = [
    ...read('helm/posthorn/templates/_checks.tpl').matchAll(
      /\$(?:secrets|fixed) := list (.*) -\}\}/g,
    ),
  ];
  const refused = lists.flatMap(([, names = '']) => names.split(' ').map((name) => parse(name)));
  expect(refused.length).toBeGreaterThan(10);
  expect(refused.filter((name) => !settingNames.includes(name))).toEqual([]);
});

/** The names of values that are no maps of values: worker.replicas, but not what is in worker.resources. */
function pathsOf(given: object, prefix = ''): string[] {
  const open =
    /^(settings|podSecurityContext|securityContext)$|(resources|Probe|podDisruptionBudget)$/;
  return Object.entries(given).flatMap(([name, value]) => {
    const path = `${prefix}${name}`;
    const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isMap && Object.keys(value).length > 0 && !open.test(path)
      ? pathsOf(value, `${path}.`)
      : [path];
  });
}
