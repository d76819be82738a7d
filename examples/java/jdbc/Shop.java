package jdbc;

import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.UUID;

/** A shop that tells its customers about each order by a webhook. The caller commits. */
final class Shop {
  private final Connection db;

  Shop(Connection db) {
    this.db = db;
  }

  /** Inserts the order and its webhook in the present transaction. Returns the webhook's id. */
  UUID placeOrder(int customer, BigDecimal total, String url) throws SQLException {
    long order;
    try (PreparedStatement insert =
        db.prepareStatement("insert into orders (customer, total) values (?, ?)", new String[] {"id"})) {
      insert.setInt(1, customer);
      insert.setBigDecimal(2, total);
      insert.executeUpdate();
      try (ResultSet keys = insert.getGeneratedKeys()) {
        keys.next();
        order = keys.getLong(1);
      }
    }
    return send(new Webhook(url, "{\"type\": \"order.created\", \"order\": %d}".formatted(order), null, null, null));
  }

  /** A row for posthorn.new_webhooks. Null means the default. Body and headers are JSON. */
  record Webhook(String url, String body, String headers, String secret, String idempotencyKey) {}

  /** Inserts a webhook in the present transaction, and returns its id. */
  UUID send(Webhook webhook) throws SQLException {
    String sql = "insert into posthorn.new_webhooks (url, body, headers, secret, idempotency_key)"
        + " values (?, ?, cast(? as jsonb), ?, ?) on conflict do nothing";
    try (PreparedStatement insert = db.prepareStatement(sql, Statement.RETURN_GENERATED_KEYS)) {
      insert.setString(1, webhook.url());
      insert.setString(2, webhook.body());
      insert.setString(3, webhook.headers());
      insert.setString(4, webhook.secret());
      insert.setString(5, webhook.idempotencyKey());
      insert.executeUpdate();
      return id(insert);
    }
  }

  /** Publishes an event: each endpoint of the tenant that subscribes to its type gets a webhook. */
  UUID publish(String tenant, String eventType, String body) throws SQLException {
    String sql = "insert into posthorn.new_events (tenant, event_type, body) values (?, ?, ?)";
    try (PreparedStatement insert = db.prepareStatement(sql, Statement.RETURN_GENERATED_KEYS)) {
      insert.setString(1, tenant);
      insert.setString(2, eventType);
      insert.setString(3, body);
      insert.executeUpdate();
      return id(insert);
    }
  }

  /** Sends many at once. */
  void sendMany(String url, List<String> bodies) throws SQLException {
    String sql = "insert into posthorn.outbox (url, body) values (?, ?)";
    try (PreparedStatement insert = db.prepareStatement(sql)) {
      for (String body : bodies) {
        insert.setString(1, url);
        insert.setString(2, body);
        insert.addBatch();
      }
      insert.executeBatch();
    }
  }

  private static UUID id(PreparedStatement insert) throws SQLException {
    try (ResultSet keys = insert.getGeneratedKeys()) {
      keys.next();
      return keys.getObject("id", UUID.class);
    }
  }
}
