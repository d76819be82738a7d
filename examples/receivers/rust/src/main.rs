//! Receives webhooks, and answers 401 to those that Posthorn did not send.

use std::{env, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use standardwebhooks::Webhook;
use tokio::net::TcpListener;

/// No body that Posthorn sends is longer.
const MAX_BYTES: usize = 1024 * 1024;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let secret = env::var("WEBHOOK_SECRET").expect("WEBHOOK_SECRET must be set");
    let port = env::var("PORT").expect("PORT must be set");
    let webhook = Webhook::new(&secret).expect("WEBHOOK_SECRET must be whsec_ and base64");
    let app = Router::new()
        .route("/hooks", post(receive))
        .layer(DefaultBodyLimit::max(MAX_BYTES))
        .with_state(Arc::new(webhook));
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))
        .await
        .expect("PORT must be free");
    axum::serve(listener, app)
        .await
        .expect("the server must run");
}

/// `body` is as it came: what is signed is the bytes, not the JSON.
async fn receive(
    State(webhook): State<Arc<Webhook>>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    if webhook.verify(&body, &headers).is_err() {
        return StatusCode::UNAUTHORIZED;
    }
    // Drop duplicates by the header webhook-id, in the transaction that does the work.
    println!("received {:?}", headers["webhook-id"]);
    StatusCode::NO_CONTENT
}
