import { makeCertificates } from '../../../harness/certificates.ts';
import { plainReceivers, secureReceivers } from '../../../harness/hostile-receivers.ts';
import { startReceiver } from '../../../harness/receivers.ts';

/** What the measuring process has to know of a receiver. */
export interface ListedReceiver {
  readonly name: string;
  readonly expects: readonly string[];
  readonly port: number;
  readonly secure: boolean;
  readonly hasBody: boolean;
}

export interface Listing {
  readonly ca: string;
  readonly hostile: readonly ListedReceiver[];
  /** Of a receiver that answers well, under any name. */
  readonly goodPort: number;
}

/** A process of their own, so that what they cost is not counted: starts all receivers and tells their ports. */
if (import.meta.main) {
  process.on('disconnect', () => process.exit());
  const certificates = await makeCertificates();
  const hostile: ListedReceiver[] = [];
  for (const receiver of [...plainReceivers, ...secureReceivers(certificates)]) {
    const { port } = await startReceiver(receiver.options);
    const { name, expects, secure = false } = receiver;
    hostile.push({ name, expects, port, secure, hasBody: receiver.bodyBytes !== undefined });
  }
  const { port: goodPort } = await startReceiver();
  const listing: Listing = { ca: certificates.ca, hostile, goodPort };
  process.send?.(listing);
}
