package springdata;

import jakarta.persistence.Entity;
import jakarta.persistence.GeneratedValue;
import jakarta.persistence.GenerationType;
import jakarta.persistence.Id;
import jakarta.persistence.Table;
import java.util.Map;
import java.util.UUID;
import org.hibernate.annotations.Immutable;

/** A row for Posthorn's insert-only view. Posthorn makes the id, and Hibernate reads it back. */
@Entity
@Immutable
@Table(schema = "posthorn", name = "new_webhooks")
class Webhook extends NewWebhook {
  @Id
  @GeneratedValue(strategy = GenerationType.IDENTITY)
  UUID id;

  protected Webhook() {}

  Webhook(String url, Map<String, Object> body) {
    super(url, body);
  }
}
