// Receives webhooks, and answers 401 to those that Posthorn did not send.

import { createServer } from 'node:http';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';

const webhook = new Webhook(process.env.WEBHOOK_SECRET);
const maxBytes = 1024 * 1024;

createServer(async (request, response) => {
  try {
    const body = await rawBody(request);
    if (body === undefined) {
      response.writeHead(413, { connection: 'close' }).end();
      return;
    }
    const event = webhook.verify(body, request.headers);
    // Drop duplicates by the header webhook-id, in the transaction that does the work.
    console.log('received', request.headers['webhook-id'], event.type);
    response.writeHead(204).end();
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) console.error(error);
    response.writeHead(error instanceof WebhookVerificationError ? 401 : 500).end();
  }
}).listen(Number(process.env.PORT), '127.0.0.1');

/** The body as it came, because the bytes are signed and not the JSON; undefined: longer than any that Posthorn sends. */
async function rawBody(request) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
