// A shop that tells its customers about each order by a webhook.
package main

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/lib/pq"
)

// PlaceOrder inserts the order and its webhook in the transaction. It returns the webhook's id.
func PlaceOrder(ctx context.Context, tx *sql.Tx, customer int, total, url string) (string, error) {
	var order int64
	err := tx.QueryRowContext(ctx, `insert into orders (customer, total) values ($1, $2) returning id`, customer, total).Scan(&order)
	if err != nil {
		return "", err
	}
	return Send(ctx, tx, Webhook{URL: url, Body: map[string]any{"type": "order.created", "order": order}})
}

// Webhook is a row for posthorn.new_webhooks. A field that is null gets its default.
type Webhook struct {
	URL            string
	Body           any
	Headers        map[string]string
	Secret         sql.NullString
	IdempotencyKey sql.NullString
}

// Send inserts a webhook in the transaction and returns its id. With a known idempotency key it sends nothing and
// returns the id of the first webhook.
func Send(ctx context.Context, tx *sql.Tx, webhook Webhook) (id string, err error) {
	body, err := json.Marshal(webhook.Body)
	if err != nil {
		return "", err
	}
	// A nil map becomes the JSON null, which means no headers.
	headers, err := json.Marshal(webhook.Headers)
	if err != nil {
		return "", err
	}
	err = tx.QueryRowContext(ctx, `
		insert into posthorn.new_webhooks (url, body, headers, secret, idempotency_key)
		values ($1, $2, $3, $4, $5)
		on conflict do nothing
		returning id`,
		webhook.URL, string(body), string(headers), webhook.Secret, webhook.IdempotencyKey,
	).Scan(&id)
	return id, err
}

// Publish publishes an event: each endpoint of the tenant that subscribes to its type gets a webhook.
func Publish(ctx context.Context, tx *sql.Tx, tenant, eventType string, body any) (id string, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	err = tx.QueryRowContext(ctx, `insert into posthorn.new_events (tenant, event_type, body) values ($1, $2, $3) returning id`,
		tenant, eventType, string(text)).Scan(&id)
	return id, err
}

// SendMany sends thousands at once: COPY into the table behind the view is the fastest way.
func SendMany(ctx context.Context, tx *sql.Tx, url string, bodies []string) error {
	copy, err := tx.PrepareContext(ctx, pq.CopyInSchema("posthorn", "outbox", "url", "body"))
	if err != nil {
		return err
	}
	defer copy.Close()
	for _, body := range bodies {
		if _, err := copy.ExecContext(ctx, url, body); err != nil {
			return err
		}
	}
	_, err = copy.ExecContext(ctx)
	return err
}
