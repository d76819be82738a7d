import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { canRun } from '../../harness/can-run.ts';
import { readConfig } from '../../src/config/config.ts';
import { chart, type Document, renderChart, renderNotes, runHelm } from '../support/helm.ts';
import { validateManifest } from '../support/kubernetes.ts';

// The Helm chart: what it makes by default is what ops/kubernetes has, and everything it can make fits the published schemas.

const ops = new URL('../../ops/', import.meta.url);
const read = (file: string) => readFileSync(new URL(file, ops), 'utf8');
const hasHelm = canRun('helm', {
  why: 'the tests of the chart of ops/helm',
  args: ['version', '--short'],
  isInDebian: false,
});

const manifests: Document[] = readdirSync(new URL('kubernetes/', ops)).flatMap((file) =>
  parseAllDocuments(read(`kubernetes/${file}`)).map((parsed) => parsed.toJS()),
);

function find(documents: readonly Document[], kind: string, name: string): Document {
  const found = documents.find((one) => one.kind === kind && one.metadata.name === name);
  if (found === undefined) throw new Error(`No ${kind} ${name}`);
  return found;
}

const least = { existingSecret: 'posthorn' };
const components = ['worker', 'api'];

/** Everything that is off by default. */
const everything = {
  ...least,
  image: { tag: 'v1', digest: `sha256:${'0'.repeat(64)}` },
  imagePullSecrets: [{ name: 'registry' }],
  database: { secretName: 'shop-app', secretKey: 'uri' },
  settings: { POSTHORN_ALERT_BACKLOG: 1_000_000, POSTHORN_ENVIRONMENT: 'production' },
  worker: {
    env: [{ name: 'NODE_EXTRA_CA_CERTS', value: '/certificates/ca.pem' }],
    nodeSelector: { disk: 'fast' },
    tolerations: [{ operator: 'Exists' }],
    affinity: { nodeAffinity: {} },
    priorityClassName: 'high',
    podAnnotations: { note: 'one' },
    podLabels: { team: 'payments' },
    podDisruptionBudget: { minAvailable: '50%' },
    keda: { enabled: true },
  },
  api: { ingress: { enabled: true, className: 'nginx', hosts: ['hooks.example.com'] } },
  migration: { enabled: true, secretName: 'posthorn-owner' },
  metrics: {
    podMonitor: { enabled: true, labels: { release: 'prometheus' }, interval: '15s' },
    prometheusRule: { enabled: true },
  },
  networkPolicy: { enabled: true, postgresTo: [{ ipBlock: { cidr: '192.0.2.1/32' } }] },
  serviceAccount: { annotations: { role: 'posthorn' } },
  volumes: [{ name: 'certificates', secret: { secretName: 'certificates' } }],
  volumeMounts: [{ name: 'certificates', mountPath: '/certificates', readOnly: true }],
};

