import { describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config/config.ts';
import { ConfigError } from '../../src/config/config-error.ts';

describe('the settings', () => {
  it('have the defaults that the documentation names', () => {
    expect(readConfig({})).toEqual({
      databaseUrl: undefined,
      environment: '',
      host: '127.0.0.1',
      port: 8080,
      healthPort: 8081,
      metricsPort: undefined,
      auth: 'keys',
      allowedHosts: [],
      apiKey: undefined,
      apiRateLimitPerS: undefined,
      checkEvents: 'off',
      redisUrl: undefined,
      dataDir: '.posthorn',
      retryScheduleMs: [60_000, 300_000, 1_800_000, 7_200_000, 86_400_000],
      connectTimeoutMs: 10_000,
      timeoutMs: 30_000,
      maxInFlight: 512,
      retentionMs: 30 * 86_400_000,
      disableAfterMs: 432_000_000,
      alerts: {
        url: undefined,
        secret: undefined,
        thresholds: {
          windowMs: 600_000,
          minAttempts: 20,
          failurePercent: 25,
          endpointFailurePercent: 50,
          backlog: 10_000,
          backlogAgeMs: 300_000,
          breakerOpenMs: 900_000,
          endpointFailingMs: [3_600_000, 86_400_000, 259_200_000],
          disableAfterMs: 432_000_000,
          noWorkerMs: 60_000,
          xminMs: 1_800_000,
          resolveAfterMs: 300_000,
          muted: [],
        },
      },
      allowNetworks: [],
      dns: 'servers',
      proxy: undefined,
      logLevel: 'info',
      logAttempts: 'failures',
      graceMs: 35_000,
    });
  });

  it('treat an empty variable as one that is not set', () => {
    expect(readConfig({ PORT: ' ', POSTHORN_TIMEOUT: '' }).port).toBe(8080);
  });

  it('wait for requests in flight longer than a request may take', () => {
    expect(readConfig({ POSTHORN_TIMEOUT: '60s' }).graceMs).toBe(65_000);
  });

  it.each([
    ['PORT', '80a', 'a whole number from 0 to 65535 (TCP port): "80a" is not'],
    ['PORT', '65536', '"65536" is not'],
    [
      'POSTHORN_TIMEOUT',
      '30',
      'a duration with a unit (ms, s, m, h, d) from 100ms to 10m: "30" is not',
    ],
    ['POSTHORN_TIMEOUT', '1ms', 'from 100ms'],
    ['POSTHORN_RETRY_SCHEDULE', '1m,,5m', '1 to 100 durations from 1ms to 30d'],
    ['POSTHORN_RETRY_SCHEDULE', '31d', '"31d" is not'],
    ['POSTHORN_MAX_IN_FLIGHT', '0', 'requests per process'],
    ['POSTHORN_RETENTION', '1h', 'from 1d'],
    ['POSTHORN_ALLOW_NETWORKS', '10.0.0.0/33', 'addresses or CIDRs'],
    ['POSTHORN_ALLOW_NETWORKS', 'localhost', '"localhost" is not'],
    ['POSTHORN_ALERT_URL', 'ftp://a/', 'an http or https URL'],
    ['POSTHORN_ALERT_URL', 'http:/a', 'an http or https URL'],
    ['POSTHORN_ALERT_URL', 'https://a/#b', 'without a user name and a fragment'],
    ['POSTHORN_ALERT_MUTE', 'backlog,nothing', '"backlog,nothing" is not'],
    ['POSTHORN_ALERT_FAILURE_PERCENT', '0', 'from 1 to 100'],
    ['POSTHORN_ENVIRONMENT', 'two words', '"two words" is not'],
    ['POSTHORN_DNS', 'none', 'one of servers, system: "none" is not'],
    ['POSTHORN_PROXY_URL', 'socks5://proxy:1080', 'a URL like http://user:password@host:port'],
    ['POSTHORN_LOG_LEVEL', 'loud', 'one of trace, debug, info'],
    ['POSTHORN_LOG_ATTEMPTS', 'some', 'one of all, failures, none'],
  ])('refuse %s=%s with the rule and the value', (name, value, part) => {
    expect(() => readConfig({ [name]: value })).toThrow(ConfigError);
    expect(() => readConfig({ [name]: value })).toThrow(`${name} must be `);
    expect(() => readConfig({ [name]: value })).toThrow(part);
  });

  it('are all told at once when several are wrong, each on its line', () => {
    const env = {
      PORT: '80a',
      POSTHORN_TIMEOUT: '30',
      POSTHORN_RETENTION: '9d',
      POSTHORN_ALERT_MUTE: 'x',
    };
    const message = (() => {
      try {
        return JSON.stringify(readConfig(env));
      } catch (error) {
        return error instanceof ConfigError ? error.message : String(error);
      }
    })();
    expect(message.split('\n').map((line) => line.slice(0, 30))).toEqual([
      expect.stringMatching(/^PORT must be /),
      expect.stringMatching(/^POSTHORN_TIMEOUT must be /),
      expect.stringMatching(/^POSTHORN_ALERT_MUTE must be /),
    ]);
  });

  it('never repeat a URL that may carry a password', () => {
    expect(() => readConfig({ DATABASE_URL: 'mysql://u:hunter2@h/d' })).toThrow(/^(?!.*hunter2)/);
    expect(() => readConfig({ REDIS_URL: 'http://u:hunter2@h' })).toThrow(/^(?!.*hunter2)/);
    expect(() => readConfig({ POSTHORN_PROXY_URL: 'http://u:hunter2@h/path' })).toThrow(
      /^(?!.*hunter2)/,
    );
    expect(() => readConfig({ POSTHORN_ALERT_URL: 'http://u:hunter2@h' })).toThrow(
      /^(?!.*hunter2)/,
    );
  });
});
