import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config/config.ts';
import { settingNames, settingRows } from '../../src/config/settings.ts';
import { settingsInForce } from '../../src/config/settings-in-force.ts';
import { unknownSettings } from '../../src/config/unknown-settings.ts';

const own = { isEmbedded: false, allowNetworks: [] };

function inForce(
  env: Record<string, string>,
  database: Parameters<typeof settingsInForce>[1] = own,
): Record<string, string> {
  const settings = settingsInForce(readConfig(env), database);
  return Object.fromEntries(settings.map(({ name, value }) => [name, value]));
}

it('the table of the documentation is the one that the settings make', () => {
  // Made by: npm run docs:settings
  const rows = readFileSync('docs/configuration.md', 'utf8').match(/^\| \[`[A-Z_]+`\].*$/gm);
  expect(rows).toEqual(settingRows());
});

describe('the settings in force', () => {
  it('are all that the documentation has', () => {
    expect(Object.keys(inForce({})).toSorted()).toEqual(settingNames.toSorted());
  });

  it('are what the process does, and not what was asked for: the embedded Postgres allows loopback', () => {
    const allowNetworks = ['127.0.0.0/8', '::1/128', '10.0.0.0/8'];
    const env = { POSTHORN_ALLOW_NETWORKS: '10.0.0.0/8', POSTHORN_DATA_DIR: '/var/lib/posthorn' };
    expect(inForce(env, { isEmbedded: true, allowNetworks })).toMatchObject({
      POSTHORN_ALLOW_NETWORKS: '127.0.0.0/8, ::1/128, 10.0.0.0/8',
      POSTHORN_DATA_DIR: '/var/lib/posthorn',
      POSTHORN_ENCRYPTION_KEYS: 'not set: the key file of the embedded Postgres',
    });
    expect(inForce({ DATABASE_URL: 'postgres://h/d' })).toMatchObject({
      POSTHORN_ALLOW_NETWORKS: 'none',
      POSTHORN_DATA_DIR: 'not in use',
      POSTHORN_ENCRYPTION_KEYS: 'not set',
    });
  });

  it('never have a secret in them', () => {
    const env = {
      DATABASE_URL: 'postgres://user:hunter2@db:5432/app',
      REDIS_URL: 'redis://user:hunter2@cache:6379',
      POSTHORN_API_KEY: `hunter2${'k'.repeat(32)}`,
      POSTHORN_ENCRYPTION_KEYS: `hunter2:${Buffer.alloc(32, 'k').toString('base64')}`,
      POSTHORN_PROXY_URL: 'http://user:hunter2@proxy:3128',
      POSTHORN_ALERT_URL: 'https://chat.example/hunter2',
      POSTHORN_ALERT_SECRET: 'hunter2',
    };
    const settings = inForce(env);
    expect(JSON.stringify(settings)).not.toContain('hunter2');
    expect(settings).toMatchObject({
      DATABASE_URL: 'postgres://db:5432/app',
      POSTHORN_API_KEY: 'set, not shown',
      POSTHORN_ENCRYPTION_KEYS: 'set, not shown',
      POSTHORN_PROXY_URL: 'http://proxy:3128',
    });
  });
});

describe('a variable that nobody reads', () => {
  it.each([
    ['POSTHORN_TIMOUT', 'POSTHORN_TIMEOUT'],
    ['POSTHORN_LOGLEVEL', 'POSTHORN_LOG_LEVEL'],
    ['POSTHORN_PORT', undefined],
    ['POSTHORN_SOMETHING_ELSE_AT_ALL', undefined],
  ])('is found by its name: %s, probably %s', (name, nearest) => {
    expect(unknownSettings({ [name]: '5s' })).toMatchObject([{ name }]);
    if (nearest !== undefined)
      expect(unknownSettings({ [name]: '5s' })).toEqual([{ name, nearest }]);
  });

  it('is no concern of ours when it is not called POSTHORN_', () => {
    expect(unknownSettings({ TIMOUT: '5s', DATABASE: 'x', posthorn_timeout: '5s' })).toEqual([]);
  });

  it('is not meant for us when Kubernetes or our tests have set it', () => {
    expect(
      unknownSettings({
        POSTHORN_TEST_DATABASE_URL: 'postgres://h/d',
        POSTHORN_SERVICE_HOST: '10.0.0.1',
        POSTHORN_API_SERVICE_PORT_HTTP: '8080',
        POSTHORN_PORT: 'tcp://10.0.0.1:8080',
        POSTHORN_API_PORT_8080_TCP_ADDR: '10.0.0.1',
      }),
    ).toEqual([]);
  });

  it('is found neither in the settings that are read nor in those of the deployments that come along', () => {
    expect(unknownSettings(Object.fromEntries(settingNames.map((name) => [name, ''])))).toEqual([]);
    for (const file of [
      'docker-compose.yml',
      'ops/kubernetes/config.yaml',
      'ops/kubernetes/worker.yaml',
      'ops/kubernetes/api.yaml',
      'ops/kubernetes/secret.example.yaml',
      'ops/systemd/posthorn.env',
      'Dockerfile',
    ]) {
      const names = readFileSync(file, 'utf8').match(/\bPOSTHORN_[A-Z_]+\b/g) ?? [];
      expect(unknownSettings(Object.fromEntries(names.map((name) => [name, ''])))).toEqual([]);
    }
  });
});
