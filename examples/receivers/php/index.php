<?php

declare(strict_types=1);

// Receives webhooks, and answers 401 to those that Posthorn did not send.

require __DIR__ . '/vendor/autoload.php';

use StandardWebhooks\Exception\WebhookSigningException;
use StandardWebhooks\Exception\WebhookVerificationException;
use StandardWebhooks\Webhook;

const MAX_BYTES = 1024 * 1024;

$headers = array_change_key_case(getallheaders(), CASE_LOWER);
// The body as it came: what is signed is the bytes, not the JSON.
$body = file_get_contents('php://input', length: MAX_BYTES + 1);

if (strlen($body) > MAX_BYTES) {
    http_response_code(413);
    exit;
}
try {
    // The @ and the TypeError are for a webhook-signature without a comma.
    @(new Webhook(getenv('WEBHOOK_SECRET')))->verify($body, $headers);
} catch (WebhookVerificationException | WebhookSigningException | TypeError) {
    http_response_code(401);
    exit;
}
// Drop duplicates by the header webhook-id, in the transaction that does the work.
error_log("received {$headers['webhook-id']}");
http_response_code(204);
