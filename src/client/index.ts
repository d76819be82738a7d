export {
  type CallOptions,
  type Client,
  type ClientOptions,
  createClient,
  type Pages,
} from './create-client.ts';
export type * from './operations.ts';
export { PosthornError, type ProblemPart } from './posthorn-error.ts';
export type { AnswerSeen } from './try-once.ts';
