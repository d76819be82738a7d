package springdata;

import static checks.Checks.hook;

import checks.Checks;
import checks.Database;
import jakarta.persistence.EntityManagerFactory;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.IntStream;
import org.hibernate.cfg.Configuration;
import org.hibernate.exception.ConstraintViolationException;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.dao.DataIntegrityViolationException;
import org.springframework.transaction.support.TransactionTemplate;

@SpringBootApplication
public class SpringDataChecks {
  public static void main(String[] names) throws Exception {
    Database database = Database.fromEnvironment();
    try (Connection db = DriverManager.getConnection(database.url(), database.user(), database.password());
        Statement statement = db.createStatement()) {
      statement.execute(Checks.ORDERS);
    }
    try (ConfigurableApplicationContext shop = new SpringApplicationBuilder(SpringDataChecks.class)
        .web(WebApplicationType.NONE)
        .logStartupInfo(false)
        .properties(Map.of(
            "spring.main.banner-mode", "off",
            "logging.level.root", "error",
            "spring.datasource.url", database.url(),
            "spring.datasource.username", database.user(),
            "spring.datasource.password", database.password(),
            "spring.jpa.hibernate.ddl-auto", "validate",
            "spring.jpa.properties.hibernate.jdbc.batch_size", "500"))
        .run()) {
      checks(shop, database).run(names);
    }
  }

  private static Checks checks(ConfigurableApplicationContext context, Database database) {
    Shop shop = context.getBean(Shop.class);
    Webhooks webhooks = context.getBean(Webhooks.class);
    TransactionTemplate transaction = context.getBean(TransactionTemplate.class);
    return new Checks()
        .add("commit", () -> Map.of("ids", List.of(shop.placeOrder(42, new BigDecimal("99.50"), hook("commit")))))
        .add("rollback", () -> {
          transaction.executeWithoutResult(status -> {
            shop.placeOrder(42, new BigDecimal("99.50"), hook("rollback"));
            status.setRollbackOnly();
          });
          return Map.of();
        })
        .add("headers", () -> {
          Webhook one = new Webhook(hook("headers"), Map.of("n", 1));
          one.headers = Map.of("X-Shop", "a");
          Webhook none = new Webhook(hook("headers"), Map.of("n", 2));
          return Map.of("ids", List.of(webhooks.save(one).id, webhooks.save(none).id));
        })
        .add("bulk", () -> {
          context.getBean(BatchedWebhooks.class).saveAll(IntStream.range(0, 1000)
              .mapToObj(n -> new BatchedWebhook(hook("bulk"), Map.of("n", n))).toList());
          return Map.of("count", 1000);
        })
        .add("illegal", () -> {
          Webhook illegal = new Webhook("ftp://x", Map.of());
          illegal.secret = Checks.SECRET;
          try {
            webhooks.save(illegal);
            throw new IllegalStateException("not refused");
          } catch (DataIntegrityViolationException error) {
            ConstraintViolationException cause = (ConstraintViolationException) error.getCause();
            return Map.of("constraint", cause.getConstraintName(), "message", error.getMessage());
          }
        })
        .add("key", () -> {
          String key = UUID.randomUUID().toString();
          UUID first = webhooks.save(keyed(key)).id;
          // Hibernate does not read back the ids of rows that it may ignore.
          transaction.executeWithoutResult(status -> webhooks.insertOrIgnore(hook("key"), Map.of(), key));
          return Map.of("ids", List.of(first, webhooks.save(keyed(key)).id));
        })
        .add("event", () -> {
          Event event = new Event("acme", "order.created", Map.of("order", 1));
          return Map.of("ids", List.of(context.getBean(Events.class).save(event).id));
        })
        .add("migration", () -> Map.of("statements", schemaUpdate(database,
            context.getBean(EntityManagerFactory.class).getMetamodel().getEntities().stream()
                .<Class<?>>map(entity -> entity.getJavaType()).toList())));
  }

  private static Webhook keyed(String key) {
    Webhook webhook = new Webhook(hook("key"), Map.of());
    webhook.idempotencyKey = key;
    return webhook;
  }

  /** What `ddl-auto=update` would do, written down and not carried out. */
  private static List<String> schemaUpdate(Database database, List<Class<?>> entities) {
    StringWriter script = new StringWriter();
    Configuration configuration = new Configuration();
    entities.forEach(configuration::addAnnotatedClass);
    configuration.getProperties().putAll(Map.of(
        "jakarta.persistence.jdbc.url", database.url(),
        "jakarta.persistence.jdbc.user", database.user(),
        "jakarta.persistence.jdbc.password", database.password(),
        "jakarta.persistence.schema-generation.scripts.action", "update",
        "jakarta.persistence.schema-generation.scripts.create-target", script));
    configuration.buildSessionFactory().close();
    return script.toString().lines().filter(line -> !line.isBlank()).toList();
  }
}
