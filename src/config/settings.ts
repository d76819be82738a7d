import { resolve } from 'node:path';
import { formatDuration } from '../domain/duration.ts';
import type { HttpProxy } from '../domain/http-proxy.ts';
import type { Config } from './config.ts';

/** A setting and its value, for people. */
export interface Setting {
  readonly name: string;
  readonly value: string;
}

/** What is in force here. Of what may hold a password or a secret, only that it is set, and for servers where they are. */
export function settingsInForce(
  config: Config,
  {
    isEmbedded,
    allowNetworks,
  }: { readonly isEmbedded: boolean; readonly allowNetworks: readonly string[] },
): Setting[] {
  const { alerts, keyRing, proxy } = config;
  const none = (value: number | undefined) => (value === undefined ? 'not set' : String(value));
  const { thresholds } = alerts;
  const list = (values: readonly string[]) => (values.length === 0 ? 'none' : values.join(', '));
  const times = (values: readonly number[]) => values.map(formatDuration).join(',');
  const isSet = (value: unknown) => (value === undefined ? 'not set' : 'set, and not shown');
  const values: Readonly<Record<string, string>> = {
    DATABASE_URL:
      config.databaseUrl === undefined ? 'the embedded Postgres' : placeOf(config.databaseUrl),
    REDIS_URL: config.redisUrl === undefined ? 'not set' : placeOf(config.redisUrl),
    POSTHORN_ENVIRONMENT: config.environment === '' ? 'not set' : config.environment,
    HOST: config.host,
    PORT: String(config.port),
    POSTHORN_HEALTH_PORT: String(config.healthPort),
    POSTHORN_METRICS_PORT: none(config.metricsPort),
    POSTHORN_AUTH: config.auth,
    POSTHORN_ALLOWED_HOSTS: list(config.allowedHosts),
    POSTHORN_API_KEY: isSet(config.apiKey),
    POSTHORN_API_RATE_LIMIT: none(config.apiRateLimitPerS),
    POSTHORN_DATA_DIR: isEmbedded ? resolve(config.dataDir) : 'not in use',
    POSTHORN_ENCRYPTION_KEYS:
      keyRing === undefined && isEmbedded
        ? 'not set: the key file beside the embedded Postgres'
        : isSet(keyRing),
    POSTHORN_RETRY_SCHEDULE: times(config.retryScheduleMs),
    POSTHORN_CONNECT_TIMEOUT: formatDuration(config.connectTimeoutMs),
    POSTHORN_TIMEOUT: formatDuration(config.timeoutMs),
    POSTHORN_MAX_IN_FLIGHT: String(config.maxInFlight),
    POSTHORN_RETENTION: formatDuration(config.retentionMs),
    POSTHORN_DISABLE_AFTER: formatDuration(config.disableAfterMs),
    // With the embedded Postgres more than was set.
    POSTHORN_ALLOW_NETWORKS: list(allowNetworks),
    POSTHORN_DNS: config.dns,
    POSTHORN_PROXY_URL: proxy === undefined ? 'not set' : placeOfProxy(proxy),
    POSTHORN_LOG_LEVEL: config.logLevel,
    POSTHORN_LOG_ATTEMPTS: config.logAttempts,
    POSTHORN_GRACE: formatDuration(config.graceMs),
    POSTHORN_ALERT_URL: isSet(alerts.url),
    POSTHORN_ALERT_SECRET: isSet(alerts.secret),
    POSTHORN_ALERT_WINDOW: formatDuration(thresholds.windowMs),
    POSTHORN_ALERT_MIN_ATTEMPTS: String(thresholds.minAttempts),
    POSTHORN_ALERT_FAILURE_PERCENT: String(thresholds.failurePercent),
    POSTHORN_ALERT_ENDPOINT_FAILURE_PERCENT: String(thresholds.endpointFailurePercent),
    POSTHORN_ALERT_BACKLOG: String(thresholds.backlog),
    POSTHORN_ALERT_BACKLOG_AGE: formatDuration(thresholds.backlogAgeMs),
    POSTHORN_ALERT_BREAKER_OPEN: formatDuration(thresholds.breakerOpenMs),
    POSTHORN_ALERT_ENDPOINT_FAILING: times(thresholds.endpointFailingMs),
    POSTHORN_ALERT_NO_WORKER: formatDuration(thresholds.noWorkerMs),
    POSTHORN_ALERT_XMIN: formatDuration(thresholds.xminMs),
    POSTHORN_ALERT_RESOLVE_AFTER: formatDuration(thresholds.resolveAfterMs),
    POSTHORN_ALERT_MUTE: list(thresholds.muted),
  };
  return Object.entries(values).map(([name, value]) => ({ name, value }));
}

function placeOfProxy({ secure, host, port }: HttpProxy): string {
  return `${secure ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Where a server is: without user, password and parameters. */
function placeOf(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
