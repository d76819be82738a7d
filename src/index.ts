export { type Config, readConfig } from './config/config.ts';
export { ConfigError } from './config/config-error.ts';
export { createLog, type Log } from './log.ts';
export { type Posthorn, type PosthornOptions, startPosthorn } from './posthorn.ts';
export {
  type AnyEvents,
  enqueue,
  enqueueMany,
  type NewEvent,
  type NewWebhook,
  publish,
  publishMany,
  RefusedError,
  type Transaction,
} from './producer/index.ts';
