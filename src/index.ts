export { type Config, readConfig } from './config/config.ts';
export { ConfigError } from './config/config-error.ts';
export { createLog, type Log } from './log.ts';
export { enqueue } from './outbox/enqueue.ts';
export { enqueueWithSlonik } from './outbox/enqueue-with-slonik.ts';
export { publish } from './outbox/publish.ts';
export { publishWithSlonik } from './outbox/publish-with-slonik.ts';
export type { AnyEvents, NewEvent, NewWebhook } from './outbox/webhook.ts';
export { type Posthorn, type PosthornOptions, startPosthorn } from './posthorn.ts';
