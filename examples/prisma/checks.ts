import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { answer, declined, failureOf, hooks } from '../report.ts';
import { enqueue, enqueueMany, publish } from './posthorn.ts';
import { placeOrder, prisma } from './shop.ts';
import { placeOrder as placeOrderWithProducer } from './with-producer.ts';

await prisma.$executeRaw`
  create table if not exists orders (
    id bigserial primary key,
    customer integer not null,
    total numeric(12, 2) not null)`;

const order = { customer: 42, total: '99.50' };

await answer({
  commit: async () => ({ ids: [await placeOrder({ ...order, webhookUrl: `${hooks}/commit` })] }),

  rollback: async () => {
    await failureOf(placeOrder({ ...order, webhookUrl: `${hooks}/rollback` }, declined));
    return {};
  },

  headers: async () => {
    const webhook = { url: `${hooks}/headers`, body: {} };
    const first = await enqueue(prisma, { ...webhook, headers: { 'X-Shop': 'a' } });
    const second = await enqueue(prisma, { ...webhook, headers: null });
    return { ids: [first, second] };
  },

  bulk: async () => {
    const webhooks = Array.from({ length: 1_000 }, (_, n) => ({
      url: `${hooks}/bulk`,
      body: { n },
    }));
    return { count: await enqueueMany(prisma, webhooks) };
  },

  illegal: async () => {
    const secret = 'whsec_dGhpcyBpcyBub3QgYSBzZWNyZXQhISE=';
    const error = await failureOf(enqueue(prisma, { url: 'ftp://x', body: {}, secret }));
    // Prisma has no field for a constraint: its name is in the message.
    return { constraint: null, message: error.message };
  },

  key: async () => {
    const webhook = { url: `${hooks}/key`, body: {}, idempotencyKey: randomUUID() };
    const first = await enqueue(prisma, webhook);
    const [second] = await prisma.$queryRaw<{ id: string }[]>`
      insert into posthorn.new_webhooks (url, body, idempotency_key)
      values (${webhook.url}, '{}', ${webhook.idempotencyKey})
      on conflict do nothing
      returning id`;
    return { ids: [first, second?.id] };
  },

  event: async () => ({
    ids: [
      await publish(prisma, {
        tenant: 'acme',
        eventType: 'order.created',
        body: { total: order.total },
      }),
    ],
  }),

  // What "prisma migrate" and "prisma db push" compare.
  migration: async () => {
    const args = ['migrate', 'diff', '--from-config-datasource', '--to-schema', 'schema.prisma'];
    try {
      const { stdout } = await promisify(execFile)('prisma', [...args, '--script']);
      const statements = stdout.replaceAll(/^--.*$/gm, '').split(';');
      return { statements: statements.map((one) => one.trim()).filter((one) => one !== '') };
    } catch (error) {
      // Prisma downloads the program that compares when it is first needed.
      if (/binaries\.prisma\.sh|ENOTFOUND|EAI_AGAIN/.test(String(error))) {
        return { unavailable: 'Prisma’s engine could not be downloaded' };
      }
      throw error;
    }
  },

  producer: async () => {
    const id = await placeOrderWithProducer({ ...order, webhookUrl: `${hooks}/producer` });
    const undone = { ...order, webhookUrl: `${hooks}/producer-rollback` };
    await failureOf(placeOrderWithProducer(undone, declined));
    return { ids: [id] };
  },
});

await prisma.$disconnect();
