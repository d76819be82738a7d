package jdbc;

import static checks.Checks.hook;

import checks.Checks;
import checks.Database;
import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.IntStream;
import jdbc.Shop.Webhook;
import org.postgresql.util.PSQLException;

public final class JdbcChecks {
  public static void main(String[] names) throws Exception {
    Database database = Database.fromEnvironment();
    try (Connection db = DriverManager.getConnection(database.url(), database.user(), database.password())) {
      db.setAutoCommit(false);
      try (Statement statement = db.createStatement()) {
        statement.execute(Checks.ORDERS);
      }
      db.commit();
      checks(db).run(names);
    }
  }

  private static Checks checks(Connection db) {
    Shop shop = new Shop(db);
    return new Checks()
        .add("commit", () -> {
          UUID id = shop.placeOrder(42, new BigDecimal("99.50"), hook("commit"));
          db.commit();
          return Map.of("ids", List.of(id));
        })
        .add("rollback", () -> {
          shop.placeOrder(42, new BigDecimal("99.50"), hook("rollback"));
          db.rollback();
          return Map.of();
        })
        .add("headers", () -> {
          UUID one = shop.send(new Webhook(hook("headers"), "{\"n\": 1}", "{\"X-Shop\": \"a\"}", null, null));
          UUID none = shop.send(new Webhook(hook("headers"), "{\"n\": 2}", null, null, null));
          db.commit();
          return Map.of("ids", List.of(one, none));
        })
        .add("bulk", () -> {
          shop.sendMany(hook("bulk"), IntStream.range(0, 1000).mapToObj("{\"n\": %d}"::formatted).toList());
          db.commit();
          return Map.of("count", 1000);
        })
        .add("illegal", () -> {
          try {
            shop.send(new Webhook("ftp://x", "{}", null, Checks.SECRET, null));
            throw new IllegalStateException("not refused");
          } catch (PSQLException error) {
            db.rollback();
            return Map.of("constraint", error.getServerErrorMessage().getConstraint(), "message", error.getMessage());
          }
        })
        .add("key", () -> {
          // send() says "on conflict do nothing", so here is the plain INSERT as well.
          String key = UUID.randomUUID().toString();
          UUID first;
          try (PreparedStatement plain = db.prepareStatement(
              "insert into posthorn.new_webhooks (url, body, idempotency_key) values (?, '{}', ?)", new String[] {"id"})) {
            plain.setString(1, hook("key"));
            plain.setString(2, key);
            plain.executeUpdate();
            ResultSet keys = plain.getGeneratedKeys();
            keys.next();
            first = keys.getObject(1, UUID.class);
          }
          UUID second = shop.send(new Webhook(hook("key"), "{}", null, null, key));
          db.commit();
          return Map.of("ids", List.of(first, second));
        })
        .add("event", () -> {
          UUID id = shop.publish("acme", "order.created", "{\"order\": 1}");
          db.commit();
          return Map.of("ids", List.of(id));
        });
  }
}
