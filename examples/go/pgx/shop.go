// A shop that tells its customers about each order by a webhook.
package main

import (
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"
)

// Connect opens a connection that also works behind PgBouncer in transaction mode: it names no prepared statements.
func Connect(ctx context.Context, url string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	return pgx.ConnectConfig(ctx, config)
}

// PlaceOrder inserts the order and its webhook in the transaction. It returns the webhook's id.
func PlaceOrder(ctx context.Context, tx pgx.Tx, customer int, total, url string) (string, error) {
	var order int64
	err := tx.QueryRow(ctx, `insert into orders (customer, total) values ($1, $2) returning id`, customer, total).Scan(&order)
	if err != nil {
		return "", err
	}
	return Send(ctx, tx, Webhook{URL: url, Body: map[string]any{"type": "order.created", "order": order}})
}

// Webhook is a row for posthorn.new_webhooks. A field that is nil gets its default.
type Webhook struct {
	URL            string
	Body           any
	Headers        map[string]string
	Secret         *string
	IdempotencyKey *string
}

// Send inserts a webhook in the transaction and returns its id. With a known idempotency key it sends nothing and
// returns the id of the first webhook.
func Send(ctx context.Context, tx pgx.Tx, webhook Webhook) (id string, err error) {
	body, err := json.Marshal(webhook.Body)
	if err != nil {
		return "", err
	}
	err = tx.QueryRow(ctx, `
		insert into posthorn.new_webhooks (url, body, headers, secret, idempotency_key)
		values ($1, $2, $3, $4, $5)
		on conflict do nothing
		returning id`,
		webhook.URL, body, webhook.Headers, webhook.Secret, webhook.IdempotencyKey,
	).Scan(&id)
	return id, err
}

// Publish publishes an event: each endpoint of the tenant that subscribes to its type gets a webhook.
func Publish(ctx context.Context, tx pgx.Tx, tenant, eventType string, body any) (id string, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	err = tx.QueryRow(ctx, `insert into posthorn.new_events (tenant, event_type, body) values ($1, $2, $3) returning id`,
		tenant, eventType, text).Scan(&id)
	return id, err
}

// SendMany sends thousands at once: COPY into the table behind the view is the fastest way.
func SendMany(ctx context.Context, tx pgx.Tx, url string, bodies []string) (int64, error) {
	return tx.CopyFrom(ctx, pgx.Identifier{"posthorn", "outbox"}, []string{"url", "body"},
		pgx.CopyFromSlice(len(bodies), func(n int) ([]any, error) { return []any{url, bodies[n]}, nil }))
}
