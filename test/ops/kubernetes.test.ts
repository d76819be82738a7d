import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { readConfig } from '../../src/config/config.ts';
import { parseDurationMs } from '../../src/domain/duration.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { validateManifest } from '../support/kubernetes.ts';

// The manifests against the schemas that Kubernetes, KEDA and the Prometheus operator publish, and against each other.

const folder = fileURLToPath(new URL('../../ops/kubernetes/', import.meta.url));

interface Manifest {
  readonly file: string;
  readonly kind: string;
  readonly apiVersion: string;
  // biome-ignore lint/suspicious/noExplicitAny: a document of any kind.
  readonly document: any;
}

const manifests: Manifest[] = readdirSync(folder)
  .filter((file) => file !== 'kustomization.yaml')
  .flatMap((file) =>
    parseAllDocuments(readFileSync(`${folder}${file}`, 'utf8')).map((parsed) => {
      const document = parsed.toJS();
      return { file, kind: document.kind, apiVersion: document.apiVersion, document };
    }),
  );

const of = (kind: string) => manifests.filter((manifest) => manifest.kind === kind);
const deployments = of('Deployment').map(({ document }) => document);

describe('each manifest', () => {
  it.each(manifests)('$file: $kind fits its schema', ({ document }) => {
    validateManifest(document);
  });

  it('would be refused if it did not', () => {
    const broken = structuredClone(deployments[0]);
    broken.spec.replicas = 'two';
    expect(() => validateManifest(broken)).toThrow(/replicas/);
    const misspelt = structuredClone(deployments[0]);
    misspelt.spec.template.spec.containers[0].livenessProbe.httpGet.port = undefined;
    expect(() => validateManifest(misspelt)).toThrow(/port/);
  });

  it('is named by the kustomization, or is optional, or an example', () => {
    const text = readFileSync(`${folder}kustomization.yaml`, 'utf8');
    const { resources } = parse(text) as { resources: string[] };
    const optional = [...text.matchAll(/^#\s+- (\S+)$/gm)].map((match) => match[1] ?? '');
    const files = new Set(manifests.map(({ file }) => file));
    expect([...resources, ...optional, 'secret.example.yaml'].toSorted()).toEqual(
      [...files].toSorted(),
    );
    for (const { kind, document } of manifests) {
      if (kind !== 'Namespace') expect(document.metadata.namespace).toBe('posthorn');
    }
  });
});

describe.each(deployments)('the pods of $metadata.name', (deployment) => {
  const { spec } = deployment.spec.template;
  const [container] = spec.containers;
  const config: Record<string, string> = of('ConfigMap')[0]?.document.data;
  const secret: Record<string, string> = of('Secret')[0]?.document.stringData;

  it('have settings that Posthorn takes', () => {
    const own = Object.fromEntries(
      container.env.map(({ name, value }: { name: string; value: string }) => [name, value]),
    );
    const { healthPort, port, host } = readConfig({ ...config, ...secret, ...own });
    expect(host).toBe('0.0.0.0');
    const isWorker = container.args[0] === 'worker';
    expect(container.ports[0].containerPort).toBe(isWorker ? healthPort : port);
    expect(container.args[0]).toBe(deployment.metadata.name.replace('posthorn-', ''));
    const names = container.envFrom.map(
      (source: Record<string, { name: string }>) => Object.values(source)[0]?.name,
    );
    expect(names).toEqual(['posthorn', 'posthorn']);
  });

  it('are asked on a port that they have', () => {
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
      const { path, port } = container[probe].httpGet;
      expect(port).toBe(container.ports[0].name);
      expect(path).toBe(probe === 'readinessProbe' ? '/readyz' : '/healthz');
    }
  });

  it('have time to stop in order', () => {
    const sleepS = Number(container.lifecycle?.preStop.exec.command[1] ?? 0);
    const graceMs =
      container.args[0] === 'worker' ? parseDurationMs(config['POSTHORN_GRACE'] ?? '') : 5_000;
    const leastS = sleepS + (graceMs ?? Number.NaN) / 1_000 + 10;
    expect(spec.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(leastS);
  });

  it('may do nothing that they need not', () => {
    expect(spec.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(spec.automountServiceAccountToken).toBe(false);
  });

  it('are found by their deployment, disruption budget and monitor', () => {
    const { labels } = deployment.spec.template.metadata;
    expect(deployment.spec.selector.matchLabels).toEqual(labels);
    const budget = of('PodDisruptionBudget').find(
      ({ document }) => document.metadata.name === deployment.metadata.name,
    );
    expect(budget?.document.spec.selector.matchLabels).toEqual(labels);
    const monitor = of('PodMonitor')[0]?.document.spec;
    expect(labels).toMatchObject(monitor.selector.matchLabels);
    const ports = monitor.podMetricsEndpoints.map(({ port }: { port: string }) => port);
    // Of the API the second, which asks for no key.
    expect(ports).toContain(container.ports.at(-1).name);
  });
});

it('the network policies find the pods of each deployment, and let in who asks at a port that they have', () => {
  const policies = of('NetworkPolicy').map(({ document }) => document);
  expect(policies.map(({ metadata }) => metadata.name).toSorted()).toEqual(
    deployments.map(({ metadata }) => metadata.name).toSorted(),
  );
  for (const { metadata, spec } of policies) {
    const deployment = deployments.find((other) => other.metadata.name === metadata.name);
    const pod = deployment.spec.template;
    expect(spec.podSelector.matchLabels).toEqual(pod.metadata.labels);
    const open = spec.ingress.map(
      ({ ports }: { ports: readonly { port: string }[] }) => ports[0]?.port,
    );
    const ports = pod.spec.containers[0].ports.map(({ name }: { name: string }) => name);
    expect(open).toEqual(ports);
  }
});

it('the Service finds the pods of the API', () => {
  const service = of('Service')[0]?.document.spec;
  const api = deployments.find(({ metadata }) => metadata.name === 'posthorn-api');
  expect(service.selector).toEqual(api.spec.template.metadata.labels);
  expect(service.ports[0].targetPort).toBe(api.spec.template.spec.containers[0].ports[0].name);
});

describe('the scaler', () => {
  let database: TestDatabase;
  const scaled = of('ScaledObject')[0]?.document;

  beforeAll(async () => {
    database = await createTestDatabase();
  });

  afterAll(() => database.drop());

  it('scales the workers, and finds its connection', () => {
    const names = deployments.map(({ metadata }) => metadata.name);
    expect(names).toContain(scaled.spec.scaleTargetRef.name);
    const authentication = of('TriggerAuthentication')[0]?.document;
    expect(scaled.spec.triggers[0].authenticationRef.name).toBe(authentication.metadata.name);
    const [{ parameter, name, key }] = authentication.spec.secretTargetRef;
    expect(parameter).toBe('connection');
    expect(name).toBe(of('Secret')[0]?.document.metadata.name);
    expect(of('Secret')[0]?.document.stringData).toHaveProperty(key);
  });

  it('counts what is due and can be sent, with no more than the rights that it names', async () => {
    await database.pool.query(
      `insert into posthorn.outbox (url, body, send_at)
       select 'https://example.com/', '{}', case when n > 3 then now() + interval '1 hour' end
       from generate_series(1, 5) as n`,
    );
    await database.pool.query(`select posthorn.take_stats('0 seconds')`);
    const role = `scaler_${process.pid}`;
    const text = readFileSync(`${folder}keda.yaml`, 'utf8');
    const grants = [...text.matchAll(/^#\s+((?:create role|grant) .*);$/gm)].map((match) =>
      (match[1] ?? '').replace('posthorn_scaler', role).replace('…', 'secret'),
    );
    expect(grants).toHaveLength(3);
    for (const grant of grants) await database.pool.query(grant);
    const url = new URL(database.url);
    const client = new pg.Client({
      host: url.hostname,
      port: Number(url.port),
      database: url.pathname.slice(1),
      user: role,
      password: 'secret',
      options: '-c default_transaction_read_only=on',
    });
    try {
      await client.connect();
      const { rows } = await client.query({
        text: scaled.spec.triggers[0].metadata.query,
        rowMode: 'array',
      });
      expect(rows).toEqual([['3']]);
      await expect(client.query('select from posthorn.outbox')).rejects.toThrow('denied');
    } finally {
      await client.end();
      await database.pool.query(`drop owned by ${role}; drop role ${role}`);
    }
  });
});