describe.skipIf(!hasHelm)('the chart', () => {
  it('passes the linter', () => {
    expect(runHelm(['lint', '--strict', chart, '--set', 'existingSecret=posthorn'])).toContain(
      '0 chart(s) failed',
    );
  });

  it.each(components)('makes the %s of the manifests', (component) => {
    const name = `posthorn-${component}`;
    const documents = renderChart(least);
    expect(podOf(find(documents, 'Deployment', name))).toEqual(
      podOf(find(manifests, 'Deployment', name)),
    );
    const withoutPods = ({ spec: { selector, template, ...spec } }: Document) => spec;
    expect(withoutPods(find(documents, 'Deployment', name))).toEqual(
      withoutPods(find(manifests, 'Deployment', name)),
    );
    const budget = ({ spec: { selector, ...spec } }: Document) => spec;
    expect(budget(find(documents, 'PodDisruptionBudget', name))).toEqual(
      budget(find(manifests, 'PodDisruptionBudget', name)),
    );
  });

  it('makes what the manifests have for KEDA, the network and the Prometheus operator', () => {
    const documents = renderChart({ ...everything, database: {}, existingSecret: 'posthorn' });
    const authentication = find(documents, 'TriggerAuthentication', 'posthorn-worker');
    expect(authentication.spec).toEqual(
      find(manifests, 'TriggerAuthentication', 'posthorn-worker').spec,
    );
    expect(find(documents, 'ScaledObject', 'posthorn-worker').spec).toEqual(
      find(manifests, 'ScaledObject', 'posthorn-worker').spec,
    );
    for (const component of components) {
      const policy = ({ spec: { podSelector, ...spec } }: Document) => spec;
      expect(policy(find(documents, 'NetworkPolicy', `posthorn-${component}`))).toEqual(
        policy(find(manifests, 'NetworkPolicy', `posthorn-${component}`)),
      );
    }
    const ports = ({ spec }: Document) =>
      spec.podMetricsEndpoints.map(({ interval, ...endpoint }: Document) => endpoint);
    expect(ports(find(documents, 'PodMonitor', 'posthorn'))).toEqual(
      ports(find(manifests, 'PodMonitor', 'posthorn')),
    );
    expect(find(documents, 'PrometheusRule', 'posthorn').spec).toEqual(
      parse(read('prometheus/alerts.yml')),
    );
  });

  it.each([
    ['by default', least],
    ['with all of it', everything],
    ['without the API', { ...least, api: { enabled: false } }],
  ])('%s makes what Kubernetes accepts, and labels that find each other', (_name, given) => {
    const documents = renderChart(given);
    for (const document of documents) {
      validateManifest(document);
      expect(document.metadata.namespace).toBe('posthorn');
    }
    const pods = documents.filter(({ kind }) => kind === 'Deployment');
    const selectors = documents.flatMap(({ kind, spec }) => {
      if (kind === 'Service') return [spec.selector];
      return [spec?.selector?.matchLabels, spec?.podSelector?.matchLabels].filter(Boolean);
    });
    expect(selectors.length).toBeGreaterThan(1);
    for (const selector of selectors) {
      expect(
        pods.some(({ spec }) => isPartOf(selector, spec.template.metadata.labels)),
        JSON.stringify(selector),
      ).toBe(true);
    }
  });

  it('passes on what was chosen', () => {
    const documents = renderChart(everything);
    const { metadata, spec } = find(documents, 'Deployment', 'posthorn-worker').spec.template;
    const [container] = spec.containers;
    expect(container.image).toBe(`ghcr.io/posthorn/posthorn@sha256:${'0'.repeat(64)}`);
    const url = { secretKeyRef: { name: 'shop-app', key: 'uri' } };
    expect(container.env).toContainEqual({ name: 'DATABASE_URL', valueFrom: url });
    expect(container.env).toContainEqual(everything.worker.env[0]);
    expect(container.volumeMounts).toEqual(everything.volumeMounts);
    expect(spec).toMatchObject({
      volumes: everything.volumes,
      imagePullSecrets: everything.imagePullSecrets,
      nodeSelector: everything.worker.nodeSelector,
      priorityClassName: 'high',
    });
    expect(metadata.labels.team).toBe('payments');
    // The numbers of YAML as Posthorn reads them.
    const { data } = find(documents, 'ConfigMap', 'posthorn');
    expect(data.POSTHORN_ALERT_BACKLOG).toBe('1000000');
    readConfig(data);
    // KEDA counts the workers.
    expect(find(documents, 'Deployment', 'posthorn-worker').spec).not.toHaveProperty('replicas');
    expect(find(documents, 'PodDisruptionBudget', 'posthorn-worker').spec).toMatchObject({
      minAvailable: '50%',
    });
  });

  it('migrates as the owner, with nothing that is not there yet', () => {
    const job = find(renderChart(everything), 'Job', 'posthorn-migration');
    expect(job.metadata.annotations['helm.sh/hook']).toBe('pre-install,pre-upgrade');
    const { serviceAccountName, containers } = job.spec.template.spec;
    expect(serviceAccountName).toBeUndefined();
    expect(containers[0].args).toEqual(['migrate']);
    expect(containers[0].envFrom).toBeUndefined();
    const owner = { secretKeyRef: { name: 'posthorn-owner', key: 'DATABASE_URL' } };
    expect(containers[0].env).toContainEqual({ name: 'DATABASE_URL', valueFrom: owner });
  });

  it.each([
    [{}, 60],
    [{ POSTHORN_GRACE: '5m' }, 325],
    [{ POSTHORN_GRACE: '1500ms' }, 27],
    [{ POSTHORN_GRACE: null }, 60],
    [{ POSTHORN_GRACE: null, POSTHORN_TIMEOUT: '1m' }, 90],
  ])('gives workers with %j the time to stop', (settings, seconds) => {
    const documents = renderChart({ ...least, settings });
    const { spec } = find(documents, 'Deployment', 'posthorn-worker').spec.template;
    expect(spec.terminationGracePeriodSeconds).toBe(seconds);
  });

  it('gives no disruption budget to a single pod, whose node could never be drained', () => {
    const budgetsWith = (given: object) =>
      renderChart({ ...least, ...given })
        .filter(({ kind }) => kind === 'PodDisruptionBudget')
        .map(({ metadata }) => metadata.name);
    expect(budgetsWith({ api: { replicas: 1 } })).toEqual(['posthorn-worker']);
    expect(budgetsWith({ worker: { replicas: 1 } })).toEqual(['posthorn-api']);
    const keda = { enabled: true, minReplicas: 1 };
    expect(budgetsWith({ worker: { keda } })).toEqual(['posthorn-api']);
    expect(budgetsWith({ worker: { podDisruptionBudget: { enabled: false } } })).toEqual([
      'posthorn-api',
    ]);
  });

  it('starts pods again when a setting changes', () => {
    const sums = ['info', 'warn'].map((level) => {
      const documents = renderChart({ ...least, settings: { POSTHORN_LOG_LEVEL: level } });
      return find(documents, 'Deployment', 'posthorn-api').spec.template.metadata.annotations;
    });
    expect(sums[0]).not.toEqual(sums[1]);
  });

  it.each<[object, RegExp]>([
    [{}, /No database is named.*--set existingSecret=NAME/s],
    [{ ...least, worker: { replica: 3 } }, /replica/],
    [{ ...least, worker: { replicas: 'three' } }, /replicas/],
    [
      { ...least, settings: { DATABASE_URL: 'postgres://a:geheim@b/c' } },
      /settings\.DATABASE_URL holds a secret/,
    ],
    [{ ...least, settings: { PORT: 80 } }, /settings\.PORT cannot be set/],
    [{ ...least, settings: { LOG_LEVEL: 'info' } }, /LOG_LEVEL/],
    [{ ...least, networkPolicy: { enabled: true } }, /networkPolicy\.postgresTo is empty/],
    [{ database: least, worker: { keda: { enabled: true } } }, /existingSecret/],
    [
      { database: { secretName: 'a' }, worker: { keda: { enabled: true } } },
      /worker\.keda\.secretName/,
    ],
    [{ ...least, api: { ingress: { enabled: true } } }, /api\.ingress\.hosts is empty/],
    [
      { ...least, api: { podDisruptionBudget: { minAvailable: null } } },
      /api\.podDisruptionBudget has neither/,
    ],
  ])('refuses %j and says why', (given, message) => {
    const refusal = () => renderChart(given);
    expect(refusal).toThrow(message);
    expect(refusal).not.toThrow('geheim');
  });

  it('says what comes next', async () => {
    expect(await renderNotes(least)).toMatch(
      /2 workers, 2 APIs\.[\s\S]* exec --namespace posthorn deployment\/posthorn-worker -- posthorn keys create --name admin\n/,
    );
    const alone = { ...least, api: { enabled: false }, worker: { replicas: 1 } };
    expect(await renderNotes(alone)).toMatch(/One worker alone/);
  });
});

/** The spec of a deployment's pods, without what is for the release: image, labels, account. */
function podOf(deployment: Document): Document {
  const { serviceAccountName, topologySpreadConstraints, ...spec } = structuredClone(
    deployment.spec.template.spec,
  );
  for (const container of spec.containers) {
    delete container.image;
    delete container.imagePullPolicy;
  }
  const spread = topologySpreadConstraints.map(
    ({ labelSelector, ...constraint }: Document) => constraint,
  );
  return { ...spec, spread };
}

function isPartOf(part: Record<string, string>, whole: Record<string, string>): boolean {
  return Object.entries(part).every(([name, value]) => whole[name] === value);
}
