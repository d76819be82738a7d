export type { Transaction } from '../transaction/transaction.ts';
export {
  type Processed,
  type ProcessOnceOptions,
  processOnce,
  receivedWebhooksTable,
} from './process-once.ts';
export type { HeadersGiven, SignatureHeader } from './signature-headers.ts';
export { type VerificationReason, WebhookVerificationError } from './verification-error.ts';
export { type NodeRequest, verifyNodeRequest } from './verify-node-request.ts';
export { type FetchRequest, type VerifyRequestOptions, verifyRequest } from './verify-request.ts';
export {
  type SignedRequest,
  type VerifiedWebhook,
  type VerifyOptions,
  verifyWebhook,
} from './verify-webhook.ts';
