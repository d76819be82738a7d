# frozen_string_literal: true

# Receives webhooks, and answers 401 to those that Posthorn did not send.

require 'rack'
require 'standardwebhooks'

webhook = StandardWebhooks::Webhook.new(ENV.fetch('WEBHOOK_SECRET'))
max_bytes = 1024 * 1024

run(lambda do |env|
  request = Rack::Request.new(env)
  # The body as it came: what is signed is the bytes, not the JSON.
  body = request.body&.read(max_bytes + 1).to_s
  next [413, {}, []] if body.bytesize > max_bytes

  headers = %w[webhook-id webhook-timestamp webhook-signature].to_h do |name|
    [name, request.get_header("HTTP_#{name.upcase.tr('-', '_')}")]
  end
  begin
    webhook.verify(body, headers)
  rescue StandardWebhooks::StandardWebhooksError, NoMethodError
    # NoMethodError: the header webhook-signature has no comma.
    next [401, {}, []]
  end
  # Drop duplicates by the header webhook-id, in the transaction that does the work.
  puts "received #{headers['webhook-id']}"
  [204, {}, []]
end)
