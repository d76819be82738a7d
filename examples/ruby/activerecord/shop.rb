# frozen_string_literal: true

# A shop that tells its customers about each order by a webhook.

require 'active_record'

# The shop's own table.
class Order < ActiveRecord::Base
end

# A row for Posthorn's insert-only view. nil means the default.
class Webhook < ActiveRecord::Base
  self.table_name = 'posthorn.new_webhooks'
  # A view has no primary key that Rails could find. Posthorn makes the id, and Rails reads it back.
  self.primary_key = 'id'
  # The column is text: this makes JSON of a Hash.
  attribute :body, :json
end

# The same for insert_all: with a primary key, Rails looks for an index that a view does not have.
class WebhookBatch < Webhook
  self.primary_key = nil
end

# A row for Posthorn's insert-only view: each endpoint of the tenant that subscribes to the type gets a webhook.
class Event < ActiveRecord::Base
  self.table_name = 'posthorn.new_events'
  self.primary_key = 'id'
  attribute :body, :json
end

# Creates the order and its webhook in one transaction. Returns the webhook's id.
def place_order(customer:, total:, url:)
  ActiveRecord::Base.transaction do
    order = Order.create!(customer: customer, total: total)
    Webhook.create!(url: url, body: { type: 'order.created', order: order.id }).id
  end
end
