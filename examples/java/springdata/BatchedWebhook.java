package springdata;

import jakarta.persistence.Entity;
import jakarta.persistence.Id;
import jakarta.persistence.Table;
import java.util.Map;
import java.util.UUID;
import org.hibernate.annotations.Immutable;
import org.hibernate.annotations.UuidGenerator;

/**
 * The same view, for many rows at once: Hibernate sends batches only if it makes the ids itself. Use version 7, because
 * Posthorn replaces the ids of other versions.
 */
@Entity
@Immutable
@Table(schema = "posthorn", name = "new_webhooks")
class BatchedWebhook extends NewWebhook {
  @Id
  @UuidGenerator(style = UuidGenerator.Style.VERSION_7)
  UUID id;

  protected BatchedWebhook() {}

  BatchedWebhook(String url, Map<String, Object> body) {
    super(url, body);
  }
}
