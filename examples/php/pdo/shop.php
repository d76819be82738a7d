<?php

declare(strict_types=1);

/** A shop that tells its customers about each order by a webhook. */
final class Shop
{
    public function __construct(private readonly PDO $db)
    {
    }

    /** Inserts the order and its webhook in one transaction. Returns the webhook's id. */
    public function placeOrder(int $customer, string $total, string $url): string
    {
        $this->db->beginTransaction();
        try {
            $insert = $this->db->prepare('insert into orders (customer, total) values (?, ?) returning id');
            $insert->execute([$customer, $total]);
            $id = $this->send($url, ['type' => 'order.created', 'order' => $insert->fetchColumn()]);
            $this->db->commit();
            return $id;
        } catch (Throwable $error) {
            $this->db->rollBack();
            throw $error;
        }
    }

    /**
     * Inserts a webhook in the present transaction, and returns its id. Null means the default. With a known
     * idempotency key, sends nothing and returns the id of the first webhook.
     *
     * @param array<string, string>|null $headers
     */
    public function send(
        string $url,
        mixed $body,
        ?array $headers = null,
        ?string $secret = null,
        ?string $idempotencyKey = null,
    ): string {
        $insert = $this->db->prepare(
            'insert into posthorn.new_webhooks (url, body, headers, secret, idempotency_key)
             values (:url, :body, :headers, :secret, :key) on conflict do nothing returning id'
        );
        $insert->execute([
            'url' => $url,
            'body' => json_encode($body, JSON_THROW_ON_ERROR),
            // null and [] mean no headers.
            'headers' => json_encode($headers, JSON_THROW_ON_ERROR),
            'secret' => $secret,
            'key' => $idempotencyKey,
        ]);
        return $insert->fetchColumn();
    }

    /** Publishes an event: each endpoint of the tenant that subscribes to its type gets a webhook. */
    public function publish(string $tenant, string $eventType, mixed $body): string
    {
        $insert = $this->db->prepare(
            'insert into posthorn.new_events (tenant, event_type, body) values (?, ?, ?) returning id'
        );
        $insert->execute([$tenant, $eventType, json_encode($body, JSON_THROW_ON_ERROR)]);
        return $insert->fetchColumn();
    }

    /**
     * Sends many at once, in one statement.
     *
     * @param list<mixed> $bodies
     */
    public function sendMany(string $url, array $bodies): void
    {
        $rows = implode(', ', array_fill(0, count($bodies), '(?, ?)'));
        $values = [];
        foreach ($bodies as $body) {
            array_push($values, $url, json_encode($body, JSON_THROW_ON_ERROR));
        }
        $this->db->prepare("insert into posthorn.outbox (url, body) values $rows")->execute($values);
    }
}
