//! A shop that tells its customers about each order by a webhook.
//!
//! `persistent(false)` is for PgBouncer in transaction mode: sqlx then names no prepared statements.

use serde_json::{Value, json};
use sqlx::{PgConnection, Result, query, query_scalar};
use uuid::Uuid;

/// Inserts the order and its webhook in the transaction. Returns the webhook's id.
pub async fn place_order(
    tx: &mut PgConnection,
    customer: i32,
    total: &str,
    url: &str,
) -> Result<Uuid> {
    let order: i64 =
        query_scalar("insert into orders (customer, total) values ($1, $2::numeric) returning id")
            .persistent(false)
            .bind(customer)
            .bind(total)
            .fetch_one(&mut *tx)
            .await?;
    let body = json!({ "type": "order.created", "order": order });
    send(
        tx,
        &Webhook {
            url,
            body,
            ..Webhook::default()
        },
    )
    .await
}

/// A row for `posthorn.new_webhooks`. `None` means the default.
#[derive(Default)]
pub struct Webhook<'a> {
    pub url: &'a str,
    pub body: Value,
    pub headers: Option<Value>,
    pub secret: Option<&'a str>,
    pub idempotency_key: Option<&'a str>,
}

/// Inserts a webhook in the transaction and returns its id. With a known idempotency key, it sends nothing and returns the id
/// of the first webhook.
pub async fn send(tx: &mut PgConnection, webhook: &Webhook<'_>) -> Result<Uuid> {
    query_scalar(
        "insert into posthorn.new_webhooks (url, body, headers, secret, idempotency_key)
         values ($1, $2, $3, $4, $5)
         on conflict do nothing
         returning id",
    )
    .persistent(false)
    .bind(webhook.url)
    .bind(webhook.body.to_string())
    .bind(&webhook.headers)
    .bind(webhook.secret)
    .bind(webhook.idempotency_key)
    .fetch_one(tx)
    .await
}

/// Publishes an event: each endpoint of the tenant that subscribes to its type gets a webhook.
pub async fn publish(
    tx: &mut PgConnection,
    tenant: &str,
    event_type: &str,
    body: &Value,
) -> Result<Uuid> {
    query_scalar("insert into posthorn.new_events (tenant, event_type, body) values ($1, $2, $3) returning id")
        .persistent(false)
        .bind(tenant)
        .bind(event_type)
        .bind(body.to_string())
        .fetch_one(tx)
        .await
}

/// Sends thousands at once, in one statement into the table behind the view.
pub async fn send_many(tx: &mut PgConnection, url: &str, bodies: &[String]) -> Result<u64> {
    let sent = query(
        "insert into posthorn.outbox (url, body) select $1, body from unnest($2::text[]) as body",
    )
    .persistent(false)
    .bind(url)
    .bind(bodies)
    .execute(tx)
    .await?;
    Ok(sent.rows_affected())
}
