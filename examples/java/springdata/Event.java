package springdata;

import jakarta.persistence.Column;
import jakarta.persistence.Entity;
import jakarta.persistence.GeneratedValue;
import jakarta.persistence.GenerationType;
import jakarta.persistence.Id;
import jakarta.persistence.Table;
import java.util.Map;
import java.util.UUID;
import org.hibernate.annotations.Immutable;
import org.hibernate.annotations.JdbcTypeCode;
import org.hibernate.type.SqlTypes;

/** A row for Posthorn's insert-only view: each endpoint of the tenant that subscribes to the type gets a webhook. */
@Entity
@Immutable
@Table(schema = "posthorn", name = "new_events")
class Event {
  @Id
  @GeneratedValue(strategy = GenerationType.IDENTITY)
  UUID id;

  String tenant;

  @Column(name = "event_type")
  String eventType;

  @JdbcTypeCode(SqlTypes.JSON)
  @Column(columnDefinition = "text")
  Map<String, Object> body;

  protected Event() {}

  Event(String tenant, String eventType, Map<String, Object> body) {
    this.tenant = tenant;
    this.eventType = eventType;
    this.body = body;
  }
}
