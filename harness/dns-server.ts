import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';

/** What a name server says to a question: addresses of both families, of which it picks, or that it cannot. */
export type DnsAnswer =
  | {
      readonly addresses: readonly string[];
      readonly ttlS?: number;
      /** It is sent when this is done. */
      readonly after?: Promise<unknown>;
    }
  | 'no such name'
  | 'failure'
  | 'refusal'
  | 'silence';

export interface DnsServer extends AsyncDisposable {
  /** For `setServers`. */
  readonly address: string;
  /** Questions so far: `A name`, `AAAA name`. */
  readonly questions: readonly string[];
}

const types = new Map([
  [1, 'A'],
  [28, 'AAAA'],
]);
const errors = { failure: 2, 'no such name': 3, refusal: 5 } as const;

/** A name server on 127.0.0.1, over UDP (RFC 1035): `answer` is asked with each question. */
export async function startDnsServer(
  answer: (name: string, type: string) => DnsAnswer,
  port = 0,
): Promise<DnsServer> {
  const questions: string[] = [];
  const socket = createSocket('udp4');
  socket.on('message', (message, peer) => {
    const { name, end } = readName(message);
    const type = types.get(message.readUInt16BE(end)) ?? 'other';
    questions.push(`${type} ${name}`);
    const said = answer(name, type);
    if (said === 'silence') return;
    const question = message.subarray(12, end + 4);
    const records = typeof said === 'string' ? [] : recordsOf(said, type);
    const header = Buffer.alloc(12);
    header.writeUInt16BE(message.readUInt16BE(0), 0);
    header.writeUInt16BE(0x8180 | (typeof said === 'string' ? errors[said] : 0), 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    const send = () =>
      socket.send(Buffer.concat([header, question, ...records]), peer.port, peer.address);
    if (typeof said === 'string' || said.after === undefined) send();
    else void said.after.then(send);
  });
  socket.bind(port, '127.0.0.1');
  await once(socket, 'listening');
  return {
    address: `127.0.0.1:${socket.address().port}`,
    questions,
    async [Symbol.asyncDispose]() {
      socket.close();
      await once(socket, 'close');
    },
  };
}

function readName(message: Buffer): { name: string; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

function recordsOf(
  { addresses, ttlS = 0 }: { addresses: readonly string[]; ttlS?: number },
  type: string,
): Buffer[] {
  return addresses
    .filter((address) => (isIPv6(address) ? 'AAAA' : 'A') === type)
    .map((address) => {
      const data = isIPv6(address)
        ? ipv6Bytes(address)
        : Buffer.from(address.split('.').map(Number));
      const record = Buffer.alloc(12);
      // A pointer to the name in the question.
      record.writeUInt16BE(0xc00c, 0);
      record.writeUInt16BE(type === 'A' ? 1 : 28, 2);
      record.writeUInt16BE(1, 4);
      record.writeUInt32BE(ttlS, 6);
      record.writeUInt16BE(data.length, 10);
      return Buffer.concat([record, data]);
    });
}

function ipv6Bytes(address: string): Buffer {
  // The URL parser writes an embedded IPv4 address in hexadecimal.
  const { hostname } = new URL(`http://[${address}]/`);
  const [left = '', right] = hostname.slice(1, -1).split('::');
  const groups = (text: string | undefined): string[] =>
    text === undefined || text === '' ? [] : text.split(':');
  const before = groups(left);
  const after = groups(right);
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  const all = [...before, ...(right === undefined ? [] : zeros), ...after];
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}
